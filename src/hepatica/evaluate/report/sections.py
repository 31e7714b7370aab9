"""Sections that only some studies have: several methods side by side, and corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hepatica.evaluate import methods
from hepatica.evaluate.corrections import share_by_third
from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.methods import p_in_words
from hepatica.evaluate.published import PUBLISHED
from hepatica.evaluate.report.html import Row, rule, table
from hepatica.evaluate.report.page import OVERLAPS, SUBJECTS
from hepatica.evaluate.report.words import number, one_line
from hepatica.evaluate.statistics import Summary
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import LESION_RULE, mean_sd, mean_sd_n

#: How a correction changed a label map, in the words of the page.
CHANGED = {
    "liver_added_ml": "Liver added, ml",
    "liver_removed_ml": "Liver removed, ml",
    "tumour_added_ml": "Tumour added, ml",
    "tumour_removed_ml": "Tumour removed, ml",
    "changed_ml": "All that was changed, ml",
}


def compared(
    rows: Sequence[methods.Row],
    found: Mapping[str, tuple[int, Lesions]],
    left_out: Sequence[str],
    published: bool,
) -> str:
    """Methods side by side in the layout of the paper's Table 1, as HTML.

    Parameters
    ----------
    found
        Lesions by method, from :func:`hepatica.evaluate.methods.detection`.
    left_out
        Cases that some method does not have.
    published
        Whether to show what the paper reports, too.
    """
    by = {(row.method, row.region, row.score): row for row in rows}
    lines: list[Row] = []
    for method in dict.fromkeys(row.method for row in rows):
        lines.append((one_line(method),))
        for region, subject in SUBJECTS.items():
            if (method, region, "dice") not in by:
                continue
            scores = [by[method, region, name] for name in OVERLAPS]
            cells = [mean_sd_n(row.summary) for row in scores]
            lines.append((subject, *cells, p_in_words(scores[-1].p_holm) or "-"))
    for paper, reported in PUBLISHED.items() if published else ():
        lines.append((paper,))
        for region, subject in SUBJECTS.items():
            if (region, "dice") in reported:
                cells = ["{:.3f} ± {:.3f}".format(*reported[region, name]) for name in OVERLAPS]
                lines.append((subject, *cells, "-"))
    head = ("Subject", *OVERLAPS.values(), "Dice against the first, Holm p")
    missing = f" Not with all methods: {', '.join(map(one_line, left_out))}." if left_out else ""
    paper_rule = " What the paper reports is of other patients." if published else ""
    lesions = [(one_line(n), *methods.detection_cells(*one)) for n, one in found.items()]
    parts = [
        table(head, lines),
        rule(f"{methods.RULE}{missing}{paper_rule}"),
        table(("Lesions", *methods.DETECTION_HEAD), lesions),
        rule(LESION_RULE),
    ]
    if published:
        parts.append(
            table(
                ("Paper, Table 1 (its validation set)", *methods.VALIDATION_HEAD),
                methods.validation_cells(),
            )
        )
    return "".join(parts)


def corrected(study: Study, minutes: Mapping[str, float]) -> str:
    """What an expert changed, where and in how many minutes, as HTML."""
    spent = [minutes[case.case] for case in study.cases if case.case in minutes]
    times = Summary.of(spent)
    changes = [case.change for case in study.cases if case.change is not None]
    rows: list[Row] = [("Minutes a case", mean_sd(times, 1), _range(spent), str(times.defined))]
    for name, words in CHANGED.items():
        values = [getattr(change, name) for change in changes]
        rows.append((words, mean_sd(Summary.of(values), 2), _range(values), str(len(values))))
    where = [(third, f"{share:.0%}") for third, share in (share_by_third(changes) or {}).items()]
    without = [case.case for case in study.cases if case.case not in minutes]
    missing = f" Without minutes: {', '.join(map(one_line, without))}." if without else ""
    return (
        table(("", "Mean ± SD", "Range", "Cases"), rows)
        + table(("Third of the liver, along each axis", "Share of what was changed"), where)
        + rule(f"Prediction against what an expert made of it.{missing}")
    )


def _range(values: Sequence[float]) -> str:
    return f"{number(min(values), 2)} to {number(max(values), 2)}" if values else "-"
