"""Lesions of prediction and reference in 3D, seen through the predicted liver from the front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.panels import Colour
from hepatica.results.preview import BACKGROUND

PREDICTION: Colour = (235, 45, 45)
REFERENCE: Colour = (50, 215, 75)
BOTH: Colour = (235, 215, 75)

#: Voxels of the view from the front, how many they are at the most along an axis, and the width
#: of the blur that rounds surfaces: in mm, and in slices where these are thick.
PITCH_MM, MOST_VOXELS, SMOOTH_MM, SMOOTH_SLICES = 1.25, 256, 1.5, 0.6
#: Lesions are blurred less, and end further out: those of a few voxels must not vanish.
LIVER_LEVEL, LESION_LEVEL, LESION_BLUR = 0.5, 0.25, 0.67
#: From where the light comes (right, front, head), and the share that comes from everywhere.
LIGHT, AMBIENT = np.array([0.35, 0.8, 0.5]), 0.3
#: The liver in 3D, and its opacity where it is seen face on and at its edge.
GREY: Colour = (200, 200, 205)
OPACITY = (0.36, 0.9)

_Mask = NDArray[np.bool_]
_Floats = NDArray[np.float32]


def from_the_front(prediction: LabelMap, reference: LabelMap, grid: Geometry) -> Image.Image:
    """The lesions of both through the translucent liver of the prediction, seen from the front.

    Parameters
    ----------
    grid
        Along the patient's axes (RAS+), of cubes.

    Returns
    -------
    PIL.Image.Image
        RGB, a pixel per voxel: the patient's right on the left, the head at the top. A lesion
        is yellow where prediction and reference overlap along the line of sight, before that
        leaves the lesion; else it has the colour of what is in front. Without liver and
        lesions all is background.
    """
    ours = _blurred(prediction, prediction.tumour, grid, LESION_BLUR)
    theirs = _blurred(reference, reference.tumour, grid, LESION_BLUR)
    lesions, at, light, _ = _surface(np.maximum(ours, theirs), LESION_LEVEL)
    hue = np.array(BACKGROUND, np.float32) * np.ones((*at.shape, 1), np.float32)
    in_ours, in_theirs = (f[:, ::-1] >= LESION_LEVEL for f in (ours, theirs))
    for colour, mask in (
        (PREDICTION, _at(in_ours, at)),
        (REFERENCE, ~_at(in_ours, at)),
        (BOTH, _met(in_ours, in_theirs)),
    ):
        hue[mask & lesions] = colour
    picture = np.where(lesions[..., None], hue * light[..., None], hue)
    liver, surface, light, facing = _surface(
        _blurred(prediction, prediction.liver, grid), LIVER_LEVEL
    )
    opacity = OPACITY[0] + (OPACITY[1] - OPACITY[0]) * (1 - facing) ** 2
    opacity = np.where(liver & ~(lesions & (at < surface)), opacity, 0)[..., None]
    picture = picture * (1 - opacity) + opacity * light[..., None] * np.array(GREY)
    return Image.fromarray(np.rint(picture[::-1, ::-1].transpose(1, 0, 2)).astype(np.uint8))


def _blurred(labels: LabelMap, mask: _Mask, grid: Geometry, blur: float = 1.0) -> _Floats:
    """Share of `mask` about each voxel of `grid`, with so much of the usual blur."""
    box = bounding_box(mask, spare=1)
    if box is None:
        return np.zeros(grid.shape, np.float32)
    share = Volume(mask[box].astype(np.float32), labels.geometry.crop(box))
    found = onto(share, grid).voxels
    width_mm = np.maximum(SMOOTH_MM, SMOOTH_SLICES * labels.geometry.canonical().spacing_mm)
    return np.asarray(ndimage.gaussian_filter(found, blur * width_mm / grid.spacing_mm), np.float32)


def _surface(field: _Floats, level: float) -> tuple[_Mask, NDArray[np.int64], _Floats, _Floats]:
    """What a look from the front at (x, y, z) meets first.

    Returns
    -------
    (x, z) each
        Whether it meets anything, after how many voxels, how light that is, and how far the
        surface is turned to the front: 1 wholly, 0 not at all.
    """
    inside = field[:, ::-1] >= level
    first = inside.argmax(axis=1)
    met = _at(inside, first)
    x, z = np.nonzero(met)
    # Room for neighbours on all sides; the surface is between a voxel and the one before it.
    padded, x, z = np.pad(field, 2), x + 2, z + 2
    y = field.shape[1] + 1 - first[met]
    here, before = padded[x, y, z], padded[x, y + 1, z]
    share = ((here - level) / np.maximum(here - before, 1e-6))[:, None]
    slope = (1 - share) * _slope(padded, x, y, z) + share * _slope(padded, x, y + 1, z)
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)
    light, facing = np.zeros(met.shape, np.float32), np.zeros(met.shape, np.float32)
    lit = np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    light[met] = AMBIENT + (1 - AMBIENT) * lit
    facing[met] = np.clip(normal[:, 1], 0, 1)
    return met, first, light, facing


def _slope(
    field: _Floats, x: NDArray[np.int64], y: NDArray[np.int64], z: NDArray[np.int64]
) -> _Floats:
    """(n, 3) how much `field` grows along each axis at n voxels."""
    steps = np.eye(3, dtype=int)
    sides = (field[x + a, y + b, z + c] - field[x - a, y - b, z - c] for a, b, c in steps)
    return np.stack(list(sides), axis=1)


def _at(mask: _Mask, place: NDArray[np.int64]) -> _Mask:
    """`mask` (x, y, z) at one y of each (x, z)."""
    return np.asarray(np.take_along_axis(mask, place[:, None, :], axis=1)[:, 0])


def _met(ours: _Mask, theirs: _Mask) -> _Mask:
    """Whether a look along y is in both before it leaves the first thing that it meets."""
    either = ours | theirs
    entered = np.logical_or.accumulate(either, axis=1)
    left = np.logical_or.accumulate(entered & ~either, axis=1)
    return np.asarray((ours & theirs & ~left).any(axis=1))
