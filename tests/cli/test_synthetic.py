"""`hepatica synth` and its cohorts on the command line: what is told, refused and kept apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from PIL import Image

from hepatica import cli, gallery, io
from hepatica.core.volume import Volume
from hepatica.results.sheet import size_px
from hepatica.synth.signal import PHASES
from tests.phantom import GRID, phantom


@pytest.fixture
def real(tmp_path):
    """Four images with label maps, of which the second will not do."""
    folder = tmp_path / "real"
    folder.mkdir()
    volume, labels = phantom(GRID)
    for name in ("p1", "p2", "p3", "p4"):
        io.write_volume(folder / f"{name}.nii.gz", Volume(np.rint(volume.voxels), GRID))
        io.write_labelmap(folder / f"{name}_seg.nii.gz", labels)
    below = Volume(volume.voxels - 1000, GRID)
    io.write_volume(folder / "p2.nii.gz", below)
    return folder


def into(real, *words):
    return ("synth", "--into", real, "--livers", real, *words)


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_overwrite_replaces_a_cohort_and_nothing_else(run, tmp_path):
    out = tmp_path / "c"
    assert run("synth", "-n", 2, "-o", out)[0] == 0
    assert run("synth", "-n", 1, "-o", out, "--seed", 2, "--overwrite")[0] == 0
    expected = [
        "images/patient_0001.json",
        "images/patient_0001.nii.gz",
        "labels/patient_0001.nii.gz",
        "patients.csv",
    ]
    assert files(out) == expected
    told = json.loads((out / "images" / "patient_0001.json").read_text())
    assert told["cohort_seed"] == 2
    (out / "labels" / "mine.nii.gz").write_bytes(b"by hand")
    before = {p: p.read_bytes() for p in out.rglob("*.*")}
    code, text, err = run("synth", "-n", 1, "-o", out, "--overwrite")
    assert (code, text) == (1, "")
    assert "mine.nii.gz" in err
    assert len(err.strip().splitlines()) == 1
    assert {p: p.read_bytes() for p in out.rglob("*.*")} == before


def test_a_split_keeps_variants_together(run, real, tmp_path):
    out = tmp_path / "c"
    assert run(*into(real, "-n", 2, "-o", out))[0] == 3
    split = tmp_path / "split.json"
    assert run("dataset", "split", out, "-o", split, "--parts", "1/1/1")[0] == 0
    subsets = json.loads(split.read_text())["subsets"]
    # Three patients in three subsets: each has one, with both variants of it.
    assert sorted(subsets.values()) == [[f"p{n}_0001", f"p{n}_0002"] for n in (1, 3, 4)]
    # Four folds would need to tear one apart.
    code, _, err = run("dataset", "split", out, "-o", tmp_path / "f.json", "--folds", 4)
    assert code == 2
    assert "has 3 patients" in err


def test_a_bad_image_is_named_at_the_end_and_the_exit_code_is_3(run, real, tmp_path):
    out = tmp_path / "c"
    code, text, err = run(*into(real, "-o", out, "--phase", "pre"))
    assert code == 3
    assert [line.split("/")[-1] for line in text.splitlines()] == [
        "p1_0001.nii.gz",
        "p3_0001.nii.gz",
        "p4_0001.nii.gz",
        "3 done, 1 failed",
    ]
    (line,) = err.strip().splitlines()
    assert line.startswith("Error: The liver's median signal in p2.nii.gz is -700;")


def test_one_image_that_is_bad_is_a_failure(run, real, tmp_path):
    one = ("--into", real / "p2.nii.gz", "--livers", real / "p2_seg.nii.gz")
    code, text, err = run("synth", *one, "-o", tmp_path / "c", "--phase", "pre")
    assert (code, text) == (1, "")
    assert err.startswith("Error: ")
    assert len(err.strip().splitlines()) == 1


def test_a_sheet_of_images_with_lesions_shows_these_alone(run, real, tmp_path):
    out = tmp_path / "c"
    code, text, _ = run(*into(real, "-o", out, "--phase", "delayed", "--sheet"))
    assert code == 3
    assert str(out / "patients.png") in text
    assert [f for f in files(out) if f.endswith(".png")] == ["patients.png"]
    with Image.open(out / "patients.png") as picture:
        assert picture.size == size_px(3, 3)
    assert gallery.cohort_title(out / "images" / "p1_0001.nii.gz") == "p1_0001, delayed"


@pytest.mark.parametrize("n", [0, 3])
def test_phase_and_number_of_metastases_can_be_asked_for(run, real, tmp_path, n):
    asked = ("--phase", "delayed", "--lesions", n)
    assert run("synth", "-n", 1, "-o", tmp_path / "made", *asked)[0] == 0
    one = ("--into", real / "p1.nii.gz", "--livers", real / "p1_seg.nii.gz")
    assert run("synth", *one, "-o", tmp_path / "put", *asked)[0] == 0
    for path in (tmp_path / "made/images/patient_0001.json", tmp_path / "put/images/p1_0001.json"):
        told = json.loads(path.read_text())
        assert told["protocol"]["phase"] == "delayed"
        assert sum(lesion["labelled"] for lesion in told["lesions"]) == n


def test_that_a_phase_was_drawn_is_said_once(run, real, tmp_path):
    code, _, err = run(*into(real, "-o", tmp_path / "a", "--exclude", "p2*"))
    assert code == 0
    (line,) = err.strip().splitlines()
    assert line.startswith("Note: ")
    assert "phase drawn at random" in line
    assert "--phase portal_venous" in line
    code, _, err = run(*into(real, "-o", tmp_path / "b", "--exclude", "p2*", "--phase", "pre"))
    assert (code, err) == (0, "")


@pytest.mark.parametrize("verb", ["synth", "realism"])
def test_help_names_every_phase(verb):
    command = typer.main.get_command(cli.app).commands[verb]
    (option,) = [p for p in command.params if p.name == "phase"]
    assert all(phase in option.help for phase in PHASES)


def test_anatomies_that_are_not_there_are_said(run, tmp_path):
    code, _, err = run("synth", "-o", tmp_path / "c", "--anatomies", tmp_path / "nowhere")
    assert code == 1
    assert "nowhere does not exist" in err
    (tmp_path / "anatomies.json").write_text('{"labels": 1}')
    code, _, err = run("synth", "-o", tmp_path / "c", "--anatomies", tmp_path)
    assert code == 2
    assert '"labels" is a whole number, not text in quotes. Write' in err
    assert not (tmp_path / "c").exists()
