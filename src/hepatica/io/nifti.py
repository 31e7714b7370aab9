"""NIfTI-1 and NIfTI-2, single files (.nii, .nii.gz).

The bytes are read here and interpreted by nibabel's header class, so that never more
is decompressed than the header promises, and nothing in the header is repaired in
silence.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from nibabel.nifti1 import Nifti1Extension, Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from hepatica.core.errors import InputError, OutputError
from hepatica.core.geometry import Geometry, Triple
from hepatica.core.volume import LABEL_NAMES, LabelMap, Source, Volume
from hepatica.io import checks
from hepatica.io.atomic import write_bytes
from hepatica.io.inputs import NIFTI, case_name, extension
from hepatica.io.memory import require_memory

#: Fast, and within a few per cent of the smallest for label maps.
GZIP_LEVEL = 3

#: More than this in front of the voxels is a damaged header (or a gzip bomb).
MAX_OFFSET = 64 * 2**20

_REAL = {np.dtype(code) for code in "bBhHiIlLqQfd"}
_COLOUR = "colours"
_COMPLEX = "complex numbers"
_NOT_SCALAR = {128: _COLOUR, 2304: _COLOUR, 32: _COMPLEX, 1792: _COMPLEX, 2048: _COMPLEX}
#: NIfTI's units of length: metre, millimetre (and unknown), micrometre.
_UNIT_MM = {1: 1000.0, 3: 0.001}
_DISAGREE_MM = 1.0
#: The field `descrip` has 80 bytes, and the last one ends it.
_LONGEST_NOTE = 79
_PLACE = (
    "dim_info",
    "xyzt_units",
    "qform_code",
    "sform_code",
    "quatern_b",
    "quatern_c",
    "quatern_d",
    "qoffset_x",
    "qoffset_y",
    "qoffset_z",
    "srow_x",
    "srow_y",
    "srow_z",
)


def read(path: str | Path, *, labels: bool = False, available_bytes: int | None = None) -> Volume:
    """The volume in a NIfTI file, scaled by the slope and intercept that it states.

    Compression is recognised by content. Unknown orientation and a quaternion that is
    not one (while there is an sform) are warnings. Lengths in metres or micrometres are
    converted. `source.header` is the header as it is in the file, without extensions.

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
    size = checks.require_file(path)
    with checks.readable(path), path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
        try:
            header = _header(path, stream)
            shape = checks.volume_shape(path.name, header.get_data_shape())
            require_memory(path.name, int(np.prod(shape, dtype=object)), available_bytes)
            geometry, warnings = _place(path.name, header, shape)
            stored = _stored(path.name, header, shape, stream, None if packed else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise checks.damaged(path.name) from error
    voxels = _scaled(path.name, stored, header)
    warnings += checks.content(path.name, voxels, labels)
    source = Source(case_name(path), path, "nifti", checks.sha256(path), warnings, header)
    return Volume(voxels, geometry, source)


def write_labelmap(path: str | Path, labelmap: LabelMap, header: Any = None) -> None:
    """Write a label map, atomically; equal maps give equal bytes.

    Parameters
    ----------
    path
        Ends in .nii or .nii.gz.
    header
        ``source.header`` of the volume that was segmented: if it is NIfTI's, qform, sform,
        their codes and the units are copied from it bit by bit; any other is not used, and
        qform and sform both state the grid as scanner coordinates (a sheared grid, which a
        qform cannot hold, the sform alone).

    Raises
    ------
    OutputError
        If the name has another extension or the file cannot be written.
    ValueError
        If the header is that of another grid.
    """
    result = _header_for(labelmap.geometry, header)
    result.set_data_dtype(np.uint8)
    result.set_intent("label", name="hepatica")
    result["descrip"] = b"Hepatica label map; not for diagnosis"
    names = {str(int(label)): name for label, name in LABEL_NAMES.items()}
    text = json.dumps({"hepatica": {"labels": names}}, ensure_ascii=True)
    result.extensions.append(Nifti1Extension("comment", text.encode("ascii")))
    _write(path, result, labelmap.labels)


def write_volume(path: str | Path, volume: Volume, note: str = "") -> None:
    """Write a volume, atomically: int16 if that loses nothing, else float32.

    The header is treated as in :func:`write_labelmap`, but one that does not fit, as after
    a crop, is not used.

    Parameters
    ----------
    note
        What the header says of it (`descrip`); ASCII, up to 79 characters.

    Raises
    ------
    OutputError
        If the name has another extension or the file cannot be written.
    ValueError
        If the note does not fit.
    """
    if not note.isascii() or len(note) > _LONGEST_NOTE:
        raise ValueError(f"the header cannot hold the note {note!r}")
    try:
        result = _header_for(volume.geometry, volume.source.header)
    except ValueError:
        result = _header_for(volume.geometry, None)
    result["descrip"] = note.encode("ascii")
    voxels: NDArray[Any] = volume.voxels
    if voxels.min() >= -32768 and voxels.max() <= 32767:
        whole = voxels.astype(np.int16)
        voxels = whole if np.array_equal(whole, voxels) else voxels
    result.set_data_dtype(voxels.dtype)
    _write(path, result, voxels)


def _header(path: Path, stream: IO[bytes]) -> Nifti1Header:
    """The header as it is; no field is corrected."""
    block = stream.read(4)
    sizes = {int.from_bytes(block, "little"), int.from_bytes(block, "big")}
    kind = Nifti1Header if 348 in sizes else Nifti2Header if 540 in sizes else None
    if kind is None:
        raise InputError(
            f"{path.name} is not a NIfTI file, whatever its name says.",
            "Export it as NIfTI, or give it the extension of its format.",
        )
    length = kind.template_dtype.itemsize
    block += stream.read(length - 4)
    if len(block) < length:
        raise checks.damaged(path.name)
    header = kind(block, check=False)
    if bytes(header["magic"])[:3] not in (b"n+1", b"n+2"):
        raise InputError(
            f"{path.name} is a header without voxels, or no NIfTI file.",
            "Convert the pair of header and image files to one .nii.gz file.",
        )
    if not 1 <= int(header["dim"][0]) <= 7:
        raise checks.damaged(path.name)
    return header


def _affines(header: Nifti1Header) -> tuple[Any, Any, bool]:
    """Affines in mm of the sform and of the qform, None where absent; whether the qform is bad."""
    unit = _UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    scale = np.diag([unit, unit, unit, 1.0])
    sform = scale @ header.get_sform() if int(header["sform_code"]) > 0 else None
    if int(header["qform_code"]) <= 0:
        return sform, None, False
    handed = header.copy()
    # The standard: anything but -1 means 1.
    handed["pixdim"][0] = -1 if float(header["pixdim"][0]) == -1 else 1
    try:
        return sform, scale @ handed.get_qform(), False
    except (HeaderDataError, ValueError):
        return sform, None, True


def _place(name: str, header: Nifti1Header, shape: Triple) -> tuple[Geometry, tuple[str, ...]]:
    """The grid: the sform's, else the qform's, else axes along the patient's by assumption."""
    sform, qform, bad_qform = _affines(header)
    if sform is None:
        unit = _UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
        checks.require_spacing(name, np.asarray(header["pixdim"][1:4], np.float64) * unit)
        if bad_qform:
            raise InputError(
                f"{name} states a rotation that is not one (qform).",
                "Export it again, or correct the orientation in its header.",
            )
    if sform is None and qform is None:
        affine = header.get_base_affine()
        affine[:3] *= unit
        return checks.grid(name, shape, affine), (checks.ORIENTATION_WARNING,)
    geometry = checks.grid(name, shape, qform if sform is None else sform)
    if sform is None or (qform is None and not bad_qform):
        return geometry, ()
    if bad_qform:
        return geometry, ("Its qform states no rotation and was not used; the sform was.",)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1)
    apart = (sform - qform)[:3] @ np.vstack([corners, np.ones(8)])
    gap_mm = float(np.linalg.norm(apart, axis=0).max())
    # Written so that a gap that is not a number is refused, too.
    if not gap_mm <= _DISAGREE_MM:
        raise InputError(
            f"{name} states two positions, and they are {gap_mm:.1f} mm apart (qform and sform).",
            "Find out which is right and store it as both, for example by loading and saving"
            " the volume in 3D Slicer, or with fslorient -copyqform2sform or -copysform2qform.",
        )
    return geometry, ()


def _stored(
    name: str, header: Nifti1Header, shape: Triple, stream: IO[bytes], size: int | None
) -> NDArray[Any]:
    """The voxels (i, j, k) as they are in the file, whose length is `size` if it is known."""
    code = int(header["datatype"])
    if code in _NOT_SCALAR:
        raise checks.not_scalar(name, _NOT_SCALAR[code])
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise checks.damaged(name) from error
    if dtype.newbyteorder("=") not in _REAL:
        raise InputError(
            f"{name} holds numbers of type {dtype.name}, which are not read.",
            "Convert it to float32 or int16.",
        )
    offset = float(header["vox_offset"])
    head = header.template_dtype.itemsize
    # Old writers put 0 there: directly behind the header and the four bytes that follow it.
    offset = head + 4 if offset == 0 else offset
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if not head <= offset <= MAX_OFFSET or (size is not None and size < offset + length):
        raise checks.damaged(name)
    # Not seek, which GzipFile does by reading, too, but without saying that it fell short.
    if len(stream.read(int(offset) - head)) < int(offset) - head:
        raise checks.damaged(name)
    buffer = np.empty(length, np.uint8)
    done = 0
    while done < length:
        got = cast(io.BufferedReader, stream).readinto(buffer.data[done:])
        if not got:
            raise checks.damaged(name)
        done += got
    # One byte more makes gzip compare its checksum; what may follow is not looked at.
    stream.read(1)
    stored: NDArray[Any] = buffer.view(dtype).reshape(shape, order="F")
    return stored


def _scaled(name: str, stored: NDArray[Any], header: Nifti1Header) -> NDArray[np.float32]:
    try:
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        raise checks.damaged(name) from error
    # What exceeds float32 becomes infinite here, and is refused by its own rule.
    with np.errstate(over="ignore", invalid="ignore"):
        if slope is None or (slope, inter) == (1.0, 0.0):
            return stored.astype(np.float32, order="F")
        voxels = np.empty(stored.shape, np.float32, order="F")
        for k in range(stored.shape[2]):
            voxels[..., k] = stored[..., k] * np.float64(slope) + np.float64(inter)
    return voxels


def _header_for(geometry: Geometry, header: Any) -> Nifti1Header:
    """A new header for `geometry` that states its place as `header` does, if it is NIfTI's."""
    if not isinstance(header, Nifti1Header):
        result = Nifti1Header()
        result.set_data_shape(geometry.shape)
        result.set_xyzt_units("mm")
        result.set_qform(geometry.affine, code="scanner")
        result.set_sform(geometry.affine, code="scanner")
        if not Geometry(geometry.shape, result.get_qform()).matches(geometry):
            for field in ("quatern_b", "quatern_c", "quatern_d", "qform_code"):
                result[field] = 0
        return result
    shape = header.get_data_shape()[:3]
    if tuple(shape) != geometry.shape or not _place("The header", header, shape)[0].matches(
        geometry
    ):
        raise ValueError("the header states another grid than that of the voxels")
    result = type(header)()
    result.set_data_shape(geometry.shape)
    for field in _PLACE:
        result[field] = header[field]
    result["pixdim"][:4] = header["pixdim"][:4]
    return result


def _write(path: str | Path, header: Nifti1Header, voxels: NDArray[Any]) -> None:
    ending = extension(path)
    if ending not in NIFTI:
        raise OutputError(
            f"{Path(path).name} cannot be written: its extension is not {' or '.join(NIFTI)}.",
            "Choose such a name.",
        )
    header["scl_slope"], header["scl_inter"] = 1, 0
    buffer = io.BytesIO()
    header.write_to(buffer)
    data = buffer.getvalue() + voxels.tobytes(order="F")
    if ending == ".nii.gz":
        data = gzip.compress(data, GZIP_LEVEL, mtime=0)
    write_bytes(path, data)
