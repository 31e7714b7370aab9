"""NRRD (.nrrd, .nhdr) and MetaImage (.mha, .mhd), through SimpleITK."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from hepatica.core.errors import InputError
from hepatica.core.volume import Source, Volume
from hepatica.io import checks
from hepatica.io.inputs import case_name, extension
from hepatica.io.lps import swap_lps_ras
from hepatica.io.memory import require_memory

#: No header is longer, even with a segmentation's metadata in it.
_MAX_HEADER = 2**20


@dataclass(frozen=True)
class _Header:
    """The lines of a header, keys in lower case, and the length of its text in bytes."""

    nrrd: bool
    fields: dict[str, str]
    length: int

    @property
    def data_file(self) -> str:
        """Where the voxels are; "" for the same file."""
        if self.nrrd:
            return self.fields.get("data file", self.fields.get("datafile", ""))
        name = self.fields.get("elementdatafile", "LOCAL")
        return "" if name.upper() == "LOCAL" else name

    @property
    def oriented(self) -> bool:
        """Whether the header says where the patient's left, back and head are."""
        if self.nrrd:
            # "scanner-xyz" and "3D-right-handed" have no anatomical meaning.
            return bool(re.match(r"(left|right|[lr][ap]s)\b", self.fields.get("space", ""), re.I))
        return bool(self.fields.keys() & {"transformmatrix", "rotation", "orientation"})


def read(path: str | Path, *, labels: bool = False, available_bytes: int | None = None) -> Volume:
    """The volume in an NRRD or MetaImage file; LPS becomes RAS here.

    Voxels in a second file are read when that lies in the same folder. A header that does
    not state the orientation gives a warning.

    Parameters
    ----------
    labels
        Whether it is a label map, which may be constant.

    Raises
    ------
    InputError, ResourceError
        As :func:`hepatica.io.read`.
    """
    path = Path(path)
    name = path.name
    size = checks.require_file(path)
    header = _header(path)
    data = _data_file(path, header)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if header.nrrd else "MetaImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise checks.damaged(name) from error

    components = reader.GetNumberOfComponents()
    pixel = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if components > 1 or "complex" in pixel:
        kind = "complex numbers" if "complex" in pixel else f"{components} numbers per voxel"
        raise checks.not_scalar(name, kind)
    shape = checks.volume_shape(name, reader.GetSize())
    require_memory(name, int(np.prod(shape, dtype=object)), available_bytes)
    # As stated: the length of an affine's column would hide a negative one.
    checks.require_spacing(name, reader.GetSpacing()[:3])
    axes = reader.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(reader.GetDirection(), (axes, axes))[:3, :3]
    affine[:3, :3] *= reader.GetSpacing()[:3]
    affine[:3, 3] = reader.GetOrigin()[:3]
    geometry = checks.grid(name, shape, swap_lps_ras(affine))

    bytes_per_voxel = int(pixel.partition("-")[0]) // 8
    if not header.nrrd:
        stored = size - header.length if data == path else checks.require_file(data)
        if stored < _promised(header, geometry.voxels * bytes_per_voxel):
            raise checks.damaged(data.name)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise checks.damaged(name) from error
    array = sitk.GetArrayViewFromImage(image).reshape(shape[::-1])
    with np.errstate(over="ignore", invalid="ignore"):
        voxels = array.astype(np.float32).transpose()
    warnings = checks.content(name, voxels, labels)
    if not header.oriented:
        warnings = (checks.ORIENTATION_WARNING, *warnings)
    digest = checks.sha256(path) if data == path else checks.sha256(path, data)
    form = "nrrd" if header.nrrd else "metaimage"
    return Volume(voxels, geometry, Source(case_name(path), path, form, digest, warnings))


def _header(path: Path) -> _Header:
    nrrd = extension(path) in (".nrrd", ".nhdr")
    with checks.readable(path), path.open("rb") as stream:
        head = stream.read(_MAX_HEADER)
    if head.startswith(b"NRRD") if nrrd else re.search(rb"^NDims\s*=", head[:4096], re.M):
        # NRRD's header ends with an empty line, MetaImage's with the place of the voxels.
        end = re.search(rb"\r?\n\r?\n" if nrrd else rb"^ElementDataFile.*\n?", head, re.M)
        length = end.end() if end else len(head)
        text = head[:length].decode("latin-1")
        pairs = (re.split(":" if nrrd else "=", line, maxsplit=1) for line in text.splitlines())
        fields = {p[0].strip().lower(): p[1].strip() for p in pairs if len(p) == 2}
        return _Header(nrrd, fields, length)
    raise InputError(
        f"{path.name} is not {'an NRRD' if nrrd else 'a MetaImage'} file, whatever its name says.",
        "Export it again, or give it the extension of its format.",
    )


def _data_file(path: Path, header: _Header) -> Path:
    """The file with the voxels, which may be `path` itself."""
    name = header.data_file
    if not name:
        return path
    if "%" in name or name.upper().startswith("LIST"):
        raise InputError(
            f"{path.name} spreads its voxels over several files.",
            "Save it as one .nrrd, .mha or .nii.gz file.",
        )
    # A header must not make us read, or send to somebody, any file of the machine.
    if re.search(r"[/\\:]", name.removeprefix("./")) or name in ("..", "."):
        raise InputError(
            f"{path.name} has its voxels in another folder.",
            "Put both files into one folder and correct the name in the header.",
        )
    data = path.parent / name
    if not data.is_file():
        raise InputError(
            f"{path.name} has its voxels in {name}, which is missing.",
            "Copy both files into one folder.",
        )
    return data


def _promised(header: _Header, plain_bytes: int) -> int:
    """Bytes that a MetaImage's voxels take in the file, 0 if the header does not tell.

    ITK finds that they are missing, too, but also prints so.
    """
    fields = header.fields
    if fields.get("compresseddata", "").lower() == "true":
        size = fields.get("compresseddatasize", "")
        return int(size) if size.isdigit() else 0
    return plain_bytes if fields.get("binarydata", "").lower() == "true" else 0
