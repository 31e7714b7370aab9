"""Whole studies: what makes a volume, which one is meant, and what stands in the way."""

from __future__ import annotations

import json
import shutil
import urllib.request
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.io import archive
from hepatica.io.dicom import files, parse, pixels
from hepatica.io.dicom.study import Study, scan
from tests import studies
from tests.orientations import oblique
from tests.studies import AXIAL, FLIP, enhanced, write


@pytest.fixture
def other(voxels: Any) -> Any:
    return voxels[::-1].copy()


def scanned(source: Path) -> Study:
    with files.opened(source) as opened:
        return scan(source.name, opened)


def refused(source: Path, words: str, **choice: Any) -> None:
    with pytest.raises(InputError, match=words) as caught:
        io.read(source, **choice)
    assert caught.value.hint
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("EchoTime", ("2.3", "4.6")),
        ("ImageType", (["ORIGINAL", "PRIMARY", "W"], ["ORIGINAL", "PRIMARY", "IP"])),
        ("TemporalPositionIdentifier", (1, 2)),
        ("AcquisitionTime", ("101500", "101620")),
        ("InstanceNumber", (0, 100)),
    ],
)
def test_two_volumes_in_one_series(
    tag: str, values: Any, voxels: Any, other: Any, tmp_path: Path
) -> None:
    for n, stored in enumerate((voxels, other)):

        def change(k: int, data: Any, n: int = n) -> None:
            setattr(data, tag, values[n] + k if tag == "InstanceNumber" else values[n])
            data.SOPInstanceUID = studies.uid(n, k)

        write(tmp_path / "study", stored, AXIAL, change)
    found = scanned(tmp_path / "study").volumes
    assert [v.key for v in found] == ["5-1", "5-2"]
    assert all(set(v.stack.told_by) == {tag} for v in found)
    assert [v.problem for v in found] == [None, None]
    for n, stored in enumerate((voxels, other), 1):
        volume = io.read(tmp_path / "study", series=f"5-{n}")
        np.testing.assert_array_equal(volume.voxels, stored)
        np.testing.assert_allclose(volume.geometry.affine, AXIAL, atol=1e-4)
    refused(tmp_path / "study", "holds 2 volumes that --series 5 fits", series="5")
    refused(tmp_path / "study", "holds no volumes that --series 9 fits", series="9")


def test_the_contrast_enhanced_t1_is_taken(voxels: Any, other: Any, tmp_path: Path) -> None:
    source = tmp_path / "study"
    for number, (name, tags) in enumerate(
        {
            "t2_haste": {"EchoTime": "90", "ScanningSequence": "SE"},
            "t1_vibe_fs_pre": {"AcquisitionTime": "100000"},
            "t1_vibe_fs_arterial": {"AcquisitionTime": "100100", "ContrastBolusAgent": "Gd"},
            "t1_vibe_opp": {"ContrastBolusAgent": "Gd"},
            "dwi_b800": {"ScanningSequence": "EP", "EchoTime": "60"},
        }.items(),
        2,
    ):
        write(
            source / name, other, series=name, SeriesDescription=name, SeriesNumber=number, **tags
        )
    write(source / "t1_vibe_fs_venous", voxels, SeriesNumber=9, ContrastBolusAgent="Gd")
    write(source / "loc", other[..., :3], series="loc", SeriesDescription="localizer")
    study = scanned(source)
    kinds = [v.judgement.kind for v in study.volumes]
    assert sorted(kinds) == ["T1", "T1", "T1", "T1", "T2", "diffusion", "localizer"]
    volume = io.read(source)
    np.testing.assert_array_equal(volume.voxels, voxels)
    (told,) = [w for w in volume.source.warnings if "was taken" in w]
    assert "Of 6 volumes, 9 was taken as the contrast-enhanced T1" in told
    assert "portal venous phase with high confidence" in told
    named = io.read(source, series="t2_haste")
    np.testing.assert_array_equal(named.voxels, other)
    assert any("it is not clearly the contrast-enhanced T1" in w for w in named.source.warnings)
    asked = io.read(source, series="9").source.warnings
    assert not any("not clearly" in w for w in asked)
    assert [p.name for p in io.find_inputs(source)] == ["study"], "one study is one case"


def test_phases_of_a_dynamic_run_by_their_order(voxels: Any, tmp_path: Path) -> None:
    for n in range(4):
        write(
            tmp_path / "study",
            voxels + n,
            series=f"run {n}",
            SeriesNumber=n + 3,
            SeriesDescription="T1 VIBE dyn",
            AcquisitionTime=f"10{15 + n}00",
        )
    found = scanned(tmp_path / "study")
    phases = [v.judgement.phase for v in found.volumes]
    assert phases == ["before contrast", "arterial", "portal venous", "delayed"]
    assert {v.judgement.confidence for v in found.volumes} == {"low"}
    np.testing.assert_array_equal(io.read(tmp_path / "study").voxels, voxels + 2)


@pytest.mark.parametrize(
    ("name", "kind", "enhanced", "phase", "fat"),
    [
        ("t1_vibe_dixon_tra_bh_pv_W", "T1", True, "portal venous", True),
        ("Ax LAVA +C Portal Venous", "T1", True, "portal venous", None),
        ("WATER: Ax LAVA-Flex +C PV", "T1", True, "portal venous", True),
        ("mDIXON-All_BH_ven", "T1", True, "portal venous", None),
        ("LAVA 70 sec", "T1", True, "portal venous", None),
        ("t1_fl3d_tra_caipi_art", "T1", True, "arterial", None),
        ("t1_vibe_fs_tra_bh_nativ", "T1", False, "before contrast", True),
        ("Ax 3D FSPGR fat sat pre Gd", "T1", False, "before contrast", True),
        ("T1 VIBE 20 min HBP", "T1", True, "hepatobiliary", None),
        ("t1_vibe_tra_spaet", "T1", True, "delayed", None),
        ("T1 FS POST 3 MIN", "T1", True, "delayed", True),
        ("t1 ce transversal", "T1", True, "", None),
        ("t1_tfe_inphase", "T1", None, "", False),
        ("T1 with and without contrast portal", "T1", True, "portal venous", None),
        ("T1 vibe without", "T1", False, "before contrast", None),
        ("T2 SPAIR", "T2", None, "", True),
        ("MRCP_3D", "T2", None, "", None),
        ("ep2d_diff_b50_400_800", "diffusion", None, "", None),
        ("t1_vibe_sub_art", "subtraction", True, "arterial", None),
        ("3-Plane Loc", "localizer", None, "", None),
    ],
)
def test_what_series_are_called(
    name: str, kind: str, enhanced: Any, phase: str, fat: Any, voxels: Any, tmp_path: Path
) -> None:
    """Names of the three large makers and of German and English departments."""

    def nameless(k: int, data: Any) -> None:
        del data.ScanningSequence, data.ScanOptions

    write(tmp_path / "a", voxels, AXIAL, nameless, SeriesDescription=name, EchoTime="")
    (found,) = scanned(tmp_path / "a").volumes
    own = found.judgement
    assert (own.kind, own.enhanced, own.phase, own.fat_saturated) == (kind, enhanced, phase, fat)
    assert own.reasons


def test_fat_that_is_suppressed_is_not_fat_alone(voxels: Any, tmp_path: Path) -> None:
    for name, suits in (("T1 fat suppressed portal", True), ("T1 dixon fat portal", False)):
        write(tmp_path / name, voxels, SeriesDescription=name)
        (found,) = scanned(tmp_path / name).volumes
        assert found.judgement.is_t1ce is suits


def test_axial_before_coronal(voxels: Any, other: Any, tmp_path: Path) -> None:
    from hepatica.core.geometry import Geometry

    coronal = oblique(Geometry(voxels.shape, AXIAL), (90, 0, 0)).affine
    write(tmp_path / "study", other, coronal, series="cor", SeriesNumber=2)
    write(tmp_path / "study", voxels, SeriesNumber=3)
    np.testing.assert_array_equal(io.read(tmp_path / "study").voxels, voxels)


def test_phases_of_one_series_by_their_trigger_times(voxels: Any, tmp_path: Path) -> None:
    """Five volumes in one series, the times of which stand in milliseconds after its start."""
    for n, milliseconds in enumerate((0, 20_000, 35_000, 70_000, 180_000)):

        def change(k: int, data: Any, n: int = n, milliseconds: int = milliseconds) -> None:
            data.TriggerTime, data.SOPInstanceUID = milliseconds, studies.uid(n, k)
            data.InstanceNumber = 100 * n + k

        write(tmp_path / "study", voxels + n, AXIAL, change, SeriesDescription="LAVA dyn")
    found = scanned(tmp_path / "study").volumes
    phases = [v.judgement.phase for v in found]
    assert phases == ["before contrast", "arterial", "arterial", "portal venous", "delayed"]
    np.testing.assert_array_equal(io.read(tmp_path / "study").voxels, voxels + 3)


def test_phases_of_one_series_by_time_points_alone(voxels: Any, tmp_path: Path) -> None:
    for n in range(4):

        def change(k: int, data: Any, n: int = n) -> None:
            data.TemporalPositionIdentifier, data.SOPInstanceUID = n + 1, studies.uid(n, k)
            data.InstanceNumber = 100 * n + k

        write(tmp_path / "study", voxels + n, AXIAL, change, SeriesDescription="VIBE dyn")
    phases = [v.judgement.phase for v in scanned(tmp_path / "study").volumes]
    assert phases == ["before contrast", "arterial", "portal venous", "delayed"]


def test_phase_by_the_time_after_the_bolus(voxels: Any, tmp_path: Path) -> None:
    write(
        tmp_path / "study",
        voxels,
        SeriesDescription="T1 VIBE",
        ContrastBolusStartTime="101350",
        ContrastBolusAgent="Gd",
    )
    (found,) = scanned(tmp_path / "study").volumes
    assert (found.judgement.phase, found.judgement.confidence) == ("portal venous", "medium")
    assert "70 s after the bolus" in found.judgement.reasons


def test_two_that_suit_equally_are_asked_for(voxels: Any, other: Any, tmp_path: Path) -> None:
    for n, stored in enumerate((voxels, other)):
        write(tmp_path / "study", stored, series=str(n), SeriesNumber=n + 1)
    refused(tmp_path / "study", r"holds 2 volumes: 1 \(T1 portal venous, 11 slices\), 2 ")
    np.testing.assert_array_equal(io.read(tmp_path / "study", series="2").voxels, other)


def test_localizers_and_screenshots_do_not_stand_in_the_way(voxels: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "study", voxels)
    for n, turn in enumerate(((1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1))):

        def plane(k: int, data: Any, turn: Any = turn, n: int = n) -> None:
            data.ImageOrientationPatient = list(turn)
            data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            data.SOPInstanceUID = studies.uid("localizer", n, k)

        write(source, voxels[..., :3], AXIAL, plane, series="loc", SeriesNumber=1)
    shot = next(studies.slices(voxels))
    shot.SOPClassUID = shot.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    shot.Modality, shot.SOPInstanceUID = "OT", studies.uid("shot")
    del shot.ImagePositionPatient
    shot.save_as(source / "shot", enforce_file_format=True)
    volume = io.read(source)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert any("localizers or thin slabs beside" in w for w in volume.source.warnings)
    assert [name for name, _ in scanned(source).left_out] == ["shot"]


def test_a_mosaic_is_refused(voxels: Any, tmp_path: Path) -> None:
    write(tmp_path / "study", voxels, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    refused(tmp_path / "study", "Siemens mosaic")


def test_several_studies_are_not_mixed(voxels: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "all" / name, voxels, study=name)
    refused(tmp_path / "all", "all holds 2 studies")
    assert [p.name for p in io.find_inputs(tmp_path / "all")] == ["a", "b"]


@pytest.mark.parametrize("turn", [(0, 0, 0), (90, 0, 0), (0, 90, 0), (11, -23, 31)])
@pytest.mark.parametrize("flip", [1, -1])
def test_stacks_in_any_direction(turn: Any, flip: int, voxels: Any, tmp_path: Path) -> None:
    """Axial, coronal, sagittal and oblique, head first and feet first; SimpleITK agrees."""
    from hepatica.core.geometry import Geometry

    affine = oblique(Geometry(voxels.shape, AXIAL), turn).affine @ np.diag([1, flip, flip, 1])
    folder = write(tmp_path / "study", voxels, affine)
    volume = io.read(folder)
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    size, spacing = image.GetSize(), np.array(image.GetSpacing())
    itk = np.eye(4)
    itk[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * spacing
    itk[:3, 3] = image.GetOrigin()
    assert volume.geometry.matches(Geometry(size, FLIP @ itk), 1e-3)
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image).T)
    np.testing.assert_allclose(volume.geometry.affine, affine, atol=1e-3)


def test_enhanced_multiframe(voxels: Any, other: Any, tmp_path: Path) -> None:
    """Two echoes interleave in one file, each frame with its own slope."""
    path = enhanced(tmp_path / "study" / "one", [voxels, other], echoes=(1.2, 2.4))
    for source in (path.parent, path):
        found = scanned(source)
        assert [v.stack.told_by for v in found.volumes] == [
            {"EchoTime": "1.2"},
            {"EchoTime": "2.4"},
        ]
        for n, stored in enumerate((voxels, other), 1):
            volume = io.read(source, series=f"5-{n}")
            np.testing.assert_array_equal(volume.voxels, stored * n - 3)
            np.testing.assert_allclose(volume.geometry.affine, AXIAL, atol=1e-4)
            assert volume.source.header.multiframe
    digests = {io.read(path, series=f"5-{n}").source.sha256 for n in (1, 2)}
    assert len(digests) == 2, "two volumes of one file are two inputs"


@pytest.mark.parametrize("signed", [0, 1])
def test_jpeg_lossless(signed: int, voxels: Any, tmp_path: Path) -> None:
    """What many archives keep MRI in; written here by an encoder of a few lines."""
    assert voxels.min() < 0

    def change(k: int, data: Any) -> None:
        stored = voxels[:, :, k].T if signed else voxels[:, :, k].T + 300
        data.PixelRepresentation = signed
        data.PixelData = encapsulate([studies.jpeg_lossless(stored.astype(np.uint16))])
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEGLosslessSV1

    folder = write(tmp_path / "study", voxels, AXIAL, change)
    np.testing.assert_array_equal(io.read(folder).voxels, voxels if signed else voxels + 300)
    path = folder / "IM0004"
    path.write_bytes(path.read_bytes().replace(b"\xff\xda", b"\xff\xdb"))
    refused(folder, "IM0004 is truncated or damaged")


def test_jpeg_lossless_of_an_archive(orthanc: Any, voxels: Any, tmp_path: Path) -> None:
    """Orthanc compresses, and we read what it gives back."""
    address = orthanc.base_url.removesuffix("/dicom-web")

    def ask(path: str, body: bytes) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(address + path, data=body)) as answer:
            return bytes(answer.read())

    wish = {"Transcode": JPEGLosslessSV1, "Keep": ["SOPInstanceUID"], "Force": True}
    (tmp_path / "study").mkdir()
    for k, data in enumerate(studies.slices(voxels, study="lossless")):
        buffer = BytesIO()
        data.save_as(buffer, enforce_file_format=True)
        known = json.loads(ask("/instances", buffer.getvalue()))["ID"]
        content = ask(f"/instances/{known}/modify", json.dumps(wish).encode())
        (tmp_path / "study" / str(k)).write_bytes(content)
    assert pydicom.dcmread(tmp_path / "study" / "0").file_meta.TransferSyntaxUID == JPEGLosslessSV1
    np.testing.assert_array_equal(io.read(tmp_path / "study").voxels, voxels)


@pytest.fixture
def larger(voxels: Any) -> Any:
    """(36, 40, 11): the encoder wants more pixels; no number is negative."""
    pytest.importorskip("openjpeg", reason="hepatica[dicom] is not installed")
    return np.kron(voxels, np.ones((4, 4, 1), np.int16)) + 300


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_compressed(syntax: Any, larger: Any, tmp_path: Path) -> None:
    def change(k: int, data: Any) -> None:
        data.PixelRepresentation = 0
        data.compress(syntax, generate_instance_uid=False)

    volume = io.read(write(tmp_path / "study", larger, AXIAL, change))
    np.testing.assert_array_equal(volume.voxels, larger)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_stream_larger_than_its_header_is_not_decompressed(
    syntax: Any, larger: Any, tmp_path: Path
) -> None:
    def change(k: int, data: Any) -> None:
        data.PixelRepresentation = 0
        data.compress(syntax, generate_instance_uid=False)
        data.Rows, data.Columns = 9, 9

    folder = write(tmp_path / "study", larger, AXIAL, change)
    refused(folder, "compressed pixels of 40 x 36, but states 9 x 9")


def test_sizes_that_streams_state() -> None:
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc3\x00\x0b\x10\x01\x02\x03\x04\x01"
    assert pixels.stated_size(jpeg) == (0x102, 0x304)
    assert pixels.stated_size(jpeg.replace(b"\xc3", b"\xf7")) == (0x102, 0x304)
    assert pixels.stated_size(b"\0" * 64) is None, "run-length coding states none"
    for cut in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51\0", b"\xff\xd8\0\0" + bytes(9)):
        with pytest.raises(ValueError, match="without its size"):
            pixels.stated_size(cut)


def test_zip(voxels: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "study", voxels)
    path = tmp_path / "p1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, file in enumerate(folder.iterdir()):
            # Names in an archive are hostile; none of them touches a path.
            archive.write(file, f"../../../etc/{n}")
        archive.writestr("readme.txt", "hello")
    volume = io.read(path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.source.name == "p1"
    assert io.find_inputs(tmp_path) == [path, folder]


def test_a_damaged_file_in_a_zip_is_named_as_there(voxels: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "study", voxels)
    with zipfile.ZipFile(tmp_path / "p1.zip", "w") as archive:
        for file in folder.iterdir():
            content = file.read_bytes()
            archive.writestr(f"a/{file.name}", content[:300] if file.name == "IM0004" else content)
    refused(tmp_path / "p1.zip", "^IM0004 is truncated or damaged")


def test_a_protected_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p1.zip", "w") as archive:
        archive.writestr("a", bytes(128) + b"DICM")
    content = bytearray((tmp_path / "p1.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "p1.zip").write_bytes(content)
    refused(tmp_path / "p1.zip", "protected by a password")


def test_results_of_ours_are_no_study(voxels: Any, tmp_path: Path) -> None:
    """A second run over a folder does not take the segmentations of the first for images."""
    folder = write(tmp_path / "cohort" / "p1", voxels)
    data = next(studies.slices(voxels))
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    (tmp_path / "cohort" / "out").mkdir()
    data.save_as(tmp_path / "cohort" / "out" / "p1_seg.dcm", enforce_file_format=True)
    assert io.find_inputs(tmp_path / "cohort") == [folder]


def test_a_zip_that_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SMALL_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a", bytes(128) + b"DICM" + bytes(2**23))
    refused(tmp_path / "bomb.zip", "unpacks to more than is plausible")
    monkeypatch.setattr(archive, "MAX_FILES", 0)
    refused(tmp_path / "bomb.zip", "holds more than 0 files")


def record(parts: list[str]) -> Dataset:
    result = Dataset()
    result.DirectoryRecordType, result.ReferencedFileID = "IMAGE", parts
    return result


def dicomdir(folder: Path, *named: list[str]) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    data.file_meta.MediaStorageSOPInstanceUID = studies.uid("dir")
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / "DICOMDIR"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such names break the standard on purpose
        data.DirectoryRecordSequence = [record(parts) for parts in named]
        data.save_as(path, enforce_file_format=True)
    return path


def test_dicomdir(voxels: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "cd" / "A", voxels)
    write(tmp_path / "cd" / "B", voxels, series="b")
    path = dicomdir(tmp_path / "cd", *(["A", p.name] for p in folder.iterdir()), ["A", "GONE"])
    volume = io.read(path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.source.name == "cd"
    assert "1 files that the DICOMDIR names are not there." in volume.source.warnings


@pytest.mark.parametrize("parts", [["..", "x"], ["/etc/passwd"], ["A", "..", "..", "x"], ["C:\\x"]])
def test_a_dicomdir_that_leads_outside(parts: list[str], tmp_path: Path) -> None:
    refused(dicomdir(tmp_path, parts), "names a file outside its folder")


def test_a_dicomdir_whose_link_leads_outside(voxels: Any, tmp_path: Path) -> None:
    outside = write(tmp_path / "other", voxels)
    (tmp_path / "medium").mkdir()
    (tmp_path / "medium" / "A").symlink_to(outside)
    refused(dicomdir(tmp_path / "medium", ["A", "IM0000"]), "outside its folder")


def test_deep_nesting_is_refused(voxels: Any, tmp_path: Path) -> None:
    data = next(studies.slices(voxels))
    deep = Dataset()
    for _ in range(parse.MAX_DEPTH + 2):
        outer = Dataset()
        outer.RequestAttributesSequence = [deep]
        deep = outer
    data.RequestAttributesSequence = [deep]
    data.save_as(tmp_path / "deep", enforce_file_format=True)
    with pytest.raises(InputError, match="deeply nested"):
        parse.header(tmp_path / "deep")


def test_nesting_without_end(voxels: Any, tmp_path: Path) -> None:
    """Thousands of levels exhaust pydicom's recursion; that is damage, and no crash."""
    next(studies.slices(voxels)).save_as(tmp_path / "a", enforce_file_format=True)
    begin = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[: content.index(b"\xe0\x7f\x10\x00")] + begin * 5000)
    with pytest.raises(InputError, match="truncated or damaged"):
        parse.header(tmp_path / "a")


def test_one_uid_for_two_places_is_no_copy(voxels: Any, tmp_path: Path) -> None:
    def same(k: int, data: Any) -> None:
        if k >= voxels.shape[2] - 2:
            data.SOPInstanceUID = "1.2.3.4"

    volume = io.read(write(tmp_path / "study", voxels, change=same))
    np.testing.assert_array_equal(volume.voxels, voxels)


def test_echoes_between_each_others_slices_are_two_volumes(
    voxels: Any, other: Any, tmp_path: Path
) -> None:
    wide, between = AXIAL.copy(), AXIAL.copy()
    wide[2, 2] = between[2, 2] = 6
    between[2, 3] += 3
    write(tmp_path / "study", voxels, wide, EchoTime="2.3")
    write(tmp_path / "study", other, between, EchoTime="4.6")
    found = scanned(tmp_path / "study").volumes
    assert [v.stack.told_by for v in found] == [{"EchoTime": "2.3"}, {"EchoTime": "4.6"}]
    assert [v.stack.shape for v in found] == [voxels.shape, other.shape]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_of_any_method(method: int, voxels: Any, tmp_path: Path) -> None:
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(write(tmp_path / "study", voxels).iterdir()):
            archive.write(file, file.name)
    content = bytearray(path.read_bytes())
    content[60:200] = b"\xff" * 140
    path.write_bytes(content)
    with pytest.raises(InputError):
        io.read(path)


@pytest.mark.data
def test_real_phases_poured_into_one_folder(data: Path, tmp_path: Path) -> None:
    """CHAOS 10: both phases share one series, and their instance numbers interleave."""
    chaos = data / "mri_t1_chaos" / "chaos_10"
    for file in chaos.glob("dicom/*/*.dcm"):
        shutil.copy(file, tmp_path)
    found = scanned(tmp_path).volumes
    assert len(found) == 2
    for n, phase in enumerate(("outphase", "inphase"), 1):
        volume = io.read(tmp_path, series=f"601-{n}")
        reference = io.read(chaos / f"chaos_10_{phase}.nii.gz")
        a, b = (nib.as_closest_canonical(as_nifti(v)) for v in (volume, reference))
        np.testing.assert_allclose(a.affine, b.affine, atol=0.01)
        np.testing.assert_array_equal(a.get_fdata(), b.get_fdata())


def as_nifti(volume: Any) -> nib.Nifti1Image:
    return nib.Nifti1Image(volume.voxels, volume.geometry.affine)
