"""Numbers of a segmentation: volumes, lesions, diameters. Section 5 of the design in code.

Everything is measured on the label map's own grid, in patient millimetres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import bounding_box, components
from hepatica.core.geometry import Box, Geometry, Triple
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.diameters import Point, Segment, longest_3d_mm, longest_in_plane
from hepatica.results.gaps import Gaps
from hepatica.results.surfaces import closed_surface

#: From the mean and the largest tumour probability in a lesion, and its volume in ml, how
#: likely it is one; a bundle's `Confidence.of`.
Trust: TypeAlias = Callable[[float, float, float], float]


@dataclass(frozen=True)
class Finding:
    """One lesion: a 26-connected component of the tumour label.

    Parameters
    ----------
    id
        1 for the largest, 2 for the next; equal volumes in index order.
    diameter_axial_mm, diameter_perpendicular_mm
        As in RECIST 1.1, between voxel corners, in the planes across the voxel axis
        closest to head-foot; see `hepatica.results.diameters`.
    diameter_3d_mm
        Longest distance between two voxel corners.
    centre_mm
        Centroid, RAS+ mm. It may lie outside a hollow or bent lesion.
    centre_voxel
        The voxel (i, j, k) of the lesion closest to the centroid, so that a cursor
        put there is in the lesion; of equally close ones the leftmost in the patient,
        then the one furthest back, then the lowest.
    slices
        First and last index, both in the lesion, along the axis closest to head-foot.
    mean_signal_ratio
        Mean of the image in the lesion over its mean in the parenchyma. None without
        image or parenchyma, or where the parenchyma's mean is not positive.
    confidence
        How likely the model is right that it is one: calibrated where the bundle's plan has a
        `Confidence`, else the mean tumour probability in it. None without probabilities.
    touches_border
        The lesion has a voxel in the grid's outermost layer: it may go on outside.
    sphericity
        Surface of the ball of the lesion's volume over the lesion's: 1 for a ball, less
        for all else. Of the smooth surface that meshes have (`hepatica.results.surfaces`),
        whose edges are rounded: a cube's 0.81 comes out as about 0.88.
    surface_distance_mm
        Gap between lesion and liver surface, 0 where the lesion reaches it; None where the
        field of view cuts the liver nearer than that. See `hepatica.results.gaps`.
    next_lesion_mm
        Gap to the nearest other lesion; None where there is none.
    slice_longest
        The slice in which `diameter_axial_mm` was found.
    axial_ends_mm, perpendicular_ends_mm
        Ends of the two axial diameters, RAS+ mm.
    """

    id: int
    volume_ml: float
    diameter_axial_mm: float
    diameter_perpendicular_mm: float
    diameter_3d_mm: float
    centre_mm: tuple[float, float, float]
    centre_voxel: Triple
    slices: tuple[int, int]
    mean_signal_ratio: float | None
    confidence: float | None
    touches_border: bool
    sphericity: float | None = None
    surface_distance_mm: float | None = None
    next_lesion_mm: float | None = None
    slice_longest: int | None = None
    axial_ends_mm: Segment | None = None
    perpendicular_ends_mm: Segment | None = None


@dataclass(frozen=True)
class Measurements:
    """What one label map says.

    Parameters
    ----------
    liver_ml, parenchyma_ml, tumour_ml
        The liver includes its lesions; 0 when there is none.
    burden_percent
        Share of the liver that is tumour, 0 to 100; None without liver.
    liver_touches_border
        The field of view may cut the liver, so that its volume is a lower bound.
    findings
        The lesions, largest first; empty when there are none.
    """

    liver_ml: float
    parenchyma_ml: float
    tumour_ml: float
    burden_percent: float | None
    liver_touches_border: bool
    findings: tuple[Finding, ...]


def measure(
    labelmap: LabelMap,
    image: Volume | None = None,
    tumour_probability: NDArray[np.float32] | None = None,
    confidence: Trust | None = None,
) -> Measurements:
    """Measure the liver and each lesion.

    Parameters
    ----------
    labelmap
        The segmentation. An empty one gives volumes of 0, no burden and no findings.
    image
        The image on the same grid, for `mean_signal_ratio`.
    tumour_probability
        (i, j, k) probability of tumour on the same grid, for the lesions' `confidence`.
    confidence
        How the probabilities in a lesion are to be read; None: their mean, as it is.

    Raises
    ------
    ValueError
        If the image or the probabilities are not on the label map's grid.
    """
    geometry = labelmap.geometry
    if image is not None and not image.geometry.matches(geometry):
        raise ValueError("the image is not on the grid of the label map")
    if tumour_probability is not None and tumour_probability.shape != geometry.shape:
        raise ValueError(
            f"probabilities of shape {tumour_probability.shape} on a grid of {geometry.shape}"
        )
    box = bounding_box(labelmap.liver)
    if box is None:
        return Measurements(0.0, 0.0, 0.0, None, False, ())
    liver = labelmap.crop(box)
    parenchyma, tumour = liver.parenchyma, liver.tumour
    liver_ml = int(np.count_nonzero(liver.labels)) * geometry.voxel_ml
    tumour_ml = int(np.count_nonzero(tumour)) * geometry.voxel_ml
    signal = None if image is None else image.voxels[box]
    numbered, _ = components(tumour)
    lesions = _Lesions(
        geometry=geometry,
        numbered=numbered,
        start=_start(box),
        axis=head_foot_axis(geometry),
        signal=signal,
        reference=None if signal is None else _mean(signal, parenchyma),
        probability=None if tumour_probability is None else tumour_probability[box],
        trust=confidence,
        gaps=Gaps.of(labelmap, numbered, box),
    )
    return Measurements(
        liver_ml=liver_ml,
        parenchyma_ml=int(np.count_nonzero(parenchyma)) * geometry.voxel_ml,
        tumour_ml=tumour_ml,
        burden_percent=tumour_ml / liver_ml * 100.0,
        liver_touches_border=_touches_border(box, geometry.shape),
        findings=tuple(
            lesions.finding(n + 1, found) for n, found in enumerate(ndimage.find_objects(numbered))
        ),
    )


def head_foot_axis(geometry: Geometry) -> int:
    """The voxel axis closest to head-foot: 0, 1 or 2. Slices across it are the axial ones."""
    return next(a for a, direction in enumerate(geometry.axes) if direction in "SI")


def sphericity(mask: NDArray[np.bool_], geometry: Geometry) -> float | None:
    """Surface of the ball of a mask's volume over the mask's own; None for an empty mask.

    Wadell's definition (J. Geol. 40, 1932), of the smooth surface.
    """
    surface = closed_surface(mask, geometry)
    if not surface.area_mm2:
        return None
    volume_mm3 = surface.volume_ml * 1000
    return float(np.pi ** (1 / 3) * (6 * volume_mm3) ** (2 / 3) / surface.area_mm2)


@dataclass(frozen=True, eq=False)
class _Lesions:
    """The numbered lesions in the liver's box, and what is known about its voxels."""

    geometry: Geometry
    numbered: NDArray[np.int32]
    start: Triple
    axis: int
    signal: NDArray[np.float32] | None
    reference: float | None
    probability: NDArray[np.float32] | None
    trust: Trust | None
    gaps: Gaps
    forms: dict[tuple[int | bytes, ...], float | None] = field(default_factory=dict)

    def finding(self, number: int, box: Box) -> Finding:
        mask = self.numbered[box] == number
        start = np.add(self.start, _start(box))
        native: Box = tuple(  # type: ignore[assignment]
            slice(int(a), int(a) + n) for a, n in zip(start, mask.shape, strict=True)
        )
        matrix = self.geometry.affine[:3, :3]
        axial = longest_in_plane(mask, matrix, self.axis)
        assert axial is not None  # a lesion has voxels
        index = np.argwhere(mask)
        centre_mm = self.geometry.to_patient(index.mean(axis=0) + start)
        along = native[self.axis]
        return Finding(
            id=number,
            volume_ml=len(index) * self.geometry.voxel_ml,
            diameter_axial_mm=axial.diameter_mm,
            diameter_perpendicular_mm=axial.perpendicular_mm,
            diameter_3d_mm=longest_3d_mm(mask, matrix),
            centre_mm=_triple(centre_mm),
            centre_voxel=_closest(index, matrix, start),
            slices=(along.start, along.stop - 1),
            mean_signal_ratio=self._signal_ratio(mask, box),
            confidence=self._confidence(mask, box),
            touches_border=_touches_border(native, self.geometry.shape),
            sphericity=self._sphericity(mask, self.geometry.crop(native)),
            surface_distance_mm=self.gaps.to_surface_mm(number),
            next_lesion_mm=self.gaps.to_next_mm(number),
            slice_longest=axial.layer + int(start[self.axis]),
            axial_ends_mm=self._placed(axial.diameter, start),
            perpendicular_ends_mm=self._placed(axial.perpendicular, start),
        )

    def _confidence(self, mask: NDArray[np.bool_], box: Box) -> float | None:
        if self.probability is None:
            return None
        inside = self.probability[box][mask]
        mean = float(inside.mean(dtype=np.float64))
        if self.trust is None:
            return mean
        volume_ml = inside.size * self.geometry.voxel_ml
        return self.trust(mean, float(inside.max()), volume_ml)

    def _sphericity(self, mask: NDArray[np.bool_], geometry: Geometry) -> float | None:
        """Lesions of a few voxels are many where a map is noisy, and have few forms."""
        form = (*mask.shape, np.packbits(mask).tobytes())
        if form not in self.forms:
            self.forms[form] = sphericity(mask, geometry)
        return self.forms[form]

    def _placed(self, ends: Segment, start: NDArray[np.int64]) -> Segment:
        a, b = (_triple(point) for point in self.geometry.to_patient(ends + start))
        return a, b

    def _signal_ratio(self, mask: NDArray[np.bool_], box: Box) -> float | None:
        if self.signal is None or self.reference is None or self.reference <= 0:
            return None
        mean = _mean(self.signal[box], mask)
        return None if mean is None else mean / self.reference


def _mean(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float | None:
    """Mean over `mask`; None where it is empty or a value is not finite."""
    inside = values[mask]
    if not inside.size:
        return None
    mean = float(inside.mean(dtype=np.float64))
    return mean if np.isfinite(mean) else None


def _closest(
    index: NDArray[np.int64], matrix: NDArray[np.float64], start: NDArray[np.int64]
) -> Triple:
    """The row of `index`, from `start`, that is closest in the patient to their mean."""
    away = (index - index.mean(axis=0)) @ matrix.T
    squared = np.einsum("ij,ij->i", away, away)
    near = np.flatnonzero(squared <= squared.min() + 1e-6)
    x, y, z = np.round(away[near], 6).T
    i, j, k = (int(n) for n in index[near[np.lexsort((z, y, x))[0]]] + start)
    return (i, j, k)


def _start(box: Box) -> Triple:
    i, j, k = (s.start for s in box)
    return (i, j, k)


def _triple(point: NDArray[np.float64]) -> Point:
    x, y, z = (float(p) for p in point)
    return (x, y, z)


def _touches_border(box: Box, shape: Triple) -> bool:
    return any(s.start == 0 or s.stop == n for s, n in zip(box, shape, strict=True))
