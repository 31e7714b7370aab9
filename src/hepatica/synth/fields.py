"""Smooth random fields, as values on a few knots that are interpolated between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """Values on `grid` between knots that are spread evenly over `field`, face to face."""
    canonical = field.canonical()
    affine = canonical.affine.copy()
    affine[:3, :3] *= canonical.extent_mm / (np.asarray(knots.shape) - 1) / canonical.spacing_mm
    affine[:3, 3] = canonical.to_patient((-0.5, -0.5, -0.5))
    shape: Triple = (knots.shape[0], knots.shape[1], knots.shape[2])
    return resample.onto(Volume(knots, Geometry(shape, affine)), grid).voxels
