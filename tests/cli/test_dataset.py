import json

import pytest

from hepatica import io
from hepatica.dataset import find, load_split
from tests.dataset.conftest import CASES, pairs, patient


@pytest.fixture
def cohort(tmp_path):
    return pairs(tmp_path / "cohort", "images/{}.nii.gz", "labels/{}.nii.gz")


@pytest.fixture
def larger(cohort):
    """Nine patients more, of two scanners."""
    volume, labels = patient("p1")
    for n in range(3, 12):
        io.write_volume(cohort / f"images/p{n}.nii.gz", volume)
        io.write_labelmap(cohort / f"labels/p{n}.nii.gz", labels)
    rows = [f"p{n},{'Aera' if n < 6 else 'Skyra'}" for n in range(1, 12)]
    (cohort / "patients.csv").write_text("\n".join(["case,scanner", *rows]))
    return cohort


def test_describe(run, cohort, tmp_path):
    code, text, err = run("dataset", "describe", cohort, "-o", tmp_path / "out", "--strict")
    assert (code, err) == (0, "")
    assert text.startswith("# cohort\n\n2 cases of 2 patients with 3 lesions.")
    assert "| Lesions per case " in text
    assert "## Problems" not in text
    assert (tmp_path / "out" / "description.md").read_text().strip() in text
    assert (tmp_path / "out" / "histograms.png").stat().st_size > 1000
    content = json.loads((tmp_path / "out" / "description.json").read_text())
    assert [c["case"] for c in content["cases"]] == list(CASES)


def test_problems_are_printed_and_strict_is_3(run, cohort, tmp_path):
    (cohort / "images/p1.nii.gz").write_bytes(b"no image")
    for words, expected in (((), 0), (("--strict",), 3)):
        code, text, _ = run("dataset", "describe", cohort, "-o", tmp_path / "out", *words)
        assert code == expected
        assert "- p1: p1.nii.gz is not a NIfTI file" in text
        assert (tmp_path / "out" / "cases.csv").is_file()


def test_a_folder_that_cannot_be_written_is_known_before_any_work(run, cohort, tmp_path):
    (tmp_path / "cases.csv").write_text("case,status\n")
    code, text, err = run("dataset", "describe", cohort, "-o", tmp_path)
    assert (code, text) == (1, "")
    assert "cases.csv is another table" in err


def test_labels_are_named(run, tmp_path):
    cohort = pairs(tmp_path / "c", "images/{}.nii.gz", "labels/{}.nii.gz", {1: 5, 2: 7})
    out = tmp_path / "out"
    code, text, _ = run("dataset", "describe", cohort, "-o", out)
    assert code == 0
    assert "p1.nii.gz has labels 5, 7 besides liver (1), tumour (2)" in text
    code, text, _ = run("dataset", "describe", cohort, "-o", out, "--labels", "liver=5,tumour=7")
    assert code == 0
    assert "with 3 lesions" in text
    assert run("dataset", "describe", cohort, "-o", out, "--labels", "liver=x")[0] == 2
    assert run("dataset", "describe", cohort, "-o", out, "--labels", "tumour=7")[0] == 2


def test_split(run, larger, tmp_path):
    out = tmp_path / "split.json"
    code, text, err = run("dataset", "split", larger, "-o", out, "--seed", 1)
    assert code == 0
    assert text.splitlines()[1].split() == [
        *("Aera", "3", "(3)", "1", "(1)", "1", "(1)", "5", "(5)")
    ]
    assert "Note: Every case counts as a patient of its own." in err
    assert "validation has" not in err
    split = load_split(out, find(larger))
    assert split.seed == 1
    assert {k: len(v) for k, v in split.subsets.items()} == {
        "train": 7,
        "validation": 2,
        "test": 2,
    }
    code, _, err = run("dataset", "split", larger, "-o", out)
    assert code == 1
    assert "--overwrite" in err
    assert load_split(out) == split
    parts = ("--parts", "50/50", "--overwrite")
    assert run("dataset", "split", larger, "-o", out, *parts)[0] == 0
    assert set(load_split(out).subsets) == {"train", "validation"}


def test_folds(run, larger, tmp_path):
    code, text, _ = run("dataset", "split", larger, "-o", tmp_path / "folds.json", "--folds", 5)
    assert code == 0
    assert "fold 5" in text.splitlines()[0]
    assert len(load_split(tmp_path / "folds.json", find(larger)).folds) == 5
    code, _, err = run("dataset", "split", larger, "-o", tmp_path / "f.json", "--folds", 12)
    assert code == 2
    assert "11 patients, which do not make 12 folds" in err


@pytest.mark.parametrize("parts", ["60", "60/10/10/10", "a/b", "60/-10", "nan/1", "100/0"])
def test_parts_that_are_none(run, larger, tmp_path, parts):
    assert run("dataset", "split", larger, "-o", tmp_path / "s.json", "--parts", parts)[0] == 2
    assert not (tmp_path / "s.json").exists()


def test_parts_and_folds_are_one_or_the_other(run, larger, tmp_path):
    words = ("--parts", "80/20", "--folds", 2)
    assert run("dataset", "split", larger, "-o", tmp_path / "s.json", *words)[0] == 2


def test_help_has_examples(run):
    for verb in ("describe", "split"):
        code, text, _ = run("dataset", verb, "--help")
        assert code == 0
        assert "Example:" in text
    code, _, err = run("dataset", "describe", "nowhere", "-o", "out")
    assert code == 1
    assert "nowhere does not exist" in err
