"""Label maps on their way from and to the browser: gzip, one byte a voxel, i fastest."""

from __future__ import annotations

import gzip
import io
import zlib

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import InputError
from hepatica.core.geometry import Triple
from hepatica.io.nifti import GZIP_LEVEL


def most_bytes(shape: Triple) -> int:
    """More than any gzip of so many labels takes; what is longer need not be looked at."""
    size = int(np.prod(shape, dtype=object))
    return size + size // 100 + 1000


def unpack(packed: bytes, shape: Triple) -> NDArray[np.uint8]:
    """Labels (i, j, k) from gzip of one byte a voxel, i fastest; never unpacks more than that.

    Raises
    ------
    InputError
        If it is not gzip of exactly so many bytes, or a label is above 2.
    """
    size = int(np.prod(shape, dtype=object))
    wrong = InputError(
        f"The voxels are not a label map of {' × '.join(map(str, shape))} voxels.",
        "Reload the page.",
    )
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            data = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise wrong from error
    if len(data) != size:
        raise wrong
    labels = np.frombuffer(data, np.uint8).reshape(shape, order="F")
    if labels.max() > 2:
        raise InputError("A voxel has a label above 2.", "Reload the page.")
    return labels


def pack(labels: NDArray[np.uint8]) -> bytes:
    """What :func:`unpack` takes."""
    return gzip.compress(labels.tobytes(order="F"), GZIP_LEVEL, mtime=0)
