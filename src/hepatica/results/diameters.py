"""How long a lesion is: distances between the corners of its voxels, in patient mm.

A voxel is a box, not a point, so a lesion's outline is made of voxel faces and its
length runs from corner to corner. A ball of 20 mm measures 20 mm to within a voxel,
and a single voxel has the diagonal of its face (in a slice) or of its body (in 3D).

All extreme corners lie on the convex hull. It is taken on the integer lattice of
corners, where even one voxel is a proper body, so that no point set is degenerate;
millimetres come after it, which makes anisotropic, oblique and sheared grids exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist, pdist

#: Lengths that differ by less are one length.
TIE_MM = 1e-6

Point: TypeAlias = tuple[float, float, float]
Segment: TypeAlias = tuple[Point, Point]


def longest_3d_mm(mask: NDArray[np.bool_], matrix: NDArray[np.float64]) -> float:
    """Longest distance between two corners of the voxels in `mask`.

    Parameters
    ----------
    mask
        (i, j, k); its parts are measured as one.
    matrix
        (3, 3): the patient mm of one step along each voxel axis, as columns.

    Returns
    -------
    float
        In mm; 0 when `mask` is empty.
    """
    if not mask.any():
        return 0.0
    return float(pdist(_hull(mask) @ matrix.T).max())


@dataclass(frozen=True)
class InPlane:
    """The longest diameter in a plane, and the longest across it.

    Parameters
    ----------
    diameter_mm, perpendicular_mm
        Their lengths.
    layer
        Index along the axis that the plane lies across.
    diameter, perpendicular
        Their ends, in voxels: whole numbers are voxel centres.
    """

    diameter_mm: float
    perpendicular_mm: float
    layer: int
    diameter: Segment
    perpendicular: Segment


def longest_in_plane_mm(
    mask: NDArray[np.bool_], matrix: NDArray[np.float64], axis: int
) -> tuple[float, float]:
    """The lengths that :func:`longest_in_plane` finds; zeros when `mask` is empty."""
    found = longest_in_plane(mask, matrix, axis)
    return (found.diameter_mm, found.perpendicular_mm) if found else (0.0, 0.0)


def longest_in_plane(
    mask: NDArray[np.bool_], matrix: NDArray[np.float64], axis: int
) -> InPlane | None:
    """Diameter and perpendicular diameter in the planes across voxel axis `axis`.

    The diameter is the longest distance between two corners of voxels in the same
    plane, over all planes. The perpendicular is the longest segment at a right angle
    to it that fits into the convex outline of that plane. Of several equally long
    diameters the one with the longest perpendicular counts, so that the numbers do
    not depend on the order of voxels.

    A segment is used, not the distance between two supporting lines: the diameter of
    a long box runs diagonally, and the lines would be almost two widths apart.

    Parameters
    ----------
    mask
        (i, j, k); parts that lie in one plane are measured as one.
    matrix
        (3, 3): the patient mm of one step along each voxel axis, as columns.
    axis
        The voxel axis that the planes lie across.

    Returns
    -------
    InPlane or None
        None when `mask` is empty.
    """
    # The plane's own orthonormal coordinates: lengths and angles are those in the patient.
    plane = np.linalg.qr(np.delete(matrix, axis, axis=1))[1]
    layers = [n for n, s in enumerate(np.moveaxis(mask, axis, 0)) if s.any()]
    slices = [np.take(mask, n, axis) for n in layers]
    bounds = np.array([_bound(s, plane) for s in slices])
    longest, widest = 0.0, -1.0
    best: tuple[int, NDArray[np.float64]] | None = None
    for n in np.argsort(-bounds, kind="stable"):
        if bounds[n] < longest - TIE_MM:
            break
        points = _hull(slices[n]) @ plane.T
        distances = np.triu(cdist(points, points))
        length = float(distances.max())
        if length < longest - TIE_MM:
            continue
        if length > longest + TIE_MM:
            widest = -1.0
        longest = max(longest, length)
        for a, b in np.argwhere(distances >= length - TIE_MM):
            width, ends = _widest_across(points, a, b)
            if width > widest:
                widest, best = width, (layers[n], np.concatenate([points[[a, b]], ends]))
    if best is None:
        return None
    layer, ends = best
    corners = np.linalg.solve(plane, ends.T).T - 0.5
    a, b, c, d = np.insert(corners, axis, layer, axis=1).tolist()
    return InPlane(longest, widest, layer, (_point(a), _point(b)), (_point(c), _point(d)))


def _point(corner: list[float]) -> Point:
    x, y, z = corner
    return (x, y, z)


def _bound(mask: NDArray[np.bool_], plane: NDArray[np.float64]) -> float:
    """The longer diagonal of the box around a slice's voxels: no diameter exceeds it."""
    sides = []
    for axis in (0, 1):
        hit = np.flatnonzero(mask.any(axis=1 - axis))
        sides.append(hit[-1] - hit[0] + 1)
    a, b = sides
    return float(np.linalg.norm(np.array([(a, b), (a, -b)]) @ plane.T, axis=1).max())


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, d) corners of voxels that span the convex hull of a mask that is not empty."""
    corners = _extreme_corners(mask)
    return np.asarray(corners[ConvexHull(corners).vertices])


def _extreme_corners(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The first and last corner on each lattice line along the last axis; voxel 0 is 0 to 1."""
    n = mask.shape[-1]
    hit = mask.any(axis=-1)
    first = np.where(hit, mask.argmax(axis=-1), n + 1)
    last = np.where(hit, n - mask[..., ::-1].argmax(axis=-1), -1)
    lines = tuple(s + 1 for s in hit.shape)
    low, high = np.full(lines, n + 1), np.full(lines, -1)
    for corner in product((0, 1), repeat=hit.ndim):
        at = tuple(slice(c, c + s) for c, s in zip(corner, hit.shape, strict=True))
        low[at] = np.minimum(low[at], first)
        high[at] = np.maximum(high[at], last)
    used = np.nonzero(high >= 0)
    points = [np.column_stack([*used, end[used]]) for end in (low, high)]
    return np.concatenate(points).astype(np.float64)


def _widest_across(
    points: NDArray[np.float64], a: int, b: int
) -> tuple[float, NDArray[np.float64]]:
    """Longest segment across the diameter from point `a` to `b` of a convex polygon, its ends.

    The width is a concave, piecewise linear function of the place along the diameter,
    with its bends at the polygon's vertices; so the greatest is at one of them.
    """
    along = points[b] - points[a]
    along = along / np.linalg.norm(along)
    across = np.array([-along[1], along[0]])
    offset = points - points[a]
    t = offset @ along
    v = offset @ across
    v[[a, b]] = 0.0
    sides = []
    for side in (v >= 0, v <= 0):
        order = np.argsort(t[side])
        sides.append(np.interp(t, t[side][order], v[side][order]))
    width = sides[0] - sides[1]
    n = int(np.argmax(width))
    foot = points[a] + t[n] * along
    return float(width[n]), foot + np.array([[side[n]] for side in sides]) * across
