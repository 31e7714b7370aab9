"""DICOM Segmentation out of a label map, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels import pixel_array
from pydicom.sr.coding import Code as PydicomCode

from hepatica.core.errors import InputError
from hepatica.core.volume import Label, LabelMap
from hepatica.io import checks
from hepatica.io.dicom import highdicom, parse
from hepatica.io.dicom.destination import DEVICE_SERIAL, MANUFACTURER, MODEL, Destination
from hepatica.io.dicom.segments import LESION_TYPES, LIVER, Code, Segment, masks, new_uid
from hepatica.io.dicom.stacks import SAME_MM
from hepatica.io.lps import swap_lps_ras
from hepatica.io.memory import require_memory

#: Of the object's content, as its label (CS: 16 characters).
_LABEL = "LIVER"


def encode(
    labelmap: LabelMap, destination: Destination, parts: tuple[Segment, ...]
) -> pydicom.Dataset:
    """A binary segmentation on the grid of the source series: the liver, and each lesion.

    The liver's segment includes its lesions, so that both can be shown alone. Empty planes
    are written, too: any reader gets the grid of the source, not that of the lesion.

    Parameters
    ----------
    labelmap
        On the grid of the source series. An empty one gives an empty segment "Liver".
    parts
        As of :func:`hepatica.io.dicom.segments.segments` for its lesions.

    Raises
    ------
    ResourceError
        If highdicom is not installed.
    """
    hd = highdicom.load()
    i, j, k = labelmap.geometry.shape
    stacked = np.empty((k, j, i, len(parts)), np.uint8)
    for n, mask in enumerate(masks(labelmap, parts)):
        stacked[..., n] = mask.transpose(2, 1, 0)
    algorithm = destination.identification()
    described = [
        hd.seg.SegmentDescription(
            segment_number=part.number,
            segment_label=part.label,
            segmented_property_category=_code(part.category),
            segmented_property_type=_code(part.kind),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=part.tracking_uid,
            tracking_id=part.label,
            anatomic_regions=[_code(LIVER)],
            display_color=hd.color.CIELabColor.from_rgb(*(round(255 * c) for c in part.rgb)),
        )
        for part in parts
    ]
    place = _planes(hd, labelmap) if destination.multiframe else {}
    return hd.seg.Segmentation(
        source_images=list(destination.images),
        pixel_array=stacked,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=new_uid(),
        series_number=destination.series_number(1),
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=destination.version,
        device_serial_number=DEVICE_SERIAL,
        content_label=_LABEL,
        content_description=destination.description[:64],
        series_description="Liver and lesions, automatic, research use only",
        omit_empty_frames=False,
        **place,
    )


def _code(code: Code) -> PydicomCode:
    return PydicomCode(code.value, code.scheme, code.meaning)


def _planes(hd: Any, labelmap: LabelMap) -> dict[str, Any]:
    """Where the planes lie, for a source whose file holds other frames, too."""
    lps = swap_lps_ras(labelmap.geometry.affine)
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    along = lps[:3, :3] / spacing
    normal = np.cross(along[:, 0], along[:, 1])
    return {
        "plane_orientation": hd.PlaneOrientationSequence(
            hd.CoordinateSystemNames.PATIENT, [*along[:, 0], *along[:, 1]]
        ),
        "plane_positions": [
            hd.PlanePositionSequence(hd.CoordinateSystemNames.PATIENT, (lps @ [0, 0, k, 1])[:3])
            for k in range(labelmap.geometry.shape[2])
        ],
        "pixel_measures": hd.PixelMeasuresSequence(
            pixel_spacing=[spacing[1], spacing[0]],
            slice_thickness=spacing[2],
            spacing_between_slices=abs(float(lps[:3, 2] @ normal)),
        ),
    }


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file is a segmentation; InputError if it is damaged."""
    data = parse.header(path, ["SOPClassUID"])
    with parse.damaged(path):
        return parse.kind(data) == "Segmentation Storage"


def decode(path: str | Path, *, available_bytes: int | None = None) -> LabelMap:
    """The label map in a binary segmentation of a liver and its lesions.

    The grid is that of the planes in the file; planes that were left out because nothing
    is in them are filled between the first and the last that is there.

    Raises
    ------
    InputError
        If it is damaged, not binary, holds no liver and no lesion, or its planes are not
        evenly spaced.
    ResourceError
        If it is larger than the memory.
    """
    path = Path(path)
    data = parse.whole(path)
    with parse.damaged(path):
        count, rows, columns = int(data.NumberOfFrames), int(data.Rows), int(data.Columns)
        if data.get("SegmentationType") != "BINARY" or not 0 < count <= 10 * parse.MAX_FRAMES:
            raise InputError(f"{path.name} is no binary segmentation.", "Export it as one.")
        require_memory(path.name, count * rows * columns // 8 + rows * columns, available_bytes)
        labels = _labels_of_segments(path, data)
        numbers, positions, along, spacing = _frames(data, count)
        order, affine = _grid(path, positions, along, spacing)
        shape = (columns, rows, int(order.max()) + 1)
        require_memory(path.name, int(np.prod(shape, dtype=object)), available_bytes)
        geometry = checks.grid(path.name, shape, affine)
        result = np.zeros(shape, np.uint8)
        for n in range(count):
            label = labels.get(numbers[n])
            if label is not None:
                plane = pixel_array(data, index=n).T.astype(bool)
                target = result[..., order[n]]
                np.maximum(target, np.uint8(label) * plane, out=target)
    return LabelMap(result, geometry)


def _labels_of_segments(path: Path, data: Any) -> dict[int, Label]:
    labels = {}
    for segment in data.SegmentSequence:
        kind = str(segment.SegmentedPropertyTypeCodeSequence[0].CodeValue)
        if kind == LIVER.value:
            labels[int(segment.SegmentNumber)] = Label.PARENCHYMA
        elif kind in LESION_TYPES:
            labels[int(segment.SegmentNumber)] = Label.TUMOUR
    if not labels:
        raise InputError(
            f"{path.name} segments neither a liver nor lesions, by its codes.",
            "Give a segmentation whose property types are Liver and Lesion (SNOMED CT).",
        )
    return labels


def _frames(
    data: Any, count: int
) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Segment number and position of each frame, the cosines (3, 2), and the pixel spacing."""
    shared = data.SharedFunctionalGroupsSequence[0]
    frames = data.PerFrameFunctionalGroupsSequence
    if len(frames) != count:
        raise ValueError("frames without a description")

    def group(frame: Any, name: str) -> Any:
        """What is said of one frame, or of all."""
        return (frame.get(name) or shared[name].value)[0]

    oriented = group(frames[0], "PlaneOrientationSequence").ImageOrientationPatient
    stated = group(frames[0], "PixelMeasuresSequence").PixelSpacing
    numbers, positions = [], np.empty((count, 3))
    for n, frame in enumerate(frames):
        identified = group(frame, "SegmentIdentificationSequence")
        numbers.append(int(identified.ReferencedSegmentNumber))
        positions[n] = group(frame, "PlanePositionSequence").ImagePositionPatient
    along = np.asarray(oriented, np.float64).reshape(2, 3).T
    return numbers, positions, along, (float(stated[1]), float(stated[0]))


def _grid(
    path: Path,
    positions: NDArray[np.float64],
    along: NDArray[np.float64],
    spacing: tuple[float, float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The place k of each frame, and the affine to RAS+ mm."""
    # Vector by vector, as the frames of an image are read: the same digits to the last.
    along = np.stack([v / float(np.linalg.norm(v)) for v in along.T], axis=1)
    normal = np.cross(along[:, 0], along[:, 1])
    height = positions @ normal
    low, high = int(np.argmin(height)), int(np.argmax(height))
    steps = np.diff(np.unique(np.round(height, 6)))
    steps = steps[steps > SAME_MM]
    if not len(steps):
        raise InputError(f"{path.name} has only 1 slice.", "Give a segmentation of a volume.")
    count = 1 + round((height[high] - height[low]) / float(steps.min()))
    step = (height[high] - height[low]) / (count - 1)
    place = (height - height[low]) / step
    if np.abs(place - np.rint(place)).max() > 0.05:
        raise InputError(f"{path.name} has slices that are not evenly spaced.", "Export it again.")
    affine = np.eye(4)
    affine[:3, 0] = along[:, 0] * spacing[0]
    affine[:3, 1] = along[:, 1] * spacing[1]
    affine[:3, 2] = (positions[high] - positions[low]) / (count - 1)
    affine[:3, 3] = positions[low]
    return np.rint(place).astype(np.int64), swap_lps_ras(affine)
