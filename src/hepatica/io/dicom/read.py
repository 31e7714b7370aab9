"""A DICOM source as one volume: a folder, zip or DICOMDIR with a study, or one file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.core.volume import Source, Volume
from hepatica.io import checks
from hepatica.io.dicom import files, parse, pixels
from hepatica.io.dicom.study import Found, choose, frame_order, scan
from hepatica.io.inputs import case_name
from hepatica.io.memory import require_memory


@dataclass(frozen=True, eq=False)
class Origin:
    """The images that a volume was read from, so that results can go back beside them.

    Parameters
    ----------
    headers
        The data sets without pixels and private elements, in the order of k; one for a
        multi-frame image. They name the patient: nothing but DICOM output may use them.
    frames
        Index of each slice k in its file.
    """

    headers: tuple[pydicom.Dataset, ...] = field(repr=False)
    frames: tuple[int, ...] = field(repr=False)

    @property
    def multiframe(self) -> bool:
        """Whether all slices are frames of one file."""
        return len(self.headers) == 1 and len(self.frames) > 1


def read(
    path: str | Path,
    *,
    series: str | None = None,
    labels: bool = False,
    available_bytes: int | None = None,
) -> Volume:
    """The volume in a DICOM source that is meant: the only one, or the contrast-enhanced T1.

    Axis i runs along the rows of the slices, j down their columns, k along the slice
    normal. ``source.header`` is an :class:`Origin`.

    Parameters
    ----------
    series
        Which volume, as in :func:`hepatica.io.dicom.study.choose`.
    labels
        Whether it is a label map, which may be constant.

    Raises
    ------
    InputError, ResourceError
        As :func:`hepatica.io.read`; also for several volumes of which none is clearly
        meant, missing slices, slices that are not parallel, and compression that cannot be
        undone here.
    """
    name = case_name(path)
    with files.opened(path) as opened:
        study = scan(name, opened)
        found, told = choose(study, series)
        voxels, geometry, digest, origin = load(name, found, available_bytes)
    warnings = (
        *study.notes,
        *told,
        *found.stack.notes,
        *checks.content(name, voxels, labels),
        *modality_warnings(found),
    )
    source = Source(name, Path(path), "dicom", digest, tuple(dict.fromkeys(warnings)), origin)
    return Volume(voxels, geometry, source)


def load(
    name: str, found: Found, available_bytes: int | None = None
) -> tuple[NDArray[np.float32], Geometry, str, Origin]:
    """Rescaled voxels (i, j, k) of a usable volume, its grid, the SHA-256 of its files, its origin.

    Raises
    ------
    InputError, ResourceError
        If it cannot be used, its pixels are damaged, or it is larger than the memory.
    """
    if found.geometry is None or found.problem is not None:
        raise found.problem or ValueError("a volume without a grid or a problem")
    geometry = found.geometry
    require_memory(name, geometry.voxels, available_bytes)
    voxels = np.empty(geometry.shape, np.float32, order="F")
    total = hashlib.sha256()
    headers: list[pydicom.Dataset] = []
    frames = found.stack.frames
    for path, places in frame_order(found):
        with checks.readable(path):
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    total.update(block)
            data = parse.whole(path)
            for k in places:
                frame = frames[k]
                grey = pixels.grey(path, data, frame.number, frame.slope, frame.intercept)
                # What exceeds float32 becomes infinite here, and is refused by its own rule.
                with np.errstate(over="ignore", invalid="ignore"):
                    voxels[..., k] = grey.T
        headers.append(_without_pixels(path, data))
    if len(headers) == 1:
        # Several volumes may share one multi-frame file.
        total.update(repr([f.number for f in frames]).encode())
    origin = Origin(tuple(headers), tuple(f.number for f in frames))
    return voxels, geometry, total.hexdigest(), origin


def _without_pixels(path: Path, data: pydicom.FileDataset) -> pydicom.Dataset:
    with parse.damaged(path):
        for tag in [t for t in data.keys() if t.group >= 0x7FE0 or t.is_private]:  # noqa: SIM118
            del data[tag]
    return data


def modality_warnings(found: Found) -> tuple[str, ...]:
    """What is odd about the modality."""
    modality: Any = found.stack.first.facts["Modality"]
    if modality == "CT":
        return (checks.CT_WARNING,)
    if modality not in ("MR", ""):
        return (f"Its modality is {modality}; Hepatica is made for contrast-enhanced T1 MRI.",)
    return ()
