"""What is known of a case's image without reading it again: grid, header, brightness."""

from __future__ import annotations

from pathlib import Path

import msgspec
import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume

#: The input on its own grid, as the viewer reads it, and what is known of it.
IMAGE, FACTS = "image.nii.gz", "facts.json"


class Percentiles(msgspec.Struct, frozen=True):
    """Brightness of the image, and of the liver; None without one."""

    p1: float
    p50: float
    p99: float
    liver_low: float | None
    liver_high: float | None


class Facts(msgspec.Struct, frozen=True):
    """Of one case.

    Parameters
    ----------
    header
        The first bytes of the image file: every label map that is written takes its place in
        the patient from here, and never from a browser.
    labels, report
        Paths below the case's folder of what `run_case` wrote.
    probability
        Whether it kept those of lesions.
    """

    shape: tuple[int, int, int]
    affine: list[list[float]]
    spacing_mm: list[float]
    header: bytes
    percentiles: Percentiles
    labels: str
    report: str
    probability: bool

    @property
    def geometry(self) -> Geometry:
        """The grid of the image."""
        return Geometry(self.shape, np.array(self.affine))

    @property
    def nifti(self) -> Nifti1Header:
        """The header as the writer of label maps takes it."""
        kind = Nifti1Header if len(self.header) < 540 else Nifti2Header
        return kind(self.header, check=False)


def write(
    folder: Path, image: Volume, labels: LabelMap, paths: tuple[str, str], probability: bool
) -> None:
    """Write the facts of `image`, which was written into `folder`; raises OutputError.

    `paths` are those of the label map and the report.
    """
    # As it was written, whatever format the image came in.
    header = nib.load(folder / IMAGE).header
    assert isinstance(header, Nifti1Header)
    voxels = image.voxels
    low, middle, high = (float(v) for v in np.percentile(voxels, (1, 50, 99)))
    liver = voxels[labels.parenchyma]
    inside = [float(v) for v in np.percentile(liver, (5, 95))] if liver.size else [None, None]
    geometry = image.geometry
    found = Facts(
        geometry.shape,
        geometry.affine.tolist(),
        geometry.spacing_mm.tolist(),
        header.binaryblock,
        Percentiles(low, middle, high, inside[0], inside[1]),
        *paths,
        probability,
    )
    io.write_bytes(folder / FACTS, msgspec.json.encode(found))


def read(folder: Path) -> Facts:
    """The facts in the folder of a case.

    Raises
    ------
    InputError
        If it is no longer whole.
    """
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    except (OSError, msgspec.DecodeError) as error:
        raise not_whole() from error


def not_whole() -> InputError:
    """The error for a case of which something was taken away."""
    return InputError(
        "The files of this case are not whole any more.", "Remove it, and add its image again."
    )
