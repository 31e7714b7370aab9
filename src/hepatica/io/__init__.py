"""Images from and to files; nothing else touches the disk or knows of LPS.

Readers give a :class:`~hepatica.core.volume.Volume` in RAS+ millimetres, or an
InputError that names the file. Formats: NIfTI, NRRD, MetaImage, DICOM.
"""

from __future__ import annotations

from pathlib import Path

from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.io import checks, nifti
from hepatica.io.atomic import (
    atomically,
    folder_atomically,
    make_folder,
    write_bytes,
    write_text,
)
from hepatica.io.inputs import (
    NIFTI,
    VOLUMES,
    case_name,
    expand_inputs,
    extension,
    find_inputs,
    is_dicom,
    is_dicomdir,
    is_image,
    is_zip,
    unknown,
)
from hepatica.io.nifti import write_labelmap, write_volume

__all__ = [
    "atomically",
    "case_name",
    "expand_inputs",
    "find_inputs",
    "folder_atomically",
    "is_image",
    "make_folder",
    "read",
    "read_labelmap",
    "read_labelmap_source",
    "write_bytes",
    "write_labelmap",
    "write_text",
    "write_volume",
]


def read(
    path: str | Path, *, series: str | None = None, available_bytes: int | None = None
) -> Volume:
    """The volume in a file, or the one that is meant in a DICOM study.

    Parameters
    ----------
    path
        A .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd file; a folder, zip or DICOMDIR with
        a DICOM study, or a multi-frame DICOM file.
    series
        Which volume of a DICOM study, by the key that ``hepatica convert`` lists, number,
        description or UID; None takes the only one, or the contrast-enhanced T1. Other
        files have no series, and ignore it.
    available_bytes
        Memory that may be used; None asks the machine.

    Raises
    ------
    InputError
        If it cannot be used; the sentence names the file and says why.
    ResourceError
        If it is larger than the memory; found before any voxel is read.
    """
    return _read(Path(path), False, available_bytes, series)


def read_labelmap(path: str | Path, *, available_bytes: int | None = None) -> LabelMap:
    """The label map in a file of any format that :func:`read` knows; it may be all 0.

    A DICOM segmentation of a liver and its lesions is one, too.

    Raises
    ------
    InputError
        As :func:`read`, and if a voxel is not a whole number from 0 to 255.
    ResourceError
        As :func:`read`.
    """
    return read_labelmap_source(path, available_bytes=available_bytes)[0]


def read_labelmap_source(
    path: str | Path, *, available_bytes: int | None = None
) -> tuple[LabelMap, Source]:
    """As :func:`read_labelmap`, and where it comes from: its hash, and warnings of its reader."""
    path = Path(path)
    if not checks.is_folder(path) and is_dicom(path):
        from hepatica.io.dicom import seg

        if seg.is_segmentation(path):
            labels = seg.decode(path, available_bytes=available_bytes)
            return labels, Source(case_name(path), path, "dicom-seg", checks.sha256(path))
    volume = _read(path, True, available_bytes)
    return checks.labelmap(volume), volume.source


def _read(path: Path, labels: bool, available: int | None, series: str | None = None) -> Volume:
    # pydicom and SimpleITK are loaded only when a file of their formats is read.
    if checks.is_folder(path) or is_zip(path) or is_dicomdir(path) or is_dicom(path):
        from hepatica.io.dicom import read as dicom

        return dicom.read(path, series=series, labels=labels, available_bytes=available)
    if extension(path) in VOLUMES:
        from hepatica.io import volumes

        return volumes.read(path, labels=labels, available_bytes=available)
    if extension(path) in NIFTI:
        return nifti.read(path, labels=labels, available_bytes=available)
    raise unknown(path)
