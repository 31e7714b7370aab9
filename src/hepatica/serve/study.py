"""What all corrected cases give together: the record of times, and data to train with."""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hepatica import io
from hepatica.io.cohort import IMAGES, LABELS
from hepatica.results.tables import Cell, table
from hepatica.serve import facts
from hepatica.serve.cases import Case
from hepatica.serve.refusal import Refusal

#: The first two are what `hepatica evaluate --corrections` reads.
COLUMNS = (
    "case",
    "minutes",
    "wall_minutes",
    "edits",
    "undos",
    "voxels_to_background",
    "voxels_to_parenchyma",
    "voxels_to_tumour",
    "sessions",
    "status",
    "user",
    "revision",
    "saved",
    "note",
)
#: Beside images and labels: what the model made of them, and the record.
AI, RECORD = "ai", "record.csv"


def names(cases: Sequence[Case]) -> list[str]:
    """A name for each case that no other has: its own, with its identity where it is shared."""
    times = Counter(case.name for case in cases)
    return [c.name if times[c.name] == 1 else f"{c.name}_{c.job.id}" for c in cases]


def record_csv(cases: Sequence[Case]) -> str:
    """A line for each corrected case, as CSV."""
    return _record(list(zip(names(cases), cases, strict=True)))


def _record(named: Sequence[tuple[str, Case]]) -> str:
    rows: list[list[Cell]] = []
    for name, case in named:
        kept = case.kept
        if kept is None:
            continue
        record = kept.record
        changed = record.voxels_changed
        rows.append(
            [
                name,
                record.active_seconds / 60,
                record.wall_seconds / 60,
                record.edits,
                record.undos,
                *(changed.get(label, 0) for label in "012"),
                len(record.sessions),
                case.job.status,
                record.user,
                kept.revision,
                kept.saved,
                case.job.note or None,
            ]
        )
    return table(COLUMNS, rows)


def training_folder(cases: Sequence[Case], path: Path) -> tuple[Path, int]:
    """Write images and corrected labels as `hepatica train --data` reads them.

    Beside them, under the same names, the AI's label maps and the record: so
    `hepatica evaluate ai labels --corrections record.csv` finds what belongs together.
    Rejected cases are left out. Where `path` holds something already, a new folder is made
    in it.

    Returns
    -------
    folder, cases
        Where they are, and how many.

    Raises
    ------
    Refusal
        400 if there is no such case.
    OutputError
        If the disk refuses; nothing is written then.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        path = path / f"hepatica-training-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    done = 0
    named = list(zip(names(cases), cases, strict=True))
    chosen = [(n, c) for n, c in named if c.has("corrected") and c.job.status != "rejected"]
    if not chosen:
        raise Refusal(400, "No case has been corrected yet.", "Correct one first.")
    with io.folder_atomically(path) as folder:
        for kind in (IMAGES, LABELS, AI):
            (folder / kind).mkdir()
        for name, case in chosen:
            shutil.copyfile(case.folder / facts.IMAGE, folder / IMAGES / f"{name}.nii.gz")
            (folder / LABELS / f"{name}.nii.gz").write_bytes(case.labels("corrected"))
            (folder / AI / f"{name}.nii.gz").write_bytes(case.labels("ai"))
            done += 1
        (folder / RECORD).write_text(_record(chosen), encoding="utf-8")
    return path, done
