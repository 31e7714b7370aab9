"""Corrections: one revision after the other, never two at once, never half of one.

A revision is a file of voxels of its own and then, in one renaming, the record that names it.
Until that instant the revision before is in force, and after it the new one: a server that is
killed in between has lost nothing that it had said was kept.
"""

from __future__ import annotations

import msgspec
import numpy as np

from hepatica import io
from hepatica.core.volume import LabelMap
from hepatica.serve import facts, voxels
from hepatica.serve.cases import BEFORE, RECORD, Case
from hepatica.serve.records import Kept, merged, parse
from hepatica.serve.refusal import Refusal
from hepatica.serve.store import now


def save(case: Case, expected: int, packed: bytes, text: str | bytes) -> int:
    """Keep a label map and its record as the revision after `expected`; its number.

    Parameters
    ----------
    packed
        Voxels as the browser sends them. Their place is that of the image, whoever sends.

    Raises
    ------
    Refusal
        409 if another revision is in force, 422 for a bad record.
    InputError, OutputError
        If the voxels are not a label map of the case, or the disk refuses; nothing has
        changed then.
    """
    record = parse(text)
    with case.lock:
        # Also this with the lock held: a case that is removed now must not come back.
        known = facts.read(case.folder)
        require_revision(case, expected)
        labels = LabelMap(voxels.unpack(packed, known.shape), known.geometry)
        before = case.kept
        if before is not None:
            record = merged(before.record, record)
        name = f"labels-{expected + 1}.nii.gz"
        kept = Kept(revision=expected + 1, labels=name, saved=now(), record=record)
        io.make_folder(case.correction)
        io.write_labelmap(case.correction / name, labels, known.nifti)
        text = msgspec.json.format(msgspec.json.encode(kept), indent=2)
        io.write_bytes(case.correction / RECORD, text)
        for path in case.correction.iterdir():
            if path.name not in (RECORD, name):
                path.unlink(missing_ok=True)
    return expected + 1


def differs(case: Case, packed: bytes) -> bool:
    """Whether the browser's voxels are another label map than the one in force.

    Raises
    ------
    InputError
        If they are none of the case.
    """
    with case.lock:
        there = io.read_labelmap(case.path("ai" if case.kept is None else "corrected")).labels
        return not np.array_equal(voxels.unpack(packed, case.facts.shape), there)


def give_up(case: Case, expected: int) -> int:
    """Go back to the AI's label map; the correction stays under another name.

    Raises
    ------
    Refusal
        409 if another revision is in force, 404 if there is no correction.
    """
    with case.lock:
        require_revision(case, expected)
        if not case.has("corrected"):
            raise Refusal(404, f"{case.name} has no correction.")
        case.correction.rename(case.folder / f"{BEFORE}{expected}")
        return case.revision


def require_revision(case: Case, expected: int) -> None:
    """Refuse a change that was made from another revision; raises a Refusal (409)."""
    there = case.revision
    if there != expected:
        raise Refusal(
            409,
            f"{case.name} was saved elsewhere meanwhile: revision {there}, not {expected}.",
            "Choose which of the two shall stay.",
            revision=there,
        )


def if_match(header: str | None) -> int:
    """The revision in an If-Match header; raises a Refusal (428) if there is none."""
    text = (header or "").strip().strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise Refusal(428, 'A change has to name its revision, as in If-Match: "3".')
    return int(text)
