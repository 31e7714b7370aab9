"""Random fields: smooth ones, as values on a few knots that are interpolated between; and noise."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hepatica.core import resample
from hepatica.core.geometry import Geometry, Triple
from hepatica.core.volume import Volume


def covering(geometry: Geometry, distance_mm: float, spare: int = 0) -> Geometry:
    """A coarse grid about the same middle whose voxels, `distance_mm` wide, cover `geometry`."""
    i, j, k = (int(n) + spare for n in np.ceil(geometry.extent_mm / distance_mm))
    return geometry.regrid((i, j, k), distance_mm)


def smooth_noise(
    rng: np.random.Generator, grid: Geometry, field: Geometry, distance_mm: float
) -> NDArray[np.float32]:
    """Noise on `grid` with knots every `distance_mm` of unit deviation.

    The knots cover `field`, so that two grids of one patient see the same noise.
    """
    knots = covering(field, distance_mm, spare=2)
    values = rng.standard_normal(knots.shape, np.float32)
    return resample.onto(Volume(values, knots), grid).voxels


def between_knots(
    knots: NDArray[np.float32], field: Geometry, grid: Geometry
) -> NDArray[np.float32]:
    """Values on `grid` between knots that are spread evenly over `field`, face to face.

    Beyond it the outermost hold, as far as one knot is from the next.
    """
    canonical = field.canonical()
    affine = canonical.affine.copy()
    affine[:3, :3] *= canonical.extent_mm / (np.asarray(knots.shape) - 1) / canonical.spacing_mm
    affine[:3, 3] = canonical.to_patient((-0.5, -0.5, -0.5)) - affine[:3, :3].sum(axis=1)
    held = np.pad(knots, 1, mode="edge")
    shape: Triple = (held.shape[0], held.shape[1], held.shape[2])
    return resample.onto(Volume(held, Geometry(shape, affine)), grid).voxels


def white_noise(rng: np.random.Generator, shape: Triple) -> NDArray[np.float32]:
    """Normal noise of unit deviation, each voxel by itself.

    From 16 random bits a voxel, a quarter of the time that exact deviates take; none is
    further out than 4.3.
    """
    return np.take(_quantiles(), rng.integers(0, 1 << 16, shape, np.uint16))


@cache
def _quantiles() -> NDArray[np.float32]:
    return np.asarray(ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)), np.float32)
