"""Edits of a label map that need the image or three dimensions; a person starts each.

Each works on a region: for label 2 the lesions, for label 1 the whole liver, lesions
included. What leaves the lesions becomes parenchyma; what leaves the liver, background.
Pure functions; sizes in mm and ml.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import bounding_box, components
from hepatica.core.geometry import Box, Geometry, Triple
from hepatica.core.volume import Label, LabelMap, Volume

Mask = NDArray[np.bool_]

#: Slices further apart than this are of different lesions.
MOST_GAP_MM = 25.0
#: A Gaussian is cut off where it has fallen to about a tenth of a per mille.
_SIGMAS = 4.0


def grow(
    before: LabelMap,
    image: Volume,
    voxel: Triple,
    label: int,
    *,
    tolerance: float,
    radius_mm: float,
) -> LabelMap:
    """Add what is as bright as the place that was clicked, and connected with it.

    Parameters
    ----------
    voxel
        The place (i, j, k). It is added in any case.
    tolerance
        How far the brightness may be from the median of the place and its neighbours, as a
        share of the range from the image's 1st to its 99th percentile.
    radius_mm
        Nothing further away than this is added.

    Raises
    ------
    ValueError
        If the image is not on the grid, or the voxel not in it.
    """
    geometry = before.geometry
    if not image.geometry.matches(geometry):
        raise ValueError("the image is not on the grid of the label map")
    if not all(0 <= v < n for v, n in zip(voxel, geometry.shape, strict=True)):
        raise ValueError(f"voxel {voxel} is not in a grid of {geometry.shape}")
    low, high = np.percentile(image.voxels, (1, 99))
    near: Box = tuple(slice(max(0, v - 1), v + 2) for v in voxel)  # type: ignore[assignment]
    box = _around(voxel, radius_mm, geometry)
    place = tuple(v - s.start for v, s in zip(voxel, box, strict=True))
    off = np.abs(image.voxels[box] - np.median(image.voxels[near]))
    alike = off <= tolerance * (high - low)
    alike &= _distance_mm(place, alike.shape, geometry) <= radius_mm
    alike[place] = True
    numbered, _ = ndimage.label(alike)
    region = _region(before, label)
    region[box] |= numbered == numbered[place]
    return _with_region(before, label, region)


def interpolate(before: LabelMap, label: int, axis: int) -> LabelMap:
    """Fill the slices between those that are drawn, where the drawn shapes face each other.

    Shape-based interpolation (Raya and Udupa, IEEE TMI 9, 1990): signed distances in the
    two slices, in mm, are averaged by how near they are. A shape and the next one that
    it overlaps across empty slices are joined, if these span no more than
    :data:`MOST_GAP_MM`; so other lesions in the slices between do not matter.

    Parameters
    ----------
    axis
        The voxel axis across the drawn slices: 0, 1 or 2.
    """
    drawn = _region(before, label)
    box = bounding_box(drawn)
    if box is None:
        return before
    # Slices first, as a view; what is added must not lead to more.
    slices = np.moveaxis(drawn[box], axis, 0)
    result = drawn.copy()
    filled = np.moveaxis(result[box], axis, 0)
    spacing = before.geometry.spacing_mm
    plane = np.delete(spacing, axis)
    furthest = int(MOST_GAP_MM / spacing[axis]) + 1
    for first in range(len(slices) - 2):
        numbered, n = ndimage.label(slices[first], structure=np.ones((3, 3)))
        for number in range(1, n + 1):
            shape = numbered == number
            last = next(
                (
                    s
                    for s in range(first + 1, min(first + 1 + furthest, len(slices)))
                    if (slices[s] & shape).any()
                ),
                first + 1,
            )
            if last > first + 1:
                facing = _touched(slices[last], shape)
                _fill(filled, first, last, shape, facing, plane)
    return _with_region(before, label, result)


def smooth(before: LabelMap, label: int, mm: float) -> LabelMap:
    """Round the surface off: a Gaussian of `mm` standard deviation, cut at a half.

    Flat surfaces stay; parts thinner than about `mm` vanish. 0 changes nothing.
    """
    region = _region(before, label)
    spacing = before.geometry.spacing_mm
    spare = int(np.ceil(_SIGMAS * mm / spacing.min())) + 1
    box = bounding_box(region, spare)
    if box is None or mm <= 0:
        return before
    soft = ndimage.gaussian_filter(
        region[box].astype(np.float32), mm / spacing, mode="nearest", truncate=_SIGMAS
    )
    region[box] = soft > 0.5
    return _with_region(before, label, region)


def remove_islands(
    before: LabelMap, label: int, *, minimum_ml: float = 0.0, keep_largest: bool = False
) -> LabelMap:
    """Remove 26-connected parts below a volume; or all but the largest, whatever its volume."""
    numbered, sizes = components(_region(before, label))
    keep = sizes * before.geometry.voxel_ml >= minimum_ml
    if keep_largest:
        keep = np.arange(len(sizes)) == 0
    return _with_region(before, label, np.concatenate(([False], keep))[numbered])


def fill_holes(before: LabelMap, label: int) -> LabelMap:
    """Add what the region encloses in three dimensions; a tunnel to the outside is no hole."""
    region = _region(before, label)
    box = bounding_box(region, 1)
    if box is not None:
        region[box] = ndimage.binary_fill_holes(region[box])
    return _with_region(before, label, region)


def protected(
    before: LabelMap, after: LabelMap, *, locked: Collection[int] = (), inside_liver: bool = False
) -> LabelMap:
    """`after`, but as `before` in voxels that may not change.

    Parameters
    ----------
    locked
        These labels neither lose nor gain a voxel.
    inside_liver
        Background stays background.
    """
    kept = np.isin(before.labels, list(locked)) | np.isin(after.labels, list(locked))
    if inside_liver:
        kept |= before.labels == Label.BACKGROUND
    return LabelMap(np.where(kept, before.labels, after.labels), before.geometry)


def _region(labels: LabelMap, label: int) -> Mask:
    """A copy of the mask that a label stands for in an edit."""
    if label not in (Label.PARENCHYMA, Label.TUMOUR):
        raise ValueError(f"label {label} is not 1 (liver) or 2 (lesions)")
    return labels.labels == label if label == Label.TUMOUR else labels.labels > 0


def _with_region(before: LabelMap, label: int, region: Mask) -> LabelMap:
    """The label map whose region of that label is `region`, with the fewest changes."""
    labels = before.labels.copy()
    old = _region(before, label)
    labels[region & ~old] = label
    labels[old & ~region] = label - 1
    return LabelMap(labels, before.geometry)


def _around(voxel: Triple, radius_mm: float, geometry: Geometry) -> Box:
    """A box that holds the ball of that radius, whatever the angles between the axes."""
    # The rows of the inverse say how far each index goes per mm.
    reach = radius_mm * np.linalg.norm(np.linalg.inv(geometry.affine[:3, :3]), axis=1)
    i, j, k = (
        slice(max(0, v - int(r) - 1), min(n, v + int(r) + 2))
        for v, r, n in zip(voxel, reach, geometry.shape, strict=True)
    )
    return (i, j, k)


def _distance_mm(
    place: tuple[int, ...], shape: tuple[int, ...], geometry: Geometry
) -> NDArray[np.float64]:
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    matrix = geometry.affine[:3, :3]
    squared = sum(
        np.square(sum(matrix[row, a] * (axes[a] - place[a]) for a in range(3))) for row in range(3)
    )
    return np.asarray(np.sqrt(squared))


def _touched(slice_: Mask, shape: Mask) -> Mask:
    """The connected parts of a slice that overlap `shape`."""
    numbered, n = ndimage.label(slice_, structure=np.ones((3, 3)))
    met = np.zeros(n + 1, bool)
    met[np.unique(numbered[shape])] = True
    met[0] = False
    return np.asarray(met[numbered])


def _fill(
    filled: Mask, first: int, last: int, a: Mask, b: Mask, spacing_mm: NDArray[np.float64]
) -> None:
    """Interpolate between the shapes `a` and `b` in slices `first` and `last`, in place."""
    # One voxel of air around, so that a shape that fills the plane has an outside.
    a, b = np.pad(a, 1), np.pad(b, 1)
    inside_a, inside_b = _signed_mm(a, spacing_mm), _signed_mm(b, spacing_mm)
    for s in range(first + 1, last):
        t = (s - first) / (last - first)
        between = (1 - t) * inside_a + t * inside_b > 0
        filled[s] |= between[1:-1, 1:-1]


def _signed_mm(shape: Mask, spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the nearest voxel of the other kind: positive inside, negative outside."""
    inside = ndimage.distance_transform_edt(shape, sampling=spacing_mm)
    outside = ndimage.distance_transform_edt(~shape, sampling=spacing_mm)
    return np.asarray(inside - outside)
