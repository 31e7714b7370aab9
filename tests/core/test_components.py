import numpy as np
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from hepatica.core.components import ball, bounding_box, components, largest


def test_diagonal_neighbours_touch():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[3, 3, 3] = True
    numbered, sizes = components(mask)
    assert sizes.tolist() == [2, 1]
    assert numbered[0, 0, 0] == numbered[1, 1, 1] == 1
    assert numbered[3, 3, 3] == 2


@given(st.integers(0, 1000), st.floats(0.02, 0.3))
def test_sizes_agree_with_simpleitk(seed, share):
    mask = np.random.default_rng(seed).random((7, 8, 9)) < share
    numbered, sizes = components(mask)
    filter_ = sitk.ConnectedComponentImageFilter()
    filter_.FullyConnectedOn()
    theirs = sitk.GetArrayFromImage(filter_.Execute(sitk.GetImageFromArray(mask.astype(np.uint8))))
    assert sorted(sizes) == sorted(np.bincount(theirs.ravel())[1:])
    assert (np.diff(sizes) <= 0).all()
    assert np.bincount(numbered.ravel(), minlength=len(sizes) + 1)[1:].tolist() == sizes.tolist()


def test_empty_mask():
    empty = np.zeros((3, 3, 3), bool)
    assert components(empty)[1].size == 0
    assert not largest(empty).any()
    assert bounding_box(empty) is None


def test_bounding_box_by_hand():
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 2, 3] = mask[3, 2, 5] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 3), slice(3, 6))


def test_ball_of_the_paper():
    # Radius 2 voxels: 33 voxels, below the paper's smallest tumour of 39.
    assert ball(2).sum() == 33
    assert ball(1).sum() == 7
    assert ball(0).sum() == 1
    assert ball(3.0, np.array([1.0, 3.0, 10.0])).shape == (7, 3, 1)
