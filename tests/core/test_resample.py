import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, ProbabilityMap, Volume
from tests.orientations import ORIENTATIONS, oblique, stored

GRID = Geometry.from_spacing((12, 10, 8), (1.5, 2.0, 3.0), (5, -5, 10))


def noise(geometry, seed=0):
    rng = np.random.default_rng(seed)
    return Volume(rng.normal(size=geometry.shape).astype(np.float32), geometry)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reorienting_moves_voxels_and_changes_none(orientation):
    volume = noise(oblique(GRID, (4, -9, 6)))
    there = resample.onto(volume, stored(volume.geometry, *orientation))
    assert sorted(there.voxels.ravel()) == sorted(volume.voxels.ravel())
    back = resample.onto(there, volume.geometry)
    np.testing.assert_array_equal(back.voxels, volume.voxels)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(ORIENTATIONS),
    st.floats(0.7, 4.0),
    st.tuples(*[st.floats(-6, 6)] * 3),
)
def test_aligned_grids_agree_with_simpleitk(orientation, spacing, shift):
    volume = noise(stored(GRID, *orientation))
    target = Geometry.from_spacing((9, 11, 7), spacing, np.add((5, -5, 10), shift))
    ours = resample.onto(volume, target).voxels
    image = sitk.GetImageFromArray(volume.voxels.transpose())
    affine = volume.geometry.affine
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing_mm)
    image.SetDirection((affine[:3, :3] / spacing_mm).ravel())
    image.SetOrigin(affine[:3, 3])
    theirs = sitk.Resample(
        image,
        target.shape,
        sitk.Transform(),
        sitk.sitkLinear,
        target.affine[:3, 3],
        target.spacing_mm,
        np.eye(3).ravel(),
        0.0,
    )
    # Whether a point exactly on the outer face is inside is nobody's to say.
    index = np.stack(np.meshgrid(*[np.arange(n) for n in target.shape], indexing="ij"), axis=-1)
    where = volume.geometry.to_index(target.to_patient(index))
    faces = np.stack([where + 0.5, where - np.array(volume.geometry.shape) + 0.5])
    clear = (np.abs(faces) > 1e-3).all(axis=(0, -1))
    theirs = sitk.GetArrayFromImage(theirs).transpose()
    np.testing.assert_allclose(ours[clear], theirs[clear], atol=2e-4)


def test_oblique_grids_agree_with_the_aligned_way():
    # A grid so little oblique that both ways must give the same.
    volume = noise(GRID)
    target = Geometry.from_spacing((9, 9, 9), 2.2, (5, -5, 10))
    aligned = resample.onto(volume, target).voxels
    turned = oblique(target, (0.02, 0.02, 0.02))
    assert np.abs(resample.onto(volume, turned).voxels - aligned).max() < 0.05
    assert not np.array_equal(resample.onto(volume, turned).voxels, aligned)


def test_linear_ramp_by_hand():
    ramp = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((4, 2, 2), np.float32)
    volume = Volume(ramp, Geometry((4, 2, 2), np.eye(4)))
    target = Geometry(
        (7, 2, 2), np.array([[0.5, 0, 0, 0.25], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    )
    found = resample.onto(volume, target, fill=-9).voxels[:, 0, 0]
    np.testing.assert_allclose(found, [0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0], atol=1e-6)


def test_outside_is_fill_and_half_a_voxel_is_inside():
    volume = Volume(np.ones((2, 2, 2), np.float32), Geometry((2, 2, 2), np.eye(4)))
    affine = np.diag([0.5, 1, 1, 1.0])
    affine[0, 3] = -1
    found = resample.onto(volume, Geometry((7, 2, 2), affine), fill=5).voxels[:, 0, 0]
    np.testing.assert_allclose(found, [5, 1, 1, 1, 1, 1, 5])


def test_antialias_averages_and_keeps_the_mean():
    volume = noise(Geometry.from_spacing((32, 32, 32), 1))
    target = Geometry.from_spacing((8, 8, 8), 4)
    smooth = resample.onto(volume, target, antialias=True).voxels
    sharp = resample.onto(volume, target).voxels
    assert smooth.std() < 0.5 * sharp.std()
    constant = Volume(np.full((32, 32, 32), 3.0, np.float32), volume.geometry)
    np.testing.assert_allclose(resample.onto(constant, target, antialias=True).voxels, 3, rtol=1e-5)
    with pytest.raises(ValueError, match="antialias"):
        resample.onto(volume, oblique(target, (10, 0, 0)), antialias=True)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(*[st.floats(-15, 15)] * 3),
    st.sampled_from(ORIENTATIONS),
    st.floats(0.8, 2.5),
)
def test_there_and_back_keeps_centroids_within_half_a_voxel(degrees, orientation, spacing):
    grid = stored(oblique(Geometry.from_spacing((24, 20, 16), (1.5, 2, 3)), degrees), *orientation)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    inside = np.linalg.norm(grid.to_patient(index) - (3, -2, 1), axis=-1) < 9
    labels = LabelMap(inside.astype(np.uint8), grid)
    other = Geometry.from_spacing((60, 60, 60), spacing)
    back = resample.onto(resample.onto(labels, other), grid)
    before = grid.to_patient(np.argwhere(labels.labels)).mean(axis=0)
    after = grid.to_patient(np.argwhere(back.labels)).mean(axis=0)
    assert np.linalg.norm(after - before) < 0.5 * max(spacing, grid.spacing_mm.max())


def test_nearest_takes_labels_that_exist():
    rng = np.random.default_rng(1)
    labels = LabelMap(rng.integers(0, 3, GRID.shape).astype(np.uint8), GRID)
    fine = resample.onto(labels, GRID.regrid((30, 30, 30), 0.9))
    assert set(np.unique(fine.labels)) <= {0, 1, 2}
    oblique_way = resample.onto(labels, oblique(GRID, (3, 3, 3)))
    assert set(np.unique(oblique_way.labels)) <= {0, 1, 2}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_tie_between_labels_does_not_depend_on_storage(orientation):
    grid = Geometry.from_spacing((8, 8, 8), 1)
    rng = np.random.default_rng(2)
    labels = LabelMap(rng.integers(0, 3, grid.shape).astype(np.uint8), grid)
    target = Geometry.from_spacing((4, 4, 4), 2)  # every centre is a corner of eight voxels
    expected = resample.onto(labels, target).labels
    np.testing.assert_array_equal(expected, labels.labels[::2, ::2, ::2])
    moved = resample.onto(labels, stored(grid, *orientation))
    np.testing.assert_array_equal(resample.onto(moved, target).labels, expected)
    other = stored(target, *orientation)
    back = resample.onto(resample.onto(labels, other), target)
    np.testing.assert_array_equal(back.labels, expected)


def test_probabilities_outside_are_background():
    p = np.zeros((3, 4, 4, 4), np.float32)
    p[2] = 1
    small = ProbabilityMap(p, Geometry.from_spacing((4, 4, 4), 1))
    large = resample.onto(small, Geometry.from_spacing((10, 10, 10), 1))
    np.testing.assert_allclose(large.p.sum(axis=0), 1, atol=1e-6)
    assert large.argmax().labels.sum() == 2 * 64


def test_shear_goes_through_simpleitk_and_is_exact_on_a_plane():
    affine = np.diag([1.0, 1, 2, 1])
    affine[1, 2] = 0.6  # gantry tilt
    grid = Geometry((12, 12, 8), affine)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    plane = (grid.to_patient(index) @ (0.3, -0.7, 0.2) + 4).astype(np.float32)
    middle = grid.to_patient((5.5, 5.5, 3.5))
    target = Geometry.from_spacing((4, 4, 4), 1, middle)
    inner = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1)
    np.testing.assert_allclose(
        resample.onto(Volume(plane, grid), target).voxels,
        target.to_patient(inner) @ (0.3, -0.7, 0.2) + 4,
        atol=1e-4,
    )
