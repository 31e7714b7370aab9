"""Closed, oriented and manifold for any field, and mirrored with it."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hepatica.results.isosurface import enclosed, isosurface
from hepatica.results.soundness import examine
from hepatica.results.surfaces import Surface


def framed(values):
    return np.pad(np.asarray(values, float), 2, constant_values=-1)


FIELDS = arrays(np.float32, (3, 4, 3), elements=st.floats(-1, 1, width=32))


@settings(max_examples=60)
@given(FIELDS)
def test_every_surface_is_closed_two_sided_and_without_branches(values):
    vertices, faces = isosurface(framed(values), 0.0)
    if not (values > 0).any():
        assert len(vertices) == len(faces) == 0
        return
    found = examine(Surface(vertices, faces))
    assert found.sound
    other = trimesh.Trimesh(vertices, faces, process=False)
    assert other.is_watertight
    assert other.is_winding_consistent
    assert other.volume == pytest.approx(found.volume_ml * 1000, rel=1e-4)


@settings(max_examples=40)
@given(FIELDS, st.floats(-0.9, 0.9))
def test_the_enclosed_volume_is_that_of_the_surface(values, level):
    field = framed(values)
    vertices, faces = isosurface(field, level)
    volume = Surface(vertices, faces).volume_ml * 1000
    assert enclosed(field, level) == pytest.approx(volume, rel=1e-4, abs=1e-4)


@settings(max_examples=20)
@given(FIELDS, st.integers(0, 2))
def test_a_mirrored_field_has_the_mirrored_surface(values, axis):
    field = framed(values)
    vertices, _ = isosurface(field, 0.0)
    mirrored, _ = isosurface(np.flip(field, axis), 0.0)
    mirrored[:, axis] = field.shape[axis] - 1 - mirrored[:, axis]
    order = [np.lexsort(np.round(v, 6).T) for v in (vertices, mirrored)]
    assert vertices[order[0]] == pytest.approx(mirrored[order[1]], abs=1e-6)


def test_one_voxel_by_hand():
    # 1 in one voxel, -1 elsewhere: cell centres are -0.75, so that the surface crosses half
    # of each of the six edges to voxels, and 4/7 of each of the eight edges to cell centres.
    field = np.full((5, 5, 5), -1.0)
    field[2, 2, 2] = 1
    vertices, faces = isosurface(field, 0.0)
    distance = np.sort(np.linalg.norm(vertices - 2, axis=1))
    assert len(vertices) == 14
    assert len(faces) == 24
    assert distance[:8] == pytest.approx(4 / 7 * 0.75**0.5)
    assert distance[8:] == pytest.approx(0.5)


def test_what_reaches_the_border_is_refused():
    field = np.full((6, 6, 6), -1.0)
    field[1, 3, 3] = 1
    with pytest.raises(ValueError, match="border"):
        isosurface(field, 0.0)
