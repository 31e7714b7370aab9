"""The tables of a whole archive: ``cases.csv``, ``lesions.csv``, as Parquet too, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import msgspec

from hepatica import case, io
from hepatica.batch.manifest import Manifest
from hepatica.batch.page import cohort_page
from hepatica.results.report import (
    CASE_COLUMNS,
    LESION_COLUMNS,
    CaseRow,
    Report,
    cohort_lesions_csv,
)

LESIONS, PAGE = "lesions.csv", "cohort.html"
_WORDS = {"case", "status", "warnings", "error"}
_WHOLE = {
    "lesions",
    "id",
    *("centre_i", "centre_j", "centre_k", "slice_first", "slice_last", "slice_longest"),
}


def write(out: Path, manifest: Manifest) -> tuple[Path, ...]:
    """Write the tables and the page of all cases that are done, failed or set aside.

    Reports are read one after the other and not kept. Parquet is written where pyarrow is
    installed. Returns the paths, the page last.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    case.write_cases(out, _rows(out, manifest))
    lesions = cohort_lesions_csv(report for _, report in reports(out, manifest))
    io.write_text(out / LESIONS, lesions)
    tables = [out / case.CASES, out / LESIONS]
    for path in tuple(tables):
        columns = CASE_COLUMNS if path.name == case.CASES else ("case", *LESION_COLUMNS)
        data = parquet(path.read_bytes(), columns)
        if data is not None:
            tables.append(path.with_suffix(".parquet"))
            io.write_bytes(tables[-1], data)
    io.write_text(out / PAGE, cohort_page(out, manifest, reports))
    return (*tables, out / PAGE)


def reports(out: Path, manifest: Manifest) -> Iterator[tuple[Path, Report]]:
    """The folder and report of each case that is done, in order.

    One whose report cannot be read any more is left out here; the next run does it again.
    """
    for entry in manifest.entries("done"):
        folder = out / entry.name
        try:
            yield folder, Report.from_json((folder / case.REPORT).read_bytes())
        except (OSError, msgspec.DecodeError):
            continue


def _rows(out: Path, manifest: Manifest) -> Iterator[CaseRow]:
    for _, report in reports(out, manifest):
        yield case.done_row(report)
    for entry in manifest.entries("failed", "quarantined"):
        yield case.failed_row(entry.name, entry.reason or "")


def parquet(csv: bytes, columns: tuple[str, ...]) -> bytes | None:
    """A table of ours as Parquet, empty cells being null; None if pyarrow is not installed."""
    try:
        import pyarrow
        from pyarrow import csv as reader
        from pyarrow import parquet as writer
    except ModuleNotFoundError:
        return None

    def kind(column: str) -> pyarrow.DataType:
        if column in _WORDS:
            return pyarrow.string()
        if column == "touches_border":
            return pyarrow.bool_()
        return pyarrow.int64() if column in _WHOLE else pyarrow.float64()

    options = reader.ConvertOptions(
        column_types={column: kind(column) for column in columns}, strings_can_be_null=True
    )
    table = reader.read_csv(BytesIO(csv), convert_options=options)
    out = BytesIO()
    writer.write_table(table, out)
    return out.getvalue()
