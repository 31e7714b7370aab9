"""What other readers see in the files: trimesh, and a parser of XML for 3MF."""

from __future__ import annotations

import io as streams
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh

from hepatica.core.geometry import Geometry
from hepatica.io import meshes
from hepatica.io.meshes.glb import UPRIGHT
from hepatica.io.meshes.stl import HEADER, stl_bytes
from hepatica.results.model import build_model
from hepatica.results.notice import RESEARCH_ONLY
from tests.orientations import oblique
from tests.phantom import LESIONS, phantom

GRID = oblique(Geometry.from_spacing((44, 38, 34), 4.0, (40, 10, 0)), (6, -4, 9))


@pytest.fixture(scope="module")
def parts():
    return build_model(phantom(GRID)[1], margins_mm=(5,))


@pytest.fixture(scope="module")
def folder(parts, tmp_path_factory):
    here = tmp_path_factory.mktemp("meshes")
    held = meshes.write(here, parts, meshes.FORMATS)
    assert {name for name, _ in held} == {p.name for p in here.iterdir()}
    return here


def same_place(mesh, part):
    lps = part.surface.vertices * np.float32([-1, -1, 1])
    assert mesh.bounds == pytest.approx(np.stack([lps.min(axis=0), lps.max(axis=0)]), abs=1e-3)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume / 1000 == pytest.approx(part.surface.volume_ml, rel=1e-4)
    assert len(mesh.faces) == len(part.surface.faces)


@pytest.mark.parametrize("kind", ["stl", "ply"])
def test_one_file_for_each_part(kind, folder, parts):
    for part in parts:
        same_place(trimesh.load(folder / f"{part.name}.{kind}"), part)


def test_a_lesion_is_where_it_is_in_the_patient(folder):
    x, y, z = LESIONS[0][0]
    mesh = trimesh.load(folder / "lesion_01.stl")
    assert mesh.center_mass == pytest.approx((-x, -y, z), abs=1)


def test_stl_says_how_it_counts_and_what_it_is_not_for(parts, folder):
    data = stl_bytes(parts[0].surface)
    assert data == (folder / "liver.stl").read_bytes()
    assert len(HEADER) == 80
    assert data[:80] == HEADER
    assert HEADER.startswith(b"SPACE=LPS ")
    assert RESEARCH_ONLY.encode() in HEADER
    assert len(data) == 84 + 50 * len(parts[0].surface.faces)
    assert not data.startswith(b"solid")


def test_every_file_says_what_it_is_not_for(folder):
    for path in folder.iterdir():
        data = path.read_bytes()
        if path.suffix == ".3mf":
            data = zipfile.ZipFile(streams.BytesIO(data)).read("3D/3dmodel.model")
        if path.suffix != ".mtl":
            assert RESEARCH_ONLY.encode() in data, path.name
            assert b"LPS" in data, path.name


def test_obj_with_materials(folder, parts):
    text = (folder / "model.obj").read_text()
    assert text.startswith("# SPACE=LPS\n")
    vertices = [line.split()[1:] for line in text.splitlines() if line.startswith("v ")]
    pieces = text.split("\no ")[1:]
    assert [piece.split()[0] for piece in pieces] == [p.name for p in parts]
    for piece, part in zip(pieces, parts, strict=True):
        assert f"usemtl {part.name}\n" in piece
        faces = [line.split()[1:] for line in piece.splitlines() if line.startswith("f ")]
        at = np.array(vertices, float)
        mesh = trimesh.Trimesh(at, np.array(faces, int) - 1)
        mesh.remove_unreferenced_vertices()
        same_place(mesh, part)
    materials = (folder / "model.mtl").read_text()
    assert materials.count("newmtl") == len(parts)
    assert "d 0.35" in materials


def test_glb_is_a_scene_with_names_and_a_liver_to_see_through(folder, parts):
    scene = trimesh.load(folder / "model.glb")
    assert list(scene.geometry) == [p.name for p in parts]
    for part in parts:
        same_place(scene.geometry[part.name], part)
        material = scene.geometry[part.name].visual.material
        assert material.baseColorFactor[3] == pytest.approx(part.opacity * 255, abs=1)
        assert material.alphaMode == ("BLEND" if part.opacity < 1 else None)
    # In metres, the head up, the patient's left on the right, the front towards the viewer.
    turn = np.reshape(UPRIGHT, (4, 4)).T
    assert np.linalg.det(turn[:3, :3]) == pytest.approx(1e-9)
    assert (turn @ (1, 0, 0, 1))[:3] == pytest.approx((0.001, 0, 0))
    assert (turn @ (0, 1, 0, 1))[:3] == pytest.approx((0, 0, -0.001))
    assert (turn @ (0, 0, 1, 1))[:3] == pytest.approx((0, 0.001, 0))
    heights = [p.surface.bounds_mm[:, 2] / 1000 for p in parts]
    assert scene.bounds[:, 1] == pytest.approx((np.min(heights), np.max(heights)), abs=1e-4)


def test_3mf_is_complete(folder, parts):
    archive = zipfile.ZipFile(folder / "model.3mf")
    assert set(archive.namelist()) == {"[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model"}
    root = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
    space = {"m": "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"}
    assert root.get("unit") == "millimeter"
    objects = root.findall(".//m:object", space)
    assert [o.get("name") for o in objects] == [p.title for p in parts]
    assert len(root.findall(".//m:item", space)) == len(parts)
    colours = [b.get("displaycolor") for b in root.findall(".//m:base", space)]
    assert colours[0] == "#56B4E959"
    for each, part in zip(objects, parts, strict=True):
        at = [[float(v.get(a)) for a in "xyz"] for v in each.iterfind(".//m:vertex", space)]
        of = [
            [int(t.get(k)) for k in ("v1", "v2", "v3")]
            for t in each.iterfind(".//m:triangle", space)
        ]
        same_place(trimesh.Trimesh(at, of), part)


def test_equal_parts_give_equal_bytes(folder, parts, tmp_path):
    meshes.write(tmp_path, parts, meshes.FORMATS)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_no_parts_and_unknown_formats(tmp_path, parts):
    assert meshes.write(tmp_path, (), meshes.FORMATS) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="vtk"):
        meshes.write(tmp_path, parts, ["vtk"])
