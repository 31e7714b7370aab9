"""A study as tables and JSON, for people, spreadsheets and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

import hepatica
from hepatica import io
from hepatica.core.errors import OutputError
from hepatica.evaluate.corrections import share_by_third
from hepatica.evaluate.lesions import FOUND_FROM, MATCH_IOU, Lesions
from hepatica.evaluate.scores import REGIONS, RULE, SCORES
from hepatica.evaluate.statistics import Summary
from hepatica.evaluate.study import Study
from hepatica.results import tables
from hepatica.results.notice import RESEARCH_ONLY

CASES = ("case", "region", *SCORES, "prediction_ml", "reference_ml")
LESIONS = (
    "case",
    "id",
    "volume_ml",
    "diameter_mm",
    "hit_fraction",
    "found",
    "false",
    "dice",
    "iou",
)
CORRECTIONS = (
    "case",
    "minutes",
    "changed_ml",
    "liver_added_ml",
    "liver_removed_ml",
    "tumour_added_ml",
    "tumour_removed_ml",
)
#: What other evaluations may have written beside.
STALE = ("methods.csv", "methods_lesions.csv", "methods.md")
FROC = ("threshold", "cases", "reference", "found", "sensitivity", "false", "false_per_case")
#: What :func:`write` writes and replaces.
OWN = {
    "cases.csv": CASES,
    "lesions.csv": LESIONS,
    "corrections.csv": CORRECTIONS,
    "froc.csv": FROC,
}
LESION_RULE = (
    "Every component of the tumour label is a lesion, however small."
    f" A lesion is found when {FOUND_FROM:.0%} of its voxels or more are labelled tumour; a"
    " predicted one is false when it touches none that is there. Matched are pairs, one to one,"
    f" with an IoU of {MATCH_IOU:g} or more. Diameters are the longest axial ones."
)


def cases_csv(study: Study) -> str:
    """One row per case and region; empty where undefined."""
    return tables.table(
        CASES,
        (
            (
                case.case,
                scores.region,
                *(getattr(scores, name) for name in SCORES),
                scores.prediction_ml,
                scores.reference_ml,
            )
            for case in study.cases
            for scores in case.regions
        ),
    )


def lesions_csv(study: Study) -> str:
    """One row per reference lesion, then the false ones of its case, which have no hits."""
    rows: list[tuple[tables.Cell, ...]] = []
    for case, lesions in study.with_lesions:
        for x in lesions.reference:
            rows.append(
                (
                    case.case,
                    x.id,
                    x.volume_ml,
                    x.diameter_mm,
                    x.hit_fraction,
                    x.found,
                    False,
                    x.dice,
                    x.iou,
                )
            )
        for y in lesions.predicted:
            if y.false:
                rows.append(
                    (case.case, y.id, y.volume_ml, y.diameter_mm, None, None, True, None, None)
                )
    return tables.table(LESIONS, rows)


def corrections_csv(study: Study, minutes: Mapping[str, float]) -> str:
    """One row per case: what was changed, and in how many minutes, where that is known."""
    return tables.table(
        CORRECTIONS,
        (
            (
                case.case,
                minutes.get(case.case),
                case.change.changed_ml,
                case.change.liver_added_ml,
                case.change.liver_removed_ml,
                case.change.tumour_added_ml,
                case.change.tumour_removed_ml,
            )
            for case in study.cases
            if case.change is not None
        ),
    )


def froc_csv(study: Study) -> str:
    """One row per threshold; none without probabilities."""
    return tables.table(
        FROC,
        (
            (p.threshold, p.cases, p.reference, p.found, p.sensitivity, p.false, p.false_per_case)
            for p in study.froc
        ),
    )


def corrections(study: Study, minutes: Mapping[str, float]) -> dict[str, Any]:
    """What `summary.json` says of corrections: minutes, and what and where was changed."""
    spent = [minutes[case.case] for case in study.cases if case.case in minutes]
    changes = [case.change for case in study.cases if case.change is not None]
    return {
        "minutes": asdict(Summary.of(spent))
        | {"least": min(spent, default=None), "most": max(spent, default=None)},
        "without_minutes": [c.case for c in study.cases if c.case not in minutes],
        "changed_ml": asdict(Summary.of([c.changed_ml for c in changes])),
        **{
            name: asdict(Summary.of([getattr(c, name) for c in changes]))
            for name in CORRECTIONS[3:]
        },
        "share_by_third_of_the_liver": share_by_third(changes),
    }


def summary(study: Study, minutes: Mapping[str, float] | None = None) -> dict[str, Any]:
    """What `summary.json` says; of corrections, if `minutes` are given."""
    lesions = study.lesions
    counted = len(study.with_lesions)
    return {
        "notice": RESEARCH_ONLY,
        "hepatica": hepatica.__version__,
        "rule": f"{RULE} {LESION_RULE}",
        "cases": len(study.cases),
        "without_partner": asdict(study.lonely),
        "failed": {f.case: f.error.message for f in study.failures},
        "regions": {
            region: {name: asdict(study.summary(region, name)) for name in SCORES}
            | {"pooled": _pooled(study, region)}
            for region in REGIONS
        },
        "lesions": {
            "cases": counted,
            "reference": len(lesions.reference),
            "predicted": len(lesions.predicted),
            "found": lesions.found,
            "missed": lesions.missed,
            "false": lesions.false,
            "false_per_case": lesions.false / counted if counted else None,
            "sensitivity": lesions.found / len(lesions.reference) if lesions.reference else None,
            "matching": _matching(lesions),
            "by_diameter": {
                size: {"found": found, "reference": there}
                for size, (found, there) in lesions.by_size().items()
            },
        },
        "agreement": {name: asdict(a) for name, a in study.agreement().items()},
    } | ({} if minutes is None else {"corrections": corrections(study, minutes)})


def _pooled(study: Study, region: str) -> dict[str, float | None]:
    voxels = study.pooled(region)
    return {
        "dice": voxels.dice,
        "sensitivity": voxels.sensitivity,
        "precision": voxels.precision,
    }


def _matching(lesions: Lesions) -> dict[str, float | None]:
    return {
        "iou": MATCH_IOU,
        "recall": lesions.recall,
        "precision": lesions.precision,
        "f1": lesions.f1,
        "panoptic_quality": lesions.panoptic_quality,
    }


def summary_json(study: Study, minutes: Mapping[str, float] | None = None) -> bytes:
    """The summary as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(summary(study, minutes)), indent=2) + b"\n"


def write(out: Path, study: Study, minutes: Mapping[str, float] | None = None) -> None:
    """Write ``cases.csv``, ``lesions.csv`` and ``summary.json`` to `out`.

    With `minutes` (of corrections, perhaps none) also ``corrections.csv``; where there are
    probabilities, also ``froc.csv``.

    Raises
    ------
    OutputError
        If they cannot be written, or a table there is another one of that name.
    """
    io.make_folder(out)
    require_own(out)
    made = {"cases.csv": (CASES, cases_csv(study)), "lesions.csv": (LESIONS, lesions_csv(study))}
    if minutes is not None:
        made["corrections.csv"] = (CORRECTIONS, corrections_csv(study, minutes))
    if study.froc:
        made["froc.csv"] = (FROC, froc_csv(study))
    for stale in (*STALE, "corrections.csv", "froc.csv"):
        # Ours by name, of an earlier evaluation: it would pass for a part of this one.
        (out / stale).unlink(missing_ok=True)
    for name, (_, text) in made.items():
        io.write_text(out / name, text)
    io.write_bytes(out / "summary.json", summary_json(study, minutes))


def require_own(out: Path) -> None:
    """Refuse a place for scores before they are computed.

    Raises
    ------
    OutputError
        If `out` is a file, or a table in it is another one of that name.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file.", "Choose a folder for the scores with -o.")
    for name, columns in OWN.items():
        table = out / name
        if table.is_file() and not _begins(table, ",".join(columns[:2])):
            raise OutputError(
                f"{table} is another table.", "Choose another folder for the scores with -o."
            )


def _begins(table: Path, columns: str) -> bool:
    with table.open("rb") as file:
        return file.read(len(columns)) == columns.encode()


def text(study: Study) -> str:
    """What a person wants to see at once: Dice of every case, the means, and the lesions."""
    cases = [case.case for case in study.cases]
    width = max(len(name) for name in [*cases, "median", "pooled"])
    lines = [f"{'Dice':<{width}}" + "".join(f"{region:>16}" for region in REGIONS)]
    for case in study.cases:
        cells = "".join(f"{_number(case[region].dice):>16}" for region in REGIONS)
        lines.append(f"{case.case:<{width}}{cells}")
    found = [study.summary(region, "dice") for region in REGIONS]
    lines.append(f"{'mean':<{width}}" + "".join(f"{mean_sd(s):>16}" for s in found))
    lines.append(f"{'median':<{width}}" + "".join(f"{_number(s.median):>16}" for s in found))
    pooled = "".join(f"{_number(study.pooled(region).dice):>16}" for region in REGIONS)
    lines.append(f"{'pooled':<{width}}{pooled}")
    lesions = study.lesions
    if study.with_lesions:
        lines.append(
            f"Lesions: {lesions.found} of {len(lesions.reference)} found, {lesions.missed} missed,"
            f" {lesions.false} false; F1 of one-to-one matching {_number(lesions.f1)}"
        )
    lines += [f"Without partner: {name}" for name in study.lonely.in_words]
    lines += [f"Not scored: {f.case}: {f.error.message}" for f in study.failures]
    drawn = [case["parenchyma"].reference_ml for case in study.cases]
    if drawn and not any(drawn) and None not in drawn and lesions.reference:
        lines.append(
            "No reference has parenchyma (1): if the liver was not drawn, say --reference-labels"
            " tumour=2."
        )
    return "\n".join([*lines, RULE, *([LESION_RULE] if study.with_lesions else [])])


def mean_sd(s: Summary, digits: int = 3) -> str:
    """Mean ± SD as the paper writes it; a dash where no case defines it."""
    if s.mean is None:
        return "-"
    spread = "" if s.sd is None else f" ± {s.sd:.{digits}f}"
    return f"{s.mean:.{digits}f}{spread}"


#: What :func:`mean_sd_n` adds.
COUNTED = "In brackets: how many cases define a score, where not all do."


def mean_sd_n(s: Summary) -> str:
    """The same with the number of cases in brackets, where some do not define it."""
    return mean_sd(s) + (f" ({s.defined})" if s.undefined and s.defined else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
