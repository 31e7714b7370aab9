import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry, project, whole
from tests.orientations import ORIENTATIONS, oblique, stored

GRID = Geometry.from_spacing((6, 5, 4), (1.5, 2.0, 5.0), (10, -20, 30))
angles = st.tuples(*[st.floats(-20, 20)] * 3)


def test_by_hand():
    assert GRID.axes == "RAS"
    assert GRID.voxel_ml == pytest.approx(0.015)
    np.testing.assert_allclose(GRID.to_patient((2.5, 2, 1.5)), (10, -20, 30))
    np.testing.assert_allclose(GRID.to_patient((0, 0, 0)), (10 - 3.75, -24, 22.5))
    np.testing.assert_allclose(GRID.extent_mm, (9, 10, 20))


@given(angles, st.sampled_from(ORIENTATIONS))
def test_canonical_is_the_same_grid_however_it_is_stored(degrees, orientation):
    turned = oblique(GRID, degrees)
    other = stored(turned, *orientation)
    assert other.canonical().matches(turned.canonical(), tolerance_mm=1e-9)
    assert turned.canonical().axes == "RAS"
    assert other.voxel_ml == pytest.approx(GRID.voxel_ml)


@given(angles)
def test_there_and_back(degrees):
    grid = oblique(GRID, degrees)
    index = np.array([[0, 0, 0], [1.5, 2.25, -3], [5, 4, 3]])
    np.testing.assert_allclose(grid.to_index(grid.to_patient(index)), index, atol=1e-9)


def test_crop_keeps_the_place():
    box = (slice(1, 4), slice(2, 5), slice(3, 4))
    crop = GRID.crop(box)
    assert crop.shape == (3, 3, 1)
    np.testing.assert_allclose(crop.to_patient((0, 0, 0)), GRID.to_patient((1, 2, 3)))
    with pytest.raises(ValueError, match="does not lie inside"):
        GRID.crop((slice(0, 7), slice(0, 1), slice(0, 1)))
    with pytest.raises(ValueError, match="does not lie inside"):
        GRID.crop((slice(2, 2), slice(0, 1), slice(0, 1)))


def test_regrid_keeps_the_middle():
    grid = oblique(GRID, (5, 10, -7)).regrid((8, 9, 10), 2.5)
    np.testing.assert_allclose(grid.spacing_mm, 2.5)
    np.testing.assert_allclose(
        grid.to_patient((3.5, 4, 4.5)), oblique(GRID, (5, 10, -7)).to_patient((2.5, 2, 1.5))
    )


def test_project_covers_what_it_should():
    fine = GRID.regrid((12, 12, 12), 1.0)
    # 9, 10 and 20 mm about the middle of 12: a centre on the outer face is covered.
    assert project(whole(GRID), GRID, fine) == (slice(1, 11), slice(1, 11), slice(0, 12))
    far = Geometry.from_spacing((3, 3, 3), 1, (500, 0, 0))
    assert project(whole(GRID), GRID, far) is None


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((0, 4, 4), np.eye(4)),
        ((4, 4), np.eye(4)),
        ((4, 4, 4), np.eye(3)),
        ((4, 4, 4), np.full((4, 4), np.nan)),
        ((4, 4, 4), np.diag([1.0, 1, 0, 1])),
        ((4, 4, 4), np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])),
        ((4, 4, 4), np.diag([1.0, 1, 1, 2])),
    ],
)
def test_refuses_what_is_no_grid(shape, affine):
    with pytest.raises(InputError):
        Geometry(shape, affine)


def test_affine_is_read_only_and_a_copy():
    affine = np.eye(4)
    grid = Geometry((2, 2, 2), affine)
    affine[0, 3] = 7
    assert grid.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2
