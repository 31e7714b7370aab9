"""Files for viewers, as SimpleITK and an XML parser read them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import SimpleITK as sitk

from hepatica import io
from hepatica.core.errors import ConfigError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.io import models, segments
from hepatica.results.measure import measure
from hepatica.results.panels import window
from tests.orientations import oblique
from tests.phantom import phantom

GRID = oblique(Geometry.from_spacing((44, 38, 30), (4.0, 4.0, 4.5), (40, 10, 0)), (6, -4, 9))


@pytest.fixture(scope="module")
def case():
    return phantom(GRID)


def test_simpleitk_reads_the_segmentation_in_its_place(case, tmp_path):
    _, labels = case
    path = tmp_path / "p1.seg.nrrd"
    segments.write_seg_nrrd(path, labels)
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image).T
    assert voxels.dtype == np.uint8
    assert np.array_equal(voxels == 1, labels.parenchyma)
    assert np.array_equal(voxels > 1, labels.tumour)
    for finding in measure(labels).findings:
        assert voxels[finding.centre_voxel] == finding.id + 1
        x, y, z = GRID.to_patient(finding.centre_voxel).tolist()
        assert image.TransformPhysicalPointToIndex((-x, -y, z)) == finding.centre_voxel
    # Our own reader agrees with the grid.
    assert io.read_labelmap(path).geometry.matches(GRID)


def test_names_colours_and_terminology(case, tmp_path):
    _, labels = case
    path = tmp_path / "p1.seg.nrrd"
    segments.write_seg_nrrd(path, labels)
    image = sitk.ReadImage(str(path))
    meta = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert [meta[f"Segment{n}_Name"] for n in range(3)] == [
        "Liver parenchyma",
        "Lesion 1",
        "Lesion 2",
    ]
    assert "Segment3_Name" not in meta
    assert [meta[f"Segment{n}_LabelValue"] for n in range(3)] == ["1", "2", "3"]
    assert meta["Segment0_Color"] == "0.337255 0.705882 0.913725"
    assert "SCT^10200004^Liver" in meta["Segment0_Tags"]
    assert "SCT^52988006^Lesion" in meta["Segment1_Tags"]
    assert meta["Segment1_Tags"].count("~") == 6  # context, category, type, modifier, 3 regions
    assert meta["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    low, high = np.array(meta["Segment1_Extent"].split(), int).reshape(3, 2).T
    where = np.argwhere(sitk.GetArrayFromImage(image).T == 2)
    assert (low.tolist(), high.tolist()) == (where.min(0).tolist(), where.max(0).tolist())


def test_many_lesions_and_none(tmp_path):
    labels = np.zeros((40, 30, 10), np.uint8)
    labels[::2, ::2, ::2] = 2
    many = LabelMap(labels, Geometry.from_spacing(labels.shape, 1))
    voxels, named = segments.segments(many)
    assert len(named) == voxels.max() - 1 == 20 * 15 * 5
    segments.write_seg_nrrd(tmp_path / "many.seg.nrrd", many)
    assert sitk.ReadImage(str(tmp_path / "many.seg.nrrd")).GetPixelID() == sitk.sitkUInt16
    nothing = LabelMap(labels * 0, many.geometry)
    segments.write_seg_nrrd(tmp_path / "none.seg.nrrd", nothing)
    assert not sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "none.seg.nrrd"))).any()
    assert segments.segments(nothing)[1] == ()


def test_itksnap_labels(case):
    _, named = segments.segments(case[1])
    lines = [x for x in segments.itksnap_labels(named).splitlines() if not x.startswith("#")]
    form = re.compile(r'^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([01])\s+([01])\s+([01])\s+"(.+)"$')
    found = [form.match(line).groups() for line in lines]
    assert [(int(f[0]), f[-1]) for f in found] == [
        (0, "Clear Label"),
        (1, "Liver parenchyma"),
        (2, "Lesion 1"),
        (3, "Lesion 2"),
    ]
    assert found[1][1:4] == ("86", "180", "233")


@pytest.mark.parametrize("with_image", [True, False])
def test_a_scene_names_only_what_is_there(case, tmp_path, with_image):
    volume, labels = case
    image = volume if with_image else None
    models.write_models(tmp_path, 'p<1>&"', labels, ["scene"], image=image)
    folder = tmp_path / "scene"
    root = ElementTree.parse(folder / "scene.mrml").getroot()
    for display in root.findall("VolumeDisplay"):
        low, high = window(image)
        shown = (float(display.get("level")), float(display.get("window")))
        assert shown == pytest.approx(((low + high) / 2, high - low), rel=1e-4)
    assert root.tag == "MRML"
    files = {e.get("fileName") for e in root if e.get("fileName")}
    assert files <= {p.name for p in folder.iterdir()}
    assert {"segmentation.seg.nrrd", "liver.ply", "lesion_01.ply"} <= files
    assert ("image.nii.gz" in files) == with_image
    ids = [e.get("id") for e in root]
    assert len(ids) == len(set(ids))
    for node in root:
        for key in ("storageNodeRef", "displayNodeRef"):
            if node.get(key):
                assert node.get(key) in ids
    assert len(root.findall("Model")) == 3
    numbered = io.read_labelmap(folder / "labels.nii.gz")
    assert numbered.labels.max() == 3
    assert numbered.geometry.matches(GRID)
    if with_image:
        assert np.array_equal(io.read(folder / "image.nii.gz").voxels, volume.voxels)


def test_options_that_make_no_sense():
    for wrong in ({"margins_mm": (0,)}, {"margins_mm": (500,)}, {"decimate_mm": 0}):
        with pytest.raises(ConfigError):
            models.ModelOptions(**wrong)
    with pytest.raises(ConfigError, match="breaks"):
        models.ModelOptions(printable=True, wall_mm=0.2)
    with pytest.raises(ConfigError, match="'vtk' cannot be exported"):
        models.require_exports(["stl", "vtk"])
    assert models.require_exports(["glb", "stl", "glb"]) == ("glb", "stl")
