"""The only code that changes a grid.

Going back is the same call with the other grid named: ``onto(image, geometry)``.
Two grids whose axes run along each other (any permutation, flip, spacing and
offset) are resampled one axis at a time with small matrix products, which is
exact, multi-threaded and needs no temporary volume of coordinates. All others
go through SimpleITK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, ProbabilityMap, Volume

Voxel = TypeVar("Voxel", np.float32, np.uint8)

#: A grid counts as aligned when no voxel is off by more than this, in source voxels.
TOLERANCE = 1e-4


@overload
def onto(
    image: Volume, geometry: Geometry, *, fill: float = ..., antialias: bool = ...
) -> Volume: ...
@overload
def onto(image: LabelMap, geometry: Geometry, *, fill: float = ...) -> LabelMap: ...
@overload
def onto(image: ProbabilityMap, geometry: Geometry, *, antialias: bool = ...) -> ProbabilityMap: ...
def onto(
    image: Volume | LabelMap | ProbabilityMap,
    geometry: Geometry,
    *,
    fill: float = 0.0,
    antialias: bool = False,
) -> Volume | LabelMap | ProbabilityMap:
    """`image` on the grid `geometry`.

    Volumes and probabilities are interpolated trilinearly, label maps take the
    nearest voxel. Points outside the field of view (more than half a voxel beyond
    the outermost centres) get `fill`; for probabilities, background gets 1.

    Parameters
    ----------
    antialias
        Where the new grid is coarser, average over the width of a new voxel
        (triangle kernel) instead of sampling points. For aligned grids only.

    Raises
    ------
    ValueError
        If `antialias` is asked for between grids that are not aligned.
    """
    if isinstance(image, ProbabilityMap):
        # Background is what is left: one interpolation less, and 1 outside the field of view.
        p = np.empty((len(image.p), *geometry.shape), np.float32)
        for c in range(1, len(p)):
            p[c] = _interpolate(image.p[c], image.geometry, geometry, 0.0, antialias)
        np.maximum(1 - p[1:].sum(axis=0), 0, out=p[0])
        return ProbabilityMap(p, geometry)
    if isinstance(image, LabelMap):
        return LabelMap(_nearest(image.labels, image.geometry, geometry, int(fill)), geometry)
    voxels = _interpolate(image.voxels, image.geometry, geometry, fill, antialias)
    return Volume(voxels, geometry, image.source)


def weights(
    source: Geometry, target: Geometry, *, antialias: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What :func:`onto` does along each axis, as matrices (target voxels, source voxels).

    For those who do something else along these axes, too: one product instead of two.

    Raises
    ------
    ValueError
        Unless each axis runs along the same axis of the other grid.
    """
    aligned = _alignment(source, target)
    if aligned is None or aligned.axis != (0, 1, 2):
        raise ValueError("axes do not run along each other")
    i, j, k = (
        np.eye(n, dtype=np.float32)[w] if isinstance(w, slice) else w
        for n, w in (
            (n, _weights(n, m, scale, offset, antialias))
            for n, m, scale, offset in zip(
                source.shape, target.shape, aligned.scale, aligned.offset, strict=True
            )
        )
    )
    return i, j, k


@dataclass(frozen=True)
class _Aligned:
    """Target axis `a` runs along source axis ``axis[a]``: source = scale * target + offset."""

    axis: tuple[int, int, int]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


def _alignment(source: Geometry, target: Geometry) -> _Aligned | None:
    matrix = np.linalg.inv(source.affine) @ target.affine
    axis = np.argmax(np.abs(matrix[:3, :3]), axis=0)
    if sorted(axis) != [0, 1, 2]:
        return None
    scale = matrix[axis, range(3)]
    rest = matrix[:3, :3].copy()
    rest[axis, range(3)] = 0
    if np.abs(rest).sum(axis=0) @ np.asarray(target.shape) > TOLERANCE:
        return None
    offset = matrix[axis, 3]
    # A permutation or flip of whole voxels must stay one, whatever the affine's rounding.
    if np.abs(np.abs(scale) - 1).max() * max(target.shape) < TOLERANCE:
        scale = np.rint(scale)
        whole = np.abs(offset - np.rint(offset)) < TOLERANCE
        offset = np.where(whole, np.rint(offset), offset)
    a, s, o = axis.tolist(), scale.tolist(), offset.tolist()
    return _Aligned((a[0], a[1], a[2]), (s[0], s[1], s[2]), (o[0], o[1], o[2]))


def _interpolate(
    array: NDArray[np.float32], source: Geometry, target: Geometry, fill: float, antialias: bool
) -> NDArray[np.float32]:
    aligned = _alignment(source, target)
    if aligned is None:
        if antialias:
            raise ValueError("antialias needs grids whose axes run along each other")
        return _with_simpleitk(array, source, target, fill, sitk.sitkLinear)
    moved = np.transpose(array, aligned.axis)
    weights = [
        _weights(n, m, s, o, antialias)
        for n, m, s, o in zip(moved.shape, target.shape, aligned.scale, aligned.offset, strict=True)
    ]
    result = np.asarray(moved, np.float32)
    if fill:
        result = result - np.float32(fill)
    # Shrink first: the axis that loses most makes the others cheaper.
    for a in np.argsort([m / n for n, m in zip(moved.shape, target.shape, strict=True)]):
        result = _apply(weights[a], result, int(a))
    if fill:
        result = result + np.float32(fill)
    return np.ascontiguousarray(result)


def _weights(
    n: int, m: int, scale: float, offset: float, antialias: bool
) -> NDArray[np.float32] | slice:
    """(m, n) linear weights from n source to m target voxels; a slice where none is needed."""
    where = scale * np.arange(m) + offset
    if abs(scale) == 1 and offset == round(offset) and where.min() >= 0 and where.max() < n:
        first, last = int(where[0]), int(where[-1])
        step = 1 if scale > 0 else -1
        stop: int | None = last + step
        return slice(first, None if stop is not None and stop < 0 else stop, step)
    width = max(1.0, abs(scale)) if antialias else 1.0
    # Between the outermost centre and the outer face the edge voxel holds.
    clamped = np.clip(where, 0, n - 1)
    distance = np.abs(clamped[:, None] - np.arange(n)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / width)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[(where < -0.5 - TOLERANCE) | (where > n - 0.5 + TOLERANCE)] = 0
    return np.asarray(weights, np.float32)


def _apply(
    weights: NDArray[np.float32] | slice, array: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    if isinstance(weights, slice):
        index = [slice(None)] * 3
        index[axis] = weights
        return array[tuple(index)]
    return along(weights, array, axis)


def along(
    matrix: NDArray[np.float32], array: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """`matrix` (m, n) applied to the lines of `array` (3D) along `axis`, which are n long.

    For arrays in C order nothing is copied on the way.
    """
    if axis == 0:
        product = matrix @ array.reshape(array.shape[0], -1)
        return np.asarray(product.reshape(-1, *array.shape[1:]))
    return np.asarray(matrix @ array if axis == 1 else array @ matrix.T)


def _nearest(
    array: NDArray[np.uint8], source: Geometry, target: Geometry, fill: int
) -> NDArray[np.uint8]:
    aligned = _alignment(source, target)
    if aligned is None:
        return _with_simpleitk(array, source, target, fill, sitk.sitkNearestNeighbor)
    moved = np.transpose(array, aligned.axis)
    index, inside = [], []
    for axis, m, s, o in zip(
        aligned.axis, target.shape, aligned.scale, aligned.offset, strict=True
    ):
        n = source.shape[axis]
        where = s * np.arange(m) + o
        # A target centre on the face between two source voxels takes the one further left,
        # back or down in the patient: how the grids are stored must not matter.
        if source.axes[axis] in "RAS":
            nearest = np.ceil(where - 0.5 - 1e-6).astype(int)
        else:
            nearest = np.floor(where + 0.5 + 1e-6).astype(int)
        index.append(np.clip(nearest, 0, n - 1))
        inside.append((where > -0.5 - TOLERANCE) & (where < n - 0.5 + TOLERANCE))
    result = moved[np.ix_(*index)]
    for a, mask in enumerate(inside):
        if not mask.all():
            result[(slice(None),) * a + (~mask,)] = fill
    return np.ascontiguousarray(result)


def _with_simpleitk(
    array: NDArray[Voxel], source: Geometry, target: Geometry, fill: float, how: int
) -> NDArray[Voxel]:
    # In source voxel coordinates the source is a unit grid, so that shear, which
    # SimpleITK's direction matrices do not allow, is carried by the transform.
    image = sitk.GetImageFromArray(np.ascontiguousarray(np.transpose(array)))
    matrix = np.linalg.inv(source.affine) @ target.affine
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel())
    transform.SetTranslation(matrix[:3, 3])
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.shape)
    resampler.SetOutputOrigin((0, 0, 0))
    resampler.SetOutputSpacing((1, 1, 1))
    resampler.SetTransform(transform)
    resampler.SetInterpolator(how)
    resampler.SetDefaultPixelValue(fill)
    out = sitk.GetArrayFromImage(resampler.Execute(image))
    return np.ascontiguousarray(np.transpose(out))
