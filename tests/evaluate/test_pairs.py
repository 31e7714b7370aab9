"""Which image and which label map belong to which case."""

import numpy as np
import pytest

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate.pairs import Pair, images, pair, read_pair, read_probability
from hepatica.io import write_labelmap, write_volume
from hepatica.io.pairing import label_files


def test_the_image_of_a_case_has_its_name_or_goes_on_with_a_word(tmp_path):
    names = ("p1.nii.gz", "p1_t1ce.nii.gz", "p2_t1ce.nii.gz", "p2_t2.nii.gz", "p1_seg.nii.gz")
    for name in (*names, "p3_0001.nii.gz", "p30.nii.gz"):
        (tmp_path / name).touch()
    found = images(tmp_path, ["p1", "p2", "p3"])
    assert {case: path.name for case, path in found.items()} == {
        "p1": "p1.nii.gz",
        "p2": "p2_t1ce.nii.gz",
        "p3": "p3_0001.nii.gz",
    }
    assert images(tmp_path / "p1.nii.gz", ["any"]) == {"any": tmp_path / "p1.nii.gz"}
    assert images(tmp_path / "p1.nii.gz", ["one", "two"]) == {}
    with pytest.raises(InputError, match="does not exist"):
        images(tmp_path / "nowhere", ["p1"])


def test_only_files_beside_label_maps_of_their_case_are_images(tmp_path):
    for name in ("p1_seg.nii.gz", "p1_t1ce.nii.gz", "p2.nii.gz", "p3_seg.nii.gz", "p3.nii.gz"):
        (tmp_path / name).touch()
    found = [p.name for p in label_files(tmp_path)]
    assert found == ["p1_seg.nii.gz", "p2.nii.gz", "p3_seg.nii.gz"]


def made(folder, geometry, value=1):
    folder.mkdir(exist_ok=True)
    labels = np.zeros(geometry.shape, np.uint8)
    labels[1:4, 2:5, 1:3] = value
    write_labelmap(folder / "p1.nii.gz", LabelMap(labels, geometry))


def test_the_same_voxels_along_other_axes_are_the_same_grid(tmp_path):
    grid = Geometry.from_spacing((10, 9, 8), (2, 2.5, 3), (5, 6, 7))
    made(tmp_path / "a", grid)
    (tmp_path / "b").mkdir()
    labels = io.read_labelmap(tmp_path / "a" / "p1.nii.gz")
    affine = grid.affine @ np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = grid.to_patient((grid.shape[0] - 1, 0, 0))
    write_labelmap(
        tmp_path / "b" / "p1.nii.gz", LabelMap(labels.labels[::-1], Geometry(grid.shape, affine))
    )
    (one,), _ = pair(tmp_path / "b", tmp_path / "a")
    ours, theirs = read_pair(one)
    np.testing.assert_array_equal(ours.labels, theirs.labels)


def test_another_grid_and_other_labels_are_said_with_their_side(tmp_path):
    grid = Geometry.from_spacing((10, 9, 8), 2)
    made(tmp_path / "a", grid)
    made(tmp_path / "b", Geometry.from_spacing((10, 9, 8), 2.5))
    made(tmp_path / "c", grid, value=5)
    (one,), _ = pair(tmp_path / "b", tmp_path / "a")
    with pytest.raises(InputError, match=r"Prediction .*b.* 10×9×8 voxels of 2.5×2.5×2.5 mm"):
        read_pair(one)
    (one,), _ = pair(tmp_path / "a", tmp_path / "c")
    with pytest.raises(InputError, match="labels") as wrong:
        read_pair(one)
    assert "--reference-labels" in wrong.value.hint
    (one,), _ = pair(tmp_path / "c", tmp_path / "a")
    with pytest.raises(InputError, match="labels") as wrong:
        read_pair(one)
    assert "--reference-labels" not in wrong.value.hint


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
