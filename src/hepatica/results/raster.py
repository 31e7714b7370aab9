"""Triangles to pixels: what an orthographic camera sees of a surface, without a display.

Every triangle is scanned over the pixels of its bounding box, all triangles at once; of
what falls on one pixel the nearest is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layer:
    """What is seen at each pixel (rows, columns).

    Parameters
    ----------
    met
        Whether there is anything.
    depth
        How near it is, larger being nearer; -inf where there is nothing.
    normal
        (rows, columns, 3): the unit normal there, in the camera's axes.
    """

    met: NDArray[np.bool_]
    depth: _Floats
    normal: _Floats


def rasterise(
    vertices: _Floats, faces: NDArray[np.int32], normals: _Floats, size: tuple[int, int]
) -> Layer:
    """The front of a closed surface.

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
    depth = np.full(width * height, -np.inf)
    normal = np.zeros((width * height, 3))
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    # Rows run down, so that a face that is counter-clockwise in the world has a negative area.
    area = _cross(a, b, c)
    front = area < -1e-9
    faces, a, b, c, area = faces[front], a[front], b[front], c[front], area[front]
    corners = np.stack([a, b, c])[..., :2]
    low = np.maximum(np.ceil(corners.min(axis=0)), 0).astype(int)
    high = np.minimum(np.floor(corners.max(axis=0)), (width - 1, height - 1)).astype(int)
    wide, tall = (high - low + 1).max(axis=0, initial=0)
    planes = np.stack([_plane(b, c), _plane(c, a), _plane(a, b)], axis=1) / area[:, None, None]
    found: list[tuple[NDArray[Any], ...]] = [(np.empty(0, int), np.empty(0), np.empty(0, int))]
    for u in range(wide):
        column = np.flatnonzero(low[:, 0] + u <= high[:, 0])
        for v in range(tall):
            column = column[low[column, 1] + v <= high[column, 1]]
            if not column.size:
                break
            x, y = low[column, 0] + u, low[column, 1] + v
            weights = _weights(planes[column], x, y)
            ok = (weights >= 0).all(axis=1)
            at = column[ok]
            z = np.stack([a[at, 2], b[at, 2], c[at, 2]], axis=1)
            found.append(((y * width + x)[ok], np.einsum("nk,nk->n", z, weights[ok]), at))
    pixel, z, at = (np.concatenate(column) for column in zip(*found, strict=True))
    np.maximum.at(depth, pixel, z)
    nearest = z == depth[pixel]
    seen = np.full(width * height, -1)
    seen[pixel[nearest]] = at[nearest]
    met = np.flatnonzero(seen >= 0)
    face = seen[met]
    weights = _weights(planes[face], met % width, met // width)
    mixed = np.einsum("nk,nkx->nx", weights, normals[faces[face]])
    normal[met] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    grid = depth.reshape(height, width)
    return Layer(np.isfinite(grid), grid, normal.reshape(height, width, 3))


def _plane(a: _Floats, b: _Floats) -> _Floats:
    """(n, 3) such that its product with (x, y, 1) is :func:`_cross` of a, b and that pixel."""
    along, down = (b - a)[:, 0], (b - a)[:, 1]
    return np.stack([-down, along, down * a[:, 0] - along * a[:, 1]], axis=1)


def _weights(planes: _Floats, x: NDArray[Any], y: NDArray[Any]) -> _Floats:
    """(n, 3): how much each corner of its triangle counts at a pixel; negative outside."""
    return np.asarray(planes[..., 0] * x[:, None] + planes[..., 1] * y[:, None] + planes[..., 2])


def _cross(a: NDArray[Any], b: NDArray[Any], p: NDArray[Any]) -> _Floats:
    """Twice the signed area of the triangles (a, b, p) on the picture."""
    return np.asarray(
        (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])
    )
