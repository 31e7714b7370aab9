"""What is found in an archive, what it is called, and when it counts as changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hepatica.batch import leftovers
from hepatica.batch.lock import owned
from hepatica.batch.readahead import read_through
from hepatica.batch.sources import files_of, find, fingerprint
from hepatica.core.errors import InputError, OutputError
from hepatica.io.dicom import conversion
from tests import studies
from tests.phantom import GRID, phantom


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*sources, out=Path("nowhere")):
    return [case.name for case in find(sources, out)]


def test_a_tree_is_searched_to_its_bottom(tmp_path):
    touch(
        tmp_path / "berlin/p1/t1ce.nii.gz",
        tmp_path / "berlin/p2/t1ce.nrrd",
        tmp_path / "bonn/p1.mha",
        tmp_path / "p9.nii",
        tmp_path / "notes.txt",
        tmp_path / ".hidden/p1.nii",
        tmp_path / "out/p9/p9_seg.nii.gz",
    )
    found = names(tmp_path, out=tmp_path / "out")
    assert found == ["berlin_p1_t1ce", "berlin_p2_t1ce", "bonn_p1", "p9"]


def test_a_folder_of_images_has_the_names_of_segment(archive):
    from hepatica import io

    assert find([archive], archive / "out") == [
        (case.name, case.path.absolute()) for case in io.expand_inputs([archive])
    ]


def test_dicom_studies_in_a_tree_and_an_index(tmp_path):
    volume, _ = phantom(GRID)
    voxels = volume.voxels.astype(np.int16)
    for patient in ("p1", "p2"):
        folder = tmp_path / "archive" / "site" / patient
        told = {"study": patient, "series": patient}
        studies.write(folder / "t1", voxels, GRID.affine, ContrastBolusAgent="Gd", **told)
    assert names(tmp_path / "archive") == ["site_p1_t1", "site_p2_t1"]
    conversion.run(tmp_path / "archive/site/p1", tmp_path / "volumes", index=True)
    (case,) = find([tmp_path / "volumes/index.csv"], tmp_path / "out")
    assert case.path.parent == (tmp_path / "volumes").absolute()


def test_two_cases_of_one_name_are_refused(tmp_path):
    touch(tmp_path / "a/b_c.nii", tmp_path / "a_b/c.nii")
    with pytest.raises(InputError, match="would both be the case a_b_c"):
        find([tmp_path], tmp_path / "out")


def test_nothing_is_said_to_be_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        find([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(InputError, match="does not exist"):
        find([tmp_path / "nothing.nii"], tmp_path / "out")


def test_a_fingerprint_follows_the_files(tmp_path):
    series = tmp_path / "series"
    touch(series / "1.dcm", series / "2.dcm", tmp_path / "v.mhd", tmp_path / "v.raw")
    for source, file in ((series, series / "2.dcm"), (tmp_path / "v.mhd", tmp_path / "v.raw")):
        before = fingerprint(source)
        assert fingerprint(source) == before != ""
        os.utime(file, ns=(1, 1))
        assert fingerprint(source) != before
    assert fingerprint(tmp_path / "gone.nii") == ""
    assert files_of(tmp_path / "gone") == [tmp_path / "gone"]


def test_what_is_read_ahead_is_read_once(tmp_path):
    touch(tmp_path / "s/1.dcm", tmp_path / "s/2.dcm")
    assert read_through(tmp_path / "s") == 2
    assert read_through(tmp_path / "gone") == 0


def test_only_what_is_half_written_is_removed(tmp_path):
    half = [".p1-0123456789ab", ".p1-0123456789ab-old", ".cases-0123456789ab.csv"]
    whole = ["p1", ".batch.lock", ".p1-0123", "p1-0123456789ab"]
    for name in half[:2] + whole:
        touch(tmp_path / name / "file")
    touch(tmp_path / half[2])
    leftovers.remove(tmp_path, "p2")
    assert sorted(p.name for p in leftovers.find(tmp_path)) == sorted(half)
    leftovers.remove(tmp_path, "p1")
    assert [p.name for p in leftovers.find(tmp_path)] == [half[2]]
    leftovers.remove(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(whole)


def test_one_folder_has_one_owner(tmp_path):
    with (
        owned(tmp_path / "out"),
        pytest.raises(OutputError, match="Another hepatica batch is working"),
        owned(tmp_path / "out"),
    ):
        pass
    with owned(tmp_path / "out"):
        pass
