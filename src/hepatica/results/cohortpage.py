"""``cases.html``: a cohort on one page, a line per case that leads to its report."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from hepatica.core.errors import OutputError
from hepatica.results import hypertext
from hepatica.results.hypertext import DASH, Markup, number, section, table, text
from hepatica.results.report import CASE_COLUMNS

HEAD = (
    "Case",
    "Status",
    "Liver, ml",
    "Lesions",
    "Tumour, ml",
    "Of the liver, %",
    "Longest, mm",
    "Seconds",
    "Warnings",
)


def cohort_page(cases_csv: str, title: str, report: str = "report.html") -> str:
    """The page of a table of cases.

    Parameters
    ----------
    cases_csv
        As :func:`~hepatica.results.report.cases_csv` makes it.
    report
        Each case's page, in the folder of its name.

    Raises
    ------
    OutputError
        If it is another table.
    """
    rows = list(csv.DictReader(io.StringIO(cases_csv)))
    head = cases_csv.partition("\n")[0].strip()
    if head != ",".join(CASE_COLUMNS):
        raise OutputError("The file cases.csv is not a table of Hepatica's cases.")
    done = [row for row in rows if row["status"] == "done"]
    failed = [f"{row['case']}: {row['error']}" for row in rows if row["status"] != "done"]
    liver = [float(row["liver_ml"]) for row in done if row["liver_ml"]]
    lesions = [int(row["lesions"]) for row in done if row["lesions"]]
    warned = sum(bool(row["warnings"]) for row in done)
    entries = [
        (str(len(done)), "case done" if len(done) == 1 else "cases done"),
        (str(len(failed)), "failed"),
        (str(warned), "with warnings"),
        (str(sum(n > 0 for n in lesions)), "with lesions"),
        (str(sum(lesions)), "lesions in all"),
        (f"{_median(liver)} ml", "median liver"),
    ]
    body = [
        hypertext.warnings(failed, "No case failed."),
        hypertext.figures(entries),
        section("Cases", table(HEAD, [_row(row, report) for row in rows], "cases")),
    ]
    return hypertext.page(title, "\n".join(body))


def _row(row: dict[str, str], report: str) -> Sequence[str]:
    name = row["case"]
    if row["status"] != "done":
        return (name, "failed", *(DASH,) * 6, row["error"])
    link = quote(str(PurePosixPath(name.removeprefix("'")) / report))
    return (
        Markup(f'<a href="{link}">{text(name)}</a>'),
        "done",
        _given(row["liver_ml"], 0),
        row["lesions"] or DASH,
        _given(row["tumour_ml"], 1),
        _given(row["burden_percent"], 1),
        _given(row["largest_mm"], 1),
        _given(row["seconds"], 1),
        row["warnings"],
    )


def _given(cell: str, digits: int) -> str:
    return number(float(cell) if cell else None, digits)


def _median(values: Sequence[float]) -> str:
    if not values:
        return DASH
    ordered = sorted(values)
    middle = len(ordered) // 2
    return number((ordered[middle] + ordered[~middle]) / 2, 0)
