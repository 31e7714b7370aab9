"""Distances between surfaces: by hand, by laws, and against those who wrote them first."""

import warnings

import numpy as np
import pytest
import surface_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hepatica.core.geometry import Geometry
from hepatica.evaluate.surfaces import Surfaces

GRID = Geometry.from_spacing((16, 14, 12), (1.0, 1.5, 3.0))


def box(*slices, geometry=GRID):
    mask = np.zeros(geometry.shape, bool)
    mask[tuple(slice(*s) for s in slices)] = True
    return mask


def blobs(seed, shape=(24, 22, 14), smooth=1.5, level=0.5):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smooth)
    return field > level * field.std()


CUBE = box((4, 8), (4, 8), (4, 8))


def test_a_mask_is_no_distance_from_itself():
    same = Surfaces.between(CUBE, CUBE, GRID)
    assert (same.hd95_mm, same.assd_mm, same.dice()) == (0, 0, 1)


def test_a_plane_moved_by_two_voxels_is_two_voxels_away():
    """Two half spaces that the grid cuts: nearly all of both surfaces is 3 mm away."""
    wide = Geometry.from_spacing((40, 40, 10), (1.0, 1.0, 1.5))
    one, other = box((0, 40), (0, 40), (0, 4), geometry=wide), None
    other = box((0, 40), (0, 40), (0, 6), geometry=wide)
    found = Surfaces.between(one, other, wide)
    assert found.hd95_mm == pytest.approx(3)
    # The two lower faces coincide, the upper ones do not, and the sides are thin.
    assert found.dice(2.9) < 0.75
    assert found.dice(3.0) == pytest.approx(1, abs=1e-9)


def test_one_voxel_has_the_surface_of_its_octahedron():
    """Marching cubes cuts each of its eight corners: triangles between edges' middles."""
    grid = Geometry.from_spacing((3, 3, 3), 2.0)
    alone = box((1, 2), (1, 2), (1, 2), geometry=grid)
    found = Surfaces.between(alone, alone, grid)
    # Middles of the edges to the neighbours lie 1 mm off: sides of sqrt(2) mm.
    assert found.reference_mm2 == pytest.approx([np.sqrt(3) / 4 * 2] * 8)


def test_tilted_slices_are_measured_in_the_patient():
    """Each slice lies 1 mm further along i: a column of voxels stands slant, not upright."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[0, 2] = 1.0
    tilted = Geometry((24, 9, 12), affine)
    # Elements of one voxel lie at eight corners around it, those of the other six slices up.
    one = box((4, 5), (4, 5), (2, 3), geometry=tilted)
    other = box((4, 5), (4, 5), (8, 9), geometry=tilted)
    found = Surfaces.between(one, other, tilted)
    corners = np.array(list(np.ndindex(2, 2, 2))) @ affine[:3, :3].T
    apart = corners[:, None] - (corners + affine[:3, :3] @ (0, 0, 6))
    nearest = np.linalg.norm(apart, axis=2).min(axis=1)
    assert sorted(found.from_prediction) == pytest.approx(sorted(nearest))
    assert found.hd95_mm > 6.5  # an upright stack of these slices would say 6


def test_empty_masks():
    none = np.zeros(GRID.shape, bool)
    both = Surfaces.between(none, none, GRID)
    assert (both.hd95_mm, both.assd_mm, both.dice()) == (None, None, None)
    for one in (Surfaces.between(none, CUBE, GRID), Surfaces.between(CUBE, none, GRID)):
        assert (one.hd95_mm, one.assd_mm, one.dice()) == (None, None, 0)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_laws(seed):
    one, other = blobs(seed), blobs(seed + 1)
    grid = Geometry.from_spacing(one.shape, (1.0, 1.3, 2.5))
    found, swapped = Surfaces.between(one, other, grid), Surfaces.between(other, one, grid)
    assert found.hd95_mm == pytest.approx(swapped.hd95_mm)
    assert found.assd_mm == pytest.approx(swapped.assd_mm)
    assert found.dice() == pytest.approx(swapped.dice())
    assert 0 <= found.assd_mm <= found.hd95_mm + 1e-9 or found.hd95_mm == 0
    assert 0 <= found.dice(1) <= found.dice(2) <= found.dice(1000) == pytest.approx(1)
    twice = Surfaces.between(one, other, Geometry.from_spacing(one.shape, (2.0, 2.6, 5.0)))
    assert twice.hd95_mm == pytest.approx(2 * found.hd95_mm)
    assert twice.dice(2.0) == pytest.approx(found.dice(1.0))
    flipped = Surfaces.between(one[::-1], other[::-1], grid)
    assert flipped.assd_mm == pytest.approx(found.assd_mm)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.1, 4.0)])
def test_agreement_with_surface_distance(monkeypatch, seed, spacing):
    monkeypatch.setattr(np, "Inf", np.inf, raising=False)  # it was written for an older NumPy
    prediction, reference = blobs(seed), blobs(seed + 50, level=0.8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = surface_distance.compute_surface_distances(reference, prediction, spacing)
    ours = Surfaces.between(prediction, reference, Geometry.from_spacing(prediction.shape, spacing))
    assert ours.hd95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95))
    for tolerance_mm in (1.0, 2.0, 5.0):
        wanted = surface_distance.compute_surface_dice_at_tolerance(theirs, tolerance_mm)
        assert ours.dice(tolerance_mm) == pytest.approx(wanted)
    there, back = surface_distance.compute_average_surface_distance(theirs)
    areas = theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()
    wanted = (there * areas[0] + back * areas[1]) / sum(areas)
    assert ours.assd_mm == pytest.approx(wanted)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("seed", range(4))
def test_agreement_with_monai(seed):
    """Surface Dice as it is; distances, which it takes from voxel to voxel, within a voxel."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    spacing = (1.0, 1.2, 1.5)
    prediction = blobs(seed, (40, 40, 40), 4)
    reference = blobs(seed, (40, 40, 40), 4, level=0.8)
    ours = Surfaces.between(prediction, reference, Geometry.from_spacing(prediction.shape, spacing))
    pair = [torch.from_numpy(m[None, None]).float() for m in (prediction, reference)]
    known = {"include_background": True, "spacing": spacing}
    dice = metrics.compute_surface_dice(*pair, class_thresholds=[2.0], use_subvoxels=True, **known)
    assert ours.dice() == pytest.approx(dice.item(), abs=1e-5)
    farthest = metrics.compute_hausdorff_distance(*pair, percentile=95, **known)
    assert ours.hd95_mm == pytest.approx(farthest.item(), abs=1.0)
    mean = metrics.compute_average_surface_distance(*pair, symmetric=True, **known)
    assert ours.assd_mm == pytest.approx(mean.item(), abs=0.25)
