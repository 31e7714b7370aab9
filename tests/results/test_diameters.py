"""Diameters: values derived by hand, bodies of known size, and a slow independent reference."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from hepatica.results.diameters import longest_3d_mm, longest_in_plane, longest_in_plane_mm

UNIT = np.eye(3)

masks = arrays(bool, (4, 5, 3), elements=st.booleans())


@st.composite
def matrices(draw):
    """Anisotropic, rotated, mirrored and sheared grids."""
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    shear = np.eye(3) + np.triu(rng.uniform(-0.5, 0.5, (3, 3)), 1)
    spacing = np.diag(rng.uniform(0.5, 5, 3) * rng.choice([-1, 1], 3))
    return Rotation.random(rng=rng).as_matrix() @ shear @ spacing


def corners(mask):
    """All corners of all voxels, in voxel units."""
    index = np.argwhere(mask)
    steps = np.array(list(product((0, 1), repeat=mask.ndim)))
    return np.unique((index[:, None] + steps).reshape(-1, mask.ndim), axis=0).astype(float)


def farthest(points):
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return gaps.max(), np.argwhere(np.triu(gaps) >= gaps.max() - 1e-7)


def width_across(points, a, b):
    """Longest chord at a right angle to a-b, by clipping lines with the hull's half-planes."""
    along = (b - a) / np.linalg.norm(b - a)
    across = np.array([-along[1], along[0]])
    equations = ConvexHull(points).equations
    best = 0.0
    for p in points:
        low, high = -np.inf, np.inf
        for *normal, offset in equations:
            slope, rest = np.dot(normal, across), np.dot(normal, p) + offset
            if slope > 1e-12:
                high = min(high, -rest / slope)
            elif slope < -1e-12:
                low = max(low, -rest / slope)
            elif rest > 1e-9:
                low, high = 0, 0
        best = max(best, high - low)
    return best


def reference(mask, matrix, axis):
    found = []
    basis = np.linalg.svd(np.delete(matrix, axis, axis=1), full_matrices=False)[0]
    for n in range(mask.shape[axis]):
        section = np.take(mask, n, axis=axis)
        if section.any():
            points = corners(section) @ np.delete(matrix, axis, axis=1).T @ basis
            length, pairs = farthest(points)
            found += [(length, width_across(points, points[a], points[b])) for a, b in pairs]
    longest = max(length for length, _ in found)
    return longest, max(width for length, width in found if length >= longest - 1e-6)


@settings(deadline=None, max_examples=60)
@given(masks, matrices(), st.integers(0, 2))
def test_in_plane_agrees_with_the_definition_by_brute_force(mask, matrix, axis):
    assume(mask.any())
    assert longest_in_plane_mm(mask, matrix, axis) == pytest.approx(
        reference(mask, matrix, axis), rel=1e-6
    )


@settings(deadline=None, max_examples=60)
@given(masks, matrices())
def test_3d_agrees_with_the_definition_by_brute_force(mask, matrix):
    assume(mask.any())
    assert longest_3d_mm(mask, matrix) == pytest.approx(farthest(corners(mask) @ matrix.T)[0])


def test_an_empty_mask_has_no_length():
    empty = np.zeros((3, 3, 3), bool)
    assert longest_3d_mm(empty, UNIT) == 0
    assert longest_in_plane_mm(empty, UNIT, 2) == (0, 0)


def test_a_voxel_has_the_diagonals_of_its_face_and_body():
    one = np.ones((1, 1, 1), bool)
    assert longest_in_plane_mm(one, UNIT, 2) == pytest.approx((2**0.5, 2**0.5))
    assert longest_3d_mm(one, UNIT) == pytest.approx(3**0.5)


@pytest.mark.parametrize(("axis", "sides"), [(0, (3.0, 20.0)), (1, (4.0, 20.0)), (2, (3.0, 4.0))])
def test_a_block_of_4_by_3_by_20_mm(axis, sides):
    # A rectangle a < b: diagonal d; across it, a chord of a·d/b fits.
    a, b = sides
    d = np.hypot(a, b)
    block, matrix = np.ones((2, 3, 4), bool), np.diag([2.0, 1.0, 5.0])
    assert longest_in_plane_mm(block, matrix, axis) == pytest.approx((d, a * d / b))
    assert longest_3d_mm(block, matrix) == pytest.approx((16 + 9 + 400) ** 0.5)


def test_a_row_of_voxels_is_as_wide_as_one_and_not_as_two():
    row = np.ones((50, 1, 1), bool)
    length, width = longest_in_plane_mm(row, UNIT, 2)
    assert length == pytest.approx(2501**0.5)
    assert width == pytest.approx(2501**0.5 / 50)


def test_shear_in_the_plane_and_between_planes():
    one = np.ones((1, 1, 1), bool)
    in_plane = np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])
    assert longest_in_plane_mm(one, in_plane, 2)[0] == pytest.approx(3.25**0.5)
    assert longest_3d_mm(one, in_plane) == pytest.approx(4.25**0.5)
    between = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]])
    assert longest_in_plane_mm(one, between, 2)[0] == pytest.approx(2**0.5)
    assert longest_3d_mm(one, between) == pytest.approx(4.25**0.5)


def test_the_longest_slice_counts_and_its_own_perpendicular():
    mask = np.zeros((12, 12, 2), bool)
    mask[:10, 0, 0] = True
    mask[:6, :6, 1] = True
    length, width = longest_in_plane_mm(mask, UNIT, 2)
    assert length == pytest.approx(101**0.5)
    assert width == pytest.approx(101**0.5 / 10)


def test_a_wide_slice_that_is_not_the_longest_lends_no_perpendicular():
    mask = np.zeros((10, 10, 2), bool)
    mask[:8, 4, 0] = mask[4, :8, 0] = True  # a cross of 8 by 8: its box is longer than it is
    mask[:, 0, 1] = True
    length, width = longest_in_plane_mm(mask, UNIT, 2)
    assert length == pytest.approx(101**0.5)
    assert width == pytest.approx(101**0.5 / 10)


def test_of_two_equally_long_slices_the_wider_one_counts_whatever_the_order():
    mask = np.zeros((3, 4, 2), bool)
    mask[:, :, 1] = True  # a block of 3 x 4: diagonal 5, chord 3.75
    mask[[0, 2], [0, 3], 0] = True  # only two opposite corners of it: also 5, but narrow
    wide = pytest.approx((5, 3.75))
    assert longest_in_plane_mm(mask, UNIT, 2) == wide
    assert longest_in_plane_mm(mask[:, :, ::-1], UNIT, 2) == wide
    assert longest_in_plane_mm(mask[:, :, :1], UNIT, 2)[1] < 3


def grid(shape, matrix, centre):
    index = np.moveaxis(np.indices(shape), 0, -1)
    return (index - (np.array(shape) - 1) / 2) @ matrix.T - centre


@pytest.mark.parametrize("seed", range(4))
def test_a_ball_of_20_mm_on_an_oblique_grid(seed):
    rng = np.random.default_rng(seed)
    matrix = Rotation.random(rng=rng).as_matrix() @ np.diag([1.0, 1.0, 1.5])
    ball = np.linalg.norm(grid((26, 26, 20), matrix, rng.uniform(-0.5, 0.5, 3)), axis=-1) <= 10
    length, width = longest_in_plane_mm(ball, matrix, 2)
    assert 19 <= length <= 20 + 2**0.5  # a corner is at most half a diagonal from its centre
    assert 18.5 <= width <= length
    assert 19 <= longest_3d_mm(ball, matrix) <= 20 + (1 + 1 + 1.5**2) ** 0.5


def test_an_ellipsoid_turned_in_its_plane_has_its_two_axes():
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    matrix = np.diag([0.5, 0.5, 1.0])
    points = grid((80, 60, 14), matrix, (0, 0, 0)) @ turn
    body = np.sum((points / (15, 6, 4)) ** 2, axis=-1) <= 1
    length, width = longest_in_plane_mm(body, matrix, 2)
    assert length == pytest.approx(30, abs=0.71)
    assert width == pytest.approx(12, abs=0.71)


def test_the_ends_are_where_the_lengths_are():
    mask = np.zeros((8, 9, 5), bool)
    mask[2:6, 3:6, 1] = True  # 4 by 3
    mask[2, 3, 3] = True
    found = longest_in_plane(mask, UNIT, 2)
    assert found.layer == 1
    a, b = np.array(found.diameter)
    assert np.linalg.norm(a - b) == pytest.approx(found.diameter_mm) == 5
    assert sorted(map(tuple, found.diameter)) in (
        [(1.5, 2.5, 1), (5.5, 5.5, 1)],
        [(1.5, 5.5, 1), (5.5, 2.5, 1)],
    )
    c, d = np.array(found.perpendicular)
    assert np.linalg.norm(c - d) == pytest.approx(found.perpendicular_mm) == 3.75
    assert (b - a) @ (d - c) == pytest.approx(0, abs=1e-9)
    assert longest_in_plane(mask & False, UNIT, 2) is None


@pytest.mark.parametrize("axis", range(3))
def test_the_ends_on_an_oblique_grid(axis):
    rng = np.random.default_rng(axis)
    mask = rng.random((5, 6, 4)) < 0.4
    matrix = np.array([[1.1, 0.2, 0.1], [-0.2, 0.9, 0.3], [0.1, -0.4, 2.5]])
    found = longest_in_plane(mask, matrix, axis)
    for ends, length in (
        (found.diameter, found.diameter_mm),
        (found.perpendicular, found.perpendicular_mm),
    ):
        a, b = np.array(ends)
        assert a[axis] == b[axis] == found.layer
        assert np.linalg.norm(matrix @ (a - b)) == pytest.approx(length)
    corners = np.argwhere(np.take(mask, found.layer, axis))
    low, high = corners.min(axis=0) - 0.5, corners.max(axis=0) + 0.5
    inside = np.delete(np.array(found.diameter), axis, axis=1)
    assert ((inside >= low - 1e-9) & (inside <= high + 1e-9)).all()
