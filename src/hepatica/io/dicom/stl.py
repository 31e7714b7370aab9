"""Closed surfaces as STL, and STL as a DICOM object (Encapsulated STL, PS3.3 A.85.1)."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pydicom
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EncapsulatedSTLStorage, ExplicitVRLittleEndian

from hepatica.io.dicom.destination import DEVICE_SERIAL, MANUFACTURER, MODEL, Destination
from hepatica.io.dicom.segments import Code, Segment, new_uid

_MM = Code("mm", "UCUM", "mm")
_MODEL = Code("85040-4", "LN", "3D Printable Model")
_PLANNING = Code("129013", "DCM", "Planning Intent")
#: Patient and study, as the source states them.
_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
)


def binary(triangles_mm: ArrayLike) -> bytes:
    """Binary STL of triangles (n, 3, 3) in RAS+ mm, corners counter-clockwise from outside.

    DICOM wants the coordinates of its frame of reference, so they are written in LPS+ mm;
    both differ by half a turn, which keeps the corners' order. No triangle gives an empty
    surface.
    """
    corners = np.asarray(triangles_mm, np.float64).reshape(-1, 3, 3) * (-1.0, -1.0, 1.0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    records = np.zeros(
        len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")]
    )
    records["normal"], records["corners"] = normals, corners
    head = b"Hepatica: research use only; LPS+ mm".ljust(80)
    return head + np.uint32(len(corners)).tobytes() + records.tobytes()


def encode(
    stl: bytes, destination: Destination, part: Segment, series_uid: str, number: int
) -> FileDataset:
    """A DICOM object that holds the surface of one part.

    Parameters
    ----------
    stl
        Binary STL in LPS+ mm of the source's frame of reference.
    series_uid, number
        The series that all surfaces of a case share, and the instance's number in it.
    """
    source = destination.first
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedSTLStorage
    meta.MediaStorageSOPInstanceUID = new_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    for tag in _COPIED:
        if tag in source:
            data[tag] = source[tag]
    now = datetime.now()
    data.SOPClassUID, data.SOPInstanceUID = EncapsulatedSTLStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SeriesInstanceUID = "M3D", series_uid
    data.SeriesNumber, data.InstanceNumber = destination.series_number(3), number
    data.SeriesDescription = "Surfaces of liver and lesions, research use only"
    data.PositionReferenceIndicator = None
    data.Manufacturer, data.ManufacturerModelName = MANUFACTURER, MODEL
    data.DeviceSerialNumber, data.SoftwareVersions = DEVICE_SERIAL, destination.version
    data.ContentDate = data.InstanceCreationDate = now.strftime("%Y%m%d")
    data.ContentTime = data.InstanceCreationTime = now.strftime("%H%M%S.%f")
    data.AcquisitionDateTime = None
    data.ContentDescription = destination.description[:64]
    data.BurnedInAnnotation, data.RecognizableVisualFeatures = "NO", "NO"
    data.DocumentTitle = part.label
    data.ConceptNameCodeSequence = [_item(_MODEL)]
    data.SourceInstanceSequence = [_reference(image) for image in destination.images]
    series = Dataset()
    series.SeriesInstanceUID = source.SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(image) for image in destination.images]
    data.ReferencedSeriesSequence = [series]
    data.MeasurementUnitsCodeSequence = [_item(_MM)]
    data.ModelModification, data.ModelMirroring = "NO", "NO"
    data.ModelUsageCodeSequence = [_item(_PLANNING)]
    data.MIMETypeOfEncapsulatedDocument = "model/stl"
    data.EncapsulatedDocumentLength = len(stl)
    data.EncapsulatedDocument = stl + b"\0" * (len(stl) % 2)
    return data


def _item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme
    item.CodeMeaning = code.meaning
    return item


def _reference(image: pydicom.Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item
