"""Results as text: the JSON report of a case, and tables for spreadsheets.

Numbers in the report are written in full; tables carry six significant digits.
Unknown is null in JSON and an empty cell in a table, never 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from hepatica.core.errors import OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Source
from hepatica.model.plan import Plan
from hepatica.results.measure import Finding, Measurements
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.quality import Quality
from hepatica.results.tables import Cell, table

Row4: TypeAlias = tuple[float, float, float, float]


class GeometryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A grid: voxels, mm between centres, closest patient axes, index to RAS+ mm (by rows)."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axes: str
    affine: tuple[Row4, Row4, Row4, Row4]

    @classmethod
    def of(cls, geometry: Geometry) -> GeometryRecord:
        """The record of `geometry`."""
        a, b, c, d = (_row4(row.tolist()) for row in geometry.affine)
        x, y, z = geometry.spacing_mm.tolist()
        return cls(
            shape=geometry.shape, spacing_mm=(x, y, z), axes=geometry.axes, affine=(a, b, c, d)
        )


class InputRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the case's name, and no path, whose folders may name a patient."""

    name: str
    format: str
    sha256: str | None
    geometry: GeometryRecord

    @classmethod
    def of(cls, source: Source, geometry: Geometry) -> InputRecord:
        """The record of a volume's source and grid."""
        return cls(
            name=source.name,
            format=source.format,
            sha256=source.sha256,
            geometry=GeometryRecord.of(geometry),
        )


class BundleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Which model, and the hash of its bundle."""

    name: str
    sha256: str | None


class EngineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What ran the network, and how."""

    name: str
    precision: str
    device: str
    threads: int | None


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a result comes from.

    `bundle`, `plan` and `engine` are None for a label map that was given, which `labelmap`
    tells of; `input` is then the image that it was made from, or the label map again.
    """

    input: InputRecord
    bundle: BundleRecord | None
    plan: Plan | None
    engine: EngineRecord | None
    versions: dict[str, str]
    labelmap: InputRecord | None = None


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds per step in order, and the peak resident memory of the process.

    `shared_seconds` were spent once for all cases of a run: starting, loading the model.
    """

    seconds: dict[str, float]
    shared_seconds: dict[str, float] = {}
    peak_memory_mb: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known about one case.

    Parameters
    ----------
    hepatica
        Version of the program.
    warnings
        Sentences for the reader, such as that no liver was found; empty when all is well.
    quality
        How far the networks trust the liver; None for a label map that was given.
    """

    hepatica: str
    notice: str = RESEARCH_ONLY
    case: str
    warnings: tuple[str, ...]
    measurements: Measurements
    quality: Quality | None = None
    provenance: Provenance
    timing: Timing

    def to_json(self) -> bytes:
        """UTF-8 JSON, indented, ending in a newline."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Report:
        """Read what `to_json` wrote.

        Raises
        ------
        msgspec.DecodeError
            If it is not JSON, or (`msgspec.ValidationError`) not a report.
        """
        return msgspec.json.decode(data, type=cls)


@dataclass(frozen=True)
class CaseRow:
    """One line of a cohort's table.

    `measurements` and `seconds` are None where the case failed before there were any;
    `error` is None where it did not fail.
    """

    case: str
    status: Literal["done", "failed"]
    measurements: Measurements | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None


LESION_COLUMNS = (
    "id",
    "volume_ml",
    "diameter_axial_mm",
    "diameter_perpendicular_mm",
    "diameter_3d_mm",
    "sphericity",
    "mean_signal_ratio",
    "surface_distance_mm",
    "next_lesion_mm",
    "centre_x_mm",
    "centre_y_mm",
    "centre_z_mm",
    "centre_i",
    "centre_j",
    "centre_k",
    "slice_first",
    "slice_last",
    "slice_longest",
    "confidence",
    "touches_border",
)

CASE_COLUMNS = (
    "case",
    "status",
    "liver_ml",
    "parenchyma_ml",
    "tumour_ml",
    "burden_percent",
    "lesions",
    "largest_mm",
    "seconds",
    "warnings",
    "error",
)


def lesions_csv(measurements: Measurements) -> str:
    """A table with one line per lesion, by id; only the header when there is none.

    `centre_x_mm`, `centre_y_mm`, `centre_z_mm` are RAS+ mm; indices are those of the
    label map's grid and start at 0.
    """
    return table(LESION_COLUMNS, map(_lesion_cells, measurements.findings))


def cohort_lesions_csv(reports: Iterable[Report]) -> str:
    """The lesions of many cases in one table: as :func:`lesions_csv`, after the case's name."""
    return table(
        ("case", *LESION_COLUMNS),
        ((r.case, *_lesion_cells(f)) for r in reports for f in r.measurements.findings),
    )


def _lesion_cells(f: Finding) -> Sequence[Cell]:
    return (
        f.id,
        f.volume_ml,
        f.diameter_axial_mm,
        f.diameter_perpendicular_mm,
        f.diameter_3d_mm,
        f.sphericity,
        f.mean_signal_ratio,
        f.surface_distance_mm,
        f.next_lesion_mm,
        *f.centre_mm,
        *f.centre_voxel,
        *f.slices,
        f.slice_longest,
        f.confidence,
        f.touches_border,
    )


def cases_csv(rows: Iterable[CaseRow]) -> str:
    """A cohort's table, one line per case in the order given.

    `lesions` is their number and `largest_mm` the longest axial diameter (empty where
    there is no lesion); a case without measurements has empty cells, not zeros.
    """
    return table(CASE_COLUMNS, (_case_cells(row) for row in rows))


def merged(earlier: str, later: str) -> str:
    """One table of two with the same columns: the later line of each case, in order.

    Raises
    ------
    OutputError
        If `earlier` has other columns: it is somebody else's table.
    """
    old, new = (list(csv.reader(io.StringIO(text))) for text in (earlier, later))
    if not old or old[0] != new[0]:
        raise OutputError(
            "The file cases.csv in the output folder is another table.",
            "Move it away, or choose another folder with -o.",
        )
    known = {row[0] for row in new}
    out = io.StringIO()
    kept = [row for row in old[1:] if row and row[0] not in known]
    csv.writer(out, lineterminator="\n").writerows([new[0], *kept, *new[1:]])
    return out.getvalue()


def _case_cells(row: CaseRow) -> Sequence[Cell]:
    m = row.measurements
    numbers: Sequence[Cell] = (None,) * 6
    if m is not None:
        largest = max((f.diameter_axial_mm for f in m.findings), default=None)
        numbers = (
            m.liver_ml,
            m.parenchyma_ml,
            m.tumour_ml,
            m.burden_percent,
            len(m.findings),
            largest,
        )
    return (row.case, row.status, *numbers, row.seconds, "; ".join(row.warnings), row.error)


def _row4(row: Sequence[float]) -> Row4:
    a, b, c, d = row
    return (a, b, c, d)
