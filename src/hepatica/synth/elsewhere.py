"""What a scanner sees where there is no liver: a network that never saw it would find one.

A patient beyond the liver, a body that is no torso (a head, a phantom), and nothing but noise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.core.volume import Source, Volume
from hepatica.synth.fields import smooth_noise, white_noise
from hepatica.synth.patient import Patient

#: A deformation moves the ends of a liver no further from its middle than by this factor.
STRETCH = 1.3
#: Room between the liver and the first slice, mm.
GAP_MM = (5.0, 80.0)
#: Layers of a body that is no torso, from outside in, as shares of its radii.
LAYERS = (1.0, 0.93, 0.86, 0.4, 0.2)
#: Share of such scans that are noise and nothing else.
NOISE_ONLY = 0.25


def beyond(rng: np.random.Generator, patient: Patient) -> Patient:
    """The same patient, scanned below the liver or above it."""
    anatomy = patient.anatomy
    heights = anatomy.geometry.to_patient(np.argwhere(anatomy.liver))[:, 2]
    middle = float(anatomy.liver_centre_mm[2])
    centre = patient.scan.to_patient((np.array(patient.scan.shape) - 1) / 2)
    half = patient.scan.extent_mm[2] / 2 + rng.uniform(*GAP_MM)
    if rng.random() < 0.75:
        height = middle + STRETCH * (float(heights.min()) - middle) - half
    else:
        height = middle + STRETCH * (float(heights.max()) - middle) + half
    affine = patient.scan.affine.copy()
    affine[2, 3] += height - centre[2]
    return replace(patient, scan=Geometry(patient.scan.shape, affine))


def nothing(rng: np.random.Generator, grid: Geometry) -> Volume:
    """A body of ellipsoid layers without any organ, or noise alone, on `grid` (liver about 1)."""
    smooth = smooth_noise(rng, grid, grid, float(rng.uniform(4, 30)))
    image = rng.uniform(0.02, 0.1) * white_noise(rng, grid.shape)
    if rng.random() < NOISE_ONLY:
        image += rng.uniform(0, 1.5) * smooth * (rng.random() < 0.5)
    else:
        image += _layers(rng, grid) * (1 + np.float32(rng.uniform(0, 0.25)) * smooth)
    source = Source("nothing", format="synthetic")
    return Volume(np.abs(image).astype(np.float32), grid, source)


def _layers(rng: np.random.Generator, grid: Geometry) -> NDArray[np.float32]:
    """Ellipsoids in one another, each of one brightness."""
    place = [
        (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm)
        for n, mm in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    radii = rng.uniform(60, 130, 3)
    centre = rng.uniform(-40, 40, 3)
    i, j, k = (
        np.square((x - c) / r).astype(np.float32)
        for x, c, r in zip(place, centre, radii, strict=True)
    )
    distance = np.sqrt(i[:, None, None] + j[:, None] + k)
    image = np.zeros(grid.shape, np.float32)
    for share in LAYERS[: int(rng.integers(1, len(LAYERS) + 1))]:
        image[distance < share] = rng.uniform(0.1, 2.0)
    return image
