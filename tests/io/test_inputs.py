"""Names of cases, and what a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepatica import io
from hepatica.core.errors import InputError

DICOM = bytes(128) + b"DICM"


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("p01.nii", "p01"),
        ("p01.nii.gz", "p01"),
        ("p.01.v2.nii.gz", "p.01.v2"),
        ("P01.NII.GZ", "P01"),
        ("p01.nrrd", "p01"),
        ("p01.nhdr", "p01"),
        ("p01.mha", "p01"),
        ("p01.mhd", "p01"),
        ("series.5", "series.5"),
        ("p01.gz", "p01.gz"),
    ],
)
def test_case_name(name: str, case: str) -> None:
    assert io.case_name(Path("folder") / name) == io.case_name(name) == case


def test_case_name_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nii").mkdir()
    assert io.case_name(tmp_path / "a.nii") == "a.nii"
    monkeypatch.chdir(tmp_path / "a.nii")
    assert io.case_name(".") == "a.nii"
    assert io.case_name("..") == tmp_path.name


def test_is_image(tmp_path: Path) -> None:
    for name in ("a.nii", "b.NII.gz", "c.nrrd", "d.mhd"):
        (tmp_path / name).touch()
        assert io.is_image(tmp_path / name)
    for name in ("a.gz", "a.txt", "nii", "._a.nii.gz"):
        (tmp_path / name).touch()
        assert not io.is_image(tmp_path / name)
    (tmp_path / "e.nii").mkdir()
    assert not io.is_image(tmp_path / "e.nii")
    assert not io.is_image(tmp_path / "missing.nii")


def test_find_inputs(tmp_path: Path) -> None:
    assert io.find_inputs(tmp_path) == [], "nothing"
    for name in ("s2", "s1", "empty", ".hidden"):
        (tmp_path / name).mkdir()
        if name != "empty":
            (tmp_path / name / "IM1").write_bytes(DICOM)
    (tmp_path / "DICOMDIR").write_bytes(DICOM)
    (tmp_path / "s1" / "deeper").mkdir()
    (tmp_path / "s1" / "deeper" / "x.nii").touch()
    assert io.find_inputs(tmp_path) == [tmp_path / "s1", tmp_path / "s2"]
    (tmp_path / "IM7").write_bytes(DICOM)
    assert io.find_inputs(tmp_path) == [tmp_path], "a series itself"
    for name in ("b.nii.gz", "a.mha", "notes.txt", "._b.nii.gz"):
        (tmp_path / name).touch()
    both = [tmp_path / name for name in ("a.mha", "b.nii.gz", "s1", "s2")]
    assert io.find_inputs(tmp_path) == both, "images and series beside them"


def test_find_inputs_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"x")
    assert io.find_inputs(str(tmp_path / "a.nii")) == [tmp_path / "a.nii"]
    with pytest.raises(InputError, match=r"b\.nii does not exist"):
        io.find_inputs(tmp_path / "b.nii")
