"""One plane of the patient on a picture: where its pixels lie, and what colour they have.

Radiological convention: the patient's right is on the image's left, the front is at
the top of the axial plane and on the left of the sagittal one, the head is at the top
of the other two. On the canonical grid (closest to RAS) both image directions then run
against the indices, in all three planes.

A plane follows the voxel grid: oblique volumes are shown as they were acquired.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Box, Geometry, project
from hepatica.core.resample import onto
from hepatica.core.volume import Label, LabelMap, Volume

Plane = Literal["axial", "coronal", "sagittal"]
Colour: TypeAlias = tuple[int, int, int]

#: Sky blue and orange of Okabe and Ito: apart for every kind of colour vision.
LIVER_COLOUR: Colour = (86, 180, 233)
LESION_COLOUR: Colour = (230, 159, 0)

#: Thickness of contours on the picture.
CONTOUR_PX = 2.0

#: Around the patient, and the share of bright voxels up to which a layer is air.
MARGIN_MM = 10.0
AIR_SHARE = 0.02

#: Canonical voxel axis across the plane; letters left, right, top, bottom.
_PLANES: dict[Plane, tuple[int, str]] = {
    "axial": (2, "RLAP"),
    "coronal": (1, "RLHF"),
    "sagittal": (0, "APHF"),
}


@dataclass(frozen=True)
class Frame:
    """A rectangle of the picture, in pixels from its top left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Panel:
    """One plane in its place on the picture.

    Parameters
    ----------
    slab
        The canonical grid, one voxel thick across the plane.
    frame
        The pixels that show it, outer voxel faces on the frame's edges.
    """

    plane: Plane
    slab: Geometry
    frame: Frame

    @property
    def letters(self) -> str:
        """Patient directions at the left, right, top and bottom edge."""
        return _PLANES[self.plane][1]

    @property
    def across(self) -> int:
        """The voxel axis of `slab` that is one voxel thick."""
        return _PLANES[self.plane][0]

    @cached_property
    def px_per_mm(self) -> float:
        """Pixels per mm along the rows; the same along the columns but for rounding."""
        axis = 1 if self.plane == "sagittal" else 0
        return float(self.frame.width / self.slab.extent_mm[axis])

    @property
    def voxel_mm(self) -> tuple[float, float]:
        """Height and width, on the picture, of a voxel."""
        wide, high = np.delete(self.slab.spacing_mm, self.across).tolist()
        return high, wide

    def pixel(self, point_mm: ArrayLike) -> tuple[float, float]:
        """Where a point, RAS+ mm, is on the picture: x to the right, y down."""
        share = 1 - (self.slab.to_index(point_mm) + 0.5) / self.slab.shape
        x, y = np.delete(share, self.across).tolist()
        return self.frame.left + x * self.frame.width, self.frame.top + y * self.frame.height


def panel(plane: Plane, geometry: Geometry, point_mm: ArrayLike, cell: Frame) -> Panel:
    """The plane of `geometry` through a point (or nearest to it), as large as fits in `cell`."""
    canonical = geometry.canonical()
    across = _PLANES[plane][0]
    index = np.rint(canonical.to_index(point_mm)).astype(int)
    n = int(np.clip(index[across], 0, canonical.shape[across] - 1))
    starts, stops = np.zeros(3, int), np.array(canonical.shape)
    starts[across], stops[across] = n, n + 1
    wide_mm, high_mm = np.delete(canonical.extent_mm, across).tolist()
    scale = min(cell.width / wide_mm, cell.height / high_mm)
    width, height = max(1, round(wide_mm * scale)), max(1, round(high_mm * scale))
    frame = Frame(
        cell.left + (cell.width - width) // 2,
        cell.top + (cell.height - height) // 2,
        width,
        height,
    )
    return Panel(plane, canonical.crop(_box(starts, stops)), frame)


def window(volume: Volume) -> tuple[float, float]:
    """Signals to show as black and as white.

    The 1st percentile of all voxels and the 99th of the brighter part, which air does
    not dilute. (0, 1) when no voxel is finite; never of zero width.
    """
    sample = volume.voxels[_sampled(volume.geometry)]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low = float(np.percentile(sample, 1))
    # In float64 the mean of equal float32 voxels is exact, so that some always remain.
    high = float(np.percentile(sample[sample >= sample.mean(dtype=np.float64)], 99))
    return low, max(high, low + 1e-6 * max(1.0, abs(low)))


def shown(volume: Volume, labelmap: LabelMap, black_white: tuple[float, float]) -> Geometry:
    """The canonical grid without the air around the patient; all of it if there is no such air.

    A layer of voxels is kept where more than 2 % are brighter than a tenth of the
    window, with 10 mm around; the labels are always kept.
    """
    geometry = volume.geometry
    low, high = black_white
    steps = _sampled(geometry)
    bright = volume.voxels[steps] > low + 0.1 * (high - low)
    starts, stops = np.zeros(3, int), np.array(geometry.shape)
    for a in range(3):
        kept = np.flatnonzero(bright.mean(axis=tuple({0, 1, 2} - {a})) > AIR_SHARE)
        if kept.size:
            margin = MARGIN_MM / geometry.spacing_mm[a]
            starts[a] = max(0, int(kept[0] * steps[a].step - margin))
            stops[a] = min(geometry.shape[a], int((kept[-1] + 1) * steps[a].step + margin) + 1)
    liver = bounding_box(labelmap.liver)
    if liver is not None:
        inside = project(liver, labelmap.geometry, geometry)
        if inside is not None:
            starts = np.minimum(starts, [s.start for s in inside])
            stops = np.maximum(stops, [s.stop for s in inside])
    return geometry.crop(_box(starts, stops)).canonical()


def zoomed(geometry: Geometry, point_mm: ArrayLike, size_mm: ArrayLike) -> Geometry:
    """The canonical voxels of `geometry` in a box of `size_mm` (3,) about a point (RAS+ mm).

    The box may reach over the grid's edge, where no image is. An axis of infinite size is
    kept as it is.
    """
    canonical = geometry.canonical()
    size = np.asarray(size_mm, float) / canonical.spacing_mm
    kept = np.isinf(size)
    shape = np.where(kept, canonical.shape, np.maximum(np.rint(size), 1)).astype(int)
    first = np.where(kept, 0, np.rint(canonical.to_index(point_mm) - (shape - 1) / 2))
    affine = canonical.affine.copy()
    affine[:3, 3] = canonical.to_patient(first)
    i, j, k = (int(n) for n in shape)
    return Geometry((i, j, k), affine)


def render(
    panel: Panel, volume: Volume, labelmap: LabelMap, black_white: tuple[float, float]
) -> Image.Image:
    """The panel's pixels: the image in grey, with contours of the liver and its lesions."""
    signal = _picture(onto(volume, panel.slab).voxels, panel.across)
    labels = _picture(onto(labelmap, panel.slab).labels, panel.across)
    low, high = black_white
    level = (np.nan_to_num(signal.astype(np.float64), nan=low) - low) / (high - low)
    # Clipped generously before it is interpolated, so that no voxel rings across the plane.
    grey = np.clip(_resized(np.clip(level, -1, 2), panel.frame, Image.Resampling.BICUBIC), 0, 1)
    rgb = np.repeat(grey[..., None] * np.float32(255), 3, axis=2)
    for mask, colour in ((labels > 0, LIVER_COLOUR), (labels == Label.TUMOUR, LESION_COLOUR)):
        ink = contour(mask, panel.voxel_mm, panel.frame)[..., None]
        rgb = rgb * (1 - ink) + ink * np.array(colour, np.float32)
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


def contour(
    mask: NDArray[np.bool_], voxel_mm: tuple[float, float], frame: Frame
) -> NDArray[np.float32]:
    """Opacity of a smooth, anti-aliased outline of a mask.

    Parameters
    ----------
    mask
        (rows, columns) of voxels.
    voxel_mm
        Height and width of such a voxel.
    frame
        What it is shown in; only its size counts.

    Returns
    -------
    (height, width) float32
        0 to 1; 0 everywhere for a mask that is empty or full.
    """
    if not mask.any() or mask.all():
        return np.zeros((frame.height, frame.width), np.float32)
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    outside = ndimage.distance_transform_edt(~mask, sampling=voxel_mm)
    level = _resized(inside - outside, frame, Image.Resampling.BILINEAR)
    # Distance to the zero level in pixels of the picture: the level over its slope.
    padded = np.pad(level, 1, mode="edge")
    slope = np.hypot(
        (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    )
    distance = np.abs(level) / np.maximum(slope, 1e-6)
    return np.asarray(np.clip(CONTOUR_PX / 2 + 0.5 - distance, 0, 1), np.float32)


def _sampled(geometry: Geometry) -> Box:
    """Evenly spread voxels, about a million at the most."""
    step = max(1, round((geometry.voxels / 1e6) ** (1 / 3)))
    i, j, k = (slice(0, n, step) for n in geometry.shape)
    return (i, j, k)


def _box(starts: NDArray[np.int_], stops: NDArray[np.int_]) -> Box:
    i, j, k = (slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
    return (i, j, k)


def _picture(voxels: NDArray[Any], across: int) -> NDArray[Any]:
    """(rows, columns) in radiological convention, from a canonical slab."""
    return np.squeeze(voxels, axis=across)[::-1, ::-1].T


def _resized(plane: NDArray[Any], frame: Frame, how: Image.Resampling) -> NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((frame.width, frame.height), how), np.float32)
