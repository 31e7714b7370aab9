"""DICOM series as they come: in any order, tilted, mixed, incomplete, compressed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
    SegmentationStorage,
    generate_uid,
)

from hepatica import io
from hepatica.core.errors import HepaticaError, InputError, ResourceError
from hepatica.io import checks

AXIAL = np.array([[-1.5, 0, 0, 90], [0, -1.2, 0, 80], [0, 0, 3, -40], [0, 0, 0, 1.0]])


def refused(folder: Path, name: str = "", kind: type[HepaticaError] = InputError) -> str:
    """The sentence, which names the folder or the file."""
    with pytest.raises(kind) as caught:
        io.read(folder)
    message = caught.value.message
    assert message.startswith(name or folder.name), message
    assert caught.value.hint
    for word in ("pydicom", "0x", "Tag", "Doe", "4711", "\n"):
        assert word not in message
    return message


def position(data: Any, *, add: Any) -> None:
    moved = np.asarray(data.ImagePositionPatient, float) + add
    data.ImagePositionPatient = [f"{v:.6f}" for v in moved]


def test_source_has_no_patient(series: Any, voxels: Any) -> None:
    source = io.read(series(voxels, AXIAL)).source
    assert source.name == "study"
    assert source.format == "dicom"
    assert len(source.header.headers) == 11
    assert "Doe" not in repr(source) + repr(source.header)
    assert "4711" not in repr(source)


def test_identity_follows_the_slices_not_their_names(series: Any, voxels: Any) -> None:
    folder = series(voxels, AXIAL)
    before = io.read(folder).source.sha256
    for k, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"x{(k * 7) % 11:02d}.dcm")
    assert io.read(folder).source.sha256 == before


def test_rescaled_slice_by_slice(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        if k:  # the first has no rescaling
            data.RescaleSlope, data.RescaleIntercept = 0.5 * k, -k

    folder = series(voxels, AXIAL, change)
    k = np.arange(11)
    expected = voxels * np.where(k, 0.5 * k, 1) - k
    np.testing.assert_array_equal(io.read(folder).voxels, expected.astype(np.float32))


@pytest.mark.parametrize("signed", [0, 1])
def test_twelve_bits(signed: int, series: Any, voxels: Any) -> None:
    """Signed values in 12 of 16 bits, whose upper bits are zero."""

    def change(k: int, data: Any) -> None:
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, signed
        stored = voxels[:, :, k].T.astype(np.int16) & 0xFFF
        data.PixelData = stored.astype("<u2").tobytes()

    volume = io.read(series(voxels, AXIAL, change))
    expected = voxels if signed else voxels & 0xFFF
    np.testing.assert_array_equal(volume.voxels, expected)


def test_other_files_are_ignored(series: Any, voxels: Any) -> None:
    folder = series(voxels, AXIAL)
    (folder / "notes.txt").write_text("hello")
    (folder / "empty").touch()
    (folder / "inner").mkdir()
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    report = pydicom.dcmread(next(p for p in folder.iterdir() if p.name.startswith("IM")))
    for n, uid in enumerate(("1.2.840.10008.5.1.4.1.1.88.22", SegmentationStorage)):
        report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = uid
        report.SeriesInstanceUID = generate_uid()
        report.save_as(folder / f"other{n}")
    np.testing.assert_array_equal(io.read(folder).voxels, voxels)


def test_tilted_stack_is_sheared(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        position(data, add=(0, 0.6 * k, 0))

    volume = io.read(series(voxels, AXIAL, change))
    expected = AXIAL.copy()
    expected[1, 2] = -0.6
    np.testing.assert_allclose(volume.geometry.affine, expected, atol=1e-4)
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_small_jitter_is_accepted(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        position(data, add=(0, 0, 0.04 * (-1) ** k))

    volume = io.read(series(voxels, AXIAL, change))
    np.testing.assert_allclose(volume.geometry.spacing_mm[2], 3, atol=0.01)


def test_ct_and_other_modalities(series: Any, voxels: Any) -> None:
    def ct(k: int, data: Any) -> None:
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CTImageStorage
        data.Modality, data.RescaleIntercept, data.RescaleSlope = "CT", -1024, 1

    def pet(k: int, data: Any) -> None:
        data.Modality = "PT"

    assert io.read(series(voxels, AXIAL, ct, "ct")).source.warnings == (checks.CT_WARNING,)
    (warning,) = io.read(series(voxels, AXIAL, pet, "pet")).source.warnings
    assert "PT" in warning


def test_decoder_at_hand(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        data.compress(RLELossless, generate_instance_uid=False)

    np.testing.assert_array_equal(io.read(series(voxels, AXIAL, change)).voxels, voxels)


def test_no_decoder(series: Any, voxels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(k: int, data: Any) -> None:
        data.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        data.PixelData = encapsulate([data.PixelData])

    from hepatica.io.dicom import pixels

    monkeypatch.setattr(pixels, "decodable", lambda syntax: False)
    folder = series(voxels, AXIAL, change)
    assert "compressed in a way that cannot be undone here (JPEG Lossless" in refused(folder, "IM")


def test_decoders_are_known() -> None:
    from hepatica.io.dicom import pixels

    assert pixels.decodable(RLELossless)
    assert pixels.decodable(JPEGLosslessSV1)
    assert not pixels.decodable(pydicom.uid.UID("1.2.3.4"))


def test_deflated(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    assert "Deflated" in refused(series(voxels, AXIAL, change), "IM")


def test_empty_folder(tmp_path: Path, series: Any, voxels: Any) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no DICOM image" in refused(tmp_path / "empty")
    series(voxels, AXIAL)
    np.testing.assert_array_equal(io.read(tmp_path).voxels, voxels)


def merge(source: Path, target: Path) -> None:
    for file in source.iterdir():
        shutil.copy(file, target / f"{source.name}-{file.name}")


def test_copies(series: Any, voxels: Any) -> None:
    """The same file twice, and the same picture under a new instance UID."""
    folder = series(voxels, AXIAL)
    shutil.copy(folder / "IM0004", folder / "IM0004 (1)")
    again = pydicom.dcmread(folder / "IM0005")
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    again.save_as(folder / "again")
    volume = io.read(folder)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert "1 copies of slices were left out." in volume.source.warnings
    assert any("there twice" in warning for warning in volume.source.warnings)


def test_slices_at_one_place_that_nothing_tells_apart(series: Any, voxels: Any) -> None:
    folder = series(voxels, AXIAL)
    other = pydicom.dcmread(folder / "IM0005")
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.PixelData = bytes(reversed(other.PixelData))
    other.save_as(folder / "other")
    assert "12 slices at 11 places, and nothing says" in refused(folder)


def test_missing_slice(series: Any, voxels: Any) -> None:
    folder = series(voxels, AXIAL)
    inner = next(p for p in folder.iterdir() if pydicom.dcmread(p).ImagePositionPatient[2] == -25)
    inner.unlink()
    message = refused(folder)
    assert "a gap of 6.00 mm" in message
    assert "others are 3.00 mm" in message


def test_uneven_and_sideways(series: Any, voxels: Any) -> None:
    def uneven(k: int, data: Any) -> None:
        position(data, add=(0, 0, 0.15 * (k == 5)))

    def sideways(k: int, data: Any) -> None:
        position(data, add=(0.15 * (k > 5), 0, 0))

    assert "a gap of 3.15 mm" in refused(series(voxels, AXIAL, uneven, "a"))
    assert "shifted sideways" in refused(series(voxels, AXIAL, sideways, "b"))


def test_slices_that_do_not_match(series: Any, voxels: Any) -> None:
    """One of them is not of the volume, which therefore has a gap."""

    def turned(k: int, data: Any) -> None:
        if k == 3:
            data.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    def matrix(k: int, data: Any) -> None:
        if k == 3:
            data.Rows, data.Columns = data.Columns, data.Rows

    def spacing(k: int, data: Any) -> None:
        if k == 3:
            data.PixelSpacing = [1.2, 1.6]

    for n, change in enumerate((turned, matrix, spacing)):
        assert "a gap of 6.00 mm" in refused(series(voxels, AXIAL, change, f"s{n}"))


def test_headers_that_do_not_do(series: Any, voxels: Any) -> None:
    def frames(k: int, data: Any) -> None:
        data.NumberOfFrames = 200_000

    def colour(k: int, data: Any) -> None:
        data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
        data.PlanarConfiguration = 0

    def palette(k: int, data: Any) -> None:
        data.PhotometricInterpretation = "PALETTE COLOR"

    def nowhere(k: int, data: Any) -> None:
        del data.ImagePositionPatient

    def skewed(k: int, data: Any) -> None:
        data.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]

    def flat(k: int, data: Any) -> None:
        data.PixelSpacing = [1, 0]

    def sizeless(k: int, data: Any) -> None:
        del data.Rows

    for n, (change, words) in enumerate(
        (
            (frames, "states 200,000 frames"),
            (colour, "holds colours"),
            (palette, "holds colours"),
            (nowhere, "does not state where it lies"),
            (skewed, "an orientation that is not one"),
            (flat, "spacing of 1 x 0 mm"),
            (sizeless, "truncated or damaged"),
        )
    ):
        assert words in refused(series(voxels, AXIAL, change, f"s{n}"), "IM")


@pytest.mark.parametrize("left", [140, 300, -10])
def test_truncated(left: int, series: Any, voxels: Any) -> None:
    folder = series(voxels, AXIAL)
    file = folder / "IM0004"
    file.write_bytes(file.read_bytes()[:left])
    assert "IM0004 is truncated or damaged" in refused(folder, "IM0004")


def test_few_slices_and_constant(series: Any, voxels: Any) -> None:
    assert "only 7 slices" in refused(series(voxels[..., :7], AXIAL, None, "a"))
    assert "only 1 slices" in refused(series(voxels[..., :1], AXIAL, None, "b"))
    assert "constant" in refused(series(voxels * 0, AXIAL, None, "c"))


def test_memory_before_voxels(series: Any, voxels: Any) -> None:
    def change(k: int, data: Any) -> None:
        data.Rows = data.Columns = 8000

    folder = series(voxels, AXIAL, change)
    with pytest.raises(ResourceError, match="704,000,000 voxels"):
        io.read(folder, available_bytes=10**9)

    def absurd(k: int, data: Any) -> None:
        data.Rows = data.Columns = 60000

    assert "states 1 frames of 60,000" in refused(series(voxels, AXIAL, absurd, "absurd"), "IM")


def test_values_that_break_the_standard(series: Any, voxels: Any) -> None:
    """A UID with a letter in it is read, and no warning escapes; a spacing with one is not."""

    def change(k: int, data: Any) -> None:
        data.SeriesInstanceUID = "1.2.3.4567"

    folder = series(voxels, AXIAL, change)
    substitute(folder, b"1.2.3.4567", b"1.2.x.4567")
    file = next(folder.iterdir())
    with pytest.warns(UserWarning, match="Invalid value for VR UI"):
        assert pydicom.dcmread(file).SeriesInstanceUID == "1.2.x.4567"
    np.testing.assert_array_equal(io.read(folder).voxels, voxels)
    substitute(folder, b"1.2\\1.5 ", b"1.2\\1.5a")
    assert "truncated or damaged" in refused(folder, "IM")


def substitute(folder: Path, old: bytes, new: bytes) -> None:
    for file in folder.iterdir():
        content = file.read_bytes()
        assert content.count(old) == 1
        file.write_bytes(content.replace(old, new))
