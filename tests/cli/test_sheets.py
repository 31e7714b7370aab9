"""`hepatica synth --sheet`: which pictures and which patients it makes."""

from __future__ import annotations

import pytest
from PIL import Image

from hepatica import gallery
from hepatica.results.sheet import size_px


@pytest.fixture
def blank(monkeypatch):
    """A gallery that takes no time; what it shows is tested in tests/test_gallery.py."""
    made = []

    def draw(seed, anatomies):
        made.append((seed, [a.name for a in anatomies]))
        return Image.new("RGB", (8, 8))

    monkeypatch.setattr(gallery, "gallery", draw)
    return made


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_sheet_alone_makes_no_patients_and_may_lie_beside_some(run, tmp_path, blank):
    code, text, err = run("synth", "--sheet", "-o", tmp_path, "--seed", 3)
    assert (code, err) == (0, "")
    assert text.strip() == str(tmp_path / "sheet.png")
    assert files(tmp_path) == ["sheet.png"]
    assert blank == [(3, [])]
    (tmp_path / "images").mkdir()
    assert run("synth", "--sheet", "-o", tmp_path)[0] == 0
    assert run("synth", "--sheet", "-o", tmp_path, "-n", 1)[0] == 1  # two cohorts would mix


def test_a_cohort_with_a_sheet_has_a_picture_of_its_patients(run, tmp_path, blank):
    code, text, _ = run("synth", "-n", 1, "--sheet", "-o", tmp_path)
    assert code == 0
    assert text.split()[1:] == [str(tmp_path / "sheet.png"), str(tmp_path / "patients.png")]
    assert files(tmp_path) == [
        "images/patient_0001.json",
        "images/patient_0001.nii.gz",
        "labels/patient_0001.nii.gz",
        "patients.csv",
        "patients.png",
        "sheet.png",
    ]
    with Image.open(tmp_path / "patients.png") as picture:
        assert picture.size == size_px(1, 2)


def test_a_sheet_that_cannot_be_written_is_a_sentence(run, tmp_path, blank):
    (tmp_path / "file").write_text("in the way")
    code, _, err = run("synth", "--sheet", "-o", tmp_path / "file")
    assert code == 1
    assert err.startswith("Error: ")
    assert "cannot be written" in err


def test_workers_are_at_least_one(run, tmp_path):
    assert run("synth", "-o", tmp_path, "--workers", 0)[0] == 2
