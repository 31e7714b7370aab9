"""The table of a folder of cases, ``cases.csv``, and its page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hepatica import io
from hepatica.case.folder import PAGE, REPORT
from hepatica.core.errors import OutputError
from hepatica.results.cohortpage import cohort_page
from hepatica.results.report import CaseRow, Report, cases_csv, merged

CASES, COHORT = "cases.csv", "cases.html"


def done_row(report: Report) -> CaseRow:
    """The line of ``cases.csv`` for a case that was segmented, now or earlier."""
    return CaseRow(
        case=report.case,
        status="done",
        measurements=report.measurements,
        seconds=round(sum(report.timing.seconds.values()), 3),
        warnings=report.warnings,
    )


def failed_row(case: str, sentence: str) -> CaseRow:
    """The line of ``cases.csv`` for a case that could not be."""
    return CaseRow(case=case, status="failed", error=sentence)


def write_cases(out: str | Path, rows: Iterable[CaseRow]) -> None:
    """Write ``out/cases.csv``; lines of other cases that it holds stay, before the new ones.

    Raises
    ------
    OutputError
        If it cannot be written, or is another table.
    """
    io.make_folder(out)
    path = Path(out) / CASES
    # A case that was refused because its result is there keeps the line of that result.
    new = (r for r in rows if r.status == "done" or not (Path(out) / r.case / REPORT).is_file())
    table = cases_csv(new)
    if path.is_file():
        table = merged(path.read_text(encoding="utf-8", errors="replace"), table)
    io.write_text(path, table)


def write_cohort_page(out: str | Path) -> Path:
    """Write ``out/cases.html`` from ``out/cases.csv``; its path.

    Raises
    ------
    OutputError
        If there is no such table, or the page cannot be written.
    """
    table = Path(out) / CASES
    if not table.is_file():
        raise OutputError(
            f"{table} is not there.", "Take a folder that hepatica segment has written."
        )
    title = f"Cases in {Path(out).resolve().name}"
    page = cohort_page(table.read_text(encoding="utf-8", errors="replace"), title, PAGE)
    io.write_text(Path(out) / COHORT, page)
    return Path(out) / COHORT
