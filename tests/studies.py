"""Synthetic DICOM studies: complete enough for a conformance checker, and no one's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
#: Head first, supine, axial, as a scanner of the abdomen writes it.
AXIAL = np.array([[-1.5, 0, 0, 90], [0, -1.2, 0, 80], [0, 0, 3, -40], [0, 0, 0, 1.0]])

Change = Callable[[int, FileDataset], None]


def uid(*words: object) -> str:
    """The same words, the same UID."""
    return str(generate_uid(entropy_srcs=[str(word) for word in words]))


def image(study: str = "study", series: str = "series", **tags: Any) -> FileDataset:
    """An MR image without place and pixels; `study` and `series` are names of UIDs."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = MRImageStorage
    data.StudyInstanceUID, data.SeriesInstanceUID = uid(study), uid(study, series)
    data.FrameOfReferenceUID = uid(study, "frame")
    data.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = "20260102"
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = "101500"
    data.AccessionNumber, data.StudyID = "ACC77", "S1"
    data.Modality, data.Manufacturer = "MR", "Synthetic"
    data.ReferringPhysicianName = "Referrer^Rita"
    data.SeriesDescription = "T1 portal venous"
    data.PatientName, data.PatientID = "Doe^Jane", "4711"
    data.PatientBirthDate, data.PatientSex = "19600229", "F"
    data.ScanningSequence, data.SequenceVariant = "GR", "SP"
    data.ScanOptions, data.MRAcquisitionType = "FS", "3D"
    data.RepetitionTime, data.EchoTime, data.FlipAngle = "3.5", "1.6", "10"
    data.EchoTrainLength = 1
    data.SliceThickness = "3"
    data.PatientPosition, data.SeriesNumber = "HFS", 5
    data.PositionReferenceIndicator = ""
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BodyPartExamined = "ABDOMEN"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    for tag, value in tags.items():
        setattr(data, tag, value)
    return data


def slices(
    voxels: NDArray[Any],
    affine: NDArray[Any] = AXIAL,
    change: Change | None = None,
    **tags: Any,
) -> Iterator[FileDataset]:
    """A slice per k of a volume (i, j, k); `change` may alter each."""
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = lps[:3, :3] / spacing
    for k in range(voxels.shape[2]):
        data = image(**tags)
        data.SOPInstanceUID = uid(data.SeriesInstanceUID, data.EchoTime, data.AcquisitionTime, k)
        data.InstanceNumber = k + 1
        data.Columns, data.Rows = voxels.shape[:2]
        data.PixelSpacing = [f"{spacing[1]:.10g}", f"{spacing[0]:.10g}"]
        data.ImageOrientationPatient = [f"{v:.12f}" for v in (*cosines[:, 0], *cosines[:, 1])]
        data.ImagePositionPatient = [f"{v:.10f}"[:16] for v in (lps @ [0, 0, k, 1])[:3]]
        data.PixelData = voxels[:, :, k].T.astype("<i2").tobytes()
        if change is not None:
            change(k, data)
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        yield data


def write(
    folder: Path,
    voxels: NDArray[Any],
    affine: NDArray[Any] = AXIAL,
    change: Change | None = None,
    **tags: Any,
) -> Path:
    """Save a volume slice by slice; names do not follow the places."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(list(folder.iterdir()))
    order = np.random.default_rng(3).permutation(voxels.shape[2])
    for k, data in enumerate(slices(voxels, affine, change, **tags)):
        data.save_as(folder / f"IM{count + order[k]:04d}", enforce_file_format=True)
    return folder


def enhanced(
    path: Path,
    volumes: list[NDArray[Any]],
    affine: NDArray[Any] = AXIAL,
    echoes: tuple[float, ...] = (1.6,),
    change: Callable[[FileDataset], None] | None = None,
) -> Path:
    """One enhanced MR file; the slices of the volumes interleave, from the last to the first."""
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = lps[:3, :3] / spacing
    data = image()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid("enhanced", path.name)
    data.InstanceNumber = 1
    for tag in ("EchoTime", "RepetitionTime", "FlipAngle", "ScanningSequence", "ScanOptions"):
        delattr(data, tag)
    data.ImageType = ["ORIGINAL", "PRIMARY", "T1", "NONE"]
    data.PulseSequenceName, data.ContentQualification = "3D VIBE", "RESEARCH"
    data.Columns, data.Rows = volumes[0].shape[:2]
    shared = Dataset()
    shared.PlaneOrientationSequence = Sequence([Dataset()])
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [
        f"{v:.12f}" for v in (*cosines[:, 0], *cosines[:, 1])
    ]
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    measures = shared.PixelMeasuresSequence[0]
    measures.PixelSpacing = [f"{spacing[1]:.10g}", f"{spacing[0]:.10g}"]
    measures.SliceThickness = f"{spacing[2]:.6g}"
    frames, stored = [], []
    for k in reversed(range(volumes[0].shape[2])):
        for n, voxels in enumerate(volumes):
            own = Dataset()
            content = Dataset()
            content.StackID, content.InStackPositionNumber = "1", k + 1
            content.TemporalPositionIndex = 1
            content.DimensionIndexValues = [1, k + 1, n + 1]
            own.FrameContentSequence = Sequence([content])
            place = Dataset()
            place.ImagePositionPatient = [f"{v:.10f}"[:16] for v in (lps @ [0, 0, k, 1])[:3]]
            own.PlanePositionSequence = Sequence([place])
            echo = Dataset()
            echo.EffectiveEchoTime = echoes[n]
            own.MREchoSequence = Sequence([echo])
            scale = Dataset()
            scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = str(n + 1), "-3", "US"
            own.PixelValueTransformationSequence = Sequence([scale])
            frames.append(own)
            stored.append(voxels[:, :, k].T.astype("<i2").tobytes())
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    data.NumberOfFrames = len(frames)
    data.PixelData = b"".join(stored)
    if change is not None:
        change(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def jpeg_lossless(pixels: NDArray[np.uint16]) -> bytes:
    """A stream of JPEG Lossless (ISO/IEC 10918-1 H), each pixel predicted by its left neighbour.

    All categories of differences have codes of five bits, which are their numbers.
    """
    rows, columns = pixels.shape
    values = pixels.astype(np.int64)
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[0, 0] = 1 << 15
    bits = []
    for difference in ((values - predicted).ravel() + 32768) % 65536 - 32768:
        size = int(abs(int(difference))).bit_length()
        bits.append(f"{size:05b}")
        low = int(difference) if difference > 0 else int(difference) + (1 << size) - 1
        bits.append(f"{low:0{size}b}" if 0 < size < 16 else "")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\x00")
    size = rows.to_bytes(2) + columns.to_bytes(2)
    table = bytes([0, 0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    return (
        b"\xff\xd8"
        b"\xff\xc3\x00\x0b\x10" + size + b"\x01\x01\x11\x00"
        b"\xff\xc4"
        + (len(table) + 2).to_bytes(2)
        + table
        + b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
        + scan
        + b"\xff\xd9"
    )
