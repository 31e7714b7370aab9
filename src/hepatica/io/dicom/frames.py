"""One frame of an image, classic or enhanced: where it lies and what tells it from others.

Places come from ImagePositionPatient and ImageOrientationPatient alone: not from file
names, InstanceNumber, SliceThickness or SpacingBetweenSlices, all of which lie in
practice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag

from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.dicom import parse


class NotAVolume(InputError):
    """An image that belongs to no volume: a screenshot, a picture in colours."""


#: What tells volumes apart that share a series and a place, most telling first.
TELLING = {
    "EchoTime": "echo time",
    "ImageType": "image type",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger time",
    "AcquisitionNumber": "acquisition",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "DiffusionBValue": "b-value",
    "AcquisitionTime": "acquisition time",
    "ContentTime": "content time",
}

#: What says how an image was made; free text only where nothing else would do.
FACTS = (
    "Modality",
    "SeriesDescription",
    "ProtocolName",
    "SequenceName",
    "PulseSequenceName",
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "MRAcquisitionType",
    "VolumetricProperties",
    "RepetitionTime",
    "SpectrallySelectedSuppression",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "ContrastBolusVolume",
    "ContrastBolusStartTime",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "BodyPartExamined",
)

#: Enhanced images name the same facts differently.
_ALIASES = {
    "EffectiveEchoTime": "EchoTime",
    "FrameType": "ImageType",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
}

_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

#: All that is read of a header to sort a study: nothing that names a patient.
TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "RescaleSlope",
    "RescaleIntercept",
    *_PLACE,
    *TELLING,
    *FACTS,
    *_GROUPS,
]


@dataclass(frozen=True, eq=False)
class Frame:
    """What matters of one frame's header; lengths in mm, LPS+.

    Parameters
    ----------
    number
        Index of the frame in its file; 0 for a classic image.
    uid, study, series
        SOP, study and series instance UIDs; empty where they are not stated.
    size
        (rows, columns).
    along_row, along_column
        Unit vectors in the direction of growing columns and of growing rows.
    spacing_mm
        Distance of columns, distance of rows.
    telling, facts
        The values of :data:`TELLING` and :data:`FACTS` as text; empty where absent.
    """

    path: Path
    number: int
    kind: str
    uid: str
    study: str
    series: str
    series_number: str
    instance: int
    size: tuple[int, int]
    position: NDArray[np.float64]
    along_row: NDArray[np.float64]
    along_column: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    slope: float
    intercept: float
    telling: Mapping[str, str]
    facts: Mapping[str, str]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the frame."""
        return np.cross(self.along_row, self.along_column)

    @property
    def label(self) -> str:
        """What people call the series."""
        return self.described or self.series_number or "unnamed"

    @property
    def described(self) -> str:
        """The series' description, or the name of its protocol; free text."""
        return self.facts["SeriesDescription"] or self.facts["ProtocolName"]


def read(path: Path) -> list[Frame]:
    """The frames in a file; none for reports, segmentations and other objects.

    Raises
    ------
    InputError
        NotAVolume for colours and where the place is not stated; else for what is damaged
        or what `parse.header` refuses.
    """
    data = parse.header(path, TAGS)
    with parse.damaged(path):
        what = parse.kind(data)
        if not what.endswith("Image Storage"):
            return []
        return list(_frames(path, data, what))


def _frames(path: Path, data: Any, what: str) -> Iterator[Frame]:
    count = int(data.get("NumberOfFrames") or 1)
    rows, columns = int(data.Rows), int(data.Columns)
    if not 0 < count <= parse.MAX_FRAMES or not 0 < rows * columns <= parse.MAX_FRAME_PIXELS:
        raise InputError(
            f"{path.name} states {count:,} frames of {rows:,} x {columns:,}.",
            "It may be damaged: export it again.",
        )
    # One sample may be a colour, too: a place in a palette.
    palette = data.get("PhotometricInterpretation") == "PALETTE COLOR"
    if int(data.get("SamplesPerPixel") or 1) > 1 or palette:
        refused = checks.not_scalar(path.name, "colours")
        raise NotAVolume(refused.message, refused.hint)
    common = _flat(data)
    shared, per_frame = (data.get(tag) or [] for tag in _GROUPS)
    common |= _grouped(shared[0]) if len(shared) else {}
    if per_frame and len(per_frame) != count:
        raise checks.damaged(path.name)
    for number in range(count):
        own = _grouped(per_frame[number]) if per_frame else {}
        yield _frame(path, number, (rows, columns), what, common | own)


def _flat(level: Any) -> dict[str, Any]:
    """The elements of one level by their keywords, with the names that classic images use."""
    found = {}
    for element in level:
        keyword = keyword_for_tag(element.tag)
        if keyword and keyword not in _GROUPS:
            value = element.value
            found[_ALIASES.get(keyword, keyword)] = value
    return found


def _grouped(item: Any) -> dict[str, Any]:
    """The elements in the functional groups of one frame, or in those that all share."""
    found: dict[str, Any] = {}
    for element in item:
        if element.VR == "SQ" and element.value:
            found |= _flat(element.value[0])
    return found


def _frame(
    path: Path, number: int, size: tuple[int, int], what: str, values: Mapping[str, Any]
) -> Frame:
    position, cosines, spacing = (
        np.asarray(() if values.get(tag) is None else values[tag], np.float64) for tag in _PLACE
    )
    if (position.size, cosines.size, spacing.size) != (3, 6, 2):
        raise NotAVolume(
            f"{path.name} does not state where it lies in the patient.",
            "Take it out of the folder if it is a screenshot; else export the series again.",
        )
    along_row, along_column = cosines[:3], cosines[3:]
    checks.require_spacing(path.name, spacing)
    lengths = [float(np.linalg.norm(v)) for v in (along_row, along_column)]
    if not (
        np.isfinite(position).all()
        and np.allclose(lengths, 1, atol=1e-2)
        and abs(along_row @ along_column) < 1e-2
    ):
        raise InputError(
            f"{path.name} states an orientation that is not one.", "Export the series again."
        )
    return Frame(
        path=path,
        number=number,
        kind=what,
        uid=_text(values, "SOPInstanceUID"),
        study=_text(values, "StudyInstanceUID"),
        series=_text(values, "SeriesInstanceUID"),
        series_number=_text(values, "SeriesNumber"),
        instance=int(_number(values, "InstanceNumber", 0)),
        size=size,
        position=position,
        along_row=along_row / lengths[0],
        along_column=along_column / lengths[1],
        # The standard puts the distance of rows first: that is along the column.
        spacing_mm=(float(spacing[1]), float(spacing[0])),
        slope=_number(values, "RescaleSlope", 1.0),
        intercept=_number(values, "RescaleIntercept", 0.0),
        telling={tag: _text(values, tag) for tag in TELLING},
        facts={tag: _text(values, tag) for tag in FACTS},
    )


def _text(values: Mapping[str, Any], tag: str) -> str:
    value = values.get(tag)
    if value is None:
        return ""
    # A sequence tells by being there; several values are written as in the file.
    if hasattr(value, "__iter__") and not isinstance(value, str | bytes):
        parts = list(value)
        if parts and hasattr(parts[0], "keys"):
            return "stated"
        return "\\".join(str(part) for part in parts)
    return str(value)


def _number(values: Mapping[str, Any], tag: str, default: float) -> float:
    value = values.get(tag)
    return default if value in (None, "") else float(value)
