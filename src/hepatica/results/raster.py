"""Triangles to pixels: what an orthographic camera sees of a surface, without a display.

Every triangle is scanned row by row from its left to its right edge, all triangles at once;
of what falls on one pixel the nearest is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

#: A pixel centre on the edge of two triangles is in both, for all that rounding does.
_ON_EDGE = 1e-9


@dataclass(frozen=True, eq=False)
class Layer:
    """What is seen, pixel by pixel; pixels that show nothing are left out.

    Parameters
    ----------
    pixel
        (n,): where, as row times width plus column; ascending.
    depth
        (n,): how near, larger being nearer.
    normal
        (n, 3): the unit normal there, in the camera's axes.
    face
        (n,): index of the face that is seen.
    """

    pixel: NDArray[np.int64]
    depth: _Floats
    normal: _Floats
    face: NDArray[np.int64]


def rasterise(
    vertices: _Floats, faces: NDArray[np.int32], normals: _Floats, size: tuple[int, int]
) -> Layer:
    """The front of closed surfaces.

    Parameters
    ----------
    vertices
        (n, 3): pixels to the right, pixels down, and towards the camera; whole numbers are
        pixel centres.
    faces
        (m, 3); those that turn their back on the camera are left out.
    normals
        (n, 3) unit normals of the vertices: right, up, towards the camera.
    size
        Width and height in pixels. What is outside is cut off.
    """
    width, height = size
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    # Rows run down, so that a face that is counter-clockwise in the world has a negative area.
    area = _cross(a, b, c)
    front = np.flatnonzero(area < -1e-9)
    a, b, c, area = a[front], b[front], c[front], area[front]
    y = np.stack([a[:, 1], b[:, 1], c[:, 1]])
    top = np.maximum(np.ceil(y.min(axis=0)).astype(int), 0)
    bottom = np.minimum(np.floor(y.max(axis=0)).astype(int), height - 1)
    # (triangle, row) pairs, and the share of each corner at the start of a row and a step on.
    each, row = _runs(top, bottom)
    start, step = _shares(a[each], b[each], c[each], area[each], row)
    # Level edges bound the rows already.
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -start / step
    left = np.where(step > 0, crossing, 0.0).max(axis=1, initial=0.0)
    right = np.where(step < 0, crossing, np.inf).min(axis=1, initial=width - 1.0)
    pair, x = _runs(np.ceil(left - _ON_EDGE).astype(int), np.floor(right + _ON_EDGE).astype(int))
    away = np.stack([a[each, 2], b[each, 2], c[each, 2]], axis=1)
    z = (away * start).sum(axis=1)[pair] + (away * step).sum(axis=1)[pair] * x
    pixel = row[pair] * width + x
    depth = np.full(width * height, -np.inf)
    np.maximum.at(depth, pixel, z)
    nearest = np.full(width * height, -1)
    seen = np.flatnonzero(z == depth[pixel])
    nearest[pixel[seen]] = seen
    met = np.flatnonzero(nearest >= 0)
    kept = nearest[met]
    face = front[each[pair[kept]]]
    shares = start[pair[kept]] + step[pair[kept]] * x[kept, None]
    mixed = np.einsum("nk,nkx->nx", shares, normals[faces[face]])
    normal = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    return Layer(met, depth[met], normal, face)


def _runs(
    first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All whole numbers from each `first` to its `last`, and which of them each is of."""
    count = np.maximum(last - first + 1, 0)
    which = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return which, np.arange(len(which)) - before[which] + first[which]


def _shares(
    a: _Floats, b: _Floats, c: _Floats, area: _Floats, row: NDArray[np.int64]
) -> tuple[_Floats, _Floats]:
    """(n, 3) shares of the corners at x = 0 in a row, and what a pixel to the right adds."""
    p = np.column_stack([np.zeros(len(row)), row])
    start = np.stack([_cross(b, c, p), _cross(c, a, p), _cross(a, b, p)], axis=1)
    step = np.stack([b[:, 1] - c[:, 1], c[:, 1] - a[:, 1], a[:, 1] - b[:, 1]], axis=1)
    return start / area[:, None], step / area[:, None]


def _cross(a: NDArray[Any], b: NDArray[Any], p: NDArray[Any]) -> _Floats:
    """Twice the signed area of the triangles (a, b, p) on the picture."""
    return np.asarray(
        (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])
    )
