"""A folder with one DICOM series of single slices.

Places come from ImagePositionPatient and ImageOrientationPatient alone: not from file
names, InstanceNumber, SliceThickness or SpacingBetweenSlices, all of which lie in
practice. Nothing that identifies a patient is read before the voxels are, and none of
it is kept.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder

from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Source, Volume
from hepatica.io import checks
from hepatica.io.dicom import series
from hepatica.io.inputs import case_name, is_dicom, is_series
from hepatica.io.memory import require_memory

#: What pydicom raises for content that contradicts itself or ends early.
_DAMAGED = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)

_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "Modality",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    *series.TELLING,
]

#: A data set that is compressed as a whole, and could expand to anything.
_DEFLATED = b"1.2.840.10008.1.2.1.99"


def read(path: str | Path, *, labels: bool = False, available_bytes: int | None = None) -> Volume:
    """The volume in a folder that holds one series, one slice per file.

    Axis i runs along the rows of the slices, j down their columns, k along the slice
    normal. Slices that are shifted along their own plane (gantry tilt) give a sheared
    affine, which is exact. Files that are not DICOM images are ignored.

    Parameters
    ----------
    labels
        Whether it is a label map, which may be constant.

    Raises
    ------
    InputError, ResourceError
        As :func:`hepatica.io.read`; also for several series or volumes in one folder,
        missing slices, slices that are not parallel, and compression that cannot be
        undone here.
    """
    folder = Path(path)
    name = case_name(folder)
    slices = _slices(folder, name)
    series.require_one(name, slices)
    slices, affine = series.stack(name, slices)
    rows, columns = slices[0].size
    shape = checks.volume_shape(name, (columns, rows, len(slices)))
    require_memory(name, int(np.prod(shape, dtype=object)), available_bytes)
    geometry = checks.grid(name, shape, affine)
    voxels, digest = _voxels(slices, geometry)
    warnings = checks.content(name, voxels, labels) + _modality_warnings(slices)
    source = Source(name, folder, "dicom", digest, tuple(dict.fromkeys(warnings)))
    return Volume(voxels, geometry, source)


def _slices(folder: Path, name: str) -> list[series.Slice]:
    """The headers of all DICOM images in `folder`; at least one."""
    with checks.readable(folder):
        entries = sorted(folder.iterdir())
    found = [s for s in map(_slice, filter(is_dicom, entries)) if s is not None]
    if found:
        return found
    inner = [p.name for p in entries if is_series(p)]
    raise InputError(
        f"{name} is a folder without a DICOM image.",
        f"Its sub-folders hold some; give one of them: {', '.join(inner[:5])}."
        if inner
        else "Give the folder that directly holds the slices of one series.",
    )


def _slice(path: Path) -> series.Slice | None:
    """The header of an image; None for reports, segmentations and other objects."""
    with checks.readable(path), path.open("rb") as stream, _quiet():
        deflated = _DEFLATED in stream.read(1024)
        stream.seek(0)
        if deflated:
            raise _compressed(path, "Deflated")
        try:
            header = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=list(_TAGS))
            kind = _kind(header)
            if not kind.endswith("Image Storage"):
                return None
            return series.Slice.of(path, header, kind)
        except _DAMAGED as error:
            raise checks.damaged(path.name) from error


def _kind(header: Any) -> str:
    """What sort of object it is, in the standard's words; a UID if it is private."""
    uid = header.file_meta.get("MediaStorageSOPClassUID") or header.get("SOPClassUID")
    if not uid:
        raise ValueError("an object without a class")
    return str(uid.name)


def _voxels(slices: list[series.Slice], geometry: Geometry) -> tuple[NDArray[np.float32], str]:
    """Rescaled voxels (i, j, k), and the SHA-256 of the files in the order of k."""
    voxels = np.empty(geometry.shape, np.float32, order="F")
    total = hashlib.sha256()
    for k, item in enumerate(slices):
        with checks.readable(item.path):
            content = item.path.read_bytes()
        total.update(content)
        with _quiet():
            voxels[..., k] = _pixels(item.path, content, item.size).T
    return voxels, total.hexdigest()


def _pixels(path: Path, content: bytes, size: tuple[int, int]) -> NDArray[np.float64]:
    try:
        image = pydicom.dcmread(io.BytesIO(content))
        syntax = image.file_meta.TransferSyntaxUID
        if syntax.is_compressed and not _decodable(syntax):
            raise _compressed(path, str(syntax.name))
        pixels = image.pixel_array
        slope, intercept = (
            float(default if image.get(tag) in (None, "") else image.get(tag))
            for tag, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
        )
    except _DAMAGED as error:
        raise checks.damaged(path.name) from error
    if pixels.shape != size:
        raise checks.damaged(path.name)
    return np.asarray(pixels * np.float64(slope) + np.float64(intercept))


def _decodable(syntax: pydicom.uid.UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _compressed(path: Path, how: str) -> InputError:
    return InputError(
        f"{path.name} is compressed in a way that cannot be undone here ({how}).",
        "Export the series uncompressed, or decompress it with gdcmconv --raw or dcmdjpeg.",
    )


def _modality_warnings(slices: list[series.Slice]) -> tuple[str, ...]:
    modality = slices[0].modality
    if modality == "CT":
        return (checks.CT_WARNING,)
    if modality not in ("MR", ""):
        return (f"Its modality is {modality}; Hepatica is made for contrast-enhanced T1 MRI.",)
    return ()


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings about values that break the standard in ways that do not matter here."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        yield
