"""Which image belongs to which case."""

import numpy as np
import pytest

from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.evaluate.pairs import Pair, images, read_probability
from hepatica.io import write_volume


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


def test_probabilities_come_onto_the_grid_of_the_reference(tmp_path):
    coarse = Geometry.from_spacing((10, 10, 10), 2)
    chance = np.full(coarse.shape, 0.5, np.float32)
    chance[0] = 0.25  # an image of one value is refused
    path = tmp_path / "p1_tumour_probability.nii.gz"
    write_volume(path, Volume(chance, coarse))
    one = Pair("p1", tmp_path / "p1_seg.nii.gz", tmp_path / "r.nii.gz")
    fine = coarse.regrid((20, 20, 20), 1)
    found = read_probability(one, fine)
    assert found.shape == fine.shape
    assert found[4:8, 4:8, 4:8] == pytest.approx(0.5)
    assert read_probability(Pair("p2", tmp_path / "p2_seg.nii.gz", one.reference), fine) is None
