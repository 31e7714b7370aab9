"""What every volume has to satisfy, whichever format it comes in.

Each rule raises with the file's name and the way out. What is odd but usable is a
warning, which travels in ``Source.warnings``.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepatica.core.errors import InputError, ResourceError
from hepatica.core.geometry import Geometry, Triple
from hepatica.core.volume import LabelMap, Volume

#: Along each axis; less is a localiser or a thin slab, in which no liver can be found.
MIN_SLICES = 8

#: Smallest and largest distance of voxels that an MRI of the abdomen can have.
SPACING_MM = (0.1, 20.0)

#: Air is about -1000 in a CT; no MRI goes there.
CT_BELOW = -500.0

#: Whole numbers that span no more than this are labels, not an image.
LABELS_UP_TO = 20.0
LABELS_WARNING = "It holds a few whole numbers only; it looks like a label map, not an image."

CT_WARNING = "It looks like a CT; Hepatica is made for contrast-enhanced T1 MRI."
ORIENTATION_WARNING = (
    "Its orientation is not stated: left and right, or front and back, may be swapped."
)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into an InputError."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path.name} does not exist.", f"Check the path {path}.") from error
    except PermissionError as error:
        raise InputError(
            f"{path.name} may not be read by this user.", "Change its permissions or copy it."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read: {error.strerror or 'the disk gave an error'}.",
            "Check the disk or the network drive, or copy the file again.",
        ) from error
    except MemoryError as error:
        raise ResourceError(
            f"{path.name} needs more memory than there is.",
            "Close other programs, or crop or resample it.",
        ) from error


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; False, not an error, where one may not look."""
    try:
        return path.is_dir()
    except OSError:
        return False


def require_file(path: Path) -> int:
    """The size in bytes of `path`, which must be a regular file that is not empty.

    Raises
    ------
    InputError
        If it is missing, a folder, a device, empty, or not allowed.
    """
    with readable(path):
        try:
            status = path.stat()
        except ValueError as error:  # a zero byte in the name
            raise InputError(f"{path.name!r} is not a file name.", "Check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path.name} is a folder, not a file.", "Give the file's path.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path.name} is not an ordinary file.", "Copy it to a file first.")
    if status.st_size == 0:
        raise InputError(f"{path.name} is empty.", "Copy or export it again.")
    return status.st_size


def sha256(*paths: Path) -> str:
    """Hexadecimal SHA-256 over the bytes of the files, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        with readable(path), path.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def damaged(name: str) -> InputError:
    """The error for a file that ends early or whose content contradicts itself."""
    return InputError(f"{name} is truncated or damaged.", "Copy, download or export it again.")


def not_scalar(name: str, kind: str) -> InputError:
    """The error for voxels that are not one real number each."""
    return InputError(
        f"{name} holds {kind}, where one number per voxel is needed.",
        "Export the magnitude image in grey values.",
    )


def volume_shape(name: str, shape: Sequence[int]) -> Triple:
    """The three sizes of an image; further axes are accepted while they have length 1.

    Raises
    ------
    InputError
        For 2D images, series of volumes, and fewer than :data:`MIN_SLICES` slices.
    """
    sizes = [int(n) for n in shape]
    stated = " x ".join(map(str, sizes))
    if min(sizes, default=0) < 1:
        raise InputError(
            f"{name} states a size of {stated or 'nothing'}.", "Export it again: it is damaged."
        )
    volumes = int(np.prod(sizes[3:], dtype=object))
    if volumes > 1:
        raise InputError(
            f"{name} is {len(sizes)}D: it holds {volumes} volumes ({stated}).",
            "Split it and give one volume per file.",
        )
    if len(sizes) < 3 or 1 in sizes[:3]:
        raise InputError(f"{name} is a 2D image ({stated}).", "Give the whole volume.")
    if min(sizes[:3]) < MIN_SLICES:
        raise InputError(
            f"{name} has only {min(sizes[:3])} slices along one axis ({stated});"
            f" at least {MIN_SLICES} are needed.",
            "Give a volume that covers the liver.",
        )
    return (sizes[0], sizes[1], sizes[2])


def require_spacing(name: str, spacing_mm: ArrayLike) -> None:
    """Refuse distances between voxels that are zero, negative, unknown or absurd."""
    spacing = np.asarray(spacing_mm, np.float64)
    low, high = SPACING_MM
    # A little slack, as the header holds them in single precision.
    if not ((spacing > low * (1 - 1e-6)) & (spacing < high * (1 + 1e-6))).all():
        raise InputError(
            f"{name} states a voxel spacing of {' x '.join(f'{s:.4g}' for s in spacing)} mm;"
            f" each must lie between {low:g} and {high:g} mm.",
            "Export it again, or correct the spacing in its header.",
        )


def grid(name: str, shape: Triple, affine: ArrayLike) -> Geometry:
    """The grid of a volume, from its sizes and its affine (4, 4) to RAS+ millimetres.

    Raises
    ------
    InputError
        If the affine is not finite or not invertible, or the spacing not plausible.
    """
    matrix = np.asarray(affine, np.float64)
    hint = "Export it again, or correct the orientation in its header."
    if not np.isfinite(matrix).all():
        raise InputError(f"{name} states a position that is not a number.", hint)
    with np.errstate(over="ignore"):
        require_spacing(name, np.linalg.norm(matrix[:3, :3], axis=0))
    try:
        return Geometry(shape, matrix)
    except InputError as error:
        raise InputError(
            f"{name} states an orientation in which two voxel axes coincide.", hint
        ) from error


def content(name: str, voxels: NDArray[np.float32], labels: bool = False) -> tuple[str, ...]:
    """Warnings about voxels (i, j, k); a label map may be constant, an image may not.

    Raises
    ------
    InputError
        If any voxel is NaN or infinite (they are never replaced in silence), or all
        have the same value.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        wrong = int(voxels.size - np.isfinite(voxels).sum())
        raise InputError(
            f"{name} has {wrong:,} voxels that are not a number or infinite, of {voxels.size:,}.",
            "Find out where they come from, and replace them, for example by 0.",
        )
    if labels:
        return ()
    if low == high:
        raise InputError(
            f"{name} is constant: all voxels are {low:g}.", "Export it again: it shows nothing."
        )
    warnings: tuple[str, ...] = (CT_WARNING,) if low <= CT_BELOW else ()
    if high - low <= LABELS_UP_TO and np.array_equal(voxels, np.rint(voxels)):
        warnings += (LABELS_WARNING,)
    return warnings


def labelmap(volume: Volume) -> LabelMap:
    """The label map that `volume` holds.

    Raises
    ------
    InputError
        If a voxel is not a whole number from 0 to 255.
    """
    voxels = volume.voxels
    if voxels.min() >= 0 and voxels.max() <= 255:
        labels = voxels.astype(np.uint8)
        if np.array_equal(labels, voxels):
            return LabelMap(labels, volume.geometry)
    name = volume.source.path.name if volume.source.path else volume.source.name
    raise InputError(
        f"{name} is not a label map: it has voxels that are not whole numbers from 0 to 255.",
        "Give a segmentation, not an image or probabilities.",
    )
