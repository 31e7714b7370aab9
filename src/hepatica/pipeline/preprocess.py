"""From any volume to what a network sees. Training, validation and inference share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.geometry import Box, Geometry, project, whole
from hepatica.core.volume import Volume
from hepatica.model.plan import Margin, StagePlan

#: Share of the voxels that robust intensity scaling clips at either end, in percent.
CLIPPED_PERCENT = 0.5
#: Robust scaling takes for patient what is brighter than this share of the range.
PATIENT_ABOVE = 0.1


def network_grid(geometry: Geometry, stage: StagePlan) -> Geometry:
    """The isotropic grid of `stage.size` about the middle of `geometry`.

    Its axes are those of `geometry`, permuted and flipped to be closest to RAS. The
    spacing is `stage.spacing_mm`, or larger where the field of view would not fit.
    """
    canonical = geometry.canonical()
    fits_mm = float(np.max(canonical.extent_mm / stage.size))
    return canonical.regrid(stage.size, max(stage.spacing_mm or 0.0, fits_mm))


def preprocess(volume: Volume, stage: StagePlan) -> Volume:
    """Resample to the network's grid and scale the intensities.

    Voxels of the grid outside the field of view get the value that the darkest part
    of the image has after scaling. The result does not depend on the orientation in
    which `volume` is stored, nor (``"robust"`` and ``"zscore"`` alike) on the scale
    and offset of its units.
    """
    grid = network_grid(volume.geometry, stage)
    canonical = resample.onto(volume, volume.geometry.canonical())
    if stage.intensity == "zscore":
        # The paper: statistics of the input volume, then interpolation.
        scaled = Volume(zscore(canonical.voxels), canonical.geometry, volume.source)
        fill = float(scaled.voxels.min())
        return resample.onto(scaled, grid, fill=fill, antialias=stage.antialias)
    resampled = resample.onto(canonical, grid, antialias=stage.antialias)
    seen = project(whole(canonical.geometry), canonical.geometry, grid)
    return Volume(robust(resampled.voxels, seen or whole(grid)), grid, volume.source)


def zscore(voxels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean and unit deviation over all voxels; all zeros for a constant image."""
    mean = float(voxels.mean(dtype=np.float64))
    deviation = float(voxels.std(dtype=np.float64))
    return np.asarray((voxels - mean) / (deviation or 1.0), np.float32)


def robust(voxels: NDArray[np.float32], seen: Box) -> NDArray[np.float32]:
    """Clip the extremes, then zero mean and unit deviation over the patient.

    Only voxels under `seen`, the field of view, count; all others become as dark as
    the darkest of these. A constant image becomes all zeros.
    """
    image = voxels[seen]
    clipped = (CLIPPED_PERCENT, 100 - CLIPPED_PERCENT)
    low, high = np.percentile(image.astype(np.float64), clipped)
    scaled = np.zeros_like(voxels)
    if high <= low:
        # Nearly all of the field is one value: what is left is the image.
        rest = image[image > image.min()].astype(np.float64)
        if not rest.size:
            return scaled
        low, high = float(image.min()), float(np.percentile(rest, clipped[1]))
    scaled[seen] = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    patient = scaled[scaled > PATIENT_ABOVE]
    mean = float(patient.mean(dtype=np.float64))
    deviation = float(patient.std(dtype=np.float64))
    return np.asarray((scaled - mean) / (deviation or 1.0), np.float32)


def widen(box: Box, geometry: Geometry, margin: Margin) -> Box:
    """`box` on the grid `geometry`, wider by `margin` on every side, cut to the grid."""
    widened = []
    for side, size, spacing in zip(box, geometry.shape, geometry.spacing_mm, strict=True):
        step = margin.amount if margin.unit == "voxels" else margin.amount / float(spacing)
        by = int(np.ceil(step))
        widened.append(slice(max(0, side.start - by), min(size, side.stop + by)))
    return (widened[0], widened[1], widened[2])
