"""The measurements as a DICOM structured report (TID 1500 of PS3.16)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pydicom
from pydicom.sr.coding import Code as PydicomCode

from hepatica.io.dicom import highdicom
from hepatica.io.dicom.destination import MANUFACTURER, MODEL, Destination
from hepatica.io.dicom.segments import LESION, LIVER, Code, Segment, new_uid
from hepatica.results.measure import Finding, Measurements

#: Codes of our own, for what no vocabulary has.
_OWN = "99HEPATICA"

_VOLUME = Code("118565006", "SCT", "Volume")
_LONG_AXIS = Code("103339001", "SCT", "Long Axis")
_SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
_LARGEST = Code("L0JK", "IBSI", "Maximum 3D Diameter")
_SIGNAL = Code("SIGNAL_RATIO", _OWN, "Mean signal relative to the liver parenchyma")
CONFIDENCE = Code("CONFIDENCE", _OWN, "Confidence of the model that it is a lesion")
_PARENCHYMA = Code("PARENCHYMA", _OWN, "Volume of the liver without its lesions")
_BURDEN = Code("BURDEN", _OWN, "Share of the liver that is lesion")
_CUT = Code("CUT", _OWN, "Reaches the edge of the image")
_YES = Code("373066001", "SCT", "Yes")
_NO = Code("373067005", "SCT", "No")
_IMAGING = Code("363679005", "SCT", "Imaging procedure")

_ML = Code("mL", "UCUM", "mL")
_MM = Code("mm", "UCUM", "mm")
_RATIO = Code("1", "UCUM", "no units")
_PERCENT = Code("%", "UCUM", "%")

#: This program as an observer, wherever it runs.
_DEVICE_UID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'hepatica').int}"

_Value = tuple[Code, float | None, Code]


def encode(
    measurements: Measurements,
    destination: Destination,
    parts: Sequence[Segment],
    segmentation: pydicom.Dataset,
) -> pydicom.Dataset:
    """A report with a group for the liver and one for each lesion, which refer to segments.

    What is unknown is left out. The report is complete but neither final nor verified.

    Parameters
    ----------
    parts, segmentation
        The segments, and the data set that :func:`hepatica.io.dicom.seg.encode` made of them.

    Raises
    ------
    ResourceError
        If highdicom is not installed.
    """
    hd = highdicom.load()
    by_id = {finding.id: finding for finding in measurements.findings}
    groups = [
        _group(hd, part, destination, segmentation, *_measured(part, measurements, by_id))
        for part in parts
    ]
    observer = hd.sr.ObserverContext(
        observer_type=pydicom.sr.codedict.codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=_DEVICE_UID,
            name=MODEL,
            manufacturer_name=MANUFACTURER,
            model_name=destination.algorithm,
        ),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_code(_IMAGING),
        imaging_measurements=groups,
        # No library of images: it would repeat each slice's header, and the segmentation
        # and the evidence name the slices already.
    )
    return hd.sr.ComprehensiveSR(
        evidence=[segmentation, *destination.images],
        content=content[0],
        series_instance_uid=new_uid(),
        series_number=destination.series_number(2),
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        series_description="Liver and lesions, measured, research use only",
    )


def _measured(
    part: Segment, measurements: Measurements, by_id: dict[int, Finding]
) -> tuple[list[_Value], bool]:
    """What is measured of a part, and whether the image's edge cuts it."""
    if part.lesion is None:
        return [
            (_VOLUME, measurements.liver_ml, _ML),
            (_PARENCHYMA, measurements.parenchyma_ml, _ML),
            (_BURDEN, measurements.burden_percent, _PERCENT),
        ], measurements.liver_touches_border
    finding = by_id[part.lesion]
    return [
        (_VOLUME, finding.volume_ml, _ML),
        (_LONG_AXIS, finding.diameter_axial_mm, _MM),
        (_SHORT_AXIS, finding.diameter_perpendicular_mm, _MM),
        (_LARGEST, finding.diameter_3d_mm, _MM),
        (_SIGNAL, finding.mean_signal_ratio, _RATIO),
        (CONFIDENCE, finding.confidence, _RATIO),
    ], finding.touches_border


def _group(
    hd: Any,
    part: Segment,
    destination: Destination,
    segmentation: pydicom.Dataset,
    values: list[_Value],
    cut: bool,
) -> Any:
    algorithm = hd.sr.AlgorithmIdentification(
        name=destination.algorithm, version=destination.version
    )
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(part.tracking_uid, part.label),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=part.number,
            source_series=hd.sr.SourceSeriesForSegmentation(
                str(destination.first.SeriesInstanceUID)
            ),
        ),
        finding_type=_code(LIVER if part.lesion is None else LESION),
        finding_sites=[hd.sr.FindingSite(anatomic_location=_code(LIVER))],
        algorithm_id=algorithm,
        measurements=list(_written(hd, values)),
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(name=_code(_CUT), value=_code(_YES if cut else _NO))
        ],
    )


def _written(hd: Any, values: list[_Value]) -> Iterator[Any]:
    for name, value, unit in values:
        if value is not None:
            # Decimal strings have sixteen characters.
            rounded = float(f"{value:.9g}")
            yield hd.sr.Measurement(name=_code(name), value=rounded, unit=_code(unit))


def _code(code: Code) -> PydicomCode:
    return PydicomCode(code.value, code.scheme, code.meaning)
