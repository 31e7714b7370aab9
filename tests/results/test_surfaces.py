"""Surfaces of masks: of the voxels' volume, smooth, in their place; and the eye that checks."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hepatica.core.geometry import Geometry
from hepatica.results.margins import margin_surface
from hepatica.results.measure import sphericity
from hepatica.results.soundness import examine
from hepatica.results.surfaces import EMPTY, Surface, closed_surface
from tests.livers import ball, patient, points_mm
from tests.orientations import ORIENTATIONS, oblique, stored


def expected_ml(mask, geometry):
    return np.count_nonzero(mask) * geometry.voxel_ml


def test_a_ball_of_30_mm_has_113_ml():
    mask, geometry = ball(60, (1.0, 1.0, 1.0))
    surface = closed_surface(mask, geometry)
    assert surface.volume_ml == pytest.approx(4 / 3 * np.pi * 27, rel=0.01)
    assert surface.area_mm2 == pytest.approx(4 * np.pi * 900, rel=0.03)
    assert examine(surface, expected_ml(mask, geometry)).sound


@pytest.mark.parametrize("spacing", [(1, 1, 1), (1, 1, 3), (0.8, 0.8, 5), (2, 2, 2)])
@pytest.mark.parametrize("diameter", [3, 5, 8, 20, 80])
def test_smoothing_costs_no_volume(diameter, spacing):
    mask, geometry = ball(diameter, spacing, angles=(5, -9, 12))
    found = examine(closed_surface(mask, geometry), expected_ml(mask, geometry))
    assert found.sound
    assert found.parts == 1
    assert abs(found.error_percent) < 0.2


@settings(max_examples=25)
@given(
    arrays(np.bool_, (4, 4, 3)),
    st.tuples(*[st.floats(0.6, 5)] * 3),
    st.tuples(*[st.floats(-20, 20)] * 3),
)
def test_any_mask_even_at_the_border_has_a_sound_surface(mask, spacing, angles):
    assume(mask.any())
    geometry = oblique(Geometry.from_spacing(mask.shape, spacing), angles)
    found = examine(closed_surface(mask, geometry), expected_ml(mask, geometry))
    assert found.closed
    assert found.oriented
    assert found.manifold
    assert abs(found.error_percent) < 1


@pytest.mark.parametrize(("axes", "flips"), ORIENTATIONS[::5])
def test_the_surface_does_not_depend_on_how_the_patient_is_stored(axes, flips):
    mask, geometry = ball(14, (1.0, 1.5, 3.0), centre_mm=(20, -30, 5), angles=(10, 4, -6))
    mask[mask.shape[0] // 2 :, :3] = False
    moved = stored(geometry, axes, flips)
    turned = np.transpose(mask, axes)
    for axis, flip in enumerate(flips):
        turned = np.flip(turned, axis) if flip < 0 else turned
    first, second = closed_surface(mask, geometry), closed_surface(turned, moved)
    assert second.volume_ml == pytest.approx(first.volume_ml, rel=2e-3)
    assert second.volume_ml > 0
    assert second.area_mm2 == pytest.approx(first.area_mm2, rel=5e-3)
    assert second.bounds_mm == pytest.approx(first.bounds_mm, abs=0.1)


def test_the_surface_is_where_the_voxels_are():
    labels = patient(2, (12.0, 30.0), angles=(4, -7, 10))
    geometry = labels.geometry
    corners = np.array(list(np.ndindex(2, 2, 2))) - 0.5
    at = geometry.to_patient((np.argwhere(labels.liver)[:, None] + corners).reshape(-1, 3))
    outline = np.stack([at.min(axis=0), at.max(axis=0)])
    # A voxel's own extent along each patient axis, tilted as it is.
    voxel = np.abs(geometry.affine[:3, :3]).sum(axis=1)
    surface = closed_surface(labels.liver, geometry)
    assert (np.abs(surface.bounds_mm - outline) <= voxel).all()


def test_nothing_has_no_surface():
    nothing = np.zeros((5, 5, 5), bool)
    geometry = Geometry.from_spacing((5, 5, 5), 1)
    assert len(closed_surface(nothing, geometry).faces) == 0
    assert len(margin_surface(nothing, geometry, 5).faces) == 0
    assert EMPTY.volume_ml == EMPTY.area_mm2 == 0
    assert not examine(EMPTY).sound
    assert sphericity(nothing, geometry) is None


def test_nonsense_is_refused():
    mask, geometry = ball(8, 1)
    with pytest.raises(ValueError, match="on a grid of"):
        closed_surface(mask[1:], geometry)
    with pytest.raises(ValueError, match="pitch"):
        closed_surface(mask, geometry, pitch_mm=0)
    with pytest.raises(ValueError, match="margin"):
        margin_surface(mask, geometry, -5)


@pytest.mark.parametrize("diameter", [6, 12, 40])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.9, 0.9, 3)])
def test_a_ball_is_round(diameter, spacing):
    assert sphericity(*ball(diameter, spacing)) == pytest.approx(1, abs=0.035)


def test_a_cube_and_a_rod_are_not():
    cube = np.zeros((34, 34, 34), bool)
    cube[2:-2, 2:-2, 2:-2] = True
    # (pi/6)^(1/3) = 0.806 for sharp edges; ours are rounded.
    assert 0.79 < sphericity(cube, Geometry.from_spacing(cube.shape, 1)) < 0.9
    rod = np.zeros((10, 10, 66), bool)
    rod[2:-2, 2:-2, 2:-2] = True
    a, h = 6, 62
    sharp = (np.pi * 36 * (a * a * h) ** 2) ** (1 / 3) / (2 * a * a + 4 * a * h)
    assert sphericity(rod, Geometry.from_spacing(rod.shape, 1)) == pytest.approx(sharp, abs=0.1)


@pytest.mark.parametrize("margin", [5.0, 10.0])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.8, 0.8, 5)])
def test_a_margin_is_as_far_away_as_it_says(margin, spacing):
    mask, geometry = ball(16, spacing, centre_mm=(10, 20, 30), angles=(3, 8, -5))
    lesion, around = closed_surface(mask, geometry), margin_surface(mask, geometry, margin)
    assert examine(around).sound
    other = trimesh.Trimesh(lesion.vertices, lesion.faces)
    away = np.abs(trimesh.proximity.ProximityQuery(other).vertex(around.vertices)[0])
    assert away.min() > margin - 0.15
    assert away.max() < margin + 0.3


def test_a_margin_on_a_slanted_grid_is_not_cut():
    mask, geometry = ball(14, (1, 1, 2))
    slanted = geometry.affine.copy()
    slanted[:3, 1] += (1.4, 0, 0)
    slanted = Geometry(geometry.shape, slanted)
    lesion, around = closed_surface(mask, slanted), margin_surface(mask, slanted, 25)
    assert examine(around).sound
    apart = (around.bounds_mm - lesion.bounds_mm) * [[-1], [1]]
    assert apart == pytest.approx(np.full((2, 3), 25.0), abs=0.3)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (1, 1, 4)])
def test_a_small_lesion_keeps_its_form(spacing):
    """A disc of 14 by 4 mm, which more smoothing would make a ball of."""
    geometry = Geometry.from_spacing((24, 24, 12), spacing)
    place = points_mm(geometry)
    mask = (np.hypot(place[..., 0], place[..., 2]) < 7) & (np.abs(place[..., 1]) < 2)
    extent = np.ptp(closed_surface(mask, geometry).bounds_mm, axis=0)
    assert extent[0] == pytest.approx(14, abs=1.2)
    assert extent[1] == pytest.approx(4, abs=1.0)


def test_margins_of_neighbours_join():
    mask, geometry = ball(30, 1.0)
    mask[10:26] = False
    parts = [examine(closed_surface(mask, geometry)), examine(margin_surface(mask, geometry, 10))]
    assert [p.parts for p in parts] == [2, 1]
    assert all(p.sound for p in parts)


TETRAHEDRON = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], float)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def test_the_eye_sees_what_is_wrong():
    whole = examine(Surface(TETRAHEDRON, FACES), expected_ml=1 / 8)
    assert whole.sound
    assert (whole.parts, whole.vertices, whole.triangles) == (1, 4, 4)
    assert whole.volume_ml == pytest.approx(1 / 6)
    assert whole.error_percent == pytest.approx(100 / 3)
    inverted = examine(Surface(TETRAHEDRON, FACES[:, ::-1]))
    assert inverted.closed
    assert inverted.oriented
    assert not inverted.sound
    hole = examine(Surface(TETRAHEDRON, FACES[:3]))
    assert not hole.closed
    assert not hole.sound
    assert hole.manifold
    turned = np.concatenate([FACES[:3], FACES[3:, ::-1]])
    assert not examine(Surface(TETRAHEDRON, turned)).oriented
    # Two tetrahedra that share an edge, then two that share a corner.
    for far, shared in (((10, 10, -10), 2), ((-10, -10, -10), 1)):
        other = -TETRAHEDRON if shared == 1 else TETRAHEDRON * (1, -1, -1)
        both = Surface(np.concatenate([TETRAHEDRON, other]), np.concatenate([FACES, FACES + 4]))
        found = examine(both)
        assert not found.manifold, far
        assert found.parts == 1


def test_vertices_that_single_precision_cannot_tell_apart_are_one():
    near = TETRAHEDRON.copy()
    near[1] = near[0] + 1e-9
    assert not examine(Surface(near + 100, FACES)).closed


def test_a_thin_tip_is_not_smoothed_away():
    """As of a left lobe: one slice of 5 mm thick, 6 mm wide, and 18 mm long."""
    geometry = Geometry.from_spacing((70, 40, 16), (0.9, 0.9, 5))
    place = points_mm(geometry)
    mask = (((place - [-10, 0, 0]) / (15, 15, 30)) ** 2).sum(axis=-1) < 1
    mask[34:56, 17:24, 7] = True
    corner = geometry.to_patient((55.5, 0, 0))[0]
    assert closed_surface(mask, geometry).bounds_mm[1, 0] == pytest.approx(corner, abs=0.9)
