"""Voxels with their place: the values that travel through the house.

All are frozen and hold read-only arrays, so that no step can change what an
earlier one handed on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Box, Geometry


class Label(IntEnum):
    """The three labels of the paper; they do not overlap."""

    BACKGROUND = 0
    PARENCHYMA = 1
    TUMOUR = 2


LABEL_NAMES = {
    Label.BACKGROUND: "background",
    Label.PARENCHYMA: "liver parenchyma",
    Label.TUMOUR: "tumour",
}


@dataclass(frozen=True)
class Source:
    """Where a volume came from.

    `sha256` is that of the file's bytes (of all slices, in order, for DICOM);
    `header` belongs to the reader that made it and is opaque to all others.
    """

    name: str
    path: Path | None = None
    format: str = "memory"
    sha256: str | None = None
    warnings: tuple[str, ...] = ()
    header: Any = field(default=None, repr=False, compare=False)


def _frozen(array: NDArray[Any], dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """A read-only view of `array` as `dtype`, copied only when it has to be."""
    result = np.asarray(array, dtype=dtype).view()
    if result.shape != shape:
        raise ValueError(f"array of shape {result.shape} on a grid of {shape}")
    result.flags.writeable = False
    return result


@dataclass(frozen=True, eq=False)
class Volume:
    """An image: float32 voxels (i, j, k) in the scanner's units, on a grid."""

    voxels: NDArray[np.float32]
    geometry: Geometry
    source: Source = Source("volume")

    def __post_init__(self) -> None:
        frozen = _frozen(self.voxels, np.float32, self.geometry.shape)
        object.__setattr__(self, "voxels", frozen)

    def crop(self, box: Box) -> Volume:
        """The part under `box`; shares memory with the whole."""
        return Volume(self.voxels[box], self.geometry.crop(box), self.source)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A segmentation: uint8 labels (i, j, k) of :class:`Label`, on a grid."""

    labels: NDArray[np.uint8]
    geometry: Geometry

    def __post_init__(self) -> None:
        given = np.asarray(self.labels)
        if given.dtype.kind not in "bui":
            raise ValueError(f"labels are whole numbers, not {given.dtype}")
        if given.dtype.itemsize > 1 and given.size and not 0 <= given.min() <= given.max() <= 255:
            raise ValueError("labels are not between 0 and 255")
        frozen = _frozen(given, np.uint8, self.geometry.shape)
        object.__setattr__(self, "labels", frozen)

    @property
    def liver(self) -> NDArray[np.bool_]:
        """The whole liver: parenchyma and the lesions in it."""
        return np.asarray(self.labels > 0)

    @property
    def parenchyma(self) -> NDArray[np.bool_]:
        """Liver without lesions."""
        return np.asarray(self.labels == Label.PARENCHYMA)

    @property
    def tumour(self) -> NDArray[np.bool_]:
        """All lesions."""
        return np.asarray(self.labels == Label.TUMOUR)

    def crop(self, box: Box) -> LabelMap:
        """The part under `box`; shares memory with the whole."""
        return LabelMap(self.labels[box], self.geometry.crop(box))


@dataclass(frozen=True, eq=False)
class ProbabilityMap:
    """Probabilities (C, i, j, k), float32, one channel per :class:`Label`, on a grid."""

    p: NDArray[np.float32]
    geometry: Geometry

    def __post_init__(self) -> None:
        frozen = _frozen(self.p, np.float32, (len(Label), *self.geometry.shape))
        object.__setattr__(self, "p", frozen)

    def argmax(self) -> LabelMap:
        """The most probable label of each voxel; ties go to the lower label."""
        # Channel by channel: NumPy's own is four times slower along the first axis.
        labels, best = np.zeros(self.geometry.shape, np.uint8), self.p[0].copy()
        for c, p in enumerate(self.p[1:], start=1):
            labels[p > best] = c
            np.maximum(best, p, out=best)
        return LabelMap(labels, self.geometry)
