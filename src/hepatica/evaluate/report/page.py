"""A study on one page: tables as the paper prints them, figures, cases to look at.

One file without scripts that asks the network for nothing. It says what it counts and by which
rules, and it prints on A4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hepatica.evaluate.report.figures import FIGURES
from hepatica.evaluate.report.html import Row, document, figure, picture, rule, table, text
from hepatica.evaluate.report.words import interval, number, one_line, several
from hepatica.evaluate.scores import REGIONS, RULE, CaseScores
from hepatica.evaluate.statistics import Summary
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import COUNTED, LESION_RULE, mean_sd, mean_sd_n, summary

#: Regions by the names that the paper's tables have for them.
SUBJECTS = {"liver": "Liver, whole", "parenchyma": "Liver parenchyma", "tumour": "Tumours"}
#: The paper's Table 2, and what else is measured, each with its digits after the point.
OVERLAPS = {"sensitivity": "Sensitivity", "precision": "Precision", "dice": "Dice"}
DISTANCES = {
    "hd95_mm": ("95 % Hausdorff distance, mm", 2),
    "assd_mm": ("Average surface distance, mm", 2),
    "surface_dice_2mm": ("Surface Dice at 2 mm", 3),
    "volume_error_ml": ("Volume error, ml", 1),
}
COMPARED = {
    "tumour_ml": "Tumour volume, ml",
    "liver_ml": "Liver volume, ml",
    "lesion_count": "Lesions per case",
}


def html(
    study: Study,
    title: str,
    figures: Mapping[str, bytes],
    pictures: Mapping[str, bytes],
    extra: Sequence[tuple[str, str]] = (),
) -> str:
    """The page; the same study and pictures give the same text.

    Parameters
    ----------
    title
        What was evaluated.
    figures
        SVG by name; those of :func:`hepatica.evaluate.report.figures.draw` get its captions, others
        their name.
    pictures
        PNG of cases by what they are, such as ``"Highest Dice: patient 7"``.
    extra
        Further sections before the rules: a title, which is escaped, and HTML, which is not.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If a figure is not SVG.
    """
    sections = [
        ("Overlap", _overlap(study)),
        ("Distances and volumes", _distances(study)),
        ("Lesions", _lesions(study)),
        ("Agreement", _agreement(study)),
    ]
    if figures:
        drawn = (
            figure(n, FIGURES[name][1] if name in FIGURES else name.replace("_", " "), svg)
            for n, (name, svg) in enumerate(figures.items(), 1)
        )
        sections.append(("Figures", "\n".join(drawn)))
    if pictures:
        sections.append(("Cases to look at", "\n".join(picture(*one) for one in pictures.items())))
    sections += [*extra, ("Cases", _cases(study)), ("Rules", _rules(study))]
    return document(title, headline(study), sections)


def headline(study: Study) -> str:
    """The study in one sentence."""
    if not study.cases:
        return "No case was scored."
    parts = [several(len(study.cases), "case")]
    if study.failures:
        parts.append(f"{len(study.failures)} more could not be scored")
    if study.lonely:
        parts.append(f"{len(study.lonely)} without partner")
    for region, name in (("liver", "the liver"), ("tumour", "the tumours")):
        s = study.summary(region, "dice")
        if s.mean is None:
            parts.append(f"Dice of {name} undefined in all")
        else:
            between = interval(s, 3)
            within = f" (95 % interval {between})" if between != "-" else ""
            parts.append(f"mean Dice of {name} {s.mean:.3f}{within}")
    if not study.with_lesions:
        parts.append("lesions are not drawn in the references")
    else:
        x = study.lesions
        there = several(len(x.reference), "lesion")
        parts.append(f"of {there} {x.found} found, {x.missed} missed, and {x.false} false")
    return "; ".join(parts) + "."


def _overlap(study: Study) -> str:
    rows: list[Row] = []
    for region in REGIONS:
        found = [study.summary(region, name) for name in OVERLAPS]
        pooled = study.pooled(region)
        together = [number(getattr(pooled, name), 3) for name in OVERLAPS]
        rows.append((SUBJECTS[region], *map(mean_sd_n, found), str(len(study.cases))))
        rows.append((f"{SUBJECTS[region]}, pooled voxels", *together, ""))
    head = ("Subject", *OVERLAPS.values(), "Cases")
    words = "Mean ± SD over cases, in the layout of the paper's Table 2; pooled voxels count all"
    return table(head, rows) + rule(f"{words} cases as if they were one. {COUNTED} {RULE}")


def _distances(study: Study) -> str:
    rows: list[Row] = []
    for region in REGIONS:
        rows.append((SUBJECTS[region],))
        for name, (words, digits) in DISTANCES.items():
            s = study.summary(region, name)
            numbers = (mean_sd(s, digits), number(s.median, digits), interval(s, digits))
            rows.append((words, *numbers, _defined(s)))
    head = ("", "Mean ± SD", "Median", "95 % interval of the mean", "Cases")
    words = "Volume error is prediction minus reference; intervals are bootstrapped over cases."
    return table(head, rows) + rule(words)


def _lesions(study: Study) -> str:
    told: dict[str, Any] = summary(study)["lesions"]
    if not told["cases"]:
        return "<p>No reference has lesions drawn.</p>"
    matching = told["matching"]
    rows = [
        ("In the references", str(told["reference"])),
        ("Found", str(told["found"])),
        ("Missed", str(told["missed"])),
        ("False", str(told["false"])),
        ("False per case", number(told["false_per_case"], 2)),
        ("Sensitivity: found of those in the references", number(told["sensitivity"], 3)),
        ("Matched one to one: recall", number(matching["recall"], 3)),
        ("Matched one to one: precision", number(matching["precision"], 3)),
        ("Matched one to one: F1", number(matching["f1"], 3)),
        ("Panoptic quality", number(matching["panoptic_quality"], 3)),
    ]
    sizes = [
        (size, str(n["found"]), str(n["reference"])) for size, n in told["by_diameter"].items()
    ]
    return (
        table(("Lesions", several(told["cases"], "case")), rows)
        + table(("Longest axial diameter", "Found", "In the references"), sizes)
        + rule(LESION_RULE)
    )


def _agreement(study: Study) -> str:
    found = study.agreement()
    rows = []
    for name, words in COMPARED.items():
        a = found[name]
        limits = "-" if a.low is None else f"{number(a.low, 2)} to {number(a.high, 2)}"
        rows.append((words, number(a.bias, 2), limits, number(a.icc, 3), str(a.cases)))
    head = ("", "Bias", "95 % limits of agreement", "ICC(2,1)", "Cases")
    words = (
        "Bias is the mean of prediction minus reference; the limits lie 1.96 SD on either side"
        " (Bland and Altman). ICC: two-way random effects, absolute agreement, one measurement."
    )
    return table(head, rows) + rule(words)


def _cases(study: Study) -> str:
    head = (
        "Case",
        *(f"Dice {region}" for region in REGIONS),
        "Sens. tumour",
        "Prec. tumour",
        "HD95 liver, mm",
        "HD95 tumour, mm",
        "Liver, ml",
        "Tumour, ml",
        "Found",
        "False",
    )
    if not study.cases:
        return "<p>No case was scored.</p>"
    words = "Volumes are of the prediction, and in brackets of the reference; found and false are"
    return table(head, map(_case, study.cases), "long") + rule(f"{words} lesions.")


def _case(case: CaseScores) -> Row:
    liver, tumour, lesions = case["liver"], case["tumour"], case.lesions
    return (
        one_line(case.case),
        *(number(case[region].dice, 3) for region in REGIONS),
        number(tumour.sensitivity, 3),
        number(tumour.precision, 3),
        number(liver.hd95_mm, 1),
        number(tumour.hd95_mm, 1),
        *(f"{s.prediction_ml:.1f} ({number(s.reference_ml, 1)})" for s in (liver, tumour)),
        "-" if lesions is None else f"{lesions.found} of {len(lesions.reference)}",
        "-" if lesions is None else str(lesions.false),
    )


def _rules(study: Study) -> str:
    lines = [RULE, LESION_RULE, "A dash is a score that is undefined."]
    if study.lonely:
        names = ", ".join(map(one_line, study.lonely.in_words))
        lines.append(f"Without partner, and so not scored: {names}.")
    else:
        lines.append("Every prediction had a reference, and every reference a prediction.")
    lines += [f"Not scored: {one_line(f.case)}: {f.error.message}" for f in study.failures]
    return "\n".join(f"<p>{text(line)}</p>" for line in lines)


def _defined(s: Summary) -> str:
    return f"{s.defined} of {s.defined + s.undefined}"
