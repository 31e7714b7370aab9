"""Results into the patient's study: segmentation, report, surfaces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import pydicom

from hepatica.core.volume import LabelMap
from hepatica.io.dicom import seg, sr, stl
from hepatica.io.dicom.destination import Destination
from hepatica.io.dicom.formats import SEG, SEG_NAME, SR, SR_NAME, STL, STL_NAME
from hepatica.io.dicom.segments import new_uid, segments
from hepatica.results.measure import Measurements

#: Binary STL, LPS+ mm, of the liver and of each lesion in the order of ids; empty bytes
#: for a part without a surface.
Surfaces = Callable[[LabelMap], Sequence[bytes]]


def write(
    folder: Path,
    case: str,
    labelmap: LabelMap,
    measurements: Measurements,
    destination: Destination,
    formats: Collection[str],
    surfaces: Surfaces | None = None,
) -> list[str]:
    """Write the results of one case into a folder; the names of the files.

    A report refers to segments, so that ``dicom-sr`` writes the segmentation, too.

    Parameters
    ----------
    surfaces
        Makes the surfaces for ``dicom-stl``.

    Raises
    ------
    ResourceError
        If highdicom is not installed.
    """
    written = []
    for name, data in _objects(case, labelmap, measurements, destination, formats, surfaces):
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
    surfaces: Surfaces | None,
) -> Iterator[tuple[str, pydicom.FileDataset]]:
    parts = segments(len(measurements.findings))
    if {SEG, SR} & set(formats):
        segmentation = seg.encode(labelmap, destination, parts)
        yield case + SEG_NAME, segmentation
    if SR in formats:
        yield case + SR_NAME, sr.encode(measurements, destination, parts, segmentation)
    if STL in formats:
        if surfaces is None:
            raise ValueError("dicom-stl needs surfaces")
        series = new_uid()
        for number, (part, surface) in enumerate(zip(parts, surfaces(labelmap), strict=True), 1):
            if surface:
                data = stl.encode(surface, destination, part, series, number)
                yield f"{case}{STL_NAME}{number:02d}.dcm", data
