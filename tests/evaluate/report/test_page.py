"""The page of a study: valid, self-contained, and with the study's numbers on it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import hepatica
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate.lesions import CLASSES
from hepatica.evaluate.pairs import Lonely
from hepatica.evaluate.report import drawing, figures, page
from hepatica.evaluate.scores import RULE, score
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import LESION_RULE, mean_sd
from hepatica.results.notice import RESEARCH_ONLY

GRID = Geometry.from_spacing((12, 12, 12), 2)
LIVER, HALF = np.s_[1:11, 1:11, 1:11], np.s_[1:11, 1:11, 1:6]
SPOT, OTHER = np.s_[2:4, 2:4, 2:4], np.s_[7:9, 7:9, 7:9]
PNG = b"\x89PNG\r\n\x1a\n"
#: Elements that HTML closes by itself.
VOID = {"meta", "link", "img", "br", "hr", "input"}


def labels(liver, *tumours):
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[liver] = 1
    for tumour in tumours:
        voxels[tumour] = 2
    return LabelMap(voxels, GRID)


#: One of two lesions found; liver of half the size, no lesions at all; a false lesion.
FOUND = score("found", labels(LIVER, SPOT), labels(LIVER, SPOT, OTHER))
HEALTHY = score("healthy", labels(HALF), labels(LIVER))
FALSE = score("false", labels(LIVER, SPOT), labels(LIVER))
UNDRAWN = score("undrawn", labels(LIVER), labels(LIVER), ("liver",))
STUDY = Study((FALSE, FOUND, HEALTHY), Lonely(("alone",), ("left",)))

ODD = '<script>alert("1")</script>&amp;\n\udcff'
ODD_PLAIN = '<script>alert("1")</script>&amp;'


class Page(HTMLParser):
    """What a browser would make of it: elements, words, and rows of tables."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words, self.rows = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        raise AssertionError(f"<{tag}/> is no HTML")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def row(self, name, number=0):
        return [row[1:] for row in self.rows if row[0] == name][number]


@pytest.fixture(scope="module")
def drawn():
    return {name: svg for name, (_, svg) in figures.draw(STUDY).items()}


@pytest.fixture(scope="module")
def text(drawn):
    extra = [("Corrections & minutes", "<p>made <em>by us</em></p>")]
    return page.html(STUDY, "A < B", drawn, {"Highest: found": PNG}, extra)


@pytest.fixture(scope="module")
def made(text):
    return Page(text)


def test_it_is_one_document_that_every_reader_takes(text, made):
    assert text.startswith("<!DOCTYPE html>\n")
    assert [tag for tag, _ in made.elements[:3]] == ["html", "head", "meta"]
    assert made.all("html") == [{"lang": "en"}]
    assert made.all("meta")[0] == {"charset": "utf-8"}
    assert len(made.all("h1")) == len(made.all("title")) == 1
    assert all(a["scope"] in ("row", "col", "colgroup") for a in made.all("th"))
    assert all("alt" in a for a in made.all("img"))
    text.encode("utf-8")


def test_it_asks_the_network_for_nothing(text, made):
    assert "http" not in text.replace("http-equiv", "")
    assert "//" not in re.sub(r"base64,[^\"]*", "", text)
    assert not made.all("script")
    assert not made.all("link")
    assert "@import" not in text
    assert [a["src"][:22] for a in made.all("img")] == ["data:image/png;base64,"]
    for word in re.findall(r"url\((.*?)\)", text):
        assert word.startswith("#")


def test_ids_are_one_of_a_kind_and_what_is_referred_to_is_there(text, made, drawn):
    ids = [a["id"] for _, a in made.elements if "id" in a]
    assert len(ids) == len(set(ids)) > 100
    used = [a["href"] for _, a in made.elements if "href" in a]
    used += re.findall(r"url\((#.*?)\)", text)
    assert len(used) > 20
    assert {u[1:] for u in used} <= set(ids)
    # Each figure refers to its own marks.
    for n in range(1, len(drawn) + 1):
        svg = text.split("<svg")[n].split("</svg>")[0]
        own = re.findall(r"(?:url\(|href=\")#(.*?)-", svg)
        assert set(own) <= {f"f{n}"}
        assert own or "lesions_confusion" in list(drawn)[n - 1]


def test_the_headline_has_the_numbers(made):
    liver, tumour = STUDY.summary("liver", "dice"), STUDY.summary("tumour", "dice")
    assert (
        f"3 cases; 2 without partner; mean Dice of the liver {liver.mean:.3f} (95 % interval"
        f" {liver.low:.3f} to {liver.high:.3f}); mean Dice of the tumours {tumour.mean:.3f}"
        f" (95 % interval {tumour.low:.3f} to {tumour.high:.3f}); of 2 lesions 1 found, 1 missed,"
        " and 1 false."
    ) in made.text


def test_overlap_is_in_the_papers_layout(made):
    columns = [row for row in made.rows if row[0] == "Subject"]
    assert columns == [["Subject", "Sensitivity", "Precision", "Dice", "Cases"]]
    for region, name in page.SUBJECTS.items():
        means = []
        for one in ("sensitivity", "precision", "dice"):
            known = sum(v is not None for v in STUDY.values(region, one))
            n = "" if known == 3 else f" ({known})"
            means.append(mean_sd(STUDY.summary(region, one)) + n)
        assert made.row(name) == [*means, "3"]
        pooled = STUDY.pooled(region)
        together = (pooled.sensitivity, pooled.precision, pooled.dice)
        assert made.row(f"{name}, pooled voxels") == [*(f"{v:.3f}" for v in together), ""]
    assert made.row("Liver, whole")[2] == "0.889 ± 0.192"


def test_distances_stand_below_their_region(made):
    names = [row[0] for row in made.rows]
    for number, (region, subject) in enumerate(page.SUBJECTS.items()):
        s = STUDY.summary(region, "hd95_mm")
        between = "-" if s.low is None else f"{s.low:.2f} to {s.high:.2f}"
        expected = [mean_sd(s, 2), f"{s.median:.2f}", between, f"{s.defined} of 3"]
        assert made.row("95 % Hausdorff distance, mm", number) == expected
        last = len(names) - 1 - names[::-1].index(subject)
        assert names[last + 1] == "95 % Hausdorff distance, mm"
    error = STUDY.summary("liver", "volume_error_ml")
    assert made.row("Volume error, ml")[1] == f"{error.median:.1f}" == "0.0"


def test_lesions_are_counted_and_classed(made):
    counts = {"Found": 1, "Missed": 1, "False": 1, "In the references": 2}
    assert {name: made.row(name)[0] for name in counts} == {k: str(v) for k, v in counts.items()}
    assert made.row("False per case") == ["0.33"]
    assert made.row("Matched one to one: F1") == ["0.500"]
    assert made.row("Panoptic quality") == ["0.500"]
    assert [made.row(size) for size in CLASSES] == [["0", "0"], ["1", "2"], ["0", "0"], ["0", "0"]]


def test_agreement_has_bias_limits_and_icc(made):
    found = STUDY.agreement()["liver_ml"]
    assert made.row("Liver volume, ml") == [
        f"{found.bias:.2f}",
        f"{found.low:.2f} to {found.high:.2f}",
        f"{round(found.icc, 3) + 0.0:.3f}",
        "3",
    ]
    assert made.row("Lesions per case")[0] == "0.00"


def test_every_case_has_a_row(made):
    row = made.row("found")
    assert row[:3] == ["1.000", f"{FOUND['parenchyma'].dice:.3f}", "0.667"]
    assert row[-2:] == ["1 of 2", "0"]
    assert "8.0 (8.0)" in row
    healthy = made.row("healthy")
    assert healthy[2:5] == ["-", "-", "-"]
    assert healthy[-2:] == ["0 of 0", "0"]
    assert made.row("false")[-2:] == ["0 of 0", "1"]


def test_figures_are_on_the_page_as_text(made, drawn):
    assert len(made.all("svg")) == len(drawn)
    captions = [figures.FIGURES[name][1] for name in drawn]
    assert len(captions) == 5
    assert [a["aria-label"] for a in made.all("svg")] == captions
    for words in ("found of 2", "missed of 2", "1/2", "tumour undefined in 1 of 3"):
        assert words in made.text


def test_pictures_sections_rules_and_the_lonely_are_there(text, made):
    assert made.all("img")[0]["alt"] == "Highest: found"
    assert "<p>made <em>by us</em></p>" in text
    titles = ("Overlap", "Lesions", "Corrections & minutes", "Cases to look at", "A < B")
    assert all(title in made.text for title in titles)
    assert made.text.count(RULE) == made.text.count(LESION_RULE) == 2
    assert (
        "Without partner, and so not scored: alone (prediction only), left (reference only)."
        in made.text
    )
    assert f"Made by Hepatica {hepatica.__version__}." in made.text


def test_the_notice_is_at_the_top_and_at_the_bottom(text):
    notice = f'<p class="notice">{RESEARCH_ONLY}</p>'
    assert text.index(notice) < text.index("<nav>")
    assert text.rindex(notice) > text.index("<footer>")


def test_it_prints_and_fits_a_phone(text):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@page{size:A4" in text
    assert "break-inside:avoid" in text
    assert text.count('<div class="wide"><table') == text.count("<table")


def test_names_stay_names(drawn):
    case = replace(FOUND, case=ODD)
    study = Study((case,), Lonely((ODD,)))
    svg = {ODD: drawing.save(figures.dice_by_case(study))[1]}
    text = page.html(study, ODD, svg, {ODD: PNG}, [(ODD, "")])
    made = Page(text)
    text.encode("utf-8")
    assert "<script" not in text
    assert not made.all("script")
    assert made.row(ODD_PLAIN)[-1] == "0"
    assert made.all("img")[0]["alt"] == ODD_PLAIN
    # Title twice, a link and its section, two captions, the case, and the lonely one; the tick
    # of the figure is cut short.
    assert made.text.count('alert("1")') == 8


@pytest.mark.parametrize(
    ("study", "words"),
    [
        (Study(()), "No case was scored."),
        (Study((FOUND,)), "1 case; mean Dice of the liver 1.000; mean Dice of the tumours 0.667;"),
        (Study((UNDRAWN,)), "No reference has lesions drawn."),
        (Study((HEALTHY,)), "Dice of the tumours undefined in all; of 0 lesions 0 found"),
    ],
)
def test_whatever_the_study_there_is_a_page(study, words):
    svg = {name: one for name, (_, one) in figures.draw(study).items()}
    made = Page(page.html(study, "Study", svg, {}))
    assert words in made.text
    assert "None" not in made.text
    assert "nan" not in made.text.split()
    assert "Every prediction had a reference" in made.text


def test_without_figures_there_are_no_empty_sections():
    made = Page(page.html(STUDY, "Study", {}, {}))
    assert "Figures" not in made.text
    assert "Cases to look at" not in made.text


def test_the_same_study_gives_the_same_page(text, drawn):
    extra = [("Corrections & minutes", "<p>made <em>by us</em></p>")]
    assert page.html(STUDY, "A < B", drawn, {"Highest: found": PNG}, extra) == text
