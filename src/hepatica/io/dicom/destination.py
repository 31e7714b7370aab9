"""The place of results in the archive: the patient, study and frame of reference of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pydicom

import hepatica
from hepatica.core.errors import InputError
from hepatica.core.volume import Volume
from hepatica.io.dicom import highdicom
from hepatica.io.dicom.read import Origin
from hepatica.results.notice import RESEARCH_ONLY

MANUFACTURER, MODEL = "Hepatica (research software)", "Hepatica"
#: Of this program as a device; results that it wrote can be found by it.
DEVICE_SERIAL = "0"
#: Series of results follow those of the scanner.
_SERIES_OFFSET = 9000

#: What every image must state for others to be filed beside it, and may leave empty.
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)


@dataclass(frozen=True, eq=False)
class Destination:
    """The images that results refer to, and how the algorithm is named.

    Parameters
    ----------
    images
        The data sets of the source without pixels, in the order of k; one if multi-frame.
    frames
        Index of each slice k in its file.
    description
        Goes into each object; says that it is for research.
    """

    images: tuple[pydicom.Dataset, ...]
    frames: tuple[int, ...]
    algorithm: str
    version: str
    description: str = RESEARCH_ONLY

    @classmethod
    def of(cls, volume: Volume, algorithm: str) -> Destination:
        """Where the results of `volume` go; `algorithm` names the model.

        Raises
        ------
        InputError
            If the volume was not read from DICOM or lies in several multi-frame files, or if
            its images state no study, series or frame of reference.
        """
        name, origin = volume.source.name, volume.source.header
        if not isinstance(origin, Origin):
            raise InputError(
                f"{name} is no DICOM study, so DICOM results have no place to go.",
                "Give the DICOM folder or zip it was made from, or leave out --export dicom-...",
            )
        if 1 < len(origin.headers) < len(origin.frames):
            raise InputError(
                f"{name} lies in several multi-frame files, to which DICOM results cannot refer.",
                "Leave out --export dicom-..., or export the series as single slices.",
            )
        images = tuple(_completed(image) for image in origin.headers)
        for tag in (
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "SOPInstanceUID",
            "FrameOfReferenceUID",
        ):
            if not all(image.get(tag) for image in images):
                raise InputError(
                    f"{name} states no {tag}, which DICOM results need.",
                    "Export the study again; anonymised ones often lose it.",
                )
        return cls(images, origin.frames, algorithm, hepatica.__version__)

    @property
    def first(self) -> pydicom.Dataset:
        """The data set of the first slice."""
        return self.images[0]

    @property
    def multiframe(self) -> bool:
        """Whether all slices are frames of one file."""
        return len(self.images) < len(self.frames)

    def series_number(self, kind: int) -> int:
        """Of the results of one `kind`: 1 segmentation, 2 report, 3 surfaces."""
        number = int(self.first.get("SeriesNumber") or 0)
        return _SERIES_OFFSET + 10 * (abs(number) % 1000) + kind

    def identification(self) -> Any:
        """The sequence that names the algorithm, of highdicom."""
        hd = highdicom.load()
        family = pydicom.sr.codedict.codes.DCM.ArtificialIntelligence
        return hd.AlgorithmIdentificationSequence(
            name=self.algorithm, family=family, version=self.version, source=MODEL
        )


def _completed(image: pydicom.Dataset) -> pydicom.Dataset:
    """A copy in which what may be empty is there."""
    result = pydicom.Dataset(image)
    result.file_meta = image.file_meta
    for tag in _TYPE_2:
        if tag not in result:
            setattr(
                result, tag, "" if tag not in ("PatientName", "ReferringPhysicianName") else None
            )
    return result
