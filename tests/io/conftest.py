"""Volumes written with each format's own library, for the readers to read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

MR = UID("1.2.840.10008.5.1.4.1.1.4")
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])

Write = Callable[..., Path]


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    """(9, 10, 11) int16, no two alike, some negative."""
    rng = np.random.default_rng(7)
    return rng.permutation(9 * 10 * 11).reshape(9, 10, 11).astype(np.int16) - 300


def write_nifti(path: Path, voxels: NDArray[Any], affine: NDArray[Any], two: bool = False) -> Path:
    kind = nib.Nifti2Image if two else nib.Nifti1Image
    image = kind(voxels, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    nib.save(image, path)
    return path


def write_itk(path: Path, voxels: NDArray[Any], affine: NDArray[Any]) -> Path:
    """Axes of `affine` must be orthogonal."""
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose()))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path))
    return path


def write_series(
    folder: Path,
    voxels: NDArray[Any],
    affine: NDArray[Any],
    change: Callable[[int, FileDataset], None] | None = None,
) -> Path:
    """One slice per k. File names are shuffled, instance numbers run backwards.

    `change` may alter each slice before it is saved.
    """
    folder.mkdir(exist_ok=True)
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = lps[:3, :3] / spacing
    series = generate_uid(entropy_srcs=[str(folder)])
    count = voxels.shape[2]
    names = np.random.default_rng(3).permutation(count)
    for k in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MR
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(folder), str(k)])
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(str(folder), Dataset(), file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = MR, meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.SeriesDescription = series, "T1 portal venous"
        data.PatientName, data.PatientID, data.Modality = "Doe^Jane", "4711", "MR"
        data.InstanceNumber = count - k
        data.SliceThickness = 99
        data.Columns, data.Rows = voxels.shape[:2]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 1
        data.PixelSpacing = [f"{spacing[1]:.10g}", f"{spacing[0]:.10g}"]
        orientation = [*cosines[:, 0], *cosines[:, 1]]
        data.ImageOrientationPatient = [f"{v:.12f}" for v in orientation]
        data.ImagePositionPatient = [f"{v:.10f}"[:16] for v in (lps @ [0, 0, k, 1])[:3]]
        data.PixelData = voxels[:, :, k].T.astype("<i2").tobytes()
        if change is not None:
            change(k, data)
        data.save_as(folder / f"IM{names[k]:04d}")
    return folder


WRITERS: dict[str, tuple[str, Write]] = {
    "nii": ("a case.nii", write_nifti),
    "nii.gz": ("a.case.nii.gz", write_nifti),
    "nifti2": ("two.nii.gz", lambda p, v, a: write_nifti(p, v, a, two=True)),
    "nrrd": ("case.nrrd", write_itk),
    "nhdr": ("case.nhdr", write_itk),
    "mha": ("case.mha", write_itk),
    "mhd": ("case.mhd", write_itk),
    "dicom": ("case", write_series),
}


@pytest.fixture(params=list(WRITERS))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Write voxels with an affine in some format; gives the path."""
    name, writer = WRITERS[request.param]
    return lambda voxels, affine: writer(tmp_path / name, voxels, affine)


@pytest.fixture
def nifti_file(tmp_path: Path) -> Write:
    """Write voxels to ``case.nii.gz`` with an affine of 2 mm voxels, or the one given."""

    def write(voxels: NDArray[Any], affine: Any = None, name: str = "case.nii.gz") -> Path:
        matrix = np.diag([2.0, 2.0, 2.0, 1.0]) if affine is None else affine
        return write_nifti(tmp_path / name, voxels, matrix)

    return write


@pytest.fixture
def itk_file(tmp_path: Path) -> Write:
    """Write voxels to the named file with SimpleITK."""
    return lambda name, voxels, affine: write_itk(tmp_path / name, voxels, affine)


@pytest.fixture
def series(tmp_path: Path) -> Write:
    """Write a DICOM series to the folder ``study``; arguments as :func:`write_series`."""

    def write(voxels: NDArray[Any], affine: Any = None, change: Any = None, to: str = "") -> Path:
        matrix = np.diag([-1.5, -1.5, 3.0, 1.0]) if affine is None else affine
        return write_series(tmp_path / (to or "study"), voxels, matrix, change)

    return write
