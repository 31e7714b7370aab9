"""Each rule fires, names the file, and says so without a library's words."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hepatica import io
from hepatica.core.errors import HepaticaError, InputError, ResourceError
from hepatica.io import checks, memory, nifti

JARGON = re.compile(
    r"nibabel|nifti1|itk|pydicom|numpy|gzip|zlib|traceback|exception|errno|ndarray|dtype|0x|\n",
    re.IGNORECASE,
)


def assert_refused(path: Path, words: str, kind: type[HepaticaError] = InputError) -> None:
    with pytest.raises(kind) as caught:
        io.read(path, available_bytes=10**9)
    error = caught.value
    assert error.message.startswith(path.name), error.message
    assert re.search(words, error.message), error.message
    assert error.message.endswith(".")
    assert error.hint.endswith("."), "says what to do"
    assert not JARGON.search(error.message), error.message


def header(shape: Any = (10, 10, 10), **fields: Any) -> nib.Nifti1Header:
    """A header of int16 voxels of 2 mm, with fields set as they are given."""
    result = nib.Nifti1Header()
    result.set_data_shape(shape)
    result.set_data_dtype(np.int16)
    result.set_qform(np.diag([2, 2, 2, 1]), 1)
    result.set_sform(np.diag([2, 2, 2, 1]), 1)
    result["vox_offset"] = 352
    for name, value in fields.items():
        result[name] = value
    return result


def raw(head: nib.Nifti1Header, data: bytes = b"") -> bytes:
    return bytes(head.binaryblock) + b"\0\0\0\0" + (data or np.arange(1000, dtype="<i2").tobytes())


def pixdim(*spacing: float) -> list[float]:
    return [1, *spacing, 1, 1, 1, 1]


VALID = raw(header())
PACKED = gzip.compress(VALID)
FLAT = [0, 0, 0, 0]

NIFTI: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.nii.gz", b"", "is empty"),
    "text": ("a.nii", b"hello\n" * 100, "is not a NIfTI file"),
    "short text": ("a.nii", b"hi", "is not a NIfTI file"),
    "compressed text": ("a.nii.gz", gzip.compress(b"hello" * 100), "is not a NIfTI file"),
    "png": ("a.nii.gz", b"\x89PNG\r\n\x1a\n" + bytes(600), "is not a NIfTI file"),
    "pair": ("a.nii", raw(header(magic=b"ni1")), "header without voxels"),
    "truncated": ("a.nii", VALID[:-1], "truncated or damaged"),
    "truncated header": ("a.nii", VALID[:300], "truncated or damaged"),
    "truncated, packed": ("a.nii.gz", PACKED[: len(PACKED) // 2], "truncated or damaged"),
    "truncated by its checksum": ("a.nii.gz", PACKED[:-5], "truncated or damaged"),
    "truncated inside": ("a.nii.gz", gzip.compress(VALID[:-1]), "truncated or damaged"),
    "wrong checksum": ("a.nii.gz", PACKED[:-8] + bytes(8), "truncated or damaged"),
    "flipped bytes": ("a.nii.gz", PACKED[:12] + b"\xff" * 9 + PACKED[21:], "truncated or damaged"),
    "no dimensions": ("a.nii", raw(header(dim=[0] * 8)), "truncated or damaged"),
    "negative size": ("a.nii", raw(header(dim=[3, 10, -10, 10, 1, 1, 1, 1])), "states a size"),
    "2D": ("a.nii", raw(header((10, 100))), "is a 2D image"),
    "2D of depth 1": ("a.nii", raw(header((10, 100, 1))), "is a 2D image"),
    "4D": ("a.nii", raw(header((10, 10, 5, 2))), "4D: it holds 2 volumes"),
    "5D": ("a.nii", raw(header((10, 10, 1, 1, 3))), "5D: it holds 3 volumes"),
    "few slices": ("a.nii", raw(header((10, 10, 7))), "only 7 slices"),
    "colour": ("a.nii", raw(header(datatype=128, bitpix=24)), "holds colours"),
    "complex": ("a.nii", raw(header(datatype=32, bitpix=64)), "holds complex numbers"),
    "float128": ("a.nii", raw(header(datatype=1536, bitpix=128)), "which are not read"),
    "unknown type": ("a.nii", raw(header(datatype=999)), "truncated or damaged"),
    "constant": ("a.nii", raw(header(), b"\1\0" * 1000), "constant: all voxels are 1"),
    "zero spacing": ("a.nii", raw(header(sform_code=0, pixdim=pixdim(2, 0, 2))), "2 x 0 x 2 mm"),
    "negative spacing": (
        "a.nii",
        raw(header(sform_code=0, qform_code=0, pixdim=pixdim(2, -2, 2))),
        "2 x -2 x 2 mm",
    ),
    "tiny spacing": ("a.nii", raw(header(sform_code=0, pixdim=pixdim(2, 2, 0.09))), "0.09 mm"),
    "large spacing": ("a.nii", raw(header(sform_code=0, pixdim=pixdim(21, 2, 2))), "21 x"),
    "spacing not a number": (
        "a.nii",
        raw(header(sform_code=0, pixdim=pixdim(2, np.nan, 2))),
        "nan x 2 mm",
    ),
    "zero column": ("a.nii", raw(header(srow_x=FLAT, qform_code=0)), "0 x 2 x 2 mm"),
    "axes coincide": (
        "a.nii",
        raw(header(srow_x=[2, 2, 0, 0], srow_y=FLAT, qform_code=0)),
        "two voxel axes coincide",
    ),
    "place not a number": (
        "a.nii",
        raw(header(srow_x=[2, 0, 0, np.nan], qform_code=0)),
        "not a number",
    ),
    "qform and sform": ("a.nii", raw(header(qoffset_z=12.5)), "12.5 mm apart"),
    "qform not a number": ("a.nii", raw(header(qoffset_z=np.nan)), "nan mm apart"),
    "no rotation": ("a.nii", raw(header(sform_code=0, quatern_b=3)), "rotation that is not one"),
    "intercept": ("a.nii", raw(header(scl_slope=1, scl_inter=np.nan)), "truncated or damaged"),
    "far offset": ("a.nii.gz", gzip.compress(raw(header(vox_offset=1e9))), "damaged"),
    "offset not a number": ("a.nii", raw(header(vox_offset=np.nan)), "damaged"),
    "offset in the header": ("a.nii", raw(header(vox_offset=100)), "damaged"),
}


@pytest.mark.parametrize("case", NIFTI)
def test_nifti(case: str, tmp_path: Path) -> None:
    name, content, words = NIFTI[case]
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, words)


def test_the_valid_one_is_read(tmp_path: Path) -> None:
    """Else all of the above could be refused for another reason."""
    for name, content in (("a.nii", VALID), ("a.nii.gz", PACKED), ("b.nii.gz", VALID)):
        (tmp_path / name).write_bytes(content)
        volume = io.read(tmp_path / name)
        assert volume.geometry.shape == (10, 10, 10)
        assert volume.source.warnings == ()


@pytest.mark.parametrize(("value", "words"), [(np.nan, "2 voxels"), (-np.inf, "2 voxels")])
def test_not_finite(value: float, words: str, nifti_file: Any, itk_file: Any) -> None:
    voxels = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    voxels[1, 2, 3] = voxels[4, 5, 6] = value
    assert_refused(nifti_file(voxels), words)
    assert_refused(itk_file("b.mha", voxels, np.eye(4)), words)
    # Beyond float32 is infinite, too, and no warning escapes.
    big = np.arange(1000, dtype=np.float64).reshape(10, 10, 10)
    big[0, 0, :2] = 1e300
    assert_refused(nifti_file(big), words)
    assert_refused(itk_file("c.nrrd", big, np.eye(4)), words)


def meta(spacing: str = "1 1 1", more: str = "TransformMatrix = 1 0 0 0 1 0 0 0 1\n") -> bytes:
    text = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = False\n{more}ElementSpacing = {spacing}\nDimSize = 10 10 10\n"
        f"ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    return text.encode() + VALID[352:]


def nrrd(
    directions: str = "(1,0,0) (0,1,0) (0,0,1)", more: str = "", sizes: str = "10 10 10"
) -> bytes:
    text = (
        f"NRRD0004\ntype: short\ndimension: 3\nspace: RAS\nsizes: {sizes}\nendian: little\n"
        f"encoding: raw\nspace directions: {directions}\n{more}\n"
    )
    return text.encode() + VALID[352:]


VOLUMES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.mha", b"", "is empty"),
    "text as mha": ("a.mha", b"hello\n" * 9, "is not a MetaImage file"),
    "text as nrrd": ("a.nrrd", b"hello\n" * 9, "is not an NRRD file"),
    "nifti as nrrd": ("a.nrrd", VALID, "is not an NRRD file"),
    "truncated mha": ("a.mha", meta()[:-1], "truncated or damaged"),
    "truncated nrrd": ("a.nrrd", nrrd()[:-1], "truncated or damaged"),
    "half a header": ("a.nrrd", b"NRRD0004\ntype: short\n", "truncated or damaged"),
    "negative spacing": ("a.mha", meta("1 -2 1"), "1 x -2 x 1 mm"),
    "zero spacing": ("a.mha", meta("1 0 1"), "1 x 0 x 1 mm"),
    "zero direction": ("a.nrrd", nrrd("(0,0,0) (0,1,0) (0,0,1)"), "0 x 1 x 1 mm"),
    "large spacing": ("a.nrrd", nrrd("(1,0,0) (0,30,0) (0,0,1)"), "1 x 30 x 1 mm"),
    "axes coincide": ("a.nrrd", nrrd("(1,0,0) (1,0,0) (0,0,1)"), "two voxel axes coincide"),
    "axes coincide, mha": (
        "a.mha",
        meta(more="TransformMatrix = 1 0 0 1 0 0 0 0 1\n"),
        "two voxel axes coincide",
    ),
    "few slices": ("a.nrrd", nrrd(sizes="10 20 5"), "only 5 slices"),
    "another folder": ("a.nhdr", nrrd(more="data file: ../b.raw\n"), "in another folder"),
    "another place": ("a.nhdr", nrrd(more="data file: /b.raw\n"), "in another folder"),
    "missing voxels": ("a.nhdr", nrrd(more="data file: b.raw\n"), "in b.raw, which is missing"),
    "several files": ("a.nhdr", nrrd(more="data file: b%03d.raw 1 10 1\n"), "several files"),
    "a list of files": ("a.nhdr", nrrd(more="data file: LIST\n"), "several files"),
}


@pytest.mark.parametrize("case", VOLUMES)
def test_volumes(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name, content, words = VOLUMES[case]
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, words)
    assert capfd.readouterr() == ("", ""), "no library prints"


def test_the_valid_volumes_are_read(tmp_path: Path) -> None:
    for name, content in (("a.mha", meta()), ("a.nrrd", nrrd())):
        (tmp_path / name).write_bytes(content)
        assert io.read(tmp_path / name).source.warnings == ()


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_volumes_of_other_kinds(name: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(1000, dtype=np.float32).reshape(10, 10, 10))
    path = tmp_path / name
    for wrong, words in (
        (sitk.Compose(image, image, image), "3 numbers per voxel"),
        (sitk.JoinSeries(image, image), "4D: it holds 2 volumes"),
        (image[:, :, 0], "2D image"),
        (image * 0, "constant"),
    ):
        sitk.WriteImage(wrong, str(path))
        assert_refused(path, words)


def test_complex_nrrd(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.ones((10, 10, 10), np.complex64))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    assert_refused(tmp_path / "a.nrrd", "complex numbers")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.txt", "a"])
def test_missing(name: str, tmp_path: Path) -> None:
    assert_refused(tmp_path / name, "does not exist")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert_refused(tmp_path / "notes.txt", "is not an image that Hepatica reads")
    (tmp_path / "a.zip").write_bytes(b"PK\3\4")
    assert_refused(tmp_path / "a.zip", "truncated or damaged")
    (tmp_path / "slice.dcm").write_bytes(bytes(128) + b"DICM")
    assert_refused(tmp_path / "slice.dcm", "truncated or damaged")
    with pytest.raises(InputError, match="is not a file name"):
        io.read(tmp_path / "a\0b.nii")


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "a.nii.gz"
    folder.mkdir()
    assert_refused(folder, "holds no DICOM image")
    with pytest.raises(InputError, match=r"a\.nii\.gz is a folder, not a file"):
        nifti.read(folder)


def test_pipe(tmp_path: Path) -> None:
    """A pipe would block for ever."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "a.nii")
    assert_refused(tmp_path / "a.nii", "not an ordinary file")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "may not be read by this user"),
        (OSError(5, "Input/output error"), "cannot be read: Input/output error"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.mha"])
def test_system_errors(
    error: OSError, words: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(VALID)

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "open", refuse)
    assert_refused(path, words)


def test_warnings(tmp_path: Path, nifti_file: Any, itk_file: Any) -> None:
    voxels = np.linspace(-1000, 500, 1000).reshape(10, 10, 10).astype(np.int16)
    assert io.read(nifti_file(voxels)).source.warnings == (checks.CT_WARNING,)
    assert io.read(itk_file("a.mha", voxels, np.eye(4))).source.warnings == (checks.CT_WARNING,)
    contents = {
        "neither.nii": raw(header(qform_code=0, sform_code=0)),
        "plain.mha": meta(more=""),
        "plain.nrrd": nrrd().replace(b"space: RAS\n", b"").replace(b"space directions", b"#"),
        "scanner.nrrd": nrrd().replace(b"RAS", b"scanner-xyz"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        found = io.read(tmp_path / name).source.warnings
        assert found == (checks.ORIENTATION_WARNING,), name
    (tmp_path / "q.nii").write_bytes(raw(header(quatern_b=3)))
    (found,) = io.read(tmp_path / "q.nii").source.warnings
    assert "qform states no rotation" in found


def test_small_disagreement_is_fine(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(raw(header(qoffset_z=0.9)))
    volume = io.read(tmp_path / "a.nii")
    assert volume.geometry.affine[2, 3] == 0, "the sform's"


HUGE = header()
HUGE["dim"][1:4] = 30000


@pytest.mark.parametrize(
    ("name", "content", "stated"),
    [
        ("a.nii", bytes(HUGE.binaryblock), "27,000,000,000,000"),
        ("a.nii.gz", gzip.compress(bytes(HUGE.binaryblock)), "27,000,000,000,000"),
        ("a.nrrd", nrrd(sizes="3000 3000 3000"), "27,000,000,000"),
        ("a.mha", meta().replace(b"10 10 10", b"3000 3000 3000"), "27,000,000,000"),
    ],
)
def test_larger_than_memory(name: str, content: bytes, stated: str, tmp_path: Path) -> None:
    """The files hold no such voxels: had they been read, they would count as damaged."""
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, f"{stated} voxels.* GB.*1.0 GB are available", ResourceError)


def test_memory_needed(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(VALID)
    assert io.read(tmp_path / "a.nii", available_bytes=40_000)
    with pytest.raises(ResourceError):
        io.read(tmp_path / "a.nii", available_bytes=39_999)


def test_available_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemFree: 8 kB\nMemAvailable:    7 kB\n")
    assert memory.available_bytes(meminfo) == 7 * 1024
    pages = {"SC_AVPHYS_PAGES": 3, "SC_PHYS_PAGES": 5, "SC_PAGE_SIZE": 10}
    monkeypatch.setattr(memory.os, "sysconf", pages.__getitem__, raising=False)
    assert memory.available_bytes(tmp_path / "none") == 30
    meminfo.write_text("MemTotal: 9 kB\n")
    assert memory.available_bytes(meminfo) == 30
    pages["SC_AVPHYS_PAGES"] = -1
    assert memory.available_bytes(meminfo) == 50

    def unknown(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(memory.os, "sysconf", unknown, raising=False)
    assert memory.available_bytes(meminfo) == memory.FALLBACK_BYTES


class Counting(gzip.GzipFile):
    """Counts the bytes that it hands out."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        result = super().read(size)
        Counting.given += len(result)
        return result

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("offset", [352, 2**29])
def test_bomb(offset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the header does not promise is not decompressed."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    content = packer.compress(raw(header(vox_offset=offset)))
    for _ in range(32):
        content += packer.compress(bytes(2**20))
    (tmp_path / "a.nii.gz").write_bytes(content + packer.flush())
    Counting.given = 0
    monkeypatch.setattr(nifti.gzip, "GzipFile", Counting)
    if offset == 352:
        assert io.read(tmp_path / "a.nii.gz").geometry.shape == (10, 10, 10)
    else:
        assert_refused(tmp_path / "a.nii.gz", "damaged")
    assert 348 <= Counting.given <= len(VALID) + 1


def test_bomb_in_nrrd(tmp_path: Path) -> None:
    """In a process of its own, whose peak is that of reading."""
    pytest.importorskip("resource")
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    content = nrrd().partition(b"\n\n")[0].replace(b"raw", b"gzip") + b"\n\n"
    content += packer.compress(VALID[352:])
    for _ in range(256):
        content += packer.compress(bytes(2**20))
    (tmp_path / "a.nrrd").write_bytes(content + packer.flush())
    code = (
        "import sys, resource, hepatica.io.volumes as v;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before = peak(); print(v.read(sys.argv[1]).geometry.shape, peak() - before < 2**16)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.nrrd")], capture_output=True, check=False
    )
    assert run.stdout.split() == [b"(10,", b"10,", b"10)", b"True"], run
