"""hepatica mesh, report and compare-timepoints, from label map to files."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from functools import cached_property

import nibabel as nib
import numpy as np
import pytest
import trimesh

from hepatica import io
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.model import Part
from hepatica.results.soundness import Soundness
from tests.phantom import phantom

GRID = Geometry.from_spacing((44, 38, 30), (4.0, 4.0, 4.5), (40, 10, 0))


@pytest.fixture
def files(tmp_path):
    """Image and label map of a case, as they lie in its folder."""
    volume, labels = phantom(GRID)
    (tmp_path / "p1").mkdir()
    io.write_volume(tmp_path / "p1.nii.gz", volume)
    io.write_labelmap(tmp_path / "p1" / "p1_seg.nii.gz", labels)
    return tmp_path / "p1.nii.gz", tmp_path / "p1" / "p1_seg.nii.gz"


def test_mesh_writes_surfaces_in_id_order_and_says_how_good_they_are(run, files, tmp_path):
    out = tmp_path / "model"
    code, text, err = run("mesh", files[1], "-o", out, "--margins", "5", "--export", "stl,glb")
    assert (code, err) == (0, "")
    assert "Research use only" in text
    assert "Lesion 1: 1" in text
    assert {p.name for p in out.iterdir()} == {
        "liver.stl",
        "lesion_01.stl",
        "lesion_02.stl",
        "lesion_01_margin_05mm.stl",
        "lesion_02_margin_05mm.stl",
        "model.glb",
        "meshes.csv",
    }
    rows = list(csv.DictReader((out / "meshes.csv").read_text().splitlines()))
    assert len(rows) == 10
    assert all(r["closed"] == r["oriented"] == r["manifold"] == "true" for r in rows)
    labels = io.read_labelmap(files[1])
    mesh = trimesh.load(out / "liver.stl")
    expected = np.count_nonzero(labels.labels) * labels.geometry.voxel_ml
    assert mesh.volume / 1000 == pytest.approx(expected, rel=0.01)


def test_mesh_for_viewers_and_printers(run, files, tmp_path):
    out = tmp_path / "model"
    code, _, err = run(
        "mesh", files[1], "-o", out, "--export", "scene,seg-nrrd", "--image", files[0]
    )
    assert (code, err) == (0, "")
    assert {"scene", "p1.seg.nrrd", "meshes.csv"} == {p.name for p in out.iterdir()}
    assert (out / "scene" / "image.nii.gz").is_file()
    code, text, _ = run("mesh", files[1], "-o", out, "--printable", "hollow", "--overwrite", "-q")
    assert (code, text) == (0, "")
    names = {p.name for p in out.iterdir()}
    assert {"print_liver_front.stl", "print_liver_back.stl", "print_lesion_01.stl"} <= names
    assert "scene" not in names


def test_what_mesh_refuses(run, files, tmp_path):
    image, labels = files
    out = tmp_path / "model"
    assert run("mesh", labels, "-o", out, "--export", "vtk")[0] == 2
    assert run("mesh", labels, "-o", out, "--margins", "5;10")[0] == 2
    assert run("mesh", labels, "-o", out, "--margins", "-5")[0] == 2
    assert run("mesh", labels, "-o", out, "--printable", "hard")[0] == 2
    assert run("mesh", labels, "-o", out, "--printable", "hollow", "--wall", "0.1")[0] == 2
    code, _, err = run("mesh", image, "-o", out)
    assert code == 1
    assert "p1.nii.gz" in err
    code, _, err = run("mesh", labels, "-o", labels.parent)
    assert code == 1
    assert "holds the input itself" in err
    assert not out.exists()
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    code, _, err = run("mesh", labels, "-o", out, "--overwrite")
    assert code == 1
    assert "not a result of this command" in err
    assert (out / "thesis.txt").read_text() == "years of work"
    organs = LabelMap(np.full(GRID.shape, 7, np.uint8), GRID)
    io.write_labelmap(tmp_path / "organs.nii.gz", organs)
    code, _, err = run("mesh", tmp_path / "organs.nii.gz", "-o", tmp_path / "x")
    assert code == 1
    assert "label 7" in err


def test_files_of_others_in_a_result_are_never_lost(run, files, tmp_path):
    _, labels = files
    results = {
        "model": ("mesh", labels, "--export", "scene,stl,seg-nrrd", "--margins", "7.5"),
        "report": ("report", labels),
        "changes": ("compare-timepoints", labels, labels),
    }
    for name, command in results.items():
        out = tmp_path / name
        assert run(*command, "-o", out, "-q")[0] == 0
        code, _, err = run(*command, "-o", out, "-q")
        assert code == 1
        assert "Use --overwrite to replace it" in err
        assert run(*command, "-o", out, "-q", "--overwrite")[0] == 0
        deep = out / "scene" if name == "model" else out
        (deep / "edited.seg.nrrd").write_text("an afternoon's work")
        code, _, err = run(*command, "-o", out, "--overwrite")
        assert code == 1
        assert "edited.seg.nrrd, which is no part" in err
        assert (deep / "edited.seg.nrrd").read_text() == "an afternoon's work"


def test_a_report_does_not_replace_the_case_it_is_of(run, files, tmp_path):
    _, labels = files
    case = tmp_path / "p2"
    case.mkdir()
    (case / "report.json").write_text("{}")
    (case / "p2_seg.nii.gz").write_bytes(labels.read_bytes())
    code, _, err = run("report", labels, "-o", case, "--overwrite")
    assert code == 1
    assert "p2_seg.nii.gz" in err
    assert (case / "p2_seg.nii.gz").is_file()


def test_a_label_map_that_does_not_say_where_left_is(run, files, tmp_path):
    image, labels = files
    unplaced = nib.load(labels)
    unplaced.header.set_sform(None, 0)
    unplaced.header.set_qform(None, 0)
    path = tmp_path / "unplaced.nii.gz"
    nib.Nifti1Image(np.asarray(unplaced.dataobj), None, unplaced.header).to_filename(path)
    for command in (("mesh", path), ("report", path), ("compare-timepoints", path, labels)):
        code, text, _ = run(*command, "-o", tmp_path / command[0])
        assert code == 0
        assert "orientation is not stated" in text
    for page in ("report/report.html", "compare-timepoints/timepoints.html"):
        assert "orientation is not stated" in (tmp_path / page).read_text()
    told = json.loads((tmp_path / "report" / "report.json").read_text())["provenance"]
    assert told["labelmap"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    # The image's own place is said once, and is not the label map's.
    assert run("report", labels, "-o", tmp_path / "r", "--image", image)[0] == 0
    told = json.loads((tmp_path / "r" / "report.json").read_text())["provenance"]
    assert told["input"]["name"] == "p1"
    assert told["labelmap"]["name"] == "p1_seg"


def test_a_surface_that_is_not_sound_is_a_failure(run, files, tmp_path, monkeypatch):
    """Of parts for a printer, too."""
    sound = Soundness(4, 4, 1, True, True, True, 1.0)
    for kind in ("margin", "print"):
        bad = replace(sound, closed=False)
        told = cached_property(lambda part, kind=kind, bad=bad: bad if part.kind == kind else sound)
        told.__set_name__(Part, "soundness")
        monkeypatch.setattr(Part, "soundness", told)
        code, text, err = run(
            "mesh", files[1], "-o", tmp_path / kind, "--margins", "5", "--printable", "solid"
        )
        assert code == 1
        assert "is not closed and two-sided" in err
        assert "Liver, front half" in text


def test_folders_that_are_no_cohort_and_names_of_dates(run, files, tmp_path):
    _, labels = files
    code, _, err = run("report", labels.parent)
    assert code == 2
    assert "so there is no cohort" in err
    assert run("compare-timepoints", labels, labels, "-o", tmp_path / "c", "-q") == (0, "", "")
    told = json.loads((tmp_path / "c" / "timepoints.json").read_text())
    assert (told["earlier_case"], told["later_case"]) == ("p1 (earlier)", "p1 (later)")
    code, _, err = run("compare-timepoints", labels, labels, "-o", labels.parent)
    assert code == 1
    assert "holds the input itself" in err
    image = tmp_path / "inside" / "p1.nii.gz"
    image.parent.mkdir()
    image.write_bytes(files[0].read_bytes())
    code, _, err = run("report", labels, "--image", image, "-o", image.parent, "--overwrite")
    assert code == 1
    assert "holds the input itself" in err


def test_two_dates_as_pdf(run, files, tmp_path):
    pytest.importorskip("weasyprint", reason="the extra pdf is not installed")
    out = tmp_path / "c"
    assert run("compare-timepoints", files[1], files[1], "-o", out, "--pdf", "-q")[0] == 0
    assert (out / "timepoints.pdf").read_bytes().startswith(b"%PDF-")
    # It is a part of the result, which may be replaced.
    assert run("compare-timepoints", files[1], files[1], "-o", out, "--overwrite", "-q")[0] == 0
    assert not (out / "timepoints.pdf").exists()


def test_a_cut_liver_and_three_labels(run, tmp_path):
    cut = np.zeros(GRID.shape, np.uint8)
    cut[:20, 5:30, 5:25] = 1
    io.write_labelmap(tmp_path / "cut.nii.gz", LabelMap(cut, GRID))
    _, text, _ = run("report", tmp_path / "cut.nii.gz", "-o", tmp_path / "r")
    assert "The field of view cuts the liver" in text
    cut[0, 0, 0] = 3
    io.write_labelmap(tmp_path / "three.nii.gz", LabelMap(cut, GRID))
    code, _, err = run("report", tmp_path / "three.nii.gz", "-o", tmp_path / "s")
    assert code == 1
    assert "label 3" in err


def test_no_liver_is_a_result(run, tmp_path):
    io.write_labelmap(tmp_path / "none.nii.gz", LabelMap(np.zeros(GRID.shape, np.uint8), GRID))
    code, text, _ = run("mesh", tmp_path / "none.nii.gz", "-o", tmp_path / "model")
    assert code == 0
    assert "No liver" in text
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["meshes.csv"]
    code, text, _ = run("report", tmp_path / "none.nii.gz", "-o", tmp_path / "report")
    assert code == 0
    assert "no liver in the label map" in text


def test_report_of_a_label_map(run, files, tmp_path):
    image, labels = files
    out = tmp_path / "report"
    code, text, err = run("report", labels, "-o", out, "--image", image)
    assert (code, err) == (0, "")
    assert "report.html" in text
    assert {p.name for p in out.iterdir()} == {
        "report.html",
        "report.json",
        "lesions.csv",
        "preview.png",
    }
    told = json.loads((out / "report.json").read_text())
    assert told["case"] == "p1"
    assert told["provenance"]["bundle"] is None
    assert len(told["measurements"]["findings"]) == 2
    assert told["measurements"]["findings"][0]["surface_distance_mm"] > 0
    assert run("report", labels, "-o", out)[0] == 1
    assert run("report", labels, "-o", out, "--overwrite", "-q") == (0, "", "")
    assert not (out / "preview.png").exists()
    assert run("report", labels)[0] == 2
    other = Volume(np.arange(729.0).reshape(9, 9, 9), Geometry.from_spacing((9, 9, 9), 1))
    io.write_volume(tmp_path / "other.nii.gz", other)
    code, _, err = run("report", labels, "-o", tmp_path / "y", "--image", tmp_path / "other.nii.gz")
    assert code == 1
    assert "not on the grid" in err


def test_two_dates(run, files, tmp_path):
    _, labels = files
    later = io.read_labelmap(labels).labels.copy()
    second = tmp_path / "p1_later_seg.nii.gz"
    numbers = np.argwhere(later == 2)
    later[tuple(numbers[numbers[:, 0] < numbers[:, 0].mean()].T)] = 1
    io.write_labelmap(second, LabelMap(later, GRID))
    out = tmp_path / "changes"
    code, text, err = run("compare-timepoints", labels.parent, second, "-o", out)
    assert (code, err) == (0, "")
    assert "gone" in text
    names = {"timepoints.html", "timepoints.csv", "timepoints.json"}
    assert {p.name for p in out.iterdir()} == names
    told = json.loads((out / "timepoints.json").read_text())
    assert told["notice"].startswith("Research use only")
    assert sorted(c["status"] for c in told["followup"]["changes"]) == ["gone", "stable"]
    assert (told["earlier_case"], told["later_case"]) == ("p1", "p1_later")
    assert len(told["followup"]["earlier"]["findings"]) == 2
    code, _, err = run("compare-timepoints", out, second, "-o", tmp_path / "z")
    assert code == 1
    assert "not one" in err
