"""One case of a data set in numbers, and what is wrong with it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica import io
from hepatica.core.components import bounding_box, components
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Triple
from hepatica.core.volume import LabelMap, Volume
from hepatica.dataset.entries import Dataset, Entry, in_our_labels, require_one_grid
from hepatica.results.measure import Measurements, head_foot_axis, measure

Kind = Literal[
    "unusable",
    "other_grid",
    "foreign_labels",
    "image_is_label_map",
    "empty_label_map",
    "no_liver",
    "tumour_outside_liver",
    "duplicate_image",
    "duplicate_labels",
    "odd_image",
]

_TOUCHING = np.ones((3, 3, 3), dtype=bool)


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong with a case: its kind for machines, a sentence for people."""

    kind: Kind
    text: str


class Lesion(msgspec.Struct, frozen=True, kw_only=True):
    """One 26-connected component of the tumour label; sizes as in `hepatica.results.measure`.

    Parameters
    ----------
    share_of_liver_percent
        Its volume in that of the whole liver; None without liver.
    share_of_volume_percent
        Its volume in that of the whole MRI.
    mean_signal_ratio
        Mean signal over that of the parenchyma; None where that is not positive.
    outside_liver
        None of its voxels touches the parenchyma.
    """

    id: int
    volume_ml: float
    diameter_axial_mm: float
    diameter_perpendicular_mm: float
    diameter_3d_mm: float
    share_of_liver_percent: float | None
    share_of_volume_percent: float
    mean_signal_ratio: float | None
    touches_border: bool
    outside_liver: bool


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What image and label map of a case say. Volumes in ml, the liver with its lesions.

    Parameters
    ----------
    shape, spacing_mm, axes
        The grid, along the voxel axes.
    slice_spacing_mm, in_plane_spacing_mm
        Along the axis closest to head-foot, and the larger one along the two others.
    volume_ml
        The whole MRI: all voxels.
    intensity_min, intensity_p1, intensity_median, intensity_p99, intensity_max
        Over all voxels, in the scanner's units; p1 and p99 are percentiles.
    liver_intensity_median
        Over the whole liver; None without one.
    liver_ml, liver_share_of_volume_percent
        None if nothing is labelled as parenchyma.
    parenchyma_ml, burden_percent
        `burden_percent` is the share of the liver that is tumour. None without liver,
        and where `lesions` is None.
    tumour_ml, lesions
        The lesions are in order of size. None if the data set has no tumour label, or if
        this label map is empty: nobody drew here.
    """

    shape: Triple
    spacing_mm: tuple[float, float, float]
    axes: str
    slice_spacing_mm: float
    in_plane_spacing_mm: float
    volume_ml: float
    intensity_min: float
    intensity_p1: float
    intensity_median: float
    intensity_p99: float
    intensity_max: float
    liver_intensity_median: float | None
    liver_ml: float | None
    parenchyma_ml: float | None
    tumour_ml: float | None
    burden_percent: float | None
    liver_share_of_volume_percent: float | None
    lesions: tuple[Lesion, ...] | None


class CaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A case: whose it is, its numbers (None if it cannot be used), and its problems."""

    case: str
    patient: str
    scanner: str | None
    numbers: Numbers | None
    problems: tuple[Problem, ...] = ()


class Fingerprint(NamedTuple):
    """Hashes of a case's voxels, by which it is known again under another name.

    `labels` is None for an empty label map: two of these are no news.
    """

    image: str
    labels: str | None


def examine(dataset: Dataset, entry: Entry) -> tuple[CaseRecord, Fingerprint | None]:
    """Read and measure a case; whatever is wrong with it is in the record, not raised.

    The fingerprint is None where the files cannot be read.
    """
    problems: list[Problem] = []
    mark: Fingerprint | None = None
    numbers: Numbers | None = None
    kind: Kind = "unusable"
    try:
        volume, drawn = io.read(entry.image), io.read_labelmap(entry.label)
        mark = fingerprint(volume, drawn)
        problems += [
            Problem("odd_image", f"{entry.image.name}: {text}") for text in volume.source.warnings
        ]
        if np.array_equal(volume.voxels, drawn.labels):
            text = f"{entry.image.name} and {entry.label.name} have the same content."
            problems.append(Problem("image_is_label_map", text))
        kind = "other_grid"
        require_one_grid(entry, volume, drawn)
        kind = "foreign_labels"
        labels = in_our_labels(dataset, entry, volume, drawn)
        kind = "unusable"
        numbers = numbers_of(volume, labels, dataset.knows_tumour)
        problems += flaws(labels, numbers)
    except Exception as error:
        # One case must not cost the others their description: not even by a fault of ours.
        expected = isinstance(error, HepaticaError)
        text = str(error) if expected else f"{type(error).__name__}: {error}"
        problems.append(Problem(kind, text))
    record = CaseRecord(
        case=entry.case,
        patient=entry.patient,
        scanner=entry.scanner,
        numbers=numbers,
        problems=tuple(problems),
    )
    return record, mark


def numbers_of(volume: Volume, labels: LabelMap, knows_tumour: bool = True) -> Numbers:
    """Measure a case, whose labels are 0, 1 and 2 on the image's grid."""
    geometry = labels.geometry
    whole_ml = geometry.voxels * geometry.voxel_ml
    found = measure(labels, volume)
    has_liver = found.parenchyma_ml > 0
    liver_ml = found.liver_ml if has_liver else None
    drawn = knows_tumour and found.liver_ml > 0
    low, p1, middle, p99, high = np.percentile(volume.voxels, (0, 1, 50, 99, 100)).tolist()
    spacing_mm = geometry.spacing_mm.tolist()
    along = head_foot_axis(geometry)
    return Numbers(
        shape=geometry.shape,
        spacing_mm=(spacing_mm[0], spacing_mm[1], spacing_mm[2]),
        axes=geometry.axes,
        slice_spacing_mm=spacing_mm[along],
        in_plane_spacing_mm=max(s for axis, s in enumerate(spacing_mm) if axis != along),
        volume_ml=whole_ml,
        intensity_min=low,
        intensity_p1=p1,
        intensity_median=middle,
        intensity_p99=p99,
        intensity_max=high,
        liver_intensity_median=_median(volume.voxels[labels.liver]) if has_liver else None,
        liver_ml=liver_ml,
        parenchyma_ml=found.parenchyma_ml if drawn and has_liver else None,
        tumour_ml=found.tumour_ml if drawn else None,
        burden_percent=found.burden_percent if drawn and has_liver else None,
        liver_share_of_volume_percent=None if liver_ml is None else 100 * liver_ml / whole_ml,
        lesions=_lesions(labels, found, liver_ml, whole_ml) if drawn else None,
    )


def flaws(labels: LabelMap, numbers: Numbers) -> list[Problem]:
    """What is wrong with a label map that can be read."""
    if not labels.labels.any():
        return [Problem("empty_label_map", "Its label map is empty.")]
    if numbers.liver_ml is None:
        return [Problem("no_liver", "Its label map has lesions, but no liver.")]
    outside = [str(x.id) for x in numbers.lesions or () if x.outside_liver]
    if not outside:
        return []
    one = len(outside) == 1
    text = f"Lesion{'' if one else 's'} {', '.join(outside)} {'does' if one else 'do'} not touch"
    return [Problem("tumour_outside_liver", f"{text} the liver.")]


def fingerprint(volume: Volume, drawn: LabelMap) -> Fingerprint:
    """Of voxels and shape alone: a copy is one, whatever its header and compression."""
    empty = not drawn.labels.any()
    return Fingerprint(_hash(volume.voxels), None if empty else _hash(drawn.labels))


def _lesions(
    labels: LabelMap, found: Measurements, liver_ml: float | None, whole_ml: float
) -> tuple[Lesion, ...]:
    # Numbered as in `measure`: by size, then in the order of the voxels.
    box = bounding_box(labels.liver)
    inside = labels if box is None else labels.crop(box)
    numbered, _ = components(inside.tumour)
    near = ndimage.binary_dilation(inside.parenchyma, structure=_TOUCHING)
    touching = set(np.unique(numbered[near]).tolist())
    return tuple(
        Lesion(
            id=one.id,
            volume_ml=one.volume_ml,
            diameter_axial_mm=one.diameter_axial_mm,
            diameter_perpendicular_mm=one.diameter_perpendicular_mm,
            diameter_3d_mm=one.diameter_3d_mm,
            share_of_liver_percent=None if liver_ml is None else 100 * one.volume_ml / liver_ml,
            share_of_volume_percent=100 * one.volume_ml / whole_ml,
            mean_signal_ratio=one.mean_signal_ratio,
            touches_border=one.touches_border,
            outside_liver=one.id not in touching,
        )
        for one in found.findings
    )


def _median(values: NDArray[np.float32]) -> float:
    return float(np.median(values))


def _hash(voxels: NDArray[Any]) -> str:
    total = hashlib.sha256(repr(voxels.shape).encode())
    # Transposed, as voxels in NIfTI's order are not copied then.
    total.update(np.ascontiguousarray(voxels.T).data)
    return total.hexdigest()
