"""A real liver without a body, put into a procedural one that is stretched to fit it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import bounding_box
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.synth.anatomy import SPACING_MM, Anatomy
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

#: How far a body is stretched along an axis to fit a liver; the liver does the rest.
STRETCH = (0.8, 1.25)
#: What may be known of a patient without a body: the liver and the vessels at its hilum.
ALONE = (Tissue.AIR, *LIVER_TISSUES, Tissue.PORTAL_VEIN, Tissue.VEIN)
#: What lies about a liver, and fills the room that one leaves.
FILLING = (Tissue.FAT, Tissue.LUNG)
#: A liver gives way to these.
FIRM = (Tissue.BONE, Tissue.MUSCLE, Tissue.SPINAL_CORD, Tissue.ARTERY)
#: Bones and muscles that close around the abdomen in every slice.
WALL = (Tissue.BONE, Tissue.MUSCLE)
#: Organs that touch the wall open it over no more slices than these.
GAP_MM = 60.0
#: Fat between a liver and the lung is at most so thick; no lung enters a narrower cleft.
CLEFT_MM = 12.0
#: Voxels about what is changed that have to be looked at.
SPARE = round(2 * CLEFT_MM / SPACING_MM)


def with_body(anatomy: Anatomy) -> Anatomy:
    """The anatomy itself, or its liver in a procedural body if that is all there is of it.

    Which body that is depends on the anatomy's name alone.
    """
    if anatomy.image is not None or not _only(anatomy.tissue, ALONE):
        return anatomy
    rng = np.random.default_rng(zlib.crc32(anatomy.name.encode()))
    return transplant(anatomy, procedural_anatomy(rng))


def transplant(liver: Anatomy, body: Anatomy) -> Anatomy:
    """The liver of one anatomy, with the veins that are known of it, in place of another's.

    The body is stretched so that the boxes of the two livers coincide. Lung and fat fill
    what the new liver leaves free, fat alone its clefts; it gives way to ribs, spine and
    muscles.
    """
    grid, stretched, moved = _fitted(liver, body)
    place = resample.onto(LabelMap(body.tissue, stretched), grid).labels
    given = resample.onto(LabelMap(liver.tissue, moved), grid).labels
    room = _cavity(place) & ~_is(place, FIRM)
    place = _without_liver(place)
    clefts = _closed(_is(given, LIVER_TISSUES)) & _is(place, (Tissue.LUNG,))
    place = np.where(clefts, np.uint8(Tissue.FAT), place)
    # One cava is enough: where the patient's own is known, the body's goes.
    veins = _is(place, (Tissue.VEIN, Tissue.PORTAL_VEIN))
    known = (given == Tissue.VEIN).any(axis=(0, 1))
    place = _filled(place, veins & known, ~veins)
    result = np.where((given != Tissue.AIR) & room, given, place)
    return Anatomy(liver.name, result, grid, shapes=liver.shapes)


def _fitted(liver: Anatomy, body: Anatomy) -> tuple[Geometry, Geometry, Geometry]:
    """A grid, and where body and liver come to lie so that their livers' boxes coincide."""
    (low, high), (body_low, body_high) = _box_mm(liver), _box_mm(body)
    ratio = (high - low) / (body_high - body_low)
    stretch = np.clip(ratio, *STRETCH)
    centre = (body_low + body_high) / 2
    stretched = _moved(body.geometry, stretch, centre, centre)
    moved = _moved(liver.geometry, stretch / ratio, (low + high) / 2, centre)
    i, j, k = (int(n) for n in np.ceil(stretched.extent_mm / SPACING_MM))
    return stretched.regrid((i, j, k), SPACING_MM), stretched, moved


def _box_mm(anatomy: Anatomy) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the liver's box in patient space, outer faces included."""
    points = anatomy.geometry.to_patient(np.argwhere(anatomy.liver))
    return points.min(axis=0) - SPACING_MM / 2, points.max(axis=0) + SPACING_MM / 2


def _moved(
    geometry: Geometry,
    factor: NDArray[np.float64],
    about_mm: NDArray[np.float64],
    to_mm: NDArray[np.float64],
) -> Geometry:
    """`geometry` stretched along the patient's axes, so that one point comes to another."""
    matrix = np.diag([*factor, 1.0])
    matrix[:3, 3] = to_mm - factor * about_mm
    return Geometry(geometry.shape, matrix @ geometry.affine)


def _without_liver(tissue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A body without its liver: lung from above and fat from below fill the room.

    The thin fat under the lung goes first, or it would keep the lung away.
    """
    liver = _is(tissue, LIVER_TISSUES)
    lung = _is(tissue, (Tissue.LUNG,))
    between = _is(tissue, (Tissue.FAT,)) & _near(liver) & _near(lung)
    empty = liver | between
    return _filled(tissue, empty, _is(tissue, FILLING) & ~empty)


def _filled(
    tissue: NDArray[np.uint8], empty: NDArray[np.bool_], source: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """`tissue` with that of the nearest voxel of `source` in the place of what is `empty`."""
    box = bounding_box(empty, SPARE)
    if box is None:
        return tissue
    i, j, k = ndimage.distance_transform_edt(
        ~source[box], return_distances=False, return_indices=True
    )
    filled = tissue.copy()
    filled[box] = np.where(empty[box], tissue[box][i, j, k], tissue[box])
    return filled


def _near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is within `CLEFT_MM` of a mask, and the mask."""
    box = bounding_box(mask, SPARE)
    near = np.zeros(mask.shape, bool)
    if box is not None:
        distance = ndimage.distance_transform_edt(~mask[box], sampling=SPACING_MM)
        near[box] = distance <= CLEFT_MM
    return near


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and its clefts."""
    return ~_near(~_near(mask))


def _cavity(tissue: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Everything inside the ring of muscles and ribs, slice by slice.

    Where the ring has a gap, that of the slices above and below counts.
    """
    wall = _is(tissue, WALL)
    inside = np.stack([ndimage.binary_fill_holes(s) for s in np.moveaxis(wall, 2, 0)], axis=2)
    slices = 2 * round(GAP_MM / 2 / SPACING_MM) + 1
    return np.asarray(ndimage.maximum_filter1d(inside.astype(np.uint8), slices, axis=2) > 0)


def _is(tissue: NDArray[np.uint8], which: Sequence[Tissue]) -> NDArray[np.bool_]:
    return np.isin(tissue, which)


def _only(tissue: NDArray[np.uint8], which: Sequence[Tissue]) -> bool:
    return bool(_is(tissue, which).all())
