"""The surface at one level of a field, closed and two-sided by construction.

The lattice of voxel centres and cell centres (body-centred cubic) is cut into tetrahedra,
four about each face between two cells. A field that is linear in each tetrahedron has a
level set without gaps, branches or self-intersections: it crosses a tetrahedron in one
triangle or one quadrangle, and neighbours share its edges. Marching cubes has no such
guarantee, since a cube can be crossed in more ways than one. All tetrahedra are alike, so
that mirroring a field mirrors its surface.

A. Gueziec and R. Hummel, "Exploiting triangulated surface extraction using tetrahedral
decomposition", IEEE TVCG 1(4), 1995; the lattice as in S. Chan and E. Purisima, "A new
tetrahedral tesselation scheme for isosurface generation", Computers & Graphics 22(1), 1998.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A vertex keeps this share of its edge's length from the edge's ends, so that no two
#: vertices meet when they are rounded to single precision.
CLEARANCE = 0.05

#: Corners of a face between two cells, in order about the axis from the first to the second.
_RING = ((0, 0), (1, 0), (1, 1), (0, 1))

#: The vertices of a tetrahedron, those inside first, by an even permutation for each case.
_ONE = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 0, 1, 3), (3, 0, 2, 1))
_TWO = ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2), (1, 2, 0, 3), (1, 3, 2, 0), (2, 3, 0, 1))

_Ints = NDArray[np.int64]


def isosurface(
    field: NDArray[np.floating[Any]], level: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The surface that separates what is above `level` from the rest.

    Parameters
    ----------
    field
        (i, j, k), at least 4 along each axis; not above `level` in the two outermost
        layers, so that the surface closes.

    Returns
    -------
    vertices : (n, 3) float64
        In voxels, (0, 0, 0) being the first voxel's centre.
    faces : (m, 3) int32
        Counter-clockwise as seen from outside, in a right-handed grid. Both are empty
        when nothing is above `level`.

    Raises
    ------
    ValueError
        If the field is above `level` in its two outermost layers.
    """
    values, shape, tetrahedra, _ = _cut(field, level)
    edges = _edges(tetrahedra, values > 0)
    if not len(edges):
        return np.empty((0, 3)), np.empty((0, 3), np.int32)
    low, high = edges.min(axis=-1), edges.max(axis=-1)
    kept, faces = np.unique(low * values.size + high, return_inverse=True)
    a, b = np.divmod(kept, values.size)
    share = _share(values[a], values[b])[:, None]
    at = (1 - share) * _places(a, shape) + share * _places(b, shape)
    return at, faces.reshape(-1, 3).astype(np.int32)


def enclosed(field: NDArray[np.floating[Any]], level: float) -> float:
    """The volume inside :func:`isosurface`, in voxels, without making the surface.

    Raises
    ------
    ValueError
        As that.
    """
    values, _, tetrahedra, whole = _cut(field, level)
    inside = values[tetrahedra] > 0
    case = inside @ (1, 2, 4, 8)
    parts = float(whole + np.count_nonzero(case == 15))
    for order in _ONE:
        for sought, alone in ((1 << order[0], True), (15 - (1 << order[0]), False)):
            p, *others = values[tetrahedra[case == sought][:, order]].T
            corner = float(np.prod([_share(p, q) for q in others], axis=0).sum())
            parts += corner if alone else np.count_nonzero(case == sought) - corner
    for order in _TWO:
        p, q, r, s = values[tetrahedra[case == (1 << order[0]) + (1 << order[1])][:, order]].T
        a, b, c, d = _share(p, r), _share(p, s), _share(q, r), _share(q, s)
        parts += float((c * d + a * b * (1 - d) + a * d * (1 - c)).sum())
    return parts / 12


def _share(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the field is 0 between two vertices, as a share of the way."""
    return np.clip(here / (here - there), CLEARANCE, 1 - CLEARANCE)


def _cut(
    field: NDArray[np.floating[Any]], level: float
) -> tuple[NDArray[np.float64], tuple[int, ...], _Ints, int]:
    """The field above the level at voxels, then cell centres; tetrahedra that may be crossed.

    Also the voxels' shape, and how many tetrahedra are wholly inside besides.
    """
    values = np.asarray(field, np.float64) - level
    inside = values > 0
    if np.count_nonzero(inside) != np.count_nonzero(inside[2:-2, 2:-2, 2:-2]):
        raise ValueError("the field is above the level at its border: no surface closes there")
    centres = _cell_means(values)
    found = [_crossed(inside, centres > 0, axis) for axis in range(3)]
    everywhere = np.concatenate([values.ravel(), centres.ravel()])
    tetrahedra = np.concatenate([tetrahedra for tetrahedra, _ in found])
    return everywhere, values.shape, tetrahedra, sum(whole for _, whole in found)


def _cell_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each cell's eight corners, which is the field in its centre."""
    for axis in range(3):
        n = values.shape[axis]
        values = (values.take(range(n - 1), axis) + values.take(range(1, n), axis)) / 2
    return values


def _crossed(inside: NDArray[np.bool_], centres: NDArray[np.bool_], axis: int) -> tuple[_Ints, int]:
    """(n, 4) tetrahedra about the faces across `axis` that the surface may cross.

    And how many others are inside. Cell centres are numbered after the voxels; all are
    right-handed.
    """
    one, two = (axis + 1) % 3, (axis + 2) % 3

    def face(part: NDArray[np.bool_], corner: tuple[int, int]) -> tuple[slice, ...]:
        cut = [slice(None)] * 3
        cut[axis] = slice(1, -1)
        for along, start in zip((one, two), corner, strict=True):
            cut[along] = slice(start, part.shape[along] - 1 + start)
        return tuple(cut)

    n = centres.shape[axis]
    count = centres.take(range(n - 1), axis).astype(np.uint8) + centres.take(range(1, n), axis)
    for corner in _RING:
        count += inside[face(inside, corner)]
    before, after = np.zeros(3, int), np.zeros(3, int)
    after[axis] = 1
    at = np.argwhere((count > 0) & (count < 6))
    first, second = (
        inside.size + np.ravel_multi_index(tuple((at + d).T), centres.shape)
        for d in (before, after)
    )
    ring = []
    for corner in _RING:
        place = at + after
        place[:, [one, two]] += corner
        ring.append(np.ravel_multi_index(tuple(place.T), inside.shape))
    four = [np.column_stack([first, second, ring[q], ring[(q + 1) % 4]]) for q in range(4)]
    return np.concatenate(four), 4 * int(np.count_nonzero(count == 6))


def _edges(tetrahedra: _Ints, inside: NDArray[np.bool_]) -> _Ints:
    """(m, 3, 2) the edge of the lattice on which each corner of each triangle lies."""
    case = inside[tetrahedra] @ (1, 2, 4, 8)
    found = []
    for p, q, r, s in _ONE:
        alone = ((p, q), (p, r), (p, s))
        found.append(tetrahedra[case == 1 << p][:, alone])
        found.append(tetrahedra[case == 15 - (1 << p)][:, alone[::-1]])
    for p, q, r, s in _TWO:
        pair = tetrahedra[case == (1 << p) + (1 << q)]
        found.append(pair[:, ((p, r), (p, s), (q, s))])
        found.append(pair[:, ((p, r), (q, s), (q, r))])
    return np.concatenate(found)


def _places(number: _Ints, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(n, 3) where the numbered voxels and cell centres lie, in voxels."""
    voxels = int(np.prod(shape))
    is_centre = number >= voxels
    cells = tuple(n - 1 for n in shape)
    voxel = np.column_stack(np.unravel_index(np.where(is_centre, 0, number), shape))
    cell = np.column_stack(np.unravel_index(np.where(is_centre, number - voxels, 0), cells))
    return np.where(is_centre[:, None], cell + 0.5, voxel.astype(np.float64))
