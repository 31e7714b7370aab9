"""One contract for all readers: every voxel is where its format's library put it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from hepatica import io
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume


def rotation(*degrees: float) -> NDArray[np.float64]:
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def affine(directions: Any, spacing: Any = (0.9, 1.7, 3.1)) -> NDArray[np.float64]:
    result = np.eye(4)
    result[:3, :3] = np.asarray(directions) * spacing
    result[:3, 3] = (-31.5, 12.25, 101.0)
    return result


def signed_permutations() -> list[NDArray[np.float64]]:
    return [
        np.eye(3)[list(order)].T * signs
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]


PLACES = {
    "RAS": np.eye(3),
    "LPS": np.diag([-1, -1, 1]),
    "LAS, left-handed": np.diag([-1, 1, 1]),
    "LPI, descending": np.diag([-1, -1, -1]),
    "PIR, sagittal": np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]),
    "LIP, coronal": np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]]),
    "oblique": rotation(11, -23, 31),
    "oblique, left-handed": rotation(11, -23, 31) @ np.diag([1, -1, 1]),
}


def assert_same(volume: Volume, voxels: NDArray[Any], matrix: NDArray[Any]) -> None:
    """Each of `voxels` is found at its place in the patient; the reader may order axes."""
    assert volume.voxels.size == voxels.size
    index = np.indices(voxels.shape).reshape(3, -1).T
    found = volume.geometry.to_index(Geometry(voxels.shape, matrix).to_patient(index))
    np.testing.assert_allclose(found, np.rint(found), atol=1e-3)
    i, j, k = np.rint(found).astype(int).T
    np.testing.assert_array_equal(volume.voxels[i, j, k], voxels.ravel())


@pytest.mark.parametrize("place", PLACES)
def test_contract(written: Any, voxels: Any, place: str) -> None:
    matrix = affine(PLACES[place])
    path = written(voxels, matrix)
    volume = io.read(path)
    assert_same(volume, voxels, matrix)
    assert volume.voxels.dtype == np.float32
    assert not volume.voxels.flags.writeable
    assert volume.source.path == path
    assert volume.source.name == io.case_name(path)
    assert volume.source.warnings == ()
    assert len(volume.source.sha256 or "") == 64
    if not path.is_dir():
        assert volume.geometry.matches(Geometry(voxels.shape, matrix), 1e-4)
        assert volume.geometry.axes == "".join(nib.aff2axcodes(matrix))
    # Reading again gives the same identity, other voxels give another.
    assert io.read(path).source.sha256 == volume.source.sha256
    written(voxels + np.int16(1), matrix)
    assert io.read(path).source.sha256 != volume.source.sha256


@pytest.mark.parametrize(
    "directions",
    signed_permutations(),
    ids=lambda d: "".join(
        nib.aff2axcodes(np.block([[d, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    ),
)
def test_all_orientations(
    directions: Any, voxels: Any, nifti_file: Any, itk_file: Any, series: Any
) -> None:
    matrix = affine(directions)
    nifti = nifti_file(voxels, matrix)
    for path in (nifti, itk_file("case.mha", voxels, matrix), series(voxels[..., :8], matrix)):
        part = voxels[..., :8] if path.is_dir() else voxels
        assert_same(io.read(path), part, matrix)
    # SimpleITK has its own way from NIfTI to LPS.
    oracle = sitk.ReadImage(str(nifti))
    geometry = io.read(nifti).geometry
    for index in ((0, 0, 0), (8, 0, 0), (0, 9, 0), (0, 0, 10), (3, 5, 7)):
        x, y, z = oracle.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(geometry.to_patient(index), (-x, -y, z), atol=1e-4)


def test_read_labelmap(written: Any) -> None:
    labels = np.zeros((9, 10, 11), np.int16)
    matrix = affine(PLACES["RAS"])
    assert not io.read_labelmap(written(labels, matrix)).labels.any(), "empty is allowed"
    labels[2:5, 3:6, 4:7], labels[3, 4, 5], labels[4, 4, 4] = 1, 2, 255
    path = written(labels, matrix)
    result = io.read_labelmap(path)
    assert result.labels.dtype == np.uint8
    assert_same(Volume(result.labels, result.geometry), labels, matrix)
    for wrong in (-1, 256):
        labels[0, 0, 0] = wrong
        with pytest.raises(io.checks.InputError, match=f"{path.name} is not a label map"):
            io.read_labelmap(written(labels, matrix))


def test_read_labelmap_of_fractions(nifti_file: Any) -> None:
    path = nifti_file(np.full((9, 9, 9), 0.5, np.float32))
    with pytest.raises(io.checks.InputError, match=r"case\.nii\.gz is not a label map"):
        io.read_labelmap(path)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">i2", "i4", "u4", "f4", ">f4", "f8", "i8"])
def test_nifti_types_and_scaling(dtype: str, tmp_path: Path) -> None:
    stored = (np.arange(1000).reshape(10, 10, 10) % 100).astype(dtype)
    order = ">" if dtype[0] == ">" else "<"
    header = nib.Nifti1Header(endianness=order)
    header.set_data_shape(stored.shape)
    header.set_data_dtype(stored.dtype)
    header.set_sform(np.diag([2, 2, 2, 1]), 1)
    for slope, inter, expected in (
        (0.25, -3.5, stored * 0.25 - 3.5),
        (0.0, 7.0, stored),
        (np.nan, 0.0, stored),
    ):
        header["scl_slope"], header["scl_inter"], header["vox_offset"] = slope, inter, 352
        path = tmp_path / "case.nii"
        path.write_bytes(header.binaryblock + b"\0\0\0\0" + stored.tobytes(order="F"))
        np.testing.assert_array_equal(io.read(path).voxels, expected.astype(np.float32))


def test_nifti_with_one_frame_is_3d(voxels: Any, nifti_file: Any, itk_file: Any) -> None:
    path = nifti_file(voxels[..., None])
    assert nib.load(path).shape == (9, 10, 11, 1)
    np.testing.assert_array_equal(io.read(path).voxels, voxels)


@pytest.mark.parametrize("name", ["case.nrrd", "case.mha"])
def test_itk_with_one_frame_is_3d(name: str, voxels: Any, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(voxels.transpose())
    image.SetSpacing((1, 2, 3))
    image.SetOrigin((4, 5, 6))
    sitk.WriteImage(sitk.JoinSeries(image), str(tmp_path / name))
    volume = io.read(tmp_path / name)
    assert_same(
        volume,
        voxels,
        np.array([[-1, 0, 0, -4], [0, -2, 0, -5], [0, 0, 3, 6], [0, 0, 0, 1]], float),
    )


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1)])
@pytest.mark.parametrize("place", ["sform", "qform", "neither"])
def test_nifti_units(unit: str, factor: float, place: str, voxels: Any, tmp_path: Path) -> None:
    matrix = affine(np.diag([-1, 1, 1]), (1, 2, 3)) * np.array([[factor]] * 3 + [[1]])
    image = nib.Nifti1Image(voxels, matrix)
    image.set_qform(matrix, int(place == "qform"))
    image.set_sform(matrix, int(place == "sform"))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "case.nii")
    volume = io.read(tmp_path / "case.nii")
    np.testing.assert_allclose(volume.geometry.spacing_mm, (1, 2, 3), rtol=1e-5)
    if place != "neither":
        oracle = sitk.ReadImage(str(tmp_path / "case.nii"))
        np.testing.assert_allclose(oracle.GetSpacing(), (1, 2, 3), rtol=1e-5)
        x, y, z = oracle.GetOrigin()
        np.testing.assert_allclose(volume.geometry.to_patient((0, 0, 0)), (-x, -y, z), rtol=1e-5)


def test_sheared_nrrd(voxels: Any, tmp_path: Path) -> None:
    """The affine is the header's, which a direction matrix and spacings could not hold."""
    text = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: RAS\nsizes: 9 10 11\nendian: little\n"
        "encoding: raw\nspace directions: (1,0,0) (0,2,0) (0,0.5,3)\nspace origin: (4,5,6)\n\n"
    )
    path = tmp_path / "tilted.nrrd"
    path.write_bytes(text.encode() + voxels.tobytes(order="F"))
    expected = np.array([[1, 0, 0, 4], [0, 2, 0.5, 5], [0, 0, 3, 6], [0, 0, 0, 1]])
    volume = io.read(path)
    np.testing.assert_allclose(volume.geometry.affine, expected, atol=1e-9)
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_damage_is_refused_or_read(written: Any, voxels: Any) -> None:
    """Whatever bytes are changed, nothing but our own errors comes out."""
    path = written(voxels, affine(PLACES["LPS"]))
    file = sorted(path.iterdir())[4] if path.is_dir() else path
    content = file.read_bytes()
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(0, min(900, len(content)), rng.integers(1, 5)):
            changed[place] = rng.integers(256)
        file.write_bytes(changed[: rng.integers(len(content)) if rng.random() < 0.1 else None])
        try:
            io.read(path, available_bytes=10**9)
        except HepaticaError:
            refused += 1
    assert refused, "some of it was damage"


def test_uppercase_extensions(voxels: Any, nifti_file: Any, itk_file: Any) -> None:
    for path in (
        nifti_file(voxels).rename(nifti_file(voxels).with_name("A.NII.GZ")),
        (p := itk_file("a.nrrd", voxels, np.eye(4))).rename(p.with_name("B.NRRD")),
        (p := itk_file("a.mha", voxels, np.eye(4))).rename(p.with_name("C.MHA")),
    ):
        np.testing.assert_array_equal(io.read(path).voxels, voxels)
        assert io.case_name(path) in "ABC"


def test_import_loads_no_other_reader() -> None:
    """nibabel loads pydicom by itself; our modules wait until they are needed."""
    code = (
        "import sys, hepatica.io;"
        "sys.exit(any(m in sys.modules for m in"
        " ('SimpleITK', 'hepatica.io.volumes', 'hepatica.io.dicom.read')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.data
def test_real_series_equals_its_nifti() -> None:
    """CHAOS case 10: the DICOM series and the NIfTI that somebody else made of it."""
    data = os.environ.get("HEPATICA_DATA")
    if not data:
        pytest.skip("HEPATICA_DATA, the folder with the real volumes, is not set")
    found = sorted(Path(data).rglob("chaos_10_inphase.nii.gz"))
    if not found:
        pytest.skip(f"HEPATICA_DATA has no chaos_10_inphase.nii.gz: {data}")
    nifti = io.read(found[0])
    dicom = io.read(found[0].parent / "dicom" / "InPhase")
    a, b = (canonical(v) for v in (nifti, dicom))
    assert a.geometry.matches(b.geometry, 0.01)
    np.testing.assert_array_equal(a.voxels, b.voxels)


def canonical(volume: Volume) -> Volume:
    image = nib.Nifti1Image(volume.voxels, volume.geometry.affine)
    turned = nib.as_closest_canonical(image)
    return Volume(np.asarray(turned.dataobj), Geometry(turned.shape, turned.affine))
