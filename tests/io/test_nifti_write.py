"""What is written lies where the input lay, to the bit, and is the same every time."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from hepatica import io
from hepatica.core.errors import OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Source, Volume

PLACE = (
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

#: Axes at right angles but for the rounding, which a quaternion cannot hold.
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = np.linalg.qr([[3, 1, 0], [1, -4, 1], [0.5, 1, 5]])[0] * (0.9, 1.7, 3.1)
OBLIQUE[:3, 3] = (91.77, -80.13, 33.33)
OBLIQUE = OBLIQUE.round(2)


def labels() -> Any:
    result = np.zeros((9, 10, 11), np.uint8)
    result[2:7, 3:8, 1:9] = 1
    result[3, 4, 5:7] = 2
    return result


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize(("qform", "sform"), [(1, 1), (1, 2), (0, 1), (3, 0), (0, 0), (2, 4)])
def test_place_is_copied_to_the_bit(
    kind: Any, endian: str, qform: int, sform: int, voxels: Any, tmp_path: Path
) -> None:
    header = kind.header_class(endianness=endian)
    header.set_data_dtype(np.int16)
    header.set_xyzt_units("mm", "sec")
    header.set_dim_info(freq=1, phase=0, slice=2)
    header.set_data_shape((9, 10, 11, 1))
    header.set_qform(OBLIQUE, qform)
    header.set_sform(OBLIQUE, sform)
    # Both differ, by less than a millimetre: neither may be computed from the other.
    header["srow_x"][3] += 0.123456789
    header["pixdim"][1] *= 1.001
    # Not with nibabel, which would make both agree.
    stored = voxels.astype(endian + "i2").tobytes(order="F")
    with (tmp_path / "in.nii").open("wb") as stream:
        header.write_to(stream)
        stream.write(stored)
    volume = io.read(tmp_path / "in.nii")
    io.write_labelmap(
        tmp_path / "out.nii.gz", LabelMap(labels(), volume.geometry), volume.source.header
    )

    before, after = (nib.load(tmp_path / n).header for n in ("in.nii", "out.nii.gz"))
    assert before.endianness == endian, "nibabel kept it"
    assert type(after) is type(before)
    for field in (*PLACE, "qform_code", "sform_code", "xyzt_units", "dim_info"):
        np.testing.assert_array_equal(after[field], before[field], err_msg=field)
    np.testing.assert_array_equal(after["pixdim"][:4], before["pixdim"][:4])
    assert (int(after["qform_code"]), int(after["sform_code"])) == (qform, sform)
    assert after.get_data_dtype() == np.uint8
    assert after.get_intent()[0] == "label"
    assert after.get_data_shape() == (9, 10, 11)
    again = io.read_labelmap(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(again.labels, labels())
    np.testing.assert_array_equal(again.geometry.affine, volume.geometry.affine)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii.gz").dataobj), labels())


def test_label_names(tmp_path: Path) -> None:
    geometry = Geometry.from_spacing((9, 10, 11), 2)
    io.write_labelmap(tmp_path / "a.nii.gz", LabelMap(labels(), geometry))
    (extension,) = nib.load(tmp_path / "a.nii.gz").header.extensions
    assert extension.get_code() == 6
    content = extension.get_content()
    text = content if isinstance(content, str) else content.decode()
    assert json.loads(text.rstrip("\0"))["hepatica"]["labels"] == {
        "0": "background",
        "1": "liver parenchyma",
        "2": "tumour",
    }


@pytest.mark.parametrize("header", [None, {"a": "DICOM header"}, "NRRD"])
@pytest.mark.parametrize("left", [1, -1])
def test_without_a_nifti_header(header: Any, left: int, tmp_path: Path) -> None:
    turn = np.linalg.qr(OBLIQUE[:3, :3])[0]
    matrix = np.eye(4)
    matrix[:3, :3] = turn * (0.9 * left, 1.7, 3.1)
    matrix[:3, 3] = (1, 2, 3)
    geometry = Geometry((9, 10, 11), matrix)
    io.write_labelmap(tmp_path / "a.nii", LabelMap(labels(), geometry), header)
    written = nib.load(tmp_path / "a.nii").header
    assert (int(written["qform_code"]), int(written["sform_code"])) == (1, 1)
    np.testing.assert_allclose(written.get_qform(), matrix, atol=1e-5)
    np.testing.assert_allclose(written.get_sform(), matrix, atol=1e-5)
    assert written.get_xyzt_units()[0] == "mm"
    image = sitk.ReadImage(str(tmp_path / "a.nii"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).transpose(), labels())
    for index in ((0, 0, 0), (8, 9, 10)):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(geometry.to_patient(index), (-x, -y, z), atol=1e-4)


def test_sheared_grid_has_no_qform(tmp_path: Path) -> None:
    matrix = np.diag([2.0, 2.0, 3.0, 1.0])
    matrix[1, 2] = 0.8
    io.write_labelmap(tmp_path / "a.nii.gz", LabelMap(labels(), Geometry((9, 10, 11), matrix)))
    written = nib.load(tmp_path / "a.nii.gz").header
    assert (int(written["qform_code"]), int(written["sform_code"])) == (0, 1)
    np.testing.assert_allclose(written.get_sform(), matrix, atol=1e-6)
    geometry = io.read_labelmap(tmp_path / "a.nii.gz").geometry
    np.testing.assert_allclose(geometry.affine, matrix, atol=1e-6)


def test_equal_maps_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelmap = LabelMap(labels(), Geometry.from_spacing((9, 10, 11), 2))
    io.write_labelmap(tmp_path / "a.nii.gz", labelmap)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    io.write_labelmap(tmp_path / "b.nii.gz", labelmap)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == bytes(4), "no time"
    assert not content[3] & 0b1000, "no file name"
    # The layout in memory is no part of the map.
    other = LabelMap(np.asfortranarray(labels()), labelmap.geometry)
    io.write_labelmap(tmp_path / "c.nii", other)
    assert gzip.decompress(content) == (tmp_path / "c.nii").read_bytes()


def test_header_of_another_grid(voxels: Any, nifti_file: Any, tmp_path: Path) -> None:
    volume = io.read(nifti_file(voxels))
    box = (slice(0, 9), slice(0, 10), slice(1, 11))
    moved = volume.geometry.affine.copy()
    moved[0, 3] += 1
    for geometry in (volume.geometry.crop(box), Geometry((9, 10, 11), moved)):
        part = LabelMap(np.zeros(geometry.shape, np.uint8), geometry)
        with pytest.raises(ValueError, match="another grid"):
            io.write_labelmap(tmp_path / "a.nii.gz", part, volume.source.header)
    # A volume that was cropped says so itself: its header is left aside.
    io.write_volume(tmp_path / "b.nii.gz", volume.crop(box))
    again = io.read(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(again.voxels, voxels[box])
    assert again.geometry.matches(volume.geometry.crop(box))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([-32768, 32767], np.int16),
        ([0, 32768], np.float32),
        ([-32769, 0], np.float32),
        ([0, 0.5], np.float32),
        ([0, np.nan], np.float32),
    ],
)
def test_write_volume(values: list[float], dtype: Any, tmp_path: Path) -> None:
    voxels = np.resize(np.array(values, np.float32), (9, 10, 11))
    geometry = Geometry.from_spacing((9, 10, 11), (1, 2, 3))
    io.write_volume(tmp_path / "a.nii.gz", Volume(voxels, geometry))
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.get_data_dtype() == dtype
    np.testing.assert_array_equal(image.get_fdata(), voxels)
    np.testing.assert_allclose(image.affine, geometry.affine)


def test_write_volume_keeps_the_header(voxels: Any, nifti_file: Any, tmp_path: Path) -> None:
    path = nifti_file(voxels, OBLIQUE)
    io.write_volume(tmp_path / "b.nii", io.read(path))
    before, after = (nib.load(p).header for p in (path, tmp_path / "b.nii"))
    for field in (*PLACE, "qform_code", "sform_code"):
        np.testing.assert_array_equal(after[field], before[field], err_msg=field)
    np.testing.assert_array_equal(io.read(tmp_path / "b.nii").voxels, voxels)


@pytest.mark.parametrize("name", ["a.nrrd", "a", "a.nii.bz2"])
def test_other_extensions(name: str, tmp_path: Path) -> None:
    geometry = Geometry.from_spacing((9, 10, 11), 2)
    with pytest.raises(OutputError, match=f"{name} cannot be written"):
        io.write_labelmap(tmp_path / name, LabelMap(labels(), geometry))
    with pytest.raises(OutputError, match=f"{name} cannot be written"):
        io.write_volume(tmp_path / name, Volume(labels(), geometry, Source("x")))
    assert list(tmp_path.iterdir()) == []


def test_a_note_stands_in_the_header(voxels: Any, tmp_path: Path) -> None:
    volume = Volume(voxels, Geometry.from_spacing((9, 10, 11), 2))
    longest = "n" * 79
    for note in ("", "no person was imaged", longest):
        io.write_volume(tmp_path / "a.nii.gz", volume, note)
        assert nib.load(tmp_path / "a.nii.gz").header["descrip"].item().decode() == note
    for note in (longest + "n", "kein Müsterfall"):
        with pytest.raises(ValueError, match="cannot hold"):
            io.write_volume(tmp_path / "b.nii.gz", volume, note)
    assert not (tmp_path / "b.nii.gz").exists()
