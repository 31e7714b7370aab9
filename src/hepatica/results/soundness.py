"""Whether a surface is one: closed, two-sided, without branches, of the right volume.

It is asked of the vertices as a reader of a file sees them: in single precision, those at
the same place being one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hepatica.results.surfaces import Surface


@dataclass(frozen=True)
class Soundness:
    """What was found of a surface.

    Parameters
    ----------
    vertices, triangles
        How many there are, equal vertices counted once.
    parts
        Pieces that do not touch each other.
    closed
        Every edge has two faces: water does not leak.
    oriented
        Neighbouring faces agree which side is outside.
    manifold
        No edge has more than two faces, and about every vertex they form one fan.
    volume_ml
        Enclosed, signed: negative if the surface is inside out.
    expected_ml, error_percent
        Volume of the voxels, and how far the surface is from it; None if there is none.
    """

    vertices: int
    triangles: int
    parts: int
    closed: bool
    oriented: bool
    manifold: bool
    volume_ml: float
    expected_ml: float | None = None
    error_percent: float | None = None

    @property
    def sound(self) -> bool:
        """Fit for measuring and printing: closed, oriented, manifold, outside outwards."""
        return self.closed and self.oriented and self.manifold and self.volume_ml > 0


def examine(surface: Surface, expected_ml: float | None = None) -> Soundness:
    """Look at every edge and vertex; no surface is not closed."""
    welded, count = _welded(surface.vertices)
    faces = welded[surface.faces]
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    n = max(count, 1)
    directed, times = np.unique(start * n + end, return_counts=True)
    _, sides = np.unique(np.minimum(start, end) * n + np.maximum(start, end), return_counts=True)
    back = directed % n * n + directed // n
    whole = bool(len(faces)) and bool((start != end).all())
    error = None
    if expected_ml:
        error = (surface.volume_ml - expected_ml) / expected_ml * 100
    return Soundness(
        vertices=count,
        triangles=len(faces),
        parts=_parts(faces, count),
        closed=whole and bool((sides == 2).all()),
        oriented=whole and bool((times == 1).all()) and bool(np.isin(back, directed).all()),
        manifold=whole and bool((sides <= 2).all()) and _fans(faces) == count,
        volume_ml=surface.volume_ml,
        expected_ml=expected_ml,
        error_percent=error,
    )


def _welded(vertices: NDArray[np.float32]) -> tuple[NDArray[np.int64], int]:
    """A number for each vertex, the same for those at the same place; how many there are."""
    order = np.lexsort(vertices.T)
    first = np.ones(len(order), bool)
    first[1:] = (vertices[order[1:]] != vertices[order[:-1]]).any(axis=1)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(first) - 1
    return number, int(np.count_nonzero(first))


def _parts(faces: NDArray[np.int64], vertices: int) -> int:
    pairs = np.concatenate([faces[:, :2], faces[:, 1:]])
    return _groups(pairs, vertices)


def _fans(faces: NDArray[np.int64]) -> int:
    """Fans of faces, counted about every vertex: as many as vertices if each has one."""
    corner = np.arange(faces.size).reshape(faces.shape)
    n = int(faces.max(initial=0)) + 1
    keys, here = [], []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        edge = np.minimum(faces[:, a], faces[:, b]) * n + np.maximum(faces[:, a], faces[:, b])
        for end in (a, b):
            # A face's corner at one end of an edge, to meet that of the face across the edge.
            keys.append(edge * 2 + (faces[:, end] > np.minimum(faces[:, a], faces[:, b])))
            here.append(corner[:, end])
    key, node = np.concatenate(keys), np.concatenate(here)
    order = np.argsort(key, kind="stable")
    key, node = key[order], node[order]
    same = key[1:] == key[:-1]
    return _groups(np.column_stack([node[:-1][same], node[1:][same]]), faces.size)


def _groups(pairs: NDArray[np.int64], nodes: int) -> int:
    if not nodes:
        return 0
    joined = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (nodes, nodes))
    return int(connected_components(joined, directed=False)[0])
