"""The figures of a study: what they show, read from their artists and from the SVG's text."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from hepatica.core.errors import ResourceError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate.report import agreement, drawing, figures, words
from hepatica.evaluate.scores import score
from hepatica.evaluate.study import Study
from hepatica.results.notice import RESEARCH_ONLY

GRID = Geometry.from_spacing((12, 12, 12), 2)
LIVER, HALF = np.s_[1:11, 1:11, 1:11], np.s_[1:11, 1:11, 1:6]
SPOT, OTHER = np.s_[2:4, 2:4, 2:4], np.s_[7:9, 7:9, 7:9]


def labels(liver=(), *tumours):
    voxels = np.zeros(GRID.shape, np.uint8)
    if liver:
        voxels[liver] = 1
    for tumour in tumours:
        voxels[tumour] = 2
    return LabelMap(voxels, GRID)


#: One of two lesions found; liver of half the size, no lesions at all; a false lesion.
FOUND = score("found", labels(LIVER, SPOT), labels(LIVER, SPOT, OTHER))
HEALTHY = score("healthy", labels(HALF), labels(LIVER))
FALSE = score("false", labels(LIVER, SPOT), labels(LIVER))
UNDRAWN = score("undrawn", labels(LIVER), labels(LIVER), ("liver",))
NOTHING = score("nothing", labels(), labels())
STUDY = Study((FALSE, FOUND, HEALTHY))

STUDIES = {
    "empty": Study(()),
    "single": Study((FOUND,)),
    "healthy": Study((HEALTHY, replace(HEALTHY, case="too"))),
    "undrawn": Study((UNDRAWN,)),
    "nothing": Study((NOTHING, replace(NOTHING, case="too"))),
    "alike": Study((FOUND, replace(FOUND, case="too"))),
}


def many(n):
    return Study(tuple(replace(STUDY.cases[i % 3], case=f"cohort_site_{i:04d}") for i in range(n)))


def texts(svg):
    root = ElementTree.fromstring(svg)
    return [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]


def svg_texts(name, study):
    make, _ = figures.FIGURES[name]
    return texts(drawing.save(make(study))[1])


def test_dice_is_where_it_belongs_and_what_is_undefined_is_hollow_below_the_scale():
    (axes,) = figures.dice_by_case(STUDY).axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["found", "false", "healthy"]
    marks = {c.get_label(): c for c in axes.collections if not c.get_label().startswith("_")}
    liver, tumour, undefined = marks.values()
    np.testing.assert_allclose(liver.get_offsets(), [(1, 1), (2, 1), (3, 2 / 3)])
    np.testing.assert_allclose(tumour.get_offsets(), [(1, 2 / 3), (2, 0)])
    np.testing.assert_allclose(undefined.get_offsets(), [(3, figures.UNDEFINED_AT)])
    assert axes.get_ylim()[0] < figures.UNDEFINED_AT < 0
    assert min(axes.get_yticks()) == 0
    assert undefined.get_facecolor()[0, :3].tolist() == [1, 1, 1]
    assert tumour.get_facecolor()[0, :3].tolist() != [1, 1, 1]
    assert list(marks) == [
        "liver, mean 0.889 ± 0.192",
        "tumour, mean 0.333 ± 0.471",
        "tumour undefined in 1 of 3",
    ]


def test_the_legend_is_on_the_picture():
    shown = svg_texts("dice_by_case", STUDY)
    assert {"tumour undefined in 1 of 3", "found", "healthy", RESEARCH_ONLY} <= set(shown)
    assert not any("undefined" in t for t in svg_texts("dice_by_case", STUDIES["single"]))


@pytest.mark.parametrize("n", [12, 13, 80])
def test_names_do_not_run_into_each_other(n):
    figure = figures.dice_by_case(many(n))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = sorted((t.get_window_extent() for t in axes.get_xticklabels()), key=lambda b: b.x0)
    assert len(boxes) == n
    assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))
    assert boxes[0].y0 > 0
    assert boxes[-1].x1 <= figure.bbox.x1


def test_too_many_names_are_left_to_the_table():
    shown = svg_texts("dice_by_case", many(200))
    assert "Dice of 200 cases, highest of the tumours first" in shown
    assert any("in the table" in t for t in shown)
    assert not any("cohort" in t for t in shown)


def test_lesions_are_found_missed_or_false_and_the_fourth_cell_is_a_dash():
    shown = svg_texts("lesions_confusion", STUDY)
    for number, told in (("1", "found of 2"), ("1", "missed of 2"), ("1", "false in 3 cases")):
        assert shown[shown.index(told) - 1] == number
    assert shown[shown.index("cannot be counted") - 1] == "–"
    (axes,) = figures.confusion(STUDY).axes
    places = {t.get_text(): t.get_position() for t in axes.texts}
    # Rows are the reference, columns the prediction; the first of each is a lesion.
    assert places["found of 2"][0] < 1 < places["missed of 2"][0]
    assert places["found of 2"][1] < 1 < places["false in 3 cases"][1]


def test_sensitivity_has_counts_and_wilsons_interval():
    (axes,) = figures.sensitivity_by_size(STUDY).axes
    assert [t.get_text() for t in axes.texts] == ["0/0", "1/2", "0/0", "0/0", "1/2"]
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.5]
    bottom, top = axes.collections[0].get_segments()[0][:, 1]
    # By hand, of one in two: 1/2 ± z / 2 / sqrt(2 + z²).
    half = 1.959964 / 2 / math.sqrt(2 + 1.959964**2)
    assert (bottom, top) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_bias_and_limits_are_those_of_the_study():
    panels = agreement.agreement(STUDY).axes
    for axes, name in zip(panels, ("tumour_ml", "liver_ml", "lesion_count"), strict=True):
        found = STUDY.agreement()[name]
        heights = [line.get_ydata()[0] for line in axes.lines]
        np.testing.assert_allclose(heights[:3], [found.bias, found.low, found.high])
    counts = panels[2].collections[0]
    np.testing.assert_allclose(counts.get_offsets(), [(0, 0), (0.5, 1), (1.5, -1)])
    assert "bias +0 lesions\nlimits −1.96 to +1.96 lesions" in panels[2].get_title(loc="left")
    assert "ml" in panels[0].get_xlabel()


def test_cases_on_one_point_make_a_larger_mark():
    both, one = (
        agreement.agreement(STUDIES[k]).axes[2].collections[0] for k in ("alike", "single")
    )
    assert both.get_sizes()[0] == 2 * one.get_sizes()[0]


def test_every_case_is_a_point_of_the_distributions():
    panels = agreement.distributions(STUDY).axes
    assert [t.get_text() for t in panels[0].get_xticklabels()] == [
        "liver\nn = 3",
        "parenchyma\nn = 3",
        "tumour\nn = 2",
    ]
    for axes, score_ in zip(panels, ("dice", "surface_dice_2mm", "hd95_mm"), strict=True):
        for points, region in zip(axes.collections, ("liver", "parenchyma", "tumour"), strict=True):
            known = [v for v in STUDY.values(region, score_) if v is not None]
            assert points.get_offsets()[:, 1].tolist() == known
    assert not panels[0].lines  # three cases make no box
    assert agreement.distributions(many(6)).axes[0].lines


@pytest.mark.parametrize("name", figures.FIGURES)
@pytest.mark.parametrize("study", STUDIES)
def test_whatever_the_study_there_is_a_figure(study, name):
    make, _ = figures.FIGURES[name]
    png, svg = drawing.save(make(STUDIES[study]))
    assert np.asarray(Image.open(BytesIO(png)).convert("L")).min() < 100
    assert RESEARCH_ONLY in texts(svg)
    assert len(texts(svg)) > 1


@pytest.mark.parametrize(
    ("study", "name", "words"),
    [
        ("empty", "dice_by_case", "No case was scored."),
        ("empty", "distributions", "No case was scored."),
        ("undrawn", "lesions_confusion", "No reference has lesions drawn."),
        ("undrawn", "agreement", "No reference has them drawn."),
        ("healthy", "sensitivity_by_size", "No reference has a lesion: there is no sensitivity."),
        ("healthy", "lesions_confusion", "Lesions: none at all"),
        ("nothing", "distributions", "Undefined in every case."),
        ("nothing", "dice_by_case", "liver undefined in 2 of 2"),
        ("single", "agreement", "limits need two cases"),
    ],
)
def test_what_cannot_be_shown_is_said(study, name, words):
    assert any(words in t for t in svg_texts(name, STUDIES[study]))


def test_the_same_study_gives_the_same_bytes_with_no_date_and_no_address():
    one, again = figures.draw(STUDY), figures.draw(STUDY)
    assert one == again
    assert list(one) == [name for name in figures.FIGURES if name != "free_response"]
    for _, svg in one.values():
        assert b"date" not in svg
        assert b"matplotlib.org" not in svg
        assert b"<metadata" not in svg


def test_names_are_no_formulas_and_no_markup():
    odd = ("a$b$c", "<script>&", "患者", "x\udcff\ny", "n" * 60)
    study = Study(tuple(replace(FOUND, case=name) for name in odd))
    png, svg = drawing.save(figures.dice_by_case(study))
    assert {"a$b$c", "<script>&", "患者", "x y"} <= set(texts(svg))
    assert b"<script" not in svg
    assert png.startswith(b"\x89PNG")


def test_one_line_keeps_both_ends():
    assert words.one_line("cohort_of_ten_patient_07", 20) == "cohort…en_patient_07"
    assert len(words.one_line("cohort_of_ten_patient_07", 20)) == 20
    assert words.one_line("  a\r\n b\t") == "a b"


def test_the_settings_of_others_stay():
    before = dict(matplotlib.rcParams)
    figures.draw(STUDIES["single"])
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ResourceError, match="matplotlib") as caught:
        figures.draw(STUDY)
    assert "study" in caught.value.hint


def test_free_response_has_a_point_for_each_threshold_and_none_without_probabilities():
    chance = np.zeros(GRID.shape, np.float32)
    chance[SPOT], chance[OTHER], chance[5, 5, 5] = 0.82, 0.42, 0.62
    case = score("case", labels(LIVER), labels(LIVER, SPOT, OTHER), probability=chance)
    study = Study((case,))
    line = figures.free_response(study).axes[0].lines[0]
    points = list(zip(*line.get_data(), strict=True))
    assert points == [(1, 1)] * 8 + [(1, 0.5)] * 4 + [(0, 0.5)] * 4 + [(0, 0)] * 3
    assert "free_response" in figures.draw(study)
    assert "free_response" not in figures.draw(STUDY)
    assert "No probabilities" in figures.free_response(STUDY).axes[0].texts[0].get_text()
