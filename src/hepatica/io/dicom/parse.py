"""DICOM files as untrusted bytes: every limit is checked before anything is allocated.

Whatever is wrong with a file ends as one InputError with its name; the caps below bound
time and memory for files that were made to cost either.
"""

from __future__ import annotations

import struct
import warnings as python_warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID_dictionary

from hepatica.core.errors import InputError
from hepatica.io import checks

#: Larger than any MRI of the abdomen, multi-frame ones included.
MAX_FILE_BYTES = 4 * 2**30
#: Of one multi-frame file; a dynamic study has a few thousand.
MAX_FRAMES = 20_000
#: Rows times columns of one frame.
MAX_FRAME_PIXELS = 8192 * 8192
#: Sequences within sequences; the deepest that the standard's images have is about eight.
MAX_DEPTH = 16
#: Data elements, those in sequences included, of a header.
MAX_ELEMENTS = 2_000_000

#: A data set that is compressed as a whole, and could expand to anything.
_DEFLATED = b"1.2.840.10008.1.2.1.99"

#: What pydicom raises for content that contradicts itself or ends early. Too deep a
#: nesting is a RecursionError, which is a RuntimeError.
DAMAGED = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    LookupError,
    struct.error,
)


def header(path: Path, tags: Sequence[str] | None = None) -> pydicom.FileDataset:
    """The data set of a file without its pixels.

    Parameters
    ----------
    tags
        Keywords of the elements that are wanted; None reads all of them.

    Raises
    ------
    InputError
        If it is damaged, deflated, larger than :data:`MAX_FILE_BYTES`, nested more deeply
        than :data:`MAX_DEPTH`, or not allowed.
    """
    with checks.readable(path), path.open("rb") as stream:
        return _parsed(path, stream, tags, pixels=False)


def whole(path: Path) -> pydicom.FileDataset:
    """The data set of a file with its pixels, as stored; raises as :func:`header`."""
    with checks.readable(path), path.open("rb") as stream:
        return _parsed(path, stream, None, pixels=True)


def _parsed(
    path: Path, stream: BinaryIO, tags: Sequence[str] | None, pixels: bool
) -> pydicom.FileDataset:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(
            f"{path.name} has more than {MAX_FILE_BYTES / 1e9:.0f} GB.",
            "Export the series as single slices.",
        )
    deflated = _DEFLATED in stream.read(1024)
    stream.seek(0)
    if deflated:
        raise compressed(path.name, "Deflated")
    with damaged(path):
        data = pydicom.dcmread(
            stream,
            stop_before_pixels=not pixels,
            specific_tags=None if tags is None else list(tags),
        )
        _require_shallow(path, data)
    return data


def _require_shallow(path: Path, data: pydicom.Dataset) -> None:
    """Refuse what is nested too deeply or has too many elements; walks without recursion."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    count = 0
    while waiting:
        level, depth = waiting.pop()
        count += len(level)
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise InputError(
                f"{path.name} has too many or too deeply nested sequences.",
                "It may be damaged: export it again.",
            )
        for tag in level.keys():  # noqa: SIM118  (iterating would convert every value)
            # Only what is a sequence by its stated type; others stay raw.
            if level.get_item(tag).VR == "SQ":
                waiting += [(item, depth + 1) for item in level[tag].value or ()]


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turn what pydicom raises into one sentence, and let none of its warnings out."""
    with python_warnings.catch_warnings():
        # Values that break the standard in ways that do not matter here.
        python_warnings.simplefilter("ignore")
        try:
            yield
        except DAMAGED as error:
            raise checks.damaged(path.name) from error


def compressed(name: str, how: str) -> InputError:
    """The error for a compression that cannot be undone here."""
    return InputError(
        f"{name} is compressed in a way that cannot be undone here ({how}).",
        "Install hepatica[dicom], which reads JPEG 2000 and JPEG-LS; or export the series"
        " uncompressed, or decompress it with gdcmconv --raw.",
    )


def of_the_standard(uid: str) -> bool:
    """Whether a UID is a class, syntax or other thing that the standard itself defines.

    To begin with the standard's root is not enough: anybody can write that.
    """
    return uid in UID_dictionary


def kind(data: pydicom.FileDataset) -> str:
    """What sort of object it is, in the standard's words; a UID if it is private.

    Raises
    ------
    ValueError
        If the object does not say.
    """
    uid = data.file_meta.get("MediaStorageSOPClassUID") or data.get("SOPClassUID")
    if not uid:
        raise ValueError("an object without a class")
    return str(uid.name)
