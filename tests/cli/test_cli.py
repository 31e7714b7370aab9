import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hepatica import io
from tests.phantom import GRID, phantom


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "p1.nii.gz"
    io.write_volume(path, phantom(GRID)[0])
    return path


def nifti(path, array, affine=None, **header):
    made = nib.Nifti1Image(array, np.diag([2.0, 2, 3, 1]) if affine is None else affine)
    for key, value in header.items():
        made.header[key] = value
    nib.save(made, path)


def bad_inputs(folder):
    rng = np.random.default_rng(0)
    good = rng.random((20, 20, 20)).astype(np.float32) * 100
    (folder / "text.nii.gz").write_text("this is no image")
    nifti(folder / "whole.nii.gz", rng.random((40, 40, 40)))
    (folder / "truncated.nii.gz").write_bytes((folder / "whole.nii.gz").read_bytes()[:9000])
    (folder / "whole.nii.gz").unlink()
    nifti(folder / "two_d.nii.gz", good[0])
    nifti(folder / "four_d.nii.gz", np.stack([good, good], axis=-1))
    rgb = np.zeros((20, 20, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nifti(folder / "rgb.nii.gz", rgb)
    holes = good.copy()
    holes[3, 3, 3] = np.nan
    nifti(folder / "nan.nii.gz", holes)
    holes[3, 3, 3] = np.inf
    nifti(folder / "inf.nii.gz", holes)
    nifti(folder / "constant.nii.gz", np.full((20, 20, 20), 7, np.int16))
    nifti(folder / "absurd.nii.gz", good, np.diag([200.0, 200, 200, 1]))
    nifti(folder / "thin.nii.gz", good[:, :, :5])
    return sorted(p for p in folder.iterdir() if p.name.endswith(".nii.gz"))


def test_one_bad_input_is_one_sentence_and_exit_code_1(run, tmp_path, tiny_bundle):
    folder = tmp_path / "bad"
    folder.mkdir()
    for path in [*bad_inputs(folder), folder / "missing.nii.gz"]:
        code, out, err = run(
            "segment", path, "-o", tmp_path / "out", "--bundle", tiny_bundle.folder
        )
        assert code == 1, path
        assert err.startswith("Error: ")
        assert path.name in err
        assert len(err.strip().splitlines()) == 1
        assert "Traceback" not in out + err
        left = [p.name for p in (tmp_path / "out").iterdir()] if (tmp_path / "out").exists() else []
        assert left in ([], ["cases.csv"])


def test_in_a_folder_the_others_go_on_and_the_exit_code_is_3(run, tmp_path, tiny_bundle, image):
    folder = tmp_path / "cohort"
    folder.mkdir()
    bad = bad_inputs(folder)
    shutil.copy(image, folder / "good1.nii.gz")
    shutil.copy(image, folder / "good2.nii.gz")
    out = tmp_path / "out"
    code, text, err = run("segment", folder, "-o", out, "--bundle", tiny_bundle.folder)
    assert code == 3
    assert f"2 done, {len(bad)} failed" in text
    assert {p.name for p in out.iterdir()} == {"good1", "good2", "cases.csv", "cases.html"}
    rows = (out / "cases.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 + len(bad)
    assert sum(",failed," in row for row in rows) == len(bad)
    assert err.count("Error:") == len(bad)


def test_one_good_case(run, tmp_path, tiny_bundle, image):
    out = tmp_path / "out"
    code, text, err = run("segment", image, "-o", out, "--bundle", tiny_bundle.folder)
    assert (code, err) == (0, "")
    assert "Research use only" in text
    assert (out / "p1" / "p1_seg.nii.gz").is_file()
    code, _, err = run("segment", image, "-o", out, "--bundle", tiny_bundle.folder)
    assert code == 1
    assert "--overwrite" in err
    code, text, _ = run(
        "segment", image, "-o", out, "--bundle", tiny_bundle.folder, "--overwrite", "--json"
    )
    assert code == 0
    (result,) = json.loads(text)
    assert result["status"] == "done"
    assert {"liver_ml", "findings"} <= set(result["measurements"])
    assert isinstance(result["warnings"], list)
    table = (out / "cases.csv").read_text()
    code, text, _ = run("segment", image, "-o", out, "--bundle", tiny_bundle.folder, "--resume")
    assert code == 0
    assert "kept as it was" in text
    assert (out / "cases.csv").read_text() == table
    assert run("segment", image, "-o", out, "--resume", "--overwrite")[0] == 2
    code, text, _ = run(
        "segment", image, "-o", out, "--bundle", tiny_bundle.folder, "--resume", "-q"
    )
    assert (code, text) == (0, "")


def test_lists_and_equal_names(run, tmp_path, tiny_bundle, image):
    other = tmp_path / "other" / "p1.nii.gz"
    other.parent.mkdir()
    shutil.copy(image, other)
    shutil.copy(image, tmp_path / "p2.nii.gz")
    listing = tmp_path / "list.txt"
    listing.write_text(f"{image}\n\np2.nii.gz\n")
    out = tmp_path / "out"
    code, text, _ = run("segment", listing, "-o", out, "--bundle", tiny_bundle.folder)
    assert code == 0
    assert "2 done" in text
    code, _, err = run("segment", image, other, "-o", out, "--bundle", tiny_bundle.folder)
    assert code == 1
    assert "p1" in err


def test_lists_as_people_write_them(run, tmp_path, tiny_bundle, image):
    shutil.copy(image, tmp_path / "p2.nii.gz")
    (tmp_path / "semicolon.csv").write_text("\ufeffcase;path\na;p1.nii.gz\n\n#;x\nb;p2.nii.gz\n")
    listed = [c.path.name for c in io.expand_inputs([tmp_path / "semicolon.csv"])]
    assert listed == ["p1.nii.gz", "p2.nii.gz"]
    (tmp_path / "plain.csv").write_text("p1.nii.gz,1\np2.nii.gz,2\n")
    assert len(io.expand_inputs([tmp_path / "plain.csv"])) == 2
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "latin.txt").write_bytes("gr\u00f6\u00dfe.nii.gz".encode("latin-1"))
    for name in ("empty.txt", "latin.txt"):
        code, _, err = run(
            "segment", tmp_path / name, "-o", tmp_path / "o", "--bundle", tiny_bundle.folder
        )
        assert code == 1
        assert err.startswith("Error: ")


def test_series_folders_of_one_name_are_told_apart(tmp_path):
    for patient in ("p1", "p2"):
        (tmp_path / patient / "T1CE").mkdir(parents=True)
    cases = io.expand_inputs([tmp_path / "p1" / "T1CE", tmp_path / "p2" / "T1CE"])
    assert [c.name for c in cases] == ["p1_T1CE", "p2_T1CE"]


def test_a_label_map_given_as_an_image_is_said(run, tmp_path, tiny_bundle):
    io.write_labelmap(tmp_path / "labels.nii.gz", phantom(GRID)[1])
    code, text, _ = run(
        "segment", tmp_path / "labels.nii.gz", "-o", tmp_path / "o", "--bundle", tiny_bundle.folder
    )
    assert code == 0
    assert "looks like a label map" in text


def test_demo(run, tmp_path, tiny_bundle):
    out = tmp_path / "demo"
    code, text, _ = run("demo", "-o", out)
    assert code == 0
    for what in ("Label map:", "Report:", "Picture:"):
        (line,) = [line for line in text.splitlines() if line.startswith(what)]
        assert Path(line.removeprefix(what).strip()).is_file()
    assert "Truth: liver" in text
    assert run("demo", "-o", out)[0] == 1
    assert run("demo", "-o", out, "--seed", 5)[0] == 0
    assert (out / "synthetic_42" / "report.json").is_file()


def test_two_cohorts_do_not_mix(run, tmp_path):
    assert run("synth", "-o", tmp_path / "c")[0] == 0
    code, _, err = run("synth", "-o", tmp_path / "c", "--seed", 2)
    assert code == 1
    assert "--overwrite" in err


def test_nothing_to_do_is_said(run, tmp_path, tiny_bundle):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, err = run("segment", empty, "-o", tmp_path / "out", "--bundle", tiny_bundle.folder)
    assert code == 1
    assert "empty" in err


def test_wrong_use_is_2(run, tmp_path, image, tiny_bundle):
    assert run("segment", image)[0] == 2
    bundle = ("--bundle", tiny_bundle.folder)
    assert run("segment", image, "-o", tmp_path, "--engine", "abacus", *bundle)[0] == 2
    assert run("nonsense")[0] == 2
    assert run("train", "-o", tmp_path, "--preset", "abacus")[0] == 2


def test_an_output_that_cannot_be_written(run, tmp_path, tiny_bundle, image):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    code, _, err = run("segment", image, "-o", blocked, "--bundle", tiny_bundle.folder)
    assert code == 1
    assert "file" in err
    assert blocked.read_text() == "in the way"


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
def test_a_full_disk_leaves_nothing_behind(tmp_path, tiny_bundle, image):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        f"sys.argv = ['hepatica', 'segment', {str(image)!r}, '-o', {str(tmp_path / 'out')!r},"
        f" '--bundle', {str(tiny_bundle.folder)!r}];"
        "from hepatica.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] in ([], ["cases.csv"])


def test_a_changed_bundle_is_refused(run, tmp_path, tiny_bundle, image):
    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    with (folder / "stage1.bin").open("ab") as file:
        file.write(b"x")
    code, _, err = run("segment", image, "-o", tmp_path / "out", "--bundle", folder)
    assert code == 1
    assert "stage1.bin" in err


@pytest.mark.parametrize("half", ["first", "second"])
def test_a_fault_of_ours_costs_one_case(half, run, tmp_path, tiny_bundle, image, monkeypatch):
    import hepatica.case as case

    real = case.segment_case

    def broken(progress):
        raise ZeroDivisionError("oops")

    def faulty(source, *args, **kwargs):
        if io.case_name(source) != "p1":
            return real(source, *args, **kwargs)
        return broken if half == "second" else broken(None)

    shutil.copy(image, tmp_path / "p2.nii.gz")
    monkeypatch.setattr(case, "segment_case", faulty)
    code, text, err = run(
        "segment",
        image,
        tmp_path / "p2.nii.gz",
        "-o",
        tmp_path / "out",
        "--bundle",
        tiny_bundle.folder,
    )
    assert code == 3
    assert "ZeroDivisionError" in err
    assert "1 done, 1 failed" in text


def test_doctor(run, tiny_bundle, tmp_path):
    code, text, _ = run("doctor", "--bundle", tiny_bundle.folder, "--json")
    assert code == 0
    facts = json.loads(text)
    assert facts["problems"] == []
    assert "s a volume" in facts["openvino engine"]
    code, _, err = run("doctor", "--bundle", tmp_path / "none")
    assert code == 1
    assert "Problem" in err


def test_synth_and_evaluate(run, tmp_path):
    code, text, _ = run("synth", "-n", 1, "-o", tmp_path / "cohort", "--seed", 4)
    assert code == 0
    assert "patient_0001.nii.gz" in text
    labels = tmp_path / "cohort" / "labels"
    code, text, _ = run("evaluate", labels, labels, "-o", tmp_path / "scores")
    assert code == 0
    assert "1.000" in text
    assert (tmp_path / "scores" / "summary.json").is_file()
    code, _, err = run("evaluate", labels, tmp_path / "cohort" / "images", "-o", tmp_path / "s2")
    assert code == 1
    assert "patient_0001" in err
    code, _, _ = run("evaluate", labels, labels, "-o", tmp_path, "--reference-labels", "liver=x")
    assert code == 2


def test_version_and_help(run):
    import hepatica

    assert run("--version")[1].strip() == hepatica.__version__
    for verb in ("segment", "demo", "doctor", "synth", "train", "evaluate"):
        code, text, _ = run(verb, "--help")
        assert code == 0
        assert "Example:" in text


@pytest.mark.parametrize("command", [("synth",), ("demo",), ("realism", "nowhere")])
def test_a_seed_is_not_negative(run, tmp_path, command):
    code, _, err = run(*command, "-o", tmp_path / "out", "--seed", -1)
    assert code == 2
    assert "--seed" in err
    assert not (tmp_path / "out").exists()
