"""Several methods on the same cases: side by side, and tested in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.evaluate.lesions import CLASSES, Lesions
from hepatica.evaluate.published import PUBLISHED, VALIDATION
from hepatica.evaluate.scores import REGIONS, SCORES
from hepatica.evaluate.statistics import Summary, holm, wilcoxon
from hepatica.evaluate.study import Study
from hepatica.results import tables
from hepatica.results.notice import RESEARCH_ONLY

COLUMNS = (
    "method",
    "region",
    "score",
    "mean",
    "sd",
    "median",
    "low",
    "high",
    "cases",
    "p",
    "p_holm",
)
#: Columns of the table of lesions.
DETECTION = (
    "method",
    "cases",
    "reference",
    "found",
    "missed",
    "false",
    "false_per_case",
    "sensitivity",
    "f1",
    "panoptic_quality",
    *(f"{what}, {size}" for size in CLASSES for what in ("found", "reference")),
)
#: What :func:`write` writes to a folder.
FILES = ("methods.csv", "methods_lesions.csv", "methods.md")
RULE = (
    "Cases that all methods have. p: two-sided Wilcoxon signed-rank test against the first method"
    " over the cases that define both. Holm p: corrected for all tests of the table, those of all"
    " scores and regions; raw p are in methods.csv. n: the cases that define a score, where not all"
    " do; such means are of other cases than their neighbours."
)


@dataclass(frozen=True)
class Row:
    """One score of one method; p values against the first method, None for that itself."""

    method: str
    region: str
    score: str
    summary: Summary
    p: float | None
    p_holm: float | None


def shared(studies: Mapping[str, Study]) -> tuple[dict[str, Study], list[str]]:
    """The studies cut to the cases that all have, and the names of the other cases.

    Raises
    ------
    InputError
        If there is no such case.
    """
    names = [{case.case for case in study.cases} for study in studies.values()]
    common, everything = set.intersection(*names), set.union(*names)
    if not common:
        raise InputError(
            f"{', '.join(studies)} have no case in common.", "Give predictions of the same cases."
        )
    cut = {
        name: Study(tuple(c for c in study.cases if c.case in common), study.lonely, study.failures)
        for name, study in studies.items()
    }
    return cut, sorted(everything - common)


def compare(
    studies: Mapping[str, Study], scores: Sequence[str] = SCORES, regions: Sequence[str] = REGIONS
) -> list[Row]:
    """Every score of every method, and whether it differs from the first one's.

    The studies are of the same cases, as :func:`shared` leaves them.
    """
    first = next(iter(studies))
    keys = [(m, region, score) for region in regions for score in scores for m in studies]
    values = {key: studies[key[0]].values(key[1], key[2]) for key in keys}
    tested = [
        None if m == first else wilcoxon(values[m, region, score], values[first, region, score])
        for m, region, score in keys
    ]
    return [
        Row(*key, Summary.of(values[key]), p, corrected)
        for key, p, corrected in zip(keys, tested, holm(tested), strict=True)
    ]


def detection(studies: Mapping[str, Study]) -> dict[str, tuple[int, Lesions]]:
    """For each method in how many cases lesions are drawn, and the lesions of these."""
    return {name: (len(study.with_lesions), study.lesions) for name, study in studies.items()}


def write(
    out: Path,
    rows: Sequence[Row],
    found: Mapping[str, tuple[int, Lesions]],
    left_out: Sequence[str],
    published: bool,
) -> None:
    """Write `FILES` to `out`; `found` is of :func:`detection`. Raises OutputError."""
    io.make_folder(out)
    missing = [f"Not with all methods: {', '.join(left_out)}", ""] if left_out else []
    tables_ = [markdown(rows, published), "", detection_markdown(found), ""]
    tables_ += [validation_markdown(), ""] if published else []
    text = [RESEARCH_ONLY, "", *tables_, *missing, RULE, ""]
    io.write_text(out / "methods.csv", csv(rows))
    io.write_text(out / "methods_lesions.csv", detection_csv(found))
    io.write_text(out / "methods.md", "\n".join(text))


def csv(rows: Sequence[Row]) -> str:
    """One line per row."""
    return tables.table(
        COLUMNS,
        (
            (
                row.method,
                row.region,
                row.score,
                row.summary.mean,
                row.summary.sd,
                row.summary.median,
                row.summary.low,
                row.summary.high,
                row.summary.defined,
                row.p,
                row.p_holm,
            )
            for row in rows
        ),
    )


def detection_csv(found: Mapping[str, tuple[int, Lesions]]) -> str:
    """One line per method."""
    return tables.table(
        DETECTION,
        (
            (
                name,
                cases,
                len(x.reference),
                x.found,
                x.missed,
                x.false,
                x.false / cases if cases else None,
                x.found / len(x.reference) if x.reference else None,
                x.f1,
                x.panoptic_quality,
                *(n for both in x.by_size().values() for n in both),
            )
            for name, (cases, x) in found.items()
        ),
    )


def detection_cells(cases: int, lesions: Lesions) -> tuple[str, ...]:
    """A method's lesions in words: found, missed, false, F1, found by size."""
    if not cases:
        return ("–",) * (4 + len(CLASSES))
    return (
        f"{lesions.found} of {len(lesions.reference)}",
        str(lesions.missed),
        f"{lesions.false} ({lesions.false / cases:.2f} a case)",
        "–" if lesions.f1 is None else f"{lesions.f1:.3f}",
        *(f"{n} of {there}" for n, there in lesions.by_size().values()),
    )


#: What :func:`detection_cells` says.
DETECTION_HEAD = ("Found", "Missed", "False", "F1, one to one", *CLASSES)


def detection_markdown(found: Mapping[str, tuple[int, Lesions]]) -> str:
    """A line for each method: its lesions."""
    return _markdown(
        ("Lesions", *DETECTION_HEAD),
        [(name, *detection_cells(*one)) for name, one in found.items()],
    )


def validation_cells() -> list[tuple[str, ...]]:
    """The paper's Table 1: network and method, then the scores of liver and of tumours."""
    return [
        (
            f"{network}, {method.lower()}",
            *(f"{mean:.3f} ± {sd:.3f}" for mean, sd in reported.values()),
        )
        for (network, method), reported in VALIDATION.items()
    ]


#: What :func:`validation_cells` says.
VALIDATION_HEAD = tuple(f"{region}, {score}" for region, score in VALIDATION["unet", "Stage 1"])


def validation_markdown() -> str:
    """The paper's Table 1, on its validation set."""
    return _markdown(("Paper, Table 1", *VALIDATION_HEAD), validation_cells())


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def markdown(rows: Sequence[Row], published: bool = False) -> str:
    """A line for each region and score, a column for each method: mean ± SD and p (Holm).

    `published` adds what the paper reports, on cases of its own.
    """
    methods = list(dict.fromkeys(row.method for row in rows))
    by = {(row.region, row.score, row.method): row for row in rows}
    paper = list(PUBLISHED) if published else []
    lines: list[tuple[str, ...]] = []
    for region, score in dict.fromkeys((row.region, row.score) for row in rows):
        cells = [_cell(by[region, score, method]) for method in methods]
        for name in paper:
            reported = PUBLISHED[name].get((region, score))
            cells.append("–" if reported is None else f"{reported[0]:.3f} ± {reported[1]:.3f}")
        lines.append((f"{region}, {score}", *cells))
    return _markdown(("", *methods, *paper), lines)


def _cell(row: Row) -> str:
    s = row.summary
    if s.mean is None:
        return "–"
    spread = "" if s.sd is None else f" ± {s.sd:.3f}"
    p = p_in_words(row.p_holm)
    n = f", n = {s.defined}" if s.undefined else ""
    return f"{s.mean:.3f}{spread}{n}" + (f" ({p})" if p else "")


def p_in_words(p: float | None) -> str:
    """A p value as it is printed; empty where there is none."""
    if p is None:
        return ""
    return "Holm p < 0.001" if p < 0.001 else f"Holm p = {p:.3f}"
