"""The grey values of one frame: decompressed, rescaled, and never larger than its header says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.dicom import parse

#: SimpleITK undoes what pydicom has no decoder for.
JPEG_LOSSLESS = frozenset({JPEGLossless, JPEGLosslessSV1})

_JPEG_2000 = b"\xff\x4f\xff\x51"
#: Start-of-frame markers of JPEG, and that of JPEG-LS.
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
#: Markers without a length: fill bytes, restarts, start of image.
_BARE = {0x01, 0xFF, *range(0xD0, 0xD9)}


def grey(
    path: Path, data: pydicom.FileDataset, number: int, slope: float, intercept: float
) -> NDArray[np.float64]:
    """Frame `number` (0 is the first) of an image, rescaled: (rows, columns).

    Raises
    ------
    InputError
        If the pixels are missing, shorter or larger than the header says, cannot be
        decompressed here, or are damaged.
    """
    with parse.damaged(path):
        size = (int(data.Rows), int(data.Columns))
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_compressed:
            if not decodable(syntax):
                raise parse.compressed(path.name, str(syntax.name))
            stream = _stream(path, data, number, size)
        if syntax in JPEG_LOSSLESS:
            from hepatica.io.dicom import lossless

            pixels = lossless.decode(data, stream)
        else:
            pixels = pixel_array(data, index=number)
    if pixels.shape != size:
        raise checks.damaged(path.name)
    return np.asarray(pixels * np.float64(slope) + np.float64(intercept))


def complete(data: pydicom.FileDataset) -> bool:
    """Whether there are pixels, and if they are not compressed, as many as the header says."""
    stored = data.get("PixelData")
    if stored is None or data.file_meta.TransferSyntaxUID.is_compressed:
        return bool(stored)
    return len(stored) >= _stated_bytes(data)


def cut(data: pydicom.FileDataset) -> None:
    """Drop what follows the pixels in their element, where anything may hide.

    Compressed pixels are left as they are.
    """
    if data.file_meta.TransferSyntaxUID.is_compressed or "PixelData" not in data:
        return
    count = _stated_bytes(data)
    if len(data.PixelData) > count:
        data.PixelData = data.PixelData[:count] + b"\0" * (count % 2)


def _stated_bytes(data: pydicom.FileDataset) -> int:
    """How many bytes the header says uncompressed pixels have."""
    sizes = (data.Rows, data.Columns, data.get("NumberOfFrames") or 1, data.SamplesPerPixel)
    bits = int(np.prod([int(n) for n in sizes], dtype=object)) * int(data.BitsAllocated)
    # Subsampled colours have half of it; images of one bit may end within a byte.
    if data.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits // 3 * 2
    return -(-bits // 8)


def decodable(syntax: pydicom.uid.UID) -> bool:
    """Whether what is installed undoes this compressed transfer syntax."""
    if syntax in JPEG_LOSSLESS:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _stream(path: Path, data: pydicom.FileDataset, number: int, size: tuple[int, int]) -> bytes:
    """The compressed frame; refused if it would be of another size than the header states."""
    frames = int(data.get("NumberOfFrames") or 1)
    stream = bytes(get_frame(data.PixelData, number, number_of_frames=frames))
    found = stated_size(stream)
    if found is not None and found != size:
        raise InputError(
            f"{path.name} holds compressed pixels of {found[0]} x {found[1]},"
            f" but states {size[0]} x {size[1]}.",
            "It is damaged: export it again.",
        )
    return stream


def stated_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream states; None for others.

    Sources: ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2, 15444-1 A.5.1.
    """
    start = stream.find(_JPEG_2000)
    if start >= 0 and not stream.startswith(b"\xff\xd8"):
        if len(stream) < start + 24:
            raise ValueError("a stream without its size")
        width, height, left, top = struct.unpack_from(">4I", stream, start + 8)
        return height - top, width - left
    if not stream.startswith(b"\xff\xd8"):
        return None
    place = 2
    while place + 9 <= len(stream):
        if stream[place] != 0xFF:
            break
        marker = stream[place + 1]
        if marker in _BARE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_FRAMES:
            rows, columns = struct.unpack_from(">2H", stream, place + 5)
            return rows, columns
        place += 2 + int(struct.unpack_from(">H", stream, place + 2)[0])
    raise ValueError("a stream without its size")
