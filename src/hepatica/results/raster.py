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
    low = np.ceil(corners.min(axis=0)).astype(int)
    high = np.floor(corners.max(axis=0)).astype(int)
    wide, tall = (high - low + 1).max(axis=0, initial=0)
    found: list[tuple[NDArray[Any], ...]] = [
        (np.empty(0, int), np.empty(0), np.empty((0, 3)), np.empty(0, int))
    ]
    for u in range(wide):
        column = low[:, 0] + u <= high[:, 0]
        for v in range(tall):
            at = np.flatnonzero(column & (low[:, 1] + v <= high[:, 1]))
            if not at.size:
                break
            x, y = low[at, 0] + u, low[at, 1] + v
            p = np.stack([x, y], axis=1).astype(np.float64)
            weights = np.stack(
                [_cross(b[at], c[at], p), _cross(c[at], a[at], p), _cross(a[at], b[at], p)], axis=1
            )
            weights /= area[at, None]
            ok = (weights >= 0).all(axis=1) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            at, weights = at[ok], weights[ok]
            z = a[at, 2] * weights[:, 0] + b[at, 2] * weights[:, 1] + c[at, 2] * weights[:, 2]
            found.append((y[ok] * width + x[ok], z, weights, at))
    pixel, z, weights, at = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((z, pixel))
    last = np.ones(len(order), bool)
    last[:-1] = pixel[order[1:]] != pixel[order[:-1]]
    kept = order[last]
    depth[pixel[kept]] = z[kept]
    mixed = np.einsum("nk,nkx->nx", weights[kept], normals[faces[at[kept]]])
    normal[pixel[kept]] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    grid = depth.reshape(height, width)
    return Layer(np.isfinite(grid), grid, normal.reshape(height, width, 3))


def _cross(a: NDArray[Any], b: NDArray[Any], p: NDArray[Any]) -> _Floats:
    """Twice the signed area of the triangles (a, b, p) on the picture."""
    return np.asarray(
        (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])
    )
