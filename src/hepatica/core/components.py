"""Connected parts of a mask. Lesions and livers are 26-connected everywhere in Hepatica."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.geometry import Box

_TOUCHING = np.ones((3, 3, 3), dtype=bool)


def components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the 26-connected parts of `mask` from the largest (1) to the smallest.

    Returns
    -------
    numbered : (i, j, k) int32
        0 outside, 1…n inside; of equal sizes, the one met first in index order leads.
    sizes : (n,) int64
        Voxels of each part, descending; empty when the mask is.
    """
    numbered = np.zeros(mask.shape, np.int32)
    box = bounding_box(mask)
    if box is None:
        return numbered, np.empty(0, np.int64)
    found, n = ndimage.label(mask[box], structure=_TOUCHING, output=np.int32)
    sizes = np.bincount(found.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    rank = np.zeros(n + 1, dtype=np.int32)
    rank[order + 1] = np.arange(1, n + 1)
    numbered[box] = rank[found]
    return numbered, sizes[order].astype(np.int64)


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 26-connected part; all False when `mask` is empty."""
    numbered, _ = components(mask)
    return np.asarray(numbered == 1)


def bounding_box(mask: NDArray[np.bool_], spare: int = 0) -> Box | None:
    """The smallest box that holds every True voxel, or None when there is none.

    `spare` voxels are added on every side, as far as the array goes.
    """
    found = ndimage.find_objects(mask.astype(np.uint8, copy=False))
    if not found:
        return None
    i, j, k = (
        slice(max(0, s.start - spare), min(n, s.stop + spare))
        for s, n in zip(found[0], mask.shape, strict=True)
    )
    return (i, j, k)


def ball(radius: float, spacing: NDArray[np.float64] | float = 1.0) -> NDArray[np.bool_]:
    """A structuring element: voxels whose centre lies within `radius` of the middle.

    `radius` is in the unit of `spacing` (voxels by default, mm with a spacing in mm).
    """
    step = np.broadcast_to(np.asarray(spacing, float), 3)
    reach = np.floor(radius / step + 1e-9).astype(int)
    axes = [np.arange(-r, r + 1) * s for r, s in zip(reach, step, strict=True)]
    squared = sum(np.square(a) for a in np.meshgrid(*axes, indexing="ij", sparse=True))
    return np.asarray(squared <= radius**2 + 1e-9)
