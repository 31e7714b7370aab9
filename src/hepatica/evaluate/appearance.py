"""How a volume looks, in numbers that real and synthetic scans share.

All are relative to the liver's signal, so the scanner's units do not matter; "in plane" is
the axial plane. What cannot be measured is None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import bounding_box, largest
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

SPLEEN_TISSUES = (Tissue.SPLEEN,)
KIDNEY_TISSUES = (Tissue.KIDNEY, Tissue.RENAL_MEDULLA)
#: Less of an organ than this is not measured.
LEAST_ML = 5.0
#: How far inside the liver's surface its parenchyma is measured; one voxel at least.
INSIDE_MM = 5.0
#: Deviation of the Gaussian that leaves the coils' profile; 40 mm wide at half its height.
PROFILE_SIGMA_MM = 17.0
#: Deviation of the Gaussian whose slope is the edge's: finer than an edge, coarser than noise.
EDGE_SIGMA_MM = 1.5
#: By how much a surface drawn by hand may miss the edge: the steepest slope within counts.
EDGE_REACH_MM = 2.0
#: The body is what is brighter than this share of the liver after smoothing away the noise.
BODY_SHARE, BODY_SIGMA_MM = 0.15, 3.0
#: Spatial frequencies between which the spectrum's slope is fitted, and how many points of it.
SLOPE_PER_MM, SLOPE_POINTS = (0.02, 0.15), 12
#: The highest frequency that counts; pixels of up to 2 mm have it.
HIGHEST_PER_MM = 0.25
#: From a robust deviation to that of normal numbers.
MAD_TO_SD = 1.4826
#: Second differences both ways: blind to planes and straight edges (Immerkær 1996). White
#: noise of deviation 1 comes out with a deviation of 6.
_SECOND = np.array([1.0, -2.0, 1.0])
HIGH_PASS = np.asarray(np.outer(_SECOND, _SECOND)[:, :, None] / 6)

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Appearance:
    """What a volume looks like; None is what could not be measured.

    Parameters
    ----------
    spleen_to_liver, kidney_to_liver
        Ratio of median signals.
    body_to_liver
        The same for the body without liver, spleen and kidneys: muscle, bowel, bone and
        what fat is not dark.
    noise
        Deviation of the noise from pixel to pixel in plane, as a share of the liver's signal.
    texture
        Deviation of the parenchyma about the coils' profile, noise included, as a share.
    bias
        Deviation of the coils' profile over the liver, as a share.
    spectrum_slope
        Exponent of in-plane power over spatial frequency: -2 for a picture of edges.
    fine_share
        Share of in-plane power in details finer than about 7 mm (0.15 to 0.25 cycles a mm,
        of 0.02 to 0.25).
    edge_per_mm
        Median of the steepest slope at the liver's surface, in liver signals per mm.
    liver_ml, spleen_ml, kidneys_ml
        Volumes; None where the organ touches the border of the field of view.
    """

    spleen_to_liver: float | None = None
    kidney_to_liver: float | None = None
    body_to_liver: float | None = None
    noise: float | None = None
    texture: float | None = None
    bias: float | None = None
    spectrum_slope: float | None = None
    fine_share: float | None = None
    edge_per_mm: float | None = None
    liver_ml: float | None = None
    spleen_ml: float | None = None
    kidneys_ml: float | None = None


def appearance(volume: Volume, tissue: NDArray[np.uint8]) -> Appearance:
    """Measure a volume whose voxels are of these tissues; without a liver all is None.

    Parameters
    ----------
    tissue
        (i, j, k) :class:`Tissue` on the volume's grid; what has no label is AIR. LESION
        belongs to the liver's volume and surface, but its signal is not measured.
    """
    grid = volume.geometry.canonical()
    voxels = resample.onto(volume, grid).voxels
    tissue = resample.onto(LabelMap(tissue, volume.geometry), grid).labels
    liver = np.isin(tissue, LIVER_TISSUES)
    level = _level(voxels, liver, grid)
    if level is None or level <= 0:
        return Appearance()
    whole = liver | (tissue == Tissue.LESION)
    spleen, kidneys = np.isin(tissue, SPLEEN_TISSUES), np.isin(tissue, KIDNEY_TISSUES)
    scaled = voxels / np.float32(level)
    noise, texture, bias = _parenchyma(scaled, liver, grid)
    slope, fine = _spectrum(scaled[:, :, whole.any(axis=(0, 1))], grid)
    return Appearance(
        spleen_to_liver=_level(scaled, spleen, grid),
        kidney_to_liver=_level(scaled, kidneys, grid),
        body_to_liver=_level(scaled, _body(scaled, grid) & ~(whole | spleen | kidneys), grid),
        noise=noise,
        texture=texture,
        bias=bias,
        spectrum_slope=slope,
        fine_share=fine,
        edge_per_mm=_edge_per_mm(scaled, whole, liver, grid),
        liver_ml=_volume_ml(whole, grid),
        spleen_ml=_volume_ml(spleen, grid),
        kidneys_ml=_volume_ml(kidneys, grid),
    )


def _level(voxels: Image, mask: Mask, grid: Geometry) -> float | None:
    """Median under `mask`; None if there is too little of it."""
    if np.count_nonzero(mask) * grid.voxel_ml < LEAST_ML:
        return None
    return float(np.median(voxels[mask]))


def _spread(values: Image) -> float:
    """Deviation of normal numbers that a few others do not change."""
    return MAD_TO_SD * float(np.median(np.abs(values - np.median(values))))


def _body(scaled: Image, grid: Geometry) -> Mask:
    return largest(ndimage.gaussian_filter(scaled, _in_plane(BODY_SIGMA_MM, grid)) > BODY_SHARE)


def _in_plane(sigma_mm: float, grid: Geometry) -> tuple[float, float, float]:
    """Deviations in voxels of a Gaussian that mixes no slices."""
    i, j, _ = sigma_mm / grid.spacing_mm
    return (float(i), float(j), 0.0)


def _parenchyma(
    scaled: Image, liver: Mask, grid: Geometry
) -> tuple[float | None, float | None, float | None]:
    """Noise, texture and bias well inside the liver; None each if it is too thin for that."""
    box = bounding_box(liver)
    if box is None:
        return None, None, None
    # What lies beyond the field of view is not liver either.
    depth_mm = ndimage.distance_transform_edt(np.pad(liver[box], 1), sampling=grid.spacing_mm)
    inside = (depth_mm[1:-1, 1:-1, 1:-1] > INSIDE_MM) & ndimage.binary_erosion(liver[box])
    if np.count_nonzero(inside) * grid.voxel_ml < LEAST_ML:
        return None, None, None
    signal = scaled[box]
    high = ndimage.correlate(signal, HIGH_PASS)[inside]
    # Only what lies inside counts towards the profile: a normalised convolution.
    sigma = PROFILE_SIGMA_MM / grid.spacing_mm
    total = ndimage.gaussian_filter(np.where(inside, signal, 0), sigma, mode="constant")
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma, mode="constant")
    profile = total[inside] / weight[inside]
    return (
        _spread(high),
        _spread(signal[inside] - profile),
        float(np.std(profile) / np.mean(profile)),
    )


def _spectrum(slices: Image, grid: Geometry) -> tuple[float | None, float | None]:
    """Slope of the logarithms, and share of fine detail; None each where pixels are too large."""
    nyquist_per_mm = 0.5 / float(grid.spacing_mm[:2].max())
    i, j, _ = grid.shape
    window = np.outer(np.hanning(i), np.hanning(j))[:, :, None]
    mean = (slices * window).sum(axis=(0, 1)) / window.sum()
    power = np.square(np.abs(np.fft.fft2((slices - mean) * window, axes=(0, 1)))).sum(axis=2)
    along_i, along_j = np.fft.fftfreq(i, grid.spacing_mm[0]), np.fft.fftfreq(j, grid.spacing_mm[1])
    frequency = np.hypot(along_i[:, None], along_j[None, :])
    slope = None if nyquist_per_mm < SLOPE_PER_MM[1] else _slope(power, frequency)
    if nyquist_per_mm < HIGHEST_PER_MM:
        return slope, None
    counted = (frequency >= SLOPE_PER_MM[0]) & (frequency <= HIGHEST_PER_MM)
    fine = counted & (frequency > SLOPE_PER_MM[1])
    total = float(power[counted].sum())
    return slope, float(power[fine].sum()) / total if total else None


def _slope(power: NDArray[np.float64], frequency: NDArray[np.float64]) -> float | None:
    """Exponent of the radial mean of `power`; None where a ring has no power."""
    edges = np.geomspace(*SLOPE_PER_MM, SLOPE_POINTS + 1)
    ring = np.digitize(frequency, edges)
    count = np.bincount(ring.ravel(), minlength=SLOPE_POINTS + 2)[1:-1]
    total = np.bincount(ring.ravel(), power.ravel(), SLOPE_POINTS + 2)[1:-1]
    if not count.all() or not total.all():
        return None
    middle = np.sqrt(edges[:-1] * edges[1:])
    return float(np.polyfit(np.log(middle), np.log(total / count), 1)[0])


def _edge_per_mm(scaled: Image, whole: Mask, liver: Mask, grid: Geometry) -> float | None:
    """Median of the steepest in-plane slope at the liver's surface, in 1/mm; None without one."""
    cross = ndimage.generate_binary_structure(3, 1)
    cross[:, :, [0, 2]] = False
    # The border of the field of view is no surface of the liver, and neither is a lesion.
    surface = whole & ~ndimage.binary_erosion(whole, cross, border_value=1) & liver
    if not surface.any():
        return None
    sigma = _in_plane(EDGE_SIGMA_MM, grid)
    along_i = ndimage.gaussian_filter(scaled, sigma, order=(1, 0, 0)) / grid.spacing_mm[0]
    along_j = ndimage.gaussian_filter(scaled, sigma, order=(0, 1, 0)) / grid.spacing_mm[1]
    reach_i, reach_j, _ = (2 * int(n) + 1 for n in np.rint(EDGE_REACH_MM / grid.spacing_mm))
    steepest = ndimage.maximum_filter(np.hypot(along_i, along_j), (reach_i, reach_j, 1))
    return float(np.median(steepest[surface]))


def _volume_ml(mask: Mask, grid: Geometry) -> float | None:
    """Volume; None where there is nothing, or where it touches the border of the field."""
    if not mask.any():
        return None
    faces = [np.take(mask, end, axis).any() for axis in range(3) for end in (0, -1)]
    return None if any(faces) else float(np.count_nonzero(mask)) * grid.voxel_ml
