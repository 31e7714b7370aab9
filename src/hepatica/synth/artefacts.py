"""What a scanner does to a perfect image: coils, slices, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth.fields import between_knots


@dataclass(frozen=True, eq=False)
class Artefacts:
    """Drawn imperfections.

    `bias` holds the logarithm of the coil profile on a few knots across the field of
    view; `noise` is the standard deviation of each Rician channel, in units of liver
    signal; `gamma` bends the intensities; `offset` shifts the zero of the scale.
    """

    bias: NDArray[np.float32]
    noise: float
    gamma: float
    seed: int


def draw(rng: np.random.Generator) -> Artefacts:
    """Random imperfections of one acquisition."""
    knots = rng.integers(3, 6, 3)
    strength = rng.uniform(0, 0.35)
    return Artefacts(
        bias=rng.normal(0, strength, knots).astype(np.float32),
        noise=float(np.exp(rng.uniform(np.log(0.01), np.log(0.10)))),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        seed=int(rng.integers(2**31)),
    )


def acquire(perfect: Volume, scan: Geometry, artefacts: Artefacts) -> Volume:
    """Measure a perfect image (liver about 1) on the grid of a scanner."""
    measured = resample.onto(perfect, scan, antialias=True).voxels
    measured = np.maximum(measured, 0) * np.exp(between_knots(artefacts.bias, scan))
    rng = np.random.default_rng(artefacts.seed)
    if artefacts.noise > 0:
        real = measured + artefacts.noise * rng.standard_normal(scan.shape, np.float32)
        imaginary = artefacts.noise * rng.standard_normal(scan.shape, np.float32)
        measured = np.hypot(real, imaginary)
    if artefacts.gamma != 1:
        top = max(float(measured.max()), 1e-6)
        measured = top * (measured / top) ** np.float32(artefacts.gamma)
    return Volume(measured.astype(np.float32), scan, perfect.source)
