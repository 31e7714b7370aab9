"""A study on one page: tables as the paper prints them, figures, cases to look at.

One file without scripts that asks the network for nothing. It says what it counts and by which
rules, and it prints on A4.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from xml.etree import ElementTree

import hepatica
from hepatica.evaluate.figures import FIGURES, one_line, several
from hepatica.evaluate.scores import REGIONS, RULE, CaseScores
from hepatica.evaluate.statistics import Summary
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import LESION_RULE, mean_sd, summary
from hepatica.results.notice import RESEARCH_ONLY

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

STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:66rem;padding:1rem;background:#fff;color:#1a1a1a;
font:16px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.8rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid #bbb}
.lead{font-size:1.1rem}
.notice{border:1px solid #8a3b00;border-left-width:.5rem;padding:.4rem .7rem;font-weight:600}
.rule,figcaption,footer{color:#444;font-size:.9rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tbody th{font-weight:400;overflow-wrap:anywhere;white-space:normal;min-width:8rem}
tbody th[colspan]{font-weight:600;padding-top:.6rem}
thead th{border-bottom:2px solid #555;vertical-align:bottom;white-space:normal}
figure{margin:1rem 0}
figure svg,figure img{display:block;max-width:100%;height:auto}
nav a{margin-right:.8rem;white-space:nowrap}
@media (max-width:40rem){
th,td{padding:.2rem .35rem}
tbody th{min-width:6rem}
}
@page{size:A4;margin:15mm}
@media print{
body{max-width:none;padding:0;font-size:10pt}
nav{display:none}
.wide{overflow:visible}
table{font-size:7.5pt}
th,td{padding:.12rem .3rem}
thead{display:table-header-group}
tr,figure,.notice,table.short{break-inside:avoid}
h2{break-after:avoid}
figure svg{max-height:110mm}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""

_Row = Sequence[str]


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
        SVG by name; those of :func:`hepatica.evaluate.figures.draw` get its captions, others
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
        drawn = (_figure(n, *one) for n, one in enumerate(figures.items(), 1))
        sections.append(("Figures", "\n".join(drawn)))
    if pictures:
        sections.append(("Cases to look at", "\n".join(map(_picture, pictures.items()))))
    sections += [*extra, ("Cases", _cases(study)), ("Rules", _rules(study))]
    links = "\n".join(
        f'<a href="#s{n}">{_text(name)}</a>' for n, (name, _) in enumerate(sections, 1)
    )
    body = "\n".join(
        f'<section>\n<h2 id="s{n}">{_text(name)}</h2>\n{inner}\n</section>'
        for n, (name, inner) in enumerate(sections, 1)
    )
    notice = f'<p class="notice">{_text(RESEARCH_ONLY)}</p>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
{notice}
<p class="lead">{_text(headline(study))}</p>
</header>
<nav>
{links}
</nav>
<main>
{body}
</main>
<footer>
{notice}
<p>Made by Hepatica {_text(hepatica.__version__)}.</p>
</footer>
</body>
</html>
"""


def headline(study: Study) -> str:
    """The study in one sentence."""
    if not study.cases:
        return "No case was scored."
    parts = [several(len(study.cases), "case")]
    for region, name in (("liver", "the liver"), ("tumour", "the tumours")):
        s = study.summary(region, "dice")
        if s.mean is None:
            parts.append(f"Dice of {name} undefined in all")
        else:
            between = _interval(s, 3)
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
    rows: list[_Row] = []
    for region in REGIONS:
        found = [study.summary(region, name) for name in OVERLAPS]
        pooled = study.pooled(region)
        together = [_number(getattr(pooled, name), 3) for name in OVERLAPS]
        rows.append((SUBJECTS[region], *map(mean_sd, found), _defined(found[-1])))
        rows.append((f"{SUBJECTS[region]}, pooled voxels", *together, ""))
    head = ("Subject", *OVERLAPS.values(), "Cases")
    words = "Mean ± SD over cases, in the layout of the paper's Table 2; pooled voxels count all"
    return _table(head, rows) + _rule(f"{words} cases as if they were one. {RULE}")


def _distances(study: Study) -> str:
    rows: list[_Row] = []
    for region in REGIONS:
        rows.append((SUBJECTS[region],))
        for name, (words, digits) in DISTANCES.items():
            s = study.summary(region, name)
            numbers = (mean_sd(s, digits), _number(s.median, digits), _interval(s, digits))
            rows.append((words, *numbers, _defined(s)))
    head = ("", "Mean ± SD", "Median", "95 % interval of the mean", "Cases")
    words = "Volume error is prediction minus reference; intervals are bootstrapped over cases."
    return _table(head, rows) + _rule(words)


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
        ("False per case", _number(told["false_per_case"], 2)),
        ("Sensitivity: found of those in the references", _number(told["sensitivity"], 3)),
        ("Matched one to one: recall", _number(matching["recall"], 3)),
        ("Matched one to one: precision", _number(matching["precision"], 3)),
        ("Matched one to one: F1", _number(matching["f1"], 3)),
        ("Panoptic quality", _number(matching["panoptic_quality"], 3)),
    ]
    sizes = [
        (size, str(n["found"]), str(n["reference"])) for size, n in told["by_diameter"].items()
    ]
    return (
        _table(("Lesions", several(told["cases"], "case")), rows)
        + _table(("Longest axial diameter", "Found", "In the references"), sizes)
        + _rule(LESION_RULE)
    )


def _agreement(study: Study) -> str:
    found = study.agreement()
    rows = []
    for name, words in COMPARED.items():
        a = found[name]
        limits = "-" if a.low is None else f"{_number(a.low, 2)} to {_number(a.high, 2)}"
        rows.append((words, _number(a.bias, 2), limits, _number(a.icc, 3), str(a.cases)))
    head = ("", "Bias", "95 % limits of agreement", "ICC(2,1)", "Cases")
    words = (
        "Bias is the mean of prediction minus reference; the limits lie 1.96 SD on either side"
        " (Bland and Altman). ICC: two-way random effects, absolute agreement, one measurement."
    )
    return _table(head, rows) + _rule(words)


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
    return _table(head, map(_case, study.cases), "long") + _rule(f"{words} lesions.")


def _case(case: CaseScores) -> _Row:
    liver, tumour, lesions = case["liver"], case["tumour"], case.lesions
    return (
        one_line(case.case),
        *(_number(case[region].dice, 3) for region in REGIONS),
        _number(tumour.sensitivity, 3),
        _number(tumour.precision, 3),
        _number(liver.hd95_mm, 1),
        _number(tumour.hd95_mm, 1),
        *(f"{s.prediction_ml:.1f} ({_number(s.reference_ml, 1)})" for s in (liver, tumour)),
        "-" if lesions is None else f"{lesions.found} of {len(lesions.reference)}",
        "-" if lesions is None else str(lesions.false),
    )


def _rules(study: Study) -> str:
    lines = [RULE, LESION_RULE, "A dash is a score that is undefined."]
    if study.lonely:
        names = ", ".join(map(one_line, study.lonely))
        lines.append(f"Without partner, and so not scored: {names}.")
    else:
        lines.append("Every prediction had a reference, and every reference a prediction.")
    return "\n".join(f"<p>{_text(line)}</p>" for line in lines)


def _figure(number: int, name: str, svg: bytes) -> str:
    caption = FIGURES[name][1] if name in FIGURES else name.replace("_", " ")
    return (
        f"<figure>\n{_inline(svg, f'f{number}-', _text(caption))}\n"
        f"<figcaption>{_text(caption)}</figcaption>\n</figure>"
    )


def _inline(svg: bytes, prefix: str, label: str) -> str:
    """SVG as a part of a page: without namespaces, its ids its own there; `label` is HTML."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        given = dict(element.attrib)
        element.attrib.clear()
        for key, value in given.items():
            key = key.rpartition("}")[2]
            if key == "id":
                value = prefix + value
            elif key == "href" and value.startswith("#"):
                value = f"#{prefix}{value[1:]}"
            element.set(key, value.replace("url(#", f"url(#{prefix}"))
    inner = ElementTree.tostring(root, encoding="unicode", method="html")
    return inner.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _picture(one: tuple[str, bytes]) -> str:
    name, png = _text(one[0]), base64.b64encode(one[1]).decode("ascii")
    return (
        f'<figure>\n<img alt="{name}" src="data:image/png;base64,{png}">\n'
        f"<figcaption>{name}</figcaption>\n</figure>"
    )


def _table(head: _Row, rows: Iterable[_Row], kind: str = "short") -> str:
    """A table whose first column names the rows; a row of one cell is the title of the next."""
    columns = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    lines = []
    for name, *cells in rows:
        numbers = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
        first = f'scope="colgroup" colspan="{len(head)}"' if not cells else 'scope="row"'
        lines.append(f"<tr><th {first}>{_text(name)}</th>{numbers}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table class="{kind}">\n<thead>\n<tr>{columns}</tr>\n</thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )


def _rule(words: str) -> str:
    return f'<p class="rule">{_text(words)}</p>'


def _text(words: str) -> str:
    return escape(one_line(words, len(words)))


def _number(value: float | None, digits: int) -> str:
    # Adding 0 makes a negative zero positive.
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def _interval(s: Summary, digits: int) -> str:
    return "-" if s.low is None else f"{_number(s.low, digits)} to {_number(s.high, digits)}"


def _defined(s: Summary) -> str:
    return f"{s.defined} of {s.defined + s.undefined}"
