"""Results into the patient's study: segmentation, report, surfaces."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pydicom

from hepatica.core.volume import LabelMap
from hepatica.io.dicom import seg, sr, stl
from hepatica.io.dicom.destination import Destination
from hepatica.io.dicom.formats import SEG, SEG_NAME, SR, SR_NAME, STL, STL_NAME
from hepatica.io.dicom.segments import masks, new_uid, segments
from hepatica.results.measure import Measurements
from hepatica.results.surfaces import closed_surface


def write(
    folder: Path,
    case: str,
    labelmap: LabelMap,
    measurements: Measurements,
    destination: Destination,
    formats: Collection[str],
) -> list[str]:
    """Write the results of one case into a folder; the names of the files.

    A report refers to segments, so that ``dicom-sr`` writes the segmentation, too.

    Raises
    ------
    ResourceError
        If highdicom is not installed.
    """
    written = []
    for name, data in _objects(case, labelmap, measurements, destination, formats):
        data.preamble = b"\0" * 128
        data.save_as(folder / name, enforce_file_format=True)
        written.append(name)
    return written


def _objects(
    case: str,
    labelmap: LabelMap,
    measurements: Measurements,
    destination: Destination,
    formats: Collection[str],
) -> Iterator[tuple[str, pydicom.FileDataset]]:
    parts = segments(len(measurements.findings))
    if {SEG, SR} & set(formats):
        segmentation = seg.encode(labelmap, destination, parts)
        yield case + SEG_NAME, segmentation
    if SR in formats:
        yield case + SR_NAME, sr.encode(measurements, destination, parts, segmentation)
    if STL in formats:
        series = new_uid()
        for part, mask in zip(parts, masks(labelmap, parts), strict=True):
            surface = closed_surface(mask, labelmap.geometry)
            if len(surface.faces):
                content = stl.binary(surface.triangles)
                data = stl.encode(content, destination, part, series, part.number)
                yield f"{case}{STL_NAME}{part.number:02d}.dcm", data
