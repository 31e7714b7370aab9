"""A patient at rest: tissues on a 2 mm grid, from real CT or MRI with organ labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import bounding_box, components, largest
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.synth.shapes import Shape, cut
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

#: Edge of an anatomy's isotropic voxels.
SPACING_MM = 2.0
#: A liver of less than this is a piece of one.
LEAST_LIVER_ML = 100.0
#: Of a liver, at least this share has to be on its image.
LEAST_SEEN = 0.9


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Tissues of a whole abdomen, (i, j, k) along RAS axes.

    `texture`, where the anatomy comes from a CT, is its deviation from its tissue's
    median, in units that make ±1 a strong structure; int8, 1/64 steps. `image`, where
    it comes from an MRI, is that MRI itself, liver about 1. `shapes` are the forms of
    the tumours that were found in it.
    """

    name: str
    tissue: NDArray[np.uint8]
    geometry: Geometry
    texture: NDArray[np.int8] | None = None
    image: NDArray[np.float32] | None = None
    shapes: tuple[Shape, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.tissue, self.texture, self.image):
            if array is not None:
                array.flags.writeable = False

    @cached_property
    def liver(self) -> NDArray[np.bool_]:
        """Where the liver is, its vessels included."""
        return np.isin(self.tissue, LIVER_TISSUES)

    @cached_property
    def liver_centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the liver."""
        return self.geometry.to_patient(np.argwhere(self.liver).mean(axis=0))

    @cached_property
    def body_centre_mm(self) -> NDArray[np.float64]:
        """Middle of the body left to right and front to back, at the liver's height."""
        k = int(self.geometry.to_index(self.liver_centre_mm)[2])
        where = np.argwhere(self.tissue[:, :, k] != Tissue.AIR)
        i, j = (where.min(axis=0) + where.max(axis=0)) / 2
        return self.geometry.to_patient((i, j, k))


def from_labels(
    name: str,
    labels: LabelMap,
    image: Volume | None,
    tissue_of_label: NDArray[np.uint8],
    modality: Literal["ct", "mr"] = "ct",
) -> Anatomy:
    """An anatomy from a real label map and its image.

    A CT gives the unlabelled body its tissues, by grey value, and all of it its
    texture; an MRI is kept as the anatomy's own image. Labelled tumours (tissue
    `LESION`) give their shapes, and become liver.

    Raises
    ------
    InputError
        If there is no liver in it or too little of one, a labelled tumour in an MRI, or an
        image that does not fit: turned against the labels, somewhere else, without a signal
        in the liver, or a CT that has a label in every voxel.
    """
    tumours = tissue_of_label[labels.labels] == Tissue.LESION
    if modality == "mr" and image is not None and tumours.any():
        # Its own image would show the tumour, and the synthetic truth call it liver.
        raise InputError(
            f"{name} has a labelled tumour in an MRI that is to lend its image.",
            "Leave it out with --exclude, or map its organs without the image.",
        )
    shapes = cut(tumours, labels.geometry, name)
    canonical = labels.geometry.canonical()
    shape = np.maximum(np.rint(canonical.extent_mm / SPACING_MM).astype(int), 1)
    grid = canonical.regrid((int(shape[0]), int(shape[1]), int(shape[2])), SPACING_MM)
    drawn = tissue_of_label[resample.onto(labels, grid).labels]
    tissue = np.where(drawn == Tissue.LESION, np.uint8(Tissue.LIVER), drawn)
    _require_liver(name, tissue, grid)
    if image is None:
        return Anatomy(name, tissue, grid, shapes=shapes)
    require_seen(name, np.isin(tissue, LIVER_TISSUES), grid, image.geometry)
    voxels = _along(name, image, grid)
    if modality == "mr":
        level = float(np.median(voxels[tissue == Tissue.LIVER]))
        if level <= 0:
            raise InputError(
                f"{name}: the liver's median signal is {level:g} in an MRI that is to lend its"
                " image.",
                "Give an image of positive signals, such as a magnitude image.",
            )
        scaled = voxels / level
        body = (tissue == Tissue.AIR) & (scaled > 0.15)
        tissue = np.where(body, np.uint8(Tissue.MUSCLE), tissue)
        return Anatomy(name, tissue, grid, image=np.asarray(scaled, np.float32))
    if (tissue != Tissue.AIR).all():
        raise InputError(
            f"{name} has a label in every voxel, in the air about the patient, too.",
            "Labels that are no tissue are to stay out of the mapping.",
        )
    tissue = _with_vessels(_fill_body(tissue, voxels), voxels)
    # A tumour's grey values are compared with its own median, so that it does not show.
    texture = _texture(np.where(drawn == Tissue.LESION, drawn, tissue), voxels)
    return Anatomy(name, tissue, grid, texture, shapes=shapes)


def require_seen(name: str, liver: NDArray[np.bool_], grid: Geometry, image: Geometry) -> None:
    """Refuse an image whose field of view misses more than a tenth of the liver, a mask on `grid`.

    Raises
    ------
    InputError
        If it does; `name` is the case's.
    """
    index = image.to_index(grid.to_patient(np.argwhere(liver)))
    seen = float(((index > -0.5) & (index < np.array(image.shape) - 0.5)).all(axis=1).mean())
    if seen < LEAST_SEEN:
        raise InputError(
            f"{name}: {1 - seen:.0%} of the labelled liver lies outside the image.",
            "Check that the two belong together, or leave it out with --exclude.",
        )


def _require_liver(name: str, tissue: NDArray[np.uint8], grid: Geometry) -> None:
    if not (tissue == Tissue.LIVER).any():
        raise InputError(f"{name} has no liver.", "Check which label its mapping calls liver.")
    volume_ml = np.count_nonzero(np.isin(tissue, LIVER_TISSUES)) * grid.voxel_ml
    if volume_ml < LEAST_LIVER_ML:
        raise InputError(
            f"{name} has a liver of {volume_ml:.3g} ml; an anatomy needs {LEAST_LIVER_ML:g} ml.",
            "Check which label its mapping calls liver, or leave it out with --exclude.",
        )


def _along(name: str, image: Volume, grid: Geometry) -> NDArray[np.float32]:
    """The image on `grid`, which lies along the labels' axes."""
    try:
        return resample.onto(image, grid, antialias=True).voxels
    except ValueError as error:
        raise InputError(
            f"{name}: the image's axes are turned against those of its labels.",
            "Resample the labels onto the image's grid.",
        ) from error


#: A CT with values below the first is in Hounsfield units, where air and lung are below the second.
_HOUNSFIELD, _AIR_HU = -500.0, -300.0
#: Greys of a window of their own: air is nothing, fat at least this share of the brightest.
_AIR_SHARE = 0.015
#: What is thinner than twice as many voxels is no body: tables, cloth, leads.
_BODY_VOXELS = 4
#: Where the unlabelled body's tissues end, as shares of the way from fat to muscle.
_ENDS = {Tissue.FAT: 0.5, Tissue.MUSCLE: 1.12, Tissue.BOWEL: 2.0, Tissue.BONE: np.inf}
#: What is brighter than muscle and so close to bone is its marrow or its edge.
_OF_BONE_VOXELS = 2
#: Fat is darker than the liver by this share of all that is darker, at least.
_FAT_BELOW = 0.45
#: Smallest part of a lung.
_LUNG_ML = 2.0


def _fill_body(tissue: NDArray[np.uint8], ct: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tissues for the unlabelled body of a CT by its grey values."""
    # Noise of single voxels is no tissue. Windows for soft tissue also cut off a little below
    # fat: a voxel of it may be as dark as air, its neighbourhood is not.
    typical = ndimage.median_filter(ct, 3)
    dark = float(typical.min())
    if dark < _HOUNSFIELD:
        dark = _AIR_HU
    else:
        dark += _AIR_SHARE * (float(np.percentile(typical, 99)) - dark)
    airy = typical < dark
    body = ~airy
    for k in range(body.shape[2]):
        body[:, :, k] = ndimage.binary_fill_holes(body[:, :, k])
    # Opened slice by slice; what the field of view cuts goes on beyond it.
    cross = ndimage.generate_binary_structure(2, 1)[..., None]
    core = ndimage.binary_erosion(body, cross, iterations=_BODY_VOXELS, border_value=1)
    body = largest(ndimage.binary_dilation(core, cross, iterations=_BODY_VOXELS))
    filled = tissue.copy()
    unlabelled = body & (tissue == Tissue.AIR)
    filled[unlabelled & airy] = Tissue.LUNG
    solid = unlabelled & ~airy
    if solid.any():
        liver = float(np.median(typical[np.isin(tissue, LIVER_TISSUES)]))
        filled[solid] = _by_grey(typical[solid], dark, liver)
        bone = filled == Tissue.BONE
        near = ndimage.binary_dilation(bone, iterations=_OF_BONE_VOXELS)
        filled[solid & near & (filled == Tissue.BOWEL)] = Tissue.BONE
    # As dark as lung and smaller than this, it is the edge of the skin or of a bowel's gas.
    numbered, sizes = components(filled == Tissue.LUNG)
    specks = np.flatnonzero(sizes * SPACING_MM**3 / 1000 < _LUNG_ML) + 1
    filled[np.isin(numbered, specks)] = Tissue.FAT
    return filled


def _by_grey(values: NDArray[np.float32], dark: float, liver: float) -> NDArray[np.uint8]:
    """Tissues of grey values: fat and muscle are the commonest below and about the liver's."""
    fat = _commonest(values, dark, liver - _FAT_BELOW * (liver - dark))
    muscle = _commonest(values, (fat + liver) / 2, liver + 0.1 * (liver - fat))
    ends = fat + np.array(list(_ENDS.values())) * (muscle - fat)
    return np.asarray(list(_ENDS), np.uint8)[np.digitize(values, ends)]


def _commonest(values: NDArray[np.float32], low: float, high: float) -> float:
    """The grey value between two that is there most often; their middle, if none is there."""
    counts, edges = np.histogram(values, 64, (low, high))
    if not counts.any():
        return (low + high) / 2
    top = int(np.argmax(ndimage.gaussian_filter1d(counts.astype(np.float64), 2)))
    return float(edges[top] + edges[top + 1]) / 2


#: A vessel of the liver is brighter than it by so many deviations of its own smoothed
#: texture; specks below this volume are noise; more than this share of a liver is not vessels.
_VESSEL_ABOVE, _VESSEL_ML, _VESSEL_SHARE = 1.9, 0.3, 0.12


def _with_vessels(tissue: NDArray[np.uint8], ct: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The liver's vessels as a CT with contrast agent shows them: bright and connected.

    Nothing changes where too much would be a vessel: such a CT shows something else.
    """
    liver = tissue == Tissue.LIVER
    if (tissue == Tissue.LIVER_VESSEL).any() or not liver.any():
        return tissue
    box = bounding_box(liver)
    assert box is not None  # there is a liver
    inside, level = liver[box], float(np.median(ct[liver]))
    # Smoothed within the liver alone: what is bright beside it is no vessel of it. And against
    # what is about it: uneven contrast and beam hardening are wide, vessels are not.
    fine, wide = (_smoothed(ct[box] - level, inside, sigma) for sigma in (0.8, 6.0))
    smooth = fine - wide
    deviation = 1.4826 * float(np.median(np.abs(smooth[inside])))
    bright = ndimage.binary_erosion(inside) & (smooth > _VESSEL_ABOVE * max(deviation, 1e-3))
    numbered, sizes = components(bright)
    kept = np.flatnonzero(sizes * SPACING_MM**3 / 1000 >= _VESSEL_ML) + 1
    vessels = np.isin(numbered, kept)
    if vessels.sum() > _VESSEL_SHARE * inside.sum():
        return tissue
    result = tissue.copy()
    result[box][vessels] = Tissue.LIVER_VESSEL
    return result


def _smoothed(
    image: NDArray[np.float32], inside: NDArray[np.bool_], sigma: float
) -> NDArray[np.float32]:
    """`image` blurred by `sigma` voxels within a mask; what is outside does not count."""
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(inside, image, np.float32(0)), sigma)
    return np.asarray(total / np.maximum(weight, 1e-3))


def _texture(tissue: NDArray[np.uint8], ct: NDArray[np.float32]) -> NDArray[np.int8]:
    scale = max(float(np.std(ct[tissue == Tissue.LIVER])), 1.0) * 2.5
    texture = np.zeros(tissue.shape, np.float32)
    for value in np.unique(tissue[tissue > 0]):
        where = tissue == value
        texture[where] = (ct[where] - np.median(ct[where])) / scale
    return (np.clip(texture, -1.9, 1.9) * 64).astype(np.int8)
