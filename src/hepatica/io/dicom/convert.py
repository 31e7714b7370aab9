"""All volumes of a study as NIfTI, with a table that says what each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hepatica.core.errors import HepaticaError, InputError
from hepatica.core.volume import Source, Volume
from hepatica.io import checks
from hepatica.io.dicom import read, seg
from hepatica.io.dicom.files import Files
from hepatica.io.dicom.study import Found, Study, scan
from hepatica.io.nifti import write_labelmap, write_volume
from hepatica.results.tables import Cell, table

SERIES, INDEX = "series.csv", "index.csv"

#: The columns of ``series.csv``.
COLUMNS = (
    "study",
    "series",
    "file",
    "t1ce",
    "status",
    "description",
    "kind",
    "fat_saturated",
    "enhanced",
    "phase",
    "phase_confidence",
    "why",
    "columns",
    "rows",
    "slices",
    "spacing_mm",
    "axes",
    "echo_time_ms",
    "repetition_time_ms",
    "flip_angle_deg",
    "told_apart_by",
    "seconds_after_first",
    "notes",
)
#: Of ``index.csv``; its column `image` makes it a list that ``hepatica segment`` takes.
INDEX_COLUMNS = ("study", "volumes", "written", "image", "why")

_NOTE = "Hepatica: converted from DICOM; not for diagnosis"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """What became of one volume, or of one image that belongs to none.

    `file` is relative to the folder of results, and empty where nothing was written;
    `status` is ``"written"`` or the sentence that says why not.
    """

    study: int
    file: str
    t1ce: bool
    status: str
    found: Found | None
    failed: bool = False
    kind: str = ""


def convert(
    name: str,
    files: Files,
    out: Path,
    *,
    nameless: bool = False,
    progress: Progress = lambda step: None,
    available_bytes: int | None = None,
) -> tuple[list[Line], Study]:
    """Write each volume of `files` into the folder `out`, which exists; the lines of its table.

    A volume that cannot be used is a line with the reason, and costs the others nothing.
    Segmentations of a liver are written as label maps.

    Parameters
    ----------
    name
        What sentences call the source.
    nameless
        Leave free text out of file names and sentences.

    Raises
    ------
    InputError
        If there is no DICOM image at all.
    OutputError
        If the folder cannot be written.
    """
    study = scan(name, files)
    parts = study.split()
    lines: list[Line] = []
    for number, part in enumerate(parts, 1):
        inside = f"study_{number:02d}/" if len(parts) > 1 else ""
        (out / inside).mkdir(exist_ok=True)
        for n, found in enumerate(part.volumes):
            progress(found.key)
            file = f"{inside}{_file_name(found, nameless)}"
            lines.append(_write(out, file, number, n == part.candidate, found, available_bytes))
    lines += _segmentations(out, study)
    for called, error in (*study.damaged, *study.left_out):
        damaged = (called, error) in study.damaged
        folder = PurePosixPath(called).parent
        where = "" if nameless or folder == PurePosixPath() else f" (in {folder})"
        reason = error.message + where
        lines.append(Line(0, "", False, reason, None, failed=damaged))
    return lines, study


def _segmentations(out: Path, study: Study) -> Iterator[Line]:
    """Write the label maps of livers that lie beside the images; others are told of."""
    number = 0
    for path in study.others:
        try:
            if not seg.is_segmentation(path):
                continue
            labelmap = seg.decode(path)
        except HepaticaError as error:
            yield Line(0, "", False, error.message, None, kind="segmentation")
            continue
        number += 1
        file = f"segmentation_{number:02d}.nii.gz"
        write_labelmap(out / file, labelmap)
        yield Line(0, file, False, "written", None, kind="segmentation")


def _write(
    out: Path, file: str, study: int, t1ce: bool, found: Found, available_bytes: int | None
) -> Line:
    try:
        voxels, geometry, digest, origin = read.load(found.key, found, available_bytes)
        checks.content(found.key, voxels)
    except HepaticaError as error:
        # A localizer is expected to be none; a volume that is incomplete is a failure.
        thin = len(found.stack.frames) < checks.MIN_SLICES or found.judgement.kind == "localizer"
        return Line(study, "", False, error.message, found, failed=not thin)
    volume = Volume(voxels, geometry, Source(found.key, None, "dicom", digest, (), origin))
    write_volume(out / file, volume, _NOTE)
    return Line(study, file, t1ce, "written", found)


def _file_name(found: Found, nameless: bool) -> str:
    """The key, and what people call the series in letters that every disk takes."""
    words = "" if nameless else found.stack.first.described
    slug = re.sub(r"[^0-9A-Za-z]+", "_", words).strip("_")[:60].lower()
    return f"{found.key}_{slug}.nii.gz" if slug else f"{found.key}.nii.gz"


def series_csv(lines: Sequence[Line], nameless: bool = False) -> str:
    """The table ``series.csv``: a line per volume, then one per image that belongs to none."""
    known = [
        line.found.judgement.seconds
        for line in lines
        if line.found is not None and line.found.judgement.seconds is not None
    ]
    first = min(known, default=0.0)
    return table(COLUMNS, [_row(line, first, nameless) for line in lines])


def _row(line: Line, first: float, nameless: bool) -> list[Cell]:
    found = line.found
    if found is None:
        known: list[Cell] = [None, None, line.file, False, line.status, None, line.kind or None]
        return known + [None] * (len(COLUMNS) - len(known))
    own, frame = found.judgement, found.stack.first
    columns, rows, slices = found.stack.shape
    grid = found.geometry
    told = found.stack.told_by
    return [
        line.study,
        found.key,
        line.file,
        line.t1ce,
        line.status,
        None if nameless else frame.described,
        own.kind,
        own.fat_saturated,
        own.enhanced,
        own.phase or None,
        own.confidence or None,
        "; ".join(own.reasons),
        columns,
        rows,
        slices,
        None if grid is None else " x ".join(f"{s:.4g}" for s in grid.spacing_mm),
        None if grid is None else grid.axes,
        _number(frame.telling["EchoTime"]),
        _number(frame.facts["RepetitionTime"]),
        _number(frame.telling["FlipAngle"]),
        ", ".join(told) if nameless else ", ".join(f"{k} {v}" for k, v in told.items()),
        None if own.seconds is None else own.seconds - first,
        " ".join(found.stack.notes) or None,
    ]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def index_csv(lines: Sequence[Line], whose: Mapping[int, str] | None = None) -> str:
    """The table ``index.csv``: a line per study with the volume taken as its T1CE.

    A study without a clear one has an empty `image`, and is for a person to decide. `whose`
    has the pseudonym of each study's patient, for a column of its own.
    """
    rows: list[list[Cell]] = []
    for study in sorted({line.study for line in lines if line.found is not None}):
        own = [line for line in lines if line.study == study]
        taken = next((line for line in own if line.t1ce), None)
        written = sum(bool(line.file) for line in own)
        why = taken.found.judgement.reasons if taken and taken.found else ()
        row: list[Cell] = [study, len(own), written, taken.file if taken else None, "; ".join(why)]
        rows.append(row if whose is None else [*row, whose.get(study)])
    return table(INDEX_COLUMNS if whose is None else (*INDEX_COLUMNS, "patient"), rows)


def require_something(name: str, lines: Sequence[Line]) -> None:
    """Refuse a source of which no volume could be written; raises InputError."""
    if any(line.file for line in lines):
        return
    first = next((line.status for line in lines), "there is no image in it.")
    raise InputError(
        f"{name} holds no volume that can be converted: {first}",
        "Give the folder of the whole study.",
    )
