"""Distances from lesions to the liver's surface and to each other, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from hepatica.core.components import components
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.results.measure import measure
from tests.livers import points_mm
from tests.orientations import oblique

CORNERS = np.array(list(np.ndindex(2, 2, 2))) - 0.5


def block(spacing=(1, 1, 1), lesions=((5, 5, 5),), liver=np.s_[1:-1, 1:-1, 1:-1], angles=(0, 0, 0)):
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[liver] = 1
    for place in lesions:
        labels[place] = 2
    geometry = oblique(Geometry.from_spacing(labels.shape, spacing), angles)
    return measure(LabelMap(labels, geometry)).findings


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, -20, 30)])
def test_steps_between_voxels_are_counted(angles):
    # Four voxels lie between index 5 and the outside at 0, along each axis.
    (finding,) = block((2, 3, 5), angles=angles)
    assert finding.surface_distance_mm == pytest.approx(8)
    assert finding.next_lesion_mm is None


def test_a_lesion_at_the_surface_touches_it():
    (finding,) = block(lesions=((1, 5, 5),))
    assert finding.surface_distance_mm == 0
    (corner,) = block(lesions=((1, 1, 1),))
    assert corner.surface_distance_mm == 0


def test_gaps_between_lesions():
    first, second = block((2, 3, 5), lesions=(np.s_[3:5, 5, 5], (7, 5, 5)))
    assert first.next_lesion_mm == second.next_lesion_mm == pytest.approx(4)
    # One voxel between along i and two along j: a diagonal.
    first, second = block((2, 3, 5), lesions=((3, 3, 5), (5, 6, 5)))
    assert first.next_lesion_mm == pytest.approx((2**2 + 6**2) ** 0.5)


def test_where_the_view_ends_the_surface_is_unknown():
    cut = np.s_[1:-1, 1:-1, 0:]
    near_cut, inside = block(lesions=((5, 5, 10), (5, 5, 3)), liver=cut)
    assert {near_cut.centre_voxel[2], inside.centre_voxel[2]} == {10, 3}
    by_place = {f.centre_voxel[2]: f.surface_distance_mm for f in (near_cut, inside)}
    assert by_place[10] is None  # one voxel to the edge of the image, four to the surface
    assert by_place[3] is None  # three to the lower edge
    (side,) = block(lesions=((2, 5, 6),), liver=cut)
    assert side.surface_distance_mm == pytest.approx(1)
    (only,) = block(lesions=((5, 5, 5),), liver=np.s_[:, :, :])
    assert only.surface_distance_mm is None


def test_a_cavity_is_not_the_surface():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[1:-1, 1:-1, 1:-1] = 1
    labels[5, 5, 7] = 0
    labels[5, 5, 5] = 2
    found = measure(LabelMap(labels, Geometry.from_spacing(labels.shape, 1))).findings
    assert found[0].surface_distance_mm == pytest.approx(4)


@settings(max_examples=10)
@given(st.tuples(*[st.floats(-30, 30)] * 3), st.floats(4, 12))
def test_balls_in_a_ball_however_it_is_turned(angles, radius):
    geometry = oblique(Geometry.from_spacing((60, 60, 40), (1.3, 1.1, 2.0)), angles)
    away = points_mm(geometry)
    labels = (np.linalg.norm(away, axis=-1) < 30).astype(np.uint8)
    labels[np.linalg.norm(away - (12, 0, 0), axis=-1) < radius] = 2
    labels[np.linalg.norm(away - (-14, 0, 0), axis=-1) < 3] = 2
    first, second = measure(LabelMap(labels, geometry)).findings
    # Half of a voxel's diagonal on either side.
    assert first.surface_distance_mm == pytest.approx(18 - radius, abs=2.7)
    assert first.next_lesion_mm == second.next_lesion_mm
    assert first.next_lesion_mm == pytest.approx(26 - radius - 3, abs=2.7)
    assert first.volume_ml == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=0.12)
    assert first.diameter_3d_mm == pytest.approx(2 * radius, abs=2.7)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_the_next_lesion_is_the_nearest_of_all(seed):
    rng = np.random.default_rng(seed)
    labels = np.ones((14, 12, 10), np.uint8)
    labels[rng.random(labels.shape) < 0.04] = 2
    geometry = oblique(Geometry.from_spacing(labels.shape, (1.0, 1.7, 3.1)), (5, 9, -20))
    found = measure(LabelMap(labels, geometry)).findings
    numbered, _ = components(labels == 2)
    corners = [
        geometry.to_patient(
            (np.argwhere(numbered == f.id)[:, None] + CORNERS).reshape(-1, 3)  # all eight of each
        )
        for f in found
    ]
    for one, finding in zip(corners, found, strict=True):
        gaps = [cdist(one, other).min() for other in corners if other is not one]
        expected = min(gaps) if gaps else None
        assert finding.next_lesion_mm == (None if expected is None else pytest.approx(expected))
