"""hepatica convert and hepatica anonymize, as people call them."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pytest

from hepatica import io
from tests.phantom import GRID, phantom
from tests.studies import AXIAL, write


@pytest.fixture
def voxels():
    rng = np.random.default_rng(7)
    return rng.permutation(9 * 10 * 11).reshape(9, 10, 11).astype(np.int16) - 300


@pytest.fixture
def study(tmp_path, voxels):
    """A contrast-enhanced T1, a T2, and a localizer."""
    folder = write(tmp_path / "study", voxels, ContrastBolusAgent="Gd")
    tags = {"SeriesDescription": "T2 HASTE", "EchoTime": "90", "SeriesNumber": 3}
    write(folder / "t2", voxels[::-1], series="t2", **tags)
    write(folder, voxels[..., :3], series="loc", SeriesDescription="localizer", SeriesNumber=1)
    return folder


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_convert(run, study, voxels, tmp_path):
    code, out, _ = run("convert", study, "-o", tmp_path / "out", "--index")
    assert code == 0
    assert "5 is taken as the T1CE" in out
    assert "Research use only" in out
    files = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert files == ["3_t2_haste.nii.gz", "5_t1_portal_venous.nii.gz", "index.csv", "series.csv"]
    image = nib.load(tmp_path / "out" / "5_t1_portal_venous.nii.gz")
    np.testing.assert_array_equal(image.get_fdata(), voxels)
    np.testing.assert_allclose(image.affine, AXIAL, atol=1e-4)
    assert image.header["sform_code"] == image.header["qform_code"] == 1
    table = {row["series"]: row for row in rows(tmp_path / "out" / "series.csv")}
    assert table["5"]["t1ce"] == "true"
    assert table["5"]["phase"] == "portal venous"
    assert table["3"]["kind"] == "T2"
    assert table["1"]["kind"] == "localizer"
    assert "only 3 slices" in table["1"]["status"]
    (index,) = rows(tmp_path / "out" / "index.csv")
    assert index["image"] == "5_t1_portal_venous.nii.gz"


def test_convert_says_what_failed_and_goes_on(run, study, tmp_path):
    names = sorted(p for p in (study / "t2").iterdir())
    names[4].unlink()
    names[7].write_bytes(names[7].read_bytes()[:300])
    code, out, err = run("convert", study, "-o", tmp_path / "out", "--json")
    assert code == 3
    assert "truncated or damaged" in err
    assert "gap of" in err
    told = json.loads(out)
    assert [row["series"] for row in told if row["file"]] == ["5"]


def test_convert_from_a_zip_and_several_studies(run, tmp_path, voxels):
    write(tmp_path / "all" / "p1", voxels, study="p1")
    write(tmp_path / "all" / "p2", voxels, study="p2")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "all").rglob("IM*"):
            archive.write(path, path.relative_to(tmp_path))
    code, _, _ = run("convert", tmp_path / "all.zip", "-o", tmp_path / "out", "--index", "-q")
    assert code == 0
    images = [row["image"] for row in rows(tmp_path / "out" / "index.csv")]
    assert images == [f"study_0{n}/5_t1_portal_venous.nii.gz" for n in (1, 2)]
    assert all((tmp_path / "out" / image).is_file() for image in images)


def test_convert_replaces_only_its_own(run, study, tmp_path):
    out = tmp_path / "out"
    assert run("convert", study, "-o", out)[0] == 0
    assert "--overwrite" in run("convert", study, "-o", out)[2]
    assert run("convert", study, "-o", out, "--overwrite")[0] == 0
    (out / "notes.txt").write_text("mine")
    code, _, err = run("convert", study, "-o", out, "--overwrite")
    assert code == 1
    assert "notes.txt" in err
    code, _, err = run("convert", study, "-o", study, "--overwrite")
    assert "the input itself" in err
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    assert "not a result of this command" in run("convert", study, "-o", mine, "--overwrite")[2]


def test_convert_of_what_is_no_dicom(run, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    code, _, err = run("convert", tmp_path / "notes.txt", "-o", tmp_path / "out")
    assert code == 1
    assert err.startswith("Error: notes.txt is no DICOM folder, zip, DICOMDIR or file.")
    assert not (tmp_path / "out").exists()


def test_anonymize(run, study, tmp_path):
    out = tmp_path / "out"
    code, said, _ = run("anonymize", study, "-o", out)
    assert code == 0
    assert "de-identified to PS3.15 2026c Basic Application Level" in said
    assert "not anonymous" in said
    assert (tmp_path / "out.key.json").stat().st_mode & 0o077 == 0
    assert "--overwrite" in run("anonymize", study, "-o", out)[2]
    code, said, _ = run("anonymize", study, "-o", out, "--overwrite", "--shift-dates", "--json")
    assert code == 0
    assert json.loads(said)["codes"].keys() == {"113100", "113107"}
    code, _, err = run("anonymize", study, "-o", tmp_path / "x", "--key", tmp_path / "x" / "k")
    assert code == 1
    assert "beside the data" in err


def test_convert_and_anonymize(run, study, tmp_path):
    code, out, _ = run("convert", study, "-o", tmp_path / "out", "--anonymize")
    assert code == 0
    assert "HASTE" not in out
    assert sorted(p.name for p in (tmp_path / "out").glob("*.nii.gz")) == ["3.nii.gz", "5.nii.gz"]
    tables = "".join(p.read_text() for p in (tmp_path / "out").glob("*.csv"))
    assert "HASTE" not in tables
    assert "P-" in tables


def test_files_that_are_damaged_are_told_and_the_others_written(run, study, tmp_path):
    path = study / "IM0003"
    path.write_bytes(path.read_bytes()[:-40])
    code, out, err = run("anonymize", study, "-o", tmp_path / "out")
    assert code == 3
    assert "Left out: file" in err
    assert "IM0003" not in out + err, "a file's name may be a patient's"


@pytest.fixture
def livers(tmp_path):
    """A study with a liver in its T1CE, for the threshold of the phantom's engine."""
    volume, _ = phantom(GRID)
    return write(
        tmp_path / "p1", volume.voxels.astype(np.int16), GRID.affine, ContrastBolusAgent="Gd"
    )


def test_segment_exports_dicom(run, livers, tiny_bundle, tmp_path):
    pytest.importorskip("highdicom", reason="hepatica[dicom] is not installed")
    out, words = tmp_path / "out", ("--bundle", tiny_bundle.folder, "-q")
    formats = ("--export", "dicom-seg,dicom-sr")
    assert run("segment", livers, "-o", out, *formats, *words)[0] == 0
    labels = io.read_labelmap(out / "p1" / "p1_seg.nii.gz")
    decoded = io.read_labelmap(out / "p1" / "p1_seg.dcm")
    np.testing.assert_array_equal(decoded.labels, labels.labels)
    assert decoded.geometry.matches(labels.geometry)
    assert (out / "p1" / "p1_report.dcm").is_file()
    assert run("segment", livers, "-o", out, *formats, "--overwrite", *words)[0] == 0
    assert run("segment", livers, "-o", out, *formats, "--resume", *words)[0] == 0
    (out / "p1" / "p1_report.dcm").unlink()
    _, _, err = run("segment", livers, "-o", out, *formats, "--resume", *words)
    assert "p1_report.dcm is missing" in err


def test_convert_makes_a_label_map_of_a_segmentation(run, livers, tiny_bundle, tmp_path):
    """What went out as DICOM comes back as the NIfTI that it was, header and all."""
    pytest.importorskip("highdicom", reason="hepatica[dicom] is not installed")
    words = ("--bundle", tiny_bundle.folder, "-q", "--export", "dicom-sr")
    run("segment", livers, "-o", tmp_path / "out", *words)
    shutil.copy(tmp_path / "out" / "p1" / "p1_seg.dcm", livers)
    shutil.copy(tmp_path / "out" / "p1" / "p1_report.dcm", livers)
    assert run("convert", livers, "-o", tmp_path / "volumes", "-q")[0] == 0
    made = tmp_path / "volumes" / "segmentation_01.nii.gz"
    assert made.read_bytes() == (tmp_path / "out" / "p1" / "p1_seg.nii.gz").read_bytes()
    last = rows(tmp_path / "volumes" / "series.csv")[-1]
    assert (last["kind"], last["file"]) == ("segmentation", made.name)
    again = tmp_path / "again"
    assert run("convert", tmp_path / "out" / "p1" / "p1_seg.dcm", "-o", again, "-q")[0] == 0
    code, _, err = run("segment", tmp_path / "out" / "p1" / "p1_seg.dcm", "-o", tmp_path / "x")
    assert code == 1
    assert "holds no DICOM image" in err


def test_what_cannot_be_exported_is_said_before_any_work(run, livers, tiny_bundle, tmp_path):
    io.write_volume(tmp_path / "p2.nii.gz", io.read(livers))
    words = ("-o", tmp_path / "out", "--bundle", tiny_bundle.folder)
    code, _, err = run("segment", tmp_path / "p2.nii.gz", "--export", "dicom-seg", *words)
    assert code == 1
    assert "p2 is no DICOM study" in err
    assert run("segment", livers, "--export", "dicom-pdf", *words)[0] == 2


def test_segment_asks_for_a_series(run, voxels, tiny_bundle, tmp_path):
    for n in (1, 2):
        write(tmp_path / "p1", voxels + n, series=str(n), SeriesNumber=n)
    words = ("-o", tmp_path / "out", "--bundle", tiny_bundle.folder)
    code, _, err = run("segment", tmp_path / "p1", *words)
    assert code == 1
    assert "p1 holds 2 volumes" in err
    assert "--series 1" in err
    assert run("segment", tmp_path / "p1", "--series", "2", *words)[0] == 0


def test_a_key_without_anonymize_is_wrong_use(run, study, tmp_path):
    code, _, err = run("convert", study, "-o", tmp_path / "out", "--key", tmp_path / "k.json")
    assert code == 2
    assert "--anonymize" in err
    assert not (tmp_path / "out").exists()
