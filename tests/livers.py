"""Livers with lesions of known size, on grids as scanners have them."""

from __future__ import annotations

from functools import cache

import numpy as np

from hepatica.core.components import largest
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy
from tests.orientations import oblique

SPACINGS = ((1.0, 1.0, 3.0), (1.5, 1.5, 1.5), (0.9, 0.9, 5.0), (2.0, 1.2, 2.5))


@cache
def anatomy(seed: int) -> Anatomy:
    return procedural_anatomy(np.random.default_rng(seed))


def points_mm(geometry: Geometry) -> np.ndarray:
    """(i, j, k, 3) where the voxels are."""
    index = np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), axis=-1)
    return geometry.to_patient(index)


def ball(diameter_mm, spacing, centre_mm=(0.0, 0.0, 0.0), angles=(0, 0, 0)):
    """A ball's mask and grid."""
    shape = tuple(int(n) for n in np.ceil(diameter_mm / np.broadcast_to(spacing, 3)) + 6)
    geometry = oblique(Geometry.from_spacing(shape, spacing, centre_mm), angles)
    middle = geometry.to_patient((np.array(shape) - 1) / 2)
    away = np.linalg.norm(points_mm(geometry) - middle - 0.13, axis=-1)
    # The smallest are at least the voxel that they are in.
    return (away < diameter_mm / 2) | (away == away.min()), geometry


def patient(seed: int, diameters_mm=(), angles=(0, 0, 0)) -> LabelMap:
    """A procedural liver with lesions that are about ellipsoids, of about these diameters."""
    rng = np.random.default_rng([seed, 7])
    body = anatomy(seed)
    liver = LabelMap(body.liver.astype(np.uint8), body.geometry)
    spacing = np.array(SPACINGS[seed % len(SPACINGS)])
    index = np.argwhere(body.liver)
    low, high = body.geometry.to_patient(index.min(axis=0)), body.geometry.to_patient(index.max(0))
    shape = tuple(int(n) for n in np.ceil((high - low + 24) / spacing))
    grid = oblique(Geometry.from_spacing(shape, spacing, (low + high) / 2), angles)
    labels = largest(onto(liver, grid).liver).astype(np.uint8)
    place = points_mm(grid)
    inside = np.argwhere(labels > 0)
    for diameter in diameters_mm:
        centre = grid.to_patient(inside[rng.integers(len(inside))])
        axes = diameter / 2 * rng.uniform(0.85, 1.15, 3)
        away = np.linalg.norm((place - centre) / axes, axis=-1)
        labels[(away < 1) & (labels > 0)] = 2
        # The smallest are at least the voxel that they are in.
        labels[tuple(np.rint(grid.to_index(centre)).astype(int))] = 2
    return LabelMap(labels, grid)
