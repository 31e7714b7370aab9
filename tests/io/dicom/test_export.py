"""Results as DICOM: what others read of them, and whether they are where they belong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.pixels.utils import pack_bits

from hepatica import io
from hepatica.core.errors import InputError, ResourceError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.io.dicom import export, formats, highdicom, seg, stl
from hepatica.io.dicom.destination import Destination
from hepatica.io.dicom.segments import segments
from hepatica.io.dicom.sr import CONFIDENCE
from hepatica.results.measure import measure
from tests.orientations import oblique
from tests.studies import AXIAL, FLIP, enhanced, write

pytest.importorskip("highdicom", reason="hepatica[dicom] is not installed")

SHAPE = (20, 18, 12)
NAME = "Hepatica default 0123456789ab"

#: Axial, coronal, sagittal, oblique; head first and feet first.
PLACES = {
    f"{name}, {way}": oblique(Geometry(SHAPE, AXIAL), turn).affine @ np.diag([1, flip, flip, 1])
    for name, turn in {
        "axial": (0, 0, 0),
        "coronal": (90, 0, 0),
        "sagittal": (0, 90, 0),
        "oblique": (11, -23, 31),
    }.items()
    for way, flip in {"head first": 1, "feet first": -1}.items()
}


def labels(lesions: int = 2) -> np.ndarray:
    """A block of liver with lesions at its edge and inside, or nothing for -1."""
    result = np.zeros(SHAPE, np.uint8)
    if lesions >= 0:
        result[3:17, 2:15, 1:11] = 1
    if lesions > 0:
        result[5:9, 5:9, 3:6] = 2
    if lesions > 1:
        result[12:14, 10:12, 8:11] = 2
    return result


def image() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 900, SHAPE).astype(np.int16)


def exported(
    folder: Path, volume: Volume, stored: np.ndarray, wanted: Any = formats.FORMATS
) -> dict[str, Path]:
    labelmap = LabelMap(stored, volume.geometry)
    found = measure(labelmap, volume)
    destination = Destination.of(volume, NAME)
    folder.mkdir(exist_ok=True)
    names = export.write(folder, "p1", labelmap, found, destination, wanted)
    expected = formats.names("p1", wanted, len(found.findings))
    # Without a liver there is no surface.
    assert names == [n for n in expected if labelmap.liver.any() or "_surface_" not in n]
    assert all(formats.is_dicom_export(name, "p1") for name in names)
    assert not formats.is_dicom_export("p1_seg.nii.gz", "p1")
    return {name: folder / name for name in names}


@pytest.mark.parametrize("place", PLACES)
def test_nifti_to_segmentation_and_back(place: str, tmp_path: Path) -> None:
    """Voxels and affine are the same, bit for bit."""
    volume = io.read(write(tmp_path / "study", image(), PLACES[place]))
    nifti = tmp_path / "labels.nii.gz"
    io.write_labelmap(nifti, LabelMap(labels(), volume.geometry))
    given = io.read_labelmap(nifti)
    assert given.geometry.matches(volume.geometry, 1e-4)
    paths = exported(tmp_path / "out", volume, given.labels, [formats.SEG])
    back = io.read_labelmap(paths["p1_seg.dcm"])
    np.testing.assert_array_equal(back.labels, given.labels)
    np.testing.assert_array_equal(back.geometry.affine, volume.geometry.affine)
    again = tmp_path / "again.nii.gz"
    io.write_labelmap(again, back)
    assert again.read_bytes() == nifti.read_bytes()


def test_a_lesion_is_one_wherever_its_frames_come(tmp_path: Path) -> None:
    """Others may store lesions before the liver around them, whose frames cover them."""
    volume = io.read(write(tmp_path / "study", image()))
    path = exported(tmp_path / "out", volume, labels(), [formats.SEG])["p1_seg.dcm"]
    data = pydicom.dcmread(path)
    frames = data.pixel_array
    groups = list(data.PerFrameFunctionalGroupsSequence)
    numbers = [g.SegmentIdentificationSequence[0].ReferencedSegmentNumber for g in groups]
    places = [tuple(g.PlanePositionSequence[0].ImagePositionPatient) for g in groups]
    # The liver's frames get the lesions that they go around, as some programs have it.
    lesion_at: dict[tuple[float, ...], np.ndarray] = {}
    for place, number, frame in zip(places, numbers, frames, strict=True):
        if number > 1:
            lesion_at[place] = lesion_at.get(place, 0) | frame
    whole = [
        frame | lesion_at.get(place, 0) if number == 1 else frame
        for place, number, frame in zip(places, numbers, frames, strict=True)
    ]
    data.PixelData = pack_bits(np.stack(whole[::-1]).astype(np.uint8))
    data.PerFrameFunctionalGroupsSequence = groups[::-1]
    data.save_as(path)
    assert numbers[0] == 1
    assert numbers[-1] > 1
    np.testing.assert_array_equal(io.read_labelmap(path).labels, labels())


@pytest.mark.parametrize("lesions", [2, 0, -1])
def test_a_checker_finds_no_error(lesions: int, dciodvfy: Any, tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    for name, path in exported(tmp_path / "out", volume, labels(lesions)).items():
        assert dciodvfy(path) == [], name
        assert path.read_bytes()[:128] == bytes(128)
    assert dciodvfy(next((tmp_path / "study").iterdir())) == []


def test_the_checker_finds_errors(dciodvfy: Any, tmp_path: Path) -> None:
    """It is at work: without segments it complains."""
    volume = io.read(write(tmp_path / "study", image()))
    path = exported(tmp_path, volume, labels())["p1_seg.dcm"]
    data = pydicom.dcmread(path)
    del data.SegmentSequence
    data.save_as(path)
    assert dciodvfy(path)


def test_objects_are_filed_with_the_patient(tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    source = volume.source.header.headers[0]
    paths = exported(tmp_path / "out", volume, labels())
    assert len(paths) == 5
    series, instances = set(), set()
    for path in paths.values():
        data = pydicom.dcmread(path)
        for tag in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID"):
            assert data[tag].value == source[tag].value
        series.add(data.SeriesInstanceUID)
        instances.add(data.SOPInstanceUID)
    assert len(series) == 3
    assert len(instances) == 5
    assert source.SeriesInstanceUID not in series
    segmentation = pydicom.dcmread(paths["p1_seg.dcm"])
    (referenced,) = segmentation.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(referenced.ReferencedInstanceSequence) == SHAPE[2]
    assert segmentation.FrameOfReferenceUID == source.FrameOfReferenceUID
    first = segmentation.SegmentSequence[0]
    assert first.SegmentLabel == "Liver"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert first.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == NAME
    assert [s.SegmentLabel for s in segmentation.SegmentSequence[1:]] == ["Lesion 1", "Lesion 2"]


def test_the_report_says_what_was_measured(tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    paths = exported(tmp_path / "out", volume, labels())
    found = measure(LabelMap(labels(), volume.geometry), volume)
    report = pydicom.dcmread(paths["p1_report.dcm"])
    segmentation = pydicom.dcmread(paths["p1_seg.dcm"])
    values, references = numbers(report), set(uids(report))
    assert values["Volume"] == pytest.approx(
        [found.liver_ml, *(f.volume_ml for f in found.findings)]
    )
    assert values["Long Axis"] == pytest.approx([f.diameter_axial_mm for f in found.findings])
    assert values["Share of the liver that is lesion"] == pytest.approx([found.burden_percent])
    assert CONFIDENCE.meaning not in values, "unknown is left out"
    tracked = {str(s.TrackingUID) for s in segmentation.SegmentSequence}
    assert tracked <= references
    assert segmentation.SOPInstanceUID in references
    assert report.CompletionFlag == "COMPLETE"
    assert report.VerificationFlag == "UNVERIFIED"


def test_the_report_says_how_sure_the_model_is(tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    labelmap = LabelMap(labels(), volume.geometry)
    found = measure(labelmap, volume, np.where(labelmap.tumour, 0.625, 0).astype(np.float32))
    destination = Destination.of(volume, NAME)
    export.write(tmp_path, "p1", labelmap, found, destination, ("dicom-sr",))
    values = numbers(pydicom.dcmread(tmp_path / "p1_report.dcm"))
    assert values[CONFIDENCE.meaning] == pytest.approx([0.625] * len(found.findings))


def numbers(item: Any) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for inner in item.get("ContentSequence", []):
        if inner.ValueType == "NUM":
            name = inner.ConceptNameCodeSequence[0].CodeMeaning
            value = float(inner.MeasuredValueSequence[0].NumericValue)
            found.setdefault(name, []).append(value)
        for name, more in numbers(inner).items():
            found.setdefault(name, []).extend(more)
    return found


def uids(item: Any) -> Any:
    return (str(e.value) for e in item.iterall() if e.VR == "UI")


def test_surfaces_are_in_the_frame_of_reference(tmp_path: Path) -> None:
    """Closed, of the liver's volume, and where the liver is in the source's LPS+ mm."""
    volume = io.read(write(tmp_path / "study", image()))
    labelmap = LabelMap(labels(), volume.geometry)
    path = exported(tmp_path / "out", volume, labels())["p1_surface_01.dcm"]
    data = pydicom.dcmread(path)
    content = data.EncapsulatedDocument[: data.EncapsulatedDocumentLength]
    kind = np.dtype([("n", "<f4", 3), ("t", "<f4", (3, 3)), ("e", "<u2")])
    triangles = np.frombuffer(content[84:], kind)
    assert int.from_bytes(content[80:84], "little") == len(triangles)
    corners = triangles["t"].astype(float)
    a, b, c = (corners[:, n] for n in range(3))
    enclosed_ml = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6000)
    assert enclosed_ml == pytest.approx(measure(labelmap).liver_ml, rel=0.01)
    inside = labelmap.geometry.to_patient(np.argwhere(labelmap.liver)) * (-1, -1, 1)
    points = corners.reshape(-1, 3)
    assert np.abs(points.mean(axis=0) - inside.mean(axis=0)).max() < 2
    assert np.abs(points.min(axis=0) - inside.min(axis=0)).max() < 2
    assert data.MIMETypeOfEncapsulatedDocument == "model/stl"


def test_stl_of_a_box() -> None:
    """Half a turn about z, and the corners still run counter-clockwise from outside."""
    corner = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * 10.0
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box = [corner[list(t)] for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    content = stl.binary(np.array(box))
    kind = np.dtype([("n", "<f4", 3), ("t", "<f4", (3, 3)), ("e", "<u2")])
    triangles = np.frombuffer(content[84:], kind)
    assert len(content) == 84 + 12 * 50
    assert triangles["t"].reshape(-1, 3).min(axis=0).tolist() == [-10, -10, 0]
    assert triangles["t"].reshape(-1, 3).max(axis=0).tolist() == [0, 0, 10]
    a, b, c = (triangles["t"][:, n].astype(float) for n in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(1000)
    np.testing.assert_allclose(np.linalg.norm(triangles["n"], axis=1), 1)
    assert stl.binary([])[80:] == bytes(4)


def test_an_archive_gives_back_what_it_was_given(orthanc: Any, tmp_path: Path) -> None:
    """STOW to Orthanc, WADO from it: identical voxels in all three."""
    folder = write(tmp_path / "study", image(), PLACES["oblique, head first"])
    volume = io.read(folder)
    paths = exported(tmp_path / "out", volume, labels())
    sent = [pydicom.dcmread(p) for p in (*folder.iterdir(), *paths.values())]
    orthanc.store_instances(sent)
    study = str(sent[0].StudyInstanceUID)
    modalities = {s["00080060"]["Value"][0] for s in orthanc.search_for_series(study)}
    assert modalities == {"MR", "SEG", "SR", "M3D"}
    for name, path in paths.items():
        given = pydicom.dcmread(path)
        back = orthanc.retrieve_instance(study, given.SeriesInstanceUID, given.SOPInstanceUID)
        returned = tmp_path / name
        back.save_as(returned)
        if name == "p1_seg.dcm":
            decoded = io.read_labelmap(returned)
            np.testing.assert_array_equal(decoded.labels, labels())
            np.testing.assert_array_equal(decoded.geometry.affine, volume.geometry.affine)
        elif name == "p1_report.dcm":
            assert numbers(back) == numbers(given)
        else:
            assert back.EncapsulatedDocument == given.EncapsulatedDocument
    (tmp_path / "back").mkdir()
    for n, data in enumerate(orthanc.retrieve_series(study, sent[0].SeriesInstanceUID)):
        data.save_as(tmp_path / "back" / str(n))
    again = io.read(tmp_path / "back")
    np.testing.assert_array_equal(again.voxels, volume.voxels)


@pytest.mark.parametrize("lesions", [2, 0])
def test_dcmqi_reads_the_same_voxels(lesions: int, tmp_path: Path) -> None:
    """An independent reader of segmentations, and SimpleITK's of the source, agree with us."""
    dcmqi = pytest.importorskip("dcmqi", reason="dcmqi is not installed")
    program = Path(dcmqi.__file__).parent / "bin" / "segimage2itkimage"
    if not program.exists():
        pytest.skip("this dcmqi has no segimage2itkimage")
    folder = write(tmp_path / "study", image(), PLACES["oblique, feet first"])
    volume = io.read(folder)
    path = exported(tmp_path / "out", volume, labels(lesions), [formats.SEG])["p1_seg.dcm"]
    words = ["--inputDICOM", path, "--outputDirectory", tmp_path, "-t", "nrrd", "-p", "q"]
    subprocess.run([program, *words], check=True, capture_output=True)
    parts = segments(lesions)
    stored = LabelMap(labels(lesions), volume.geometry)
    from hepatica.io.dicom.segments import masks

    source = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    for part, mask in zip(parts, masks(stored, parts), strict=True):
        read = sitk.ReadImage(str(tmp_path / f"q-{part.number}.nrrd"))
        grid = np.eye(4)
        grid[:3, :3] = np.reshape(read.GetDirection(), (3, 3)) * np.array(read.GetSpacing())
        grid[:3, 3] = read.GetOrigin()
        assert Geometry(read.GetSize(), FLIP @ grid).matches(volume.geometry, 1e-2)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read).T > 0, mask)
        assert read.GetSize() == source.GetSize()
        np.testing.assert_allclose(read.GetOrigin(), source.GetOrigin(), atol=1e-2)


@pytest.mark.parametrize("lesions", [2, 0, -1])
def test_results_of_an_enhanced_image(lesions: int, dciodvfy: Any, tmp_path: Path) -> None:
    """The segmentation lies on the planes of one of the two volumes in the file."""
    path = enhanced(tmp_path / "study" / "one", [image(), image() + 1], echoes=(1.2, 2.4))
    volume = io.read(path, series="5-2")
    paths = exported(tmp_path / "out", volume, labels(lesions))
    decoded = io.read_labelmap(paths["p1_seg.dcm"])
    np.testing.assert_array_equal(decoded.labels, labels(lesions))
    assert decoded.geometry.matches(volume.geometry, 1e-4)
    for name, file in paths.items():
        assert dciodvfy(file) == [], name


def test_a_tilted_stack(tmp_path: Path) -> None:
    def tilt(k: int, data: Any) -> None:
        x, y, z = (float(v) for v in data.ImagePositionPatient)
        data.ImagePositionPatient = [x, y + 0.6 * k, z]

    volume = io.read(write(tmp_path / "study", image(), AXIAL, tilt))
    path = exported(tmp_path / "out", volume, labels(), [formats.SEG])["p1_seg.dcm"]
    decoded = io.read_labelmap(path)
    np.testing.assert_array_equal(decoded.labels, labels())
    np.testing.assert_array_equal(decoded.geometry.affine, volume.geometry.affine)


def test_planes_that_were_left_out_are_empty(tmp_path: Path) -> None:
    """Other tools write only the planes that hold something."""
    volume = io.read(write(tmp_path / "study", image()))
    path = exported(tmp_path, volume, labels(), [formats.SEG])["p1_seg.dcm"]
    data = pydicom.dcmread(path)
    frames, stored = data.PerFrameFunctionalGroupsSequence, data.pixel_array
    kept = [n for n in range(len(frames)) if stored[n].any()]
    assert len(kept) < len(frames)
    data.PerFrameFunctionalGroupsSequence = [frames[n] for n in kept]
    data.NumberOfFrames = len(kept)
    bits = np.packbits(stored[kept].ravel(), bitorder="little").tobytes()
    data.PixelData = bits + b"\0" * (len(bits) % 2)
    data.save_as(path)
    decoded = io.read_labelmap(path)
    np.testing.assert_array_equal(decoded.labels, labels()[..., 1:11])
    assert decoded.geometry.matches(
        volume.geometry.crop((slice(0, 20), slice(0, 18), slice(1, 11)))
    )


def test_what_cannot_be_read_as_a_label_map(tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    path = exported(tmp_path, volume, labels(), [formats.SEG])["p1_seg.dcm"]
    data = pydicom.dcmread(path)
    for segment in data.SegmentSequence:
        segment.SegmentedPropertyTypeCodeSequence[0].CodeValue = "78961009"  # spleen
    data.save_as(tmp_path / "spleen.dcm")
    with pytest.raises(InputError, match=r"spleen\.dcm segments neither a liver nor lesions"):
        io.read_labelmap(tmp_path / "spleen.dcm")
    data.SegmentationType = "FRACTIONAL"
    data.save_as(tmp_path / "fractional.dcm")
    with pytest.raises(InputError, match="no binary segmentation"):
        io.read_labelmap(tmp_path / "fractional.dcm")
    content = path.read_bytes()
    (tmp_path / "cut.dcm").write_bytes(content[: len(content) - 3000])
    with pytest.raises(InputError, match=r"cut\.dcm is truncated or damaged"):
        io.read_labelmap(tmp_path / "cut.dcm")
    with pytest.raises(ResourceError, match="memory"):
        io.read_labelmap(path, available_bytes=1000)


def test_results_need_a_place(tmp_path: Path) -> None:
    volume = Volume(image(), Geometry(SHAPE, AXIAL), Source("p1"))
    with pytest.raises(InputError, match="p1 is no DICOM study"):
        Destination.of(volume, NAME)

    def nowhere(k: int, data: Any) -> None:
        del data.FrameOfReferenceUID

    volume = io.read(write(tmp_path / "study", image(), AXIAL, nowhere))
    with pytest.raises(InputError, match="study states no FrameOfReferenceUID"):
        Destination.of(volume, NAME)


def test_a_volume_in_two_multiframe_files_has_no_dicom_results(tmp_path: Path) -> None:
    low, high = AXIAL, AXIAL.copy()
    high[2, 3] += 3 * SHAPE[2]
    for n, affine in enumerate((low, high)):
        enhanced(tmp_path / "study" / str(n), [image()], affine)
    volume = io.read(tmp_path / "study")
    assert volume.geometry.shape == (20, 18, 24)
    with pytest.raises(InputError, match="study lies in several multi-frame files"):
        Destination.of(volume, NAME)


def test_dcmqi_reads_the_same_measurements(tmp_path: Path) -> None:
    """An independent reader of structured reports finds our numbers."""
    dcmqi = pytest.importorskip("dcmqi", reason="dcmqi is not installed")
    program = Path(dcmqi.__file__).parent / "bin" / "tid1500reader"
    volume = io.read(write(tmp_path / "study", image()))
    path = exported(tmp_path / "out", volume, labels())["p1_report.dcm"]
    words = ["--inputDICOM", path, "--outputMetadata", tmp_path / "report.json"]
    subprocess.run([program, *words], check=True, capture_output=True)
    read = json.loads((tmp_path / "report.json").read_text())
    volumes_ml = [
        float(item["value"])
        for group in read["Measurements"]
        for item in group["measurementItems"]
        if item["quantity"]["CodeMeaning"] == "Volume"
    ]
    found = measure(LabelMap(labels(), volume.geometry), volume)
    expected = [found.liver_ml, *(f.volume_ml for f in found.findings)]
    assert volumes_ml == pytest.approx(expected)


def test_without_highdicom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(ResourceError, match=r"hepatica\[dicom\]"):
        highdicom.load()


def test_segments_must_be_those_of_the_label_map(tmp_path: Path) -> None:
    volume = io.read(write(tmp_path / "study", image()))
    with pytest.raises(ValueError, match="1 lesions were named"):
        seg.encode(LabelMap(labels(2), volume.geometry), Destination.of(volume, NAME), segments(1))
