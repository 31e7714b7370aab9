"""``cohort.html``: an archive on one page, as far as a person has to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import nsmallest
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from hepatica import case
from hepatica.batch.distributions import UNUSUAL, Quantity, histogram, summary, unusual
from hepatica.batch.manifest import Manifest
from hepatica.results import hypertext
from hepatica.results.hypertext import Markup, figure, number, png, rule, section, table, text
from hepatica.results.report import Report

Reports = Callable[[Path, Manifest], Iterator[tuple[Path, Report]]]

#: Pictures on the contact sheet, their width in pixels, and lines of the other lists.
PICTURES, WIDTH, MOST = 24, 360, 200
#: Reasons that are shown of each cause.
_EXAMPLES = 5
_CAUSES = {
    "input": "the image cannot be used",
    "memory": "more memory than there is",
    "time": "longer than the time limit",
    "worker": "the worker process was killed",
    "disk": "the disk is full",
    "output": "the result cannot be written",
    "fault": "a fault of Hepatica",
}


def cohort_page(out: Path, manifest: Manifest, reports: Reports) -> str:
    """The page of the cases in `manifest`; `reports` gives those that are done, one by one."""
    names: list[str] = []
    numbers: list[tuple[float, ...]] = []
    doubts: list[tuple[tuple[float, float], str, str]] = []
    for _, report in reports(out, manifest):
        names.append(report.case)
        numbers.append(_numbers(report))
        doubts.append((_trust(report), report.case, "; ".join(report.warnings)))
    columns = np.array(numbers, dtype=np.float64).reshape(-1, len(QUANTITIES)).T
    quantities = [
        Quantity(name, unit, column)
        for (name, unit), column in zip(QUANTITIES, columns, strict=True)
    ]
    counts = manifest.counts()
    entries = [
        (str(counts["done"]), "done"),
        (str(counts["quarantined"]), "set aside"),
        (str(counts["failed"]), "failed, to be tried again"),
        (str(counts["queued"] + counts["running"]), "waiting"),
        (number(float(np.nansum(columns[2])), 0), "lesions in all"),
    ]
    body = [
        hypertext.figures(entries),
        section("Failures by cause", _failures(manifest)),
        section("Distributions", _distributions(quantities)),
        section("Outliers", _outliers(names, quantities)),
        section("Worth a look first", _sheet(out, doubts)),
    ]
    lead = f"Each case has its line in {case.CASES}, its lesions in lesions.csv."
    return hypertext.page(f"Archive {out.resolve().name}", "\n".join(body), lead)


QUANTITIES = (
    ("Liver", "ml"),
    ("Tumour burden", "% of the liver"),
    ("Lesions", ""),
    ("Longest diameter", "mm"),
    ("Time", "s"),
)


def _numbers(report: Report) -> tuple[float, ...]:
    """In the order of `QUANTITIES`; NaN for what the case does not have."""
    m = report.measurements
    largest = max((f.diameter_axial_mm for f in m.findings), default=float("nan"))
    burden = float("nan") if m.burden_percent is None else m.burden_percent
    seconds = sum(report.timing.seconds.values())
    return (m.liver_ml, burden, float(len(m.findings)), largest, seconds)


def _trust(report: Report) -> tuple[float, float]:
    """Least first: no liver, then many warnings, then the least confident lesion."""
    m = report.measurements
    sure = [f.confidence for f in m.findings if f.confidence is not None]
    return (-len(report.warnings) if m.liver_ml > 0 else -float("inf"), min(sure, default=1.0))


def _failures(manifest: Manifest) -> str:
    found = manifest.causes()
    if not found:
        return '<p class="calm">No case failed.</p>'
    rows: list[tuple[str, ...]] = []
    for cause, count in found.items():
        rows.append((_CAUSES.get(cause, cause), str(count), ""))
        shown = 0
        for entry in manifest.entries("failed", "quarantined"):
            if entry.cause == cause and shown < _EXAMPLES:
                shown += 1
                rows.append((f"– {entry.name}", "", entry.reason or ""))
    return table(("Cause", "Cases", "Such as"), rows, "cases")


def _distributions(quantities: list[Quantity]) -> str:
    drawn = "\n".join(figure(histogram(q), q.title) for q in quantities)
    head = ("", "Cases", "Least", "Lower quartile", "Median", "Upper quartile", "Largest")
    rows = [(q.title, *summary(q.values)) for q in quantities]
    return f'<div class="views">\n{drawn}\n</div>\n{table(head, rows)}'


def _outliers(names: list[str], quantities: list[Quantity]) -> str:
    found: list[tuple[float, str, str, str]] = []
    for q in quantities:
        scores = unusual(q.values)
        for n in np.flatnonzero(np.abs(scores) > UNUSUAL):
            found.append((-abs(scores[n]), names[n], q.title, f"{q.values[n]:.4g}"))
    if not found:
        return '<p class="calm">No case is unusual.</p>'
    rows = [(_link(name), what, value, f"{-far:.1f}") for far, name, what, value in sorted(found)]
    told = table(("Case", "What", "Value", "How unusual"), rows[:MOST])
    more = f" The first {MOST} of {len(rows)} are shown." if len(rows) > MOST else ""
    return told + rule(
        f"Modified z-score beyond {UNUSUAL} (Iglewicz and Hoaglin 1993): unusual in this"
        f" archive, not wrong.{more}"
    )


def _sheet(out: Path, doubts: list[tuple[tuple[float, float], str, str]]) -> str:
    pictures = []
    for _, name, warnings in nsmallest(PICTURES, doubts):
        small = _small(out / name / case.PREVIEW)
        if small is not None:
            link = quote(f"{name}/{case.PAGE}")
            caption = f"{name}: {warnings}" if warnings else name
            image = f'<a href="{link}">{png(small, name)}</a>'
            pictures.append(figure(image, caption))
    if not pictures:
        return '<p class="calm">No case is done.</p>'
    inside = "\n".join(pictures)
    order = (
        "No liver first, then the most warnings, then the least confident lesion: an order in"
        " which to look, and no measure of quality."
    )
    return f'<div class="slices">\n{inside}\n</div>\n{rule(order)}'


def _small(preview: Path) -> bytes | None:
    """A case's picture, small; None if it is not there."""
    with suppress(OSError), Image.open(preview) as image:
        image.thumbnail((WIDTH, WIDTH))
        data = BytesIO()
        image.convert("RGB").quantize(64).save(data, "PNG")
        return data.getvalue()
    return None


def _link(name: str) -> Markup:
    return Markup(f'<a href="{quote(f"{name}/{case.PAGE}")}">{text(name)}</a>')
