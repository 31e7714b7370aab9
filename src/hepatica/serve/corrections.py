"""Corrections: one revision after the other, never two at once, never half of one.

A revision is a folder that replaces the one before by renaming; voxels and record cannot
come apart. A server that is killed between the two renames finds the earlier revision beside
it at its next start, and puts it back: it was never told that the newer one was kept.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from hepatica import io
from hepatica.core.volume import LabelMap
from hepatica.serve import facts, voxels
from hepatica.serve.cases import BEFORE, CORRECTION, RECORD, VOXELS, Case
from hepatica.serve.refusal import Refusal
from hepatica.serve.store import now

_MOST_SESSIONS, _MOST_TOOLS = 10_000, 100
#: As `io.folder_atomically` calls what it is about to replace.
_ASIDE = f".{CORRECTION}-*-old"


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    """Use of one tool."""

    edits: int
    seconds: float


class Sitting(msgspec.Struct, forbid_unknown_fields=True):
    """From opening a case to leaving it."""

    started: str
    ended: str
    active_seconds: float


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """How a correction was made, as the browser counts it; numbers never fall.

    Parameters
    ----------
    voxels_changed
        By label, the voxels that edits turned into it, all added up.
    """

    active_seconds: float
    wall_seconds: float
    edits: int
    undos: int
    voxels_changed: dict[str, int]
    tools: dict[str, Tool]
    user: str | None
    sessions: list[Sitting]


class Kept(Record):
    """A record as it lies in the workspace."""

    revision: int = 0
    saved: str = ""


def parse(text: str | bytes) -> Record:
    """The record that a browser sends.

    Raises
    ------
    Refusal
        422 if it is not one: another form, or a number that is negative or not finite.
    """
    try:
        record = msgspec.json.decode(text, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(422, f"The record cannot be read: {error}.", "Reload the page.") from error
    numbers: list[float] = [
        record.active_seconds,
        record.wall_seconds,
        record.edits,
        record.undos,
        *record.voxels_changed.values(),
        *(n for tool in record.tools.values() for n in (tool.edits, tool.seconds)),
        *(sitting.active_seconds for sitting in record.sessions),
    ]
    if not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise Refusal(422, "A number of the record is negative or not finite.", "Reload the page.")
    texts = [*record.tools, *(t for s in record.sessions for t in (s.started, s.ended))]
    if (
        set(record.voxels_changed) - {"0", "1", "2"}
        or len(record.sessions) > _MOST_SESSIONS
        or len(record.tools) > _MOST_TOOLS
        or any(len(text) > 64 for text in texts)
        or len(record.user or "") > 64
    ):
        raise Refusal(422, "The record is not one of a correction.", "Reload the page.")
    return record


def merged(earlier: Record, later: Record) -> Record:
    """`later`, but no number below that of `earlier`, and no sitting of it lost.

    Two windows count on their own; whichever saves last has not seen all of it.
    """
    tools = dict(earlier.tools)
    for name, tool in later.tools.items():
        old = tools.get(name, Tool(0, 0.0))
        tools[name] = Tool(max(old.edits, tool.edits), max(old.seconds, tool.seconds))
    changed = dict(earlier.voxels_changed)
    for label, n in later.voxels_changed.items():
        changed[label] = max(changed.get(label, 0), n)
    sittings = {s.started: s for s in (*earlier.sessions, *later.sessions)}
    return Record(
        active_seconds=max(earlier.active_seconds, later.active_seconds),
        wall_seconds=max(earlier.wall_seconds, later.wall_seconds),
        edits=max(earlier.edits, later.edits),
        undos=max(earlier.undos, later.undos),
        voxels_changed=changed,
        tools=tools,
        user=later.user or earlier.user,
        sessions=list(sittings.values())[-_MOST_SESSIONS:],
    )


def plain(kept: Kept) -> Record:
    """The record without what the server adds, as a browser goes on with it."""
    return Record(**{name: getattr(kept, name) for name in Record.__struct_fields__})


def read_record(case: Case) -> Kept | None:
    """The record of the correction in force; None if there is none."""
    with case.lock:
        if not case.has("corrected"):
            return None
        return msgspec.json.decode((case.correction / RECORD).read_bytes(), type=Kept)


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
    known = facts.read(case.folder)
    labels = LabelMap(voxels.unpack(packed, known.shape), known.geometry)
    with case.lock:
        require_revision(case, expected)
        before = read_record(case)
        if before is not None:
            record = merged(before, record)
        members = {name: getattr(record, name) for name in Record.__struct_fields__}
        kept = Kept(**members, revision=expected + 1, saved=now())
        with io.folder_atomically(case.correction) as temporary:
            io.write_labelmap(temporary / VOXELS, labels, known.nifti)
            text = msgspec.json.format(msgspec.json.encode(kept), indent=2)
            (temporary / RECORD).write_bytes(text)
    return expected + 1


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


def recover(folder: Path) -> None:
    """Put back the revision that a server was about to replace when it was killed."""
    aside = sorted(folder.glob(_ASIDE))
    if aside and not (folder / CORRECTION).exists():
        aside[0].rename(folder / CORRECTION)
