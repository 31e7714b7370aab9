"""JPEG Lossless, in which many archives keep MRI, decompressed by SimpleITK.

pydicom has no decoder for it under a permissive licence, and SimpleITK is here anyway. It
is given a file of ours with one frame's stream and the few elements that describe it, so
that its parser sees nothing that came from elsewhere.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

_COPIED = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
)


def decode(data: pydicom.FileDataset, stream: bytes) -> NDArray[Any]:
    """The stored values (rows, columns) of one frame's stream.

    Raises
    ------
    ValueError
        If it cannot be decompressed.
    """
    image = Dataset()
    for tag in _COPIED:
        setattr(image, tag, data[tag].value)
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    image.PixelData = encapsulate([stream])
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    shown = reader.GetGlobalWarningDisplay()
    reader.SetGlobalWarningDisplay(False)
    try:
        with tempfile.TemporaryDirectory(prefix="hepatica-") as folder:
            path = Path(folder) / "frame.dcm"
            image.save_as(path, enforce_file_format=True)
            reader.SetFileName(str(path))
            values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise ValueError("a stream that is not JPEG Lossless") from error
    finally:
        reader.SetGlobalWarningDisplay(shown)
    return np.asarray(values[0] if values.ndim == 3 and len(values) == 1 else values)
