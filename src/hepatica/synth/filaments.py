"""Thin winding tubes that no anatomy has: small vessels in the liver, strands in fat.

Two smooth random fields vanish together along curves. What is near to one is a tube: a slice
through it is a dot or a short line, as small vessels are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.synth.fields import smooth_noise

#: Slope of noise of unit deviation between its knots, in deviations per knot distance.
_SLOPE = 0.9
#: Grids that are coarser show none.
_COARSEST_MM = 3.0


@dataclass(frozen=True)
class Filaments:
    """Tubes of `radius_mm`, the more the smaller `distance_mm` is, over which they wind.

    `strength` is how much of the way a voxel in the middle goes from its tissue's signal to
    that of what the tube is made of.
    """

    distance_mm: float
    radius_mm: float
    strength: float
    seed: int


NO_FILAMENTS = Filaments(distance_mm=10.0, radius_mm=1.0, strength=0.0, seed=0)


def draw(rng: np.random.Generator) -> Filaments:
    """Random ones; three in ten patients show next to none."""
    strength = float(rng.uniform(0.2, 1)) if rng.random() < 0.7 else float(rng.uniform(0, 0.2))
    return Filaments(
        distance_mm=float(rng.uniform(8, 16)),
        radius_mm=float(rng.uniform(0.8, 1.8)),
        strength=strength,
        seed=int(rng.integers(2**31)),
    )


def paint(drawn: Filaments, grid: Geometry, field: Geometry) -> NDArray[np.float32] | None:
    """How much of each voxel of `grid` is a tube, times the strength; None if it shows none.

    The tubes lie in `field`: two grids of one patient see the same ones.
    """
    widest_mm = float(grid.spacing_mm.max())
    if widest_mm > _COARSEST_MM or not drawn.strength:
        return None
    # A tube thinner than voxels is as wide as these, and weaker.
    radius_mm = max(drawn.radius_mm, widest_mm / 2)
    weaker = (drawn.radius_mm / radius_mm) ** 2
    width = np.float32(radius_mm * _SLOPE / drawn.distance_mm)
    rng = np.random.default_rng(drawn.seed)
    square = smooth_noise(rng, grid, field, drawn.distance_mm) ** 2
    square += smooth_noise(rng, grid, field, drawn.distance_mm) ** 2
    share = np.zeros(grid.shape, np.float32)
    near = square < 9 * width**2
    share[near] = np.float32(drawn.strength * weaker) * np.exp(-square[near] / (2 * width**2))
    return share
