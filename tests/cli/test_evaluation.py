"""The verb evaluate, from its arguments to its files."""

import csv
import json
import re
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from hepatica import cli
from hepatica.core.errors import InputError, OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import read_labelmap, write_labelmap, write_volume

GRID = Geometry.from_spacing((16, 14, 12), (2.0, 2.0, 2.5))  # 0.01 ml a voxel


def liver(*lesions, shrunk=0):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2 : 14 - shrunk, 2:12, 2:10] = 1
    for place in lesions:
        labels[place] = 2
    return LabelMap(labels, GRID)


ONE, TWO = np.s_[4:6, 4:6, 4:6], np.s_[9:11, 8:10, 6:8]


@pytest.fixture
def folders(tmp_path):
    for n in range(1, 5):
        made = {
            "truth": liver(ONE, TWO),
            "good": liver(ONE, TWO, shrunk=n % 2),
            "poor": liver(ONE, shrunk=3 + n),
        }
        for name, labels in made.items():
            (tmp_path / name).mkdir(exist_ok=True)
            write_labelmap(tmp_path / name / f"p{n}_seg.nii.gz", labels)
    return tmp_path


def call(*words):
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, words)])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_methods_side_by_side_with_the_paper(folders):
    out = folders / "out"
    done = call(
        folders / "good", folders / "truth", "-o", out, "--method", f"poor={folders / 'poor'}",
        "--name", "good", "--published",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = {(r["method"], r["region"], r["score"]): r for r in rows(out / "methods.csv")}
    assert float(found["good", "tumour", "dice"]["mean"]) == 1
    assert float(found["poor", "tumour", "dice"]["mean"]) == pytest.approx(2 / 3, abs=1e-5)
    assert found["good", "liver", "dice"]["p"] == ""
    # Four differences of one sign: the smallest p that the test can give.
    assert float(found["poor", "liver", "dice"]["p"]) == pytest.approx(0.125)
    text = (out / "methods.md").read_text()
    assert "| good | poor | paper, test set #1 | paper, test set #2 |" in text
    assert "0.780 ± 0.119" in text
    assert "Wilcoxon" in text
    assert "Lesions: 8 of 8 found" in done.output
    detected = {r["method"]: r for r in rows(out / "methods_lesions.csv")}
    assert [detected[name]["found"] for name in ("good", "poor")] == ["8", "4"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "highresnet, full method" in page
    assert "Highest tumour Dice: p1" in page
    assert len(rows(out / "cases.csv")) == 12


def test_predictions_of_other_programs_say_what_their_labels_mean(folders):
    for path in (folders / "good").iterdir():
        theirs = read_labelmap(path)
        write_labelmap(path, LabelMap(np.array([0, 5, 6], np.uint8)[theirs.labels], GRID))
    out = folders / "out"
    done = call(folders / "good", folders / "truth", "-o", out)
    assert done.exit_code == 1
    done = call(
        folders / "good", folders / "truth", "-o", out, "--prediction-labels", "liver=5,tumour=6"
    )
    assert done.exit_code == 0, done.output
    assert "Lesions: 8 of 8 found" in done.output
    assert (out / "cases" / "highest_1.png").is_file()


def test_corrections_with_their_minutes(folders):
    minutes = folders / "minutes.csv"
    minutes.write_text("case,minutes\np1,10\np2,20\np3,30\n")
    out = folders / "out"
    done = call(folders / "poor", folders / "truth", "-o", out, "--corrections", minutes)
    assert done.exit_code == 0, done.output
    told = json.loads((out / "summary.json").read_text())["corrections"]
    assert told["minutes"]["mean"] == 20
    assert told["minutes"]["sd"] == 10
    assert (told["minutes"]["least"], told["minutes"]["most"]) == (10, 30)
    assert told["without_minutes"] == ["p4"]
    # Lesion TWO has eight voxels that had to be drawn.
    assert told["tumour_added_ml"]["mean"] == pytest.approx(0.08)
    assert told["share_by_third_of_the_liver"]["left"] == 0
    assert told["share_by_third_of_the_liver"]["right"] == pytest.approx(1280 / 1764)
    table = rows(out / "corrections.csv")
    assert [r["minutes"] for r in table] == ["10", "20", "30", ""]
    assert float(table[0]["liver_added_ml"]) == pytest.approx(4 * 80 * 0.01)


def test_probabilities_give_a_free_response_curve(folders):
    for n in range(1, 5):
        chance = np.zeros(GRID.shape, np.float32)
        chance[ONE], chance[TWO], chance[12, 3, 3] = 0.9, 0.3, 0.5
        path = folders / "good" / f"p{n}_tumour_probability.nii.gz"
        write_volume(path, Volume(chance, GRID))
    out = folders / "out"
    assert call(folders / "good", folders / "truth", "-o", out).exit_code == 0
    found = {r["threshold"]: r for r in rows(out / "froc.csv")}
    assert (found["0.1"]["sensitivity"], found["0.1"]["false_per_case"]) == ("1", "1")
    assert (found["0.6"]["sensitivity"], found["0.6"]["false_per_case"]) == ("0.5", "0")


def test_the_report_shows_figures_and_cases_over_their_images(folders):
    (folders / "images").mkdir()
    for n in (1, 2, 3):
        image = np.indices(GRID.shape).sum(axis=0).astype(np.float32)
        write_volume(folders / "images" / f"p{n}_t1ce.nii.gz", Volume(image, GRID))
    out = folders / "out"
    done = call(
        folders / "poor", folders / "truth", "-o", out, "--images", folders / "images",
        "--name", "poor", "--method", f"good={folders / 'good'}", "--published",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Without image: p4" in done.output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "poor: poor against truth" in page
    assert "paper, test set #1" in page
    assert "<script" not in page
    assert "http:" not in re.sub(r"data:image/png;base64,[^\"]*", "", page)
    assert page.count("data:image/png;base64,") == 4  # two best, two worst
    names = sorted(p.name for p in (out / "cases").iterdir())
    assert names == ["highest_1.png", "highest_2.png", "lowest_1.png", "lowest_2.png"]
    drawn = {p.name for p in (out / "figures").iterdir()}
    assert {"dice_by_case.png", "dice_by_case.svg", "lesions_confusion.png"} <= drawn
    assert "free_response.png" not in drawn


@pytest.mark.parametrize("workers", [1, 2])
def test_a_case_that_cannot_be_scored_is_named_and_the_others_go_on(folders, workers):
    (folders / "good" / "p2_seg.nii.gz").write_bytes(b"not an image")
    out = folders / "out"
    done = call(folders / "good", folders / "truth", "-o", out, "--workers", workers)
    assert done.exit_code == 3
    assert "Not scored: p2: p2_seg.nii.gz" in done.output
    told = json.loads((out / "summary.json").read_text())
    assert told["cases"] == 3
    assert list(told["failed"]) == ["p2"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "3 cases; 1 more could not be scored;" in page
    assert "Not scored: p2:" in page


def test_without_any_case_there_is_nothing_to_write(folders):
    for path in (folders / "good").iterdir():
        path.write_bytes(b"not an image")
    done = call(folders / "good", folders / "truth", "-o", folders / "out")
    assert done.exit_code == 1
    assert not (folders / "out").exists()


def test_a_place_that_is_taken_is_refused_before_anything_is_scored(folders, monkeypatch):
    monkeypatch.setattr("hepatica.evaluate.study.evaluate", None)
    (folders / "file").write_text("mine")
    done = call(folders / "good", folders / "truth", "-o", folders / "file")
    assert isinstance(done.exception, OutputError)
    (folders / "other").mkdir()
    (folders / "other" / "froc.csv").write_text("mine,too\n")
    done = call(folders / "good", folders / "truth", "-o", folders / "other")
    assert isinstance(done.exception, OutputError)


def test_minutes_of_no_case_are_named(folders):
    minutes = folders / "minutes.csv"
    minutes.write_text("case,minutes\np1,10\np02,20\n")
    out = folders / "out"
    done = call(folders / "poor", folders / "truth", "-o", out, "--corrections", minutes)
    assert "Minutes of no case: p02" in done.output


def test_nothing_of_an_earlier_evaluation_is_left(folders):
    out = folders / "out"
    poor = ("--method", f"poor={folders / 'poor'}")
    assert call(folders / "good", folders / "truth", "-o", out, *poor).exit_code == 0
    (out / "froc.csv").write_text("threshold,cases\n")
    (out / "cases" / "mine.png").write_bytes(b"mine")
    one = folders / "good" / "p1_seg.nii.gz", folders / "truth" / "p1_seg.nii.gz"
    assert call(*one, "-o", out).exit_code == 0
    assert not {"methods.md", "methods.csv", "froc.csv"} & {p.name for p in out.iterdir()}
    assert sorted(p.name for p in (out / "cases").iterdir()) == ["highest_1.png", "mine.png"]


def test_references_without_a_liver_are_not_taken_for_missed_ones_in_silence(folders):
    (folders / "alone").mkdir()
    labels = np.zeros(GRID.shape, np.uint8)
    labels[ONE] = 2
    write_labelmap(folders / "alone" / "p1.nii.gz", LabelMap(labels, GRID))
    done = call(folders / "good", folders / "alone", "-o", folders / "out")
    assert "No reference has parenchyma" in done.output
    assert (
        "No reference has"
        not in call(folders / "good", folders / "truth", "-o", folders / "o").output
    )


def test_without_matplotlib_there_are_tables_and_a_page_and_it_says_so(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = folders / "out"
    done = call(folders / "good", folders / "truth", "-o", out)
    assert done.exit_code == 0, done.output
    assert "No figures: The figures of a study need the package matplotlib" in done.output
    assert (out / "cases.csv").is_file()
    assert "Figures" not in (out / "report.html").read_text(encoding="utf-8")


def test_images_that_are_not_there_are_refused_before_anything_is_scored(folders):
    done = call(
        folders / "good", folders / "truth", "-o", folders / "out", "--images", folders / "x"
    )
    assert isinstance(done.exception, InputError)
    assert not (folders / "out").exists()


@pytest.mark.parametrize("wrong", ["poor", "=poor", "poor=", "ours=poor"])
def test_a_method_has_a_name_and_a_folder(folders, wrong):
    done = call(folders / "good", folders / "truth", "-o", folders / "out", "--method", wrong)
    assert done.exit_code == 2
    assert not (folders / "out").exists()


def test_minutes_that_are_no_table_are_refused_before_anything_is_scored(folders):
    done = call(
        folders / "good", folders / "truth", "-o", folders / "out", "--corrections", folders / "x"
    )
    assert isinstance(done.exception, InputError)
    assert not (folders / "out").exists()
