"""Sections of several methods and of corrections: the numbers that they show."""

import numpy as np

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate import methods
from hepatica.evaluate.report import sections
from hepatica.evaluate.scores import score
from hepatica.evaluate.study import Study
from tests.evaluate.report.test_page import Page

GRID = Geometry.from_spacing((12, 12, 12), 10)  # 1 ml a voxel
LIVER, LESION = np.s_[2:11, 2:11, 2:11], np.s_[3:5, 3:5, 3:5]


def labels(liver, *lesions):
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[liver] = 1
    for lesion in lesions:
        voxels[lesion] = 2
    return LabelMap(voxels, GRID)


TRUE = labels(LIVER, LESION)
GOOD = Study(tuple(score(name, TRUE, TRUE) for name in "ab"))
POOR = Study(tuple(score(name, labels(LIVER), TRUE) for name in "ab"))


def rows_of(html):
    return {row[0]: row[1:] for row in Page(html).rows if len(row) > 1}


def test_methods_are_in_the_layout_of_the_papers_first_table():
    compared = methods.compare({"good": GOOD, "<poor>": POOR})
    lesions = methods.detection({"good": GOOD, "<poor>": POOR})
    html = sections.compared(compared, lesions, ["c"], published=True)
    assert "<poor>" not in html
    made = Page(html)
    names = [row[0] for row in made.rows]
    assert names.index("good") < names.index("<poor>") < names.index("paper, test set #1")
    at = made.rows[names.index("<poor>") + 1 :][:3]
    assert at[0][:4] == ["Liver, whole", "1.000 ± 0.000", "1.000 ± 0.000", "1.000 ± 0.000"]
    # Nothing was predicted: no precision, nothing found.
    assert at[2][:4] == ["Tumours", "0.000 ± 0.000", "-", "0.000 ± 0.000"]
    assert at[2][4].startswith("Holm p = ")
    first = made.rows[names.index("good") + 1]
    assert first[4] == "-"
    paper = made.rows[names.index("paper, test set #1") + 2]
    assert paper[:4] == ["Tumours", "0.832 ± 0.163", "0.699 ± 0.124", "0.780 ± 0.119"]
    assert "Not with all methods: c." in made.text
    # One lesion of 20 mm and more in each of two cases; "poor" sees none.
    found = {row[0]: row[1:] for row in made.rows[names.index("Lesions") :] if len(row) == 9}
    assert found["good"] == ["2 of 2", "0", "0 (0.00 a case)", "1.000", *["0 of 0"] * 3, "2 of 2"]
    assert found["<poor>"][:4] == ["0 of 2", "2", "0 (0.00 a case)", "0.000"]
    table_1 = next(row for row in made.rows if row[0] == "highresnet, full method")
    assert table_1[-1] == "0.626 ± 0.134"
    without = Page(sections.compared(compared, lesions, [], published=False)).text
    assert "paper, test set" not in without
    assert "Not with all" not in without


def test_corrections_have_minutes_and_what_was_changed_where():
    made = rows_of(sections.corrected(POOR, {"a": 10.0, "b": 20.0}))
    assert made["Minutes a case"] == ["15.0 ± 7.1", "10.00 to 20.00", "2"]
    assert made["Tumour added, ml"] == ["8.00 ± 0.00", "8.00 to 8.00", "2"]
    assert made["Liver removed, ml"] == ["0.00 ± 0.00", "0.00 to 0.00", "2"]
    # The lesion lies within the first third of the liver on every axis; RAS+ from the left.
    assert [made[third] for third in ("left", "back", "lower")] == [["100%"]] * 3
    assert made["right"] == ["0%"]


def test_corrections_without_minutes_or_changes_say_so():
    text = sections.corrected(GOOD, {"a": 10.0})
    assert rows_of(text)["Minutes a case"] == ["10.0", "10.00 to 10.00", "1"]
    assert "Without minutes: b." in text
    assert "left" not in rows_of(text)
    assert rows_of(sections.corrected(GOOD, {}))["Minutes a case"] == ["-", "-", "0"]
