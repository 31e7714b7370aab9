"""Which image belongs to which case."""

import pytest

from hepatica.core.errors import InputError
from hepatica.evaluate.pairs import images


def test_the_image_of_a_case_has_its_name_or_goes_on_with_a_word(tmp_path):
    names = ("p1.nii.gz", "p1_t1ce.nii.gz", "p2_t1ce.nii.gz", "p2_t2.nii.gz", "p1_seg.nii.gz")
    for name in (*names, "p3_0001.nii.gz", "p30.nii.gz"):
        (tmp_path / name).touch()
    found = images(tmp_path, ["p1", "p2", "p3"])
    assert {case: path.name for case, path in found.items()} == {
        "p1": "p1.nii.gz",
        "p2": "p2_t1ce.nii.gz",
    }
    assert images(tmp_path / "p1.nii.gz", ["any"]) == {"any": tmp_path / "p1.nii.gz"}
    assert images(tmp_path / "p1.nii.gz", ["one", "two"]) == {}
    with pytest.raises(InputError, match="does not exist"):
        images(tmp_path / "nowhere", ["p1"])
