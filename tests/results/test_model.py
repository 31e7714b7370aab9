"""The parts of a model, those for a printer, and fewer triangles."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import trimesh

from hepatica.core.errors import ResourceError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.results.decimation import decimated
from hepatica.results.model import MESH_COLUMNS, build_model, meshes_csv
from hepatica.results.printable import CLEARANCE_MM, build_printable
from hepatica.results.soundness import examine
from hepatica.results.surfaces import EMPTY, closed_surface
from tests.livers import ball, patient, points_mm
from tests.orientations import oblique
from tests.phantom import phantom

GRID = Geometry.from_spacing((64, 52, 46), 2.5, (40, 10, 0))


def simple():
    """A ball of 30 mm radius with a lesion of 8 mm radius in its middle."""
    geometry = Geometry.from_spacing((46, 46, 46), 1.5)
    away = np.linalg.norm(points_mm(geometry), axis=-1)
    return LabelMap(np.where(away < 8, 2, away < 30).astype(np.uint8), geometry)


def test_parts_in_order_with_their_volumes():
    _, labels = phantom(GRID)
    parts = build_model(labels, margins_mm=(10, 5, 5))
    assert [p.name for p in parts] == [
        "liver",
        "lesion_01",
        "lesion_02",
        "lesion_01_margin_05mm",
        "lesion_01_margin_10mm",
        "lesion_02_margin_05mm",
        "lesion_02_margin_10mm",
    ]
    assert all(p.soundness.sound for p in parts)
    assert abs(parts[0].soundness.error_percent) < 1
    assert parts[0].soundness.expected_ml == pytest.approx(
        np.count_nonzero(labels.labels) * labels.geometry.voxel_ml
    )
    assert parts[1].surface.volume_ml > parts[2].surface.volume_ml
    assert parts[0].opacity < 1
    assert parts[1].opacity == 1


def test_no_liver_no_parts():
    nothing = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    assert build_model(nothing) == build_printable(nothing) == ()
    assert meshes_csv([]).splitlines() == [",".join(MESH_COLUMNS)]


def test_the_table_says_what_was_checked():
    parts = build_model(simple(), margins_mm=(5,))
    lines = [line.split(",") for line in meshes_csv([("model.glb", parts)]).splitlines()]
    rows = [dict(zip(MESH_COLUMNS, line, strict=True)) for line in lines[1:]]
    assert [r["part"] for r in rows] == ["liver", "lesion_01", "lesion_01_margin_05mm"]
    assert all(r["closed"] == r["oriented"] == r["manifold"] == "true" for r in rows)
    assert abs(float(rows[0]["volume_error_percent"])) < 1
    assert rows[2]["voxels_ml"] == rows[2]["volume_error_percent"] == ""
    # In LPS: x and y change their signs.
    _, high = parts[1].surface.bounds_mm
    low, _ = parts[1].surface.bounds_mm
    for axis, n in zip("xy", (0, 1), strict=True):
        assert float(rows[1][f"max_{axis}_lps_mm"]) == pytest.approx(-low[n], rel=1e-4)
    assert float(rows[1]["min_z_lps_mm"]) == pytest.approx(low[2], rel=1e-4)
    assert float(rows[1]["min_x_lps_mm"]) == pytest.approx(-high[0], rel=1e-4)
    assert float(rows[1]["max_z_lps_mm"]) == pytest.approx(high[2], rel=1e-4)


def test_a_solid_print_has_room_for_its_lesion():
    parts = build_printable(simple())
    assert [p.name for p in parts] == [
        "print_liver_front",
        "print_liver_back",
        "print_lesion_01",
    ]
    assert all(p.soundness.sound for p in parts)
    room = 4 / 3 * np.pi * (8 + CLEARANCE_MM) ** 3
    whole = sum(p.surface.volume_ml for p in parts[:2])
    assert whole == pytest.approx((4 / 3 * np.pi * 30**3 - room) / 1000, rel=0.02)
    front, back = (p.surface.bounds_mm for p in parts[:2])
    assert front[0, 1] == pytest.approx(back[1, 1], abs=0.1)
    # The lesion does not overlap the body that it is put into.
    lesion = trimesh.Trimesh(parts[2].surface.vertices, parts[2].surface.faces)
    liver = parts[0].surface.vertices
    assert trimesh.proximity.ProximityQuery(lesion).vertex(liver)[0].min() > 0.05


def test_a_hollow_print_has_a_wall():
    parts = build_printable(simple(), wall_mm=3.0)
    assert all(p.soundness.sound for p in parts)
    wall = 4 / 3 * np.pi * (30**3 - 27**3) / 1000
    assert sum(p.surface.volume_ml for p in parts[:2]) == pytest.approx(wall, rel=0.05)
    with pytest.raises(ValueError, match="thinner"):
        build_printable(simple(), wall_mm=0.5)


def test_a_print_has_no_crumbs_and_no_slivers_of_air():
    labels = simple().labels.copy()
    labels[21:25, 4:8, 40:44] = 1  # a crumb beside the liver
    labels[30:33, 33:36, 21:24] = 0  # a small void in it
    assert examine(closed_surface(labels > 0, simple().geometry)).parts == 3
    parts = build_printable(LabelMap(labels, simple().geometry))
    front, back = parts[:2]
    # One body each, and with the hole that the lesion is put into open at the cut.
    assert [front.soundness.parts, back.soundness.parts] == [1, 1]
    whole = build_printable(simple())
    for part, other in zip(parts, whole, strict=True):
        assert part.surface.volume_ml == pytest.approx(other.surface.volume_ml, rel=0.01)


def test_the_front_is_in_front_and_the_cut_in_the_middle():
    geometry = Geometry.from_spacing((46, 46, 46), 1.5, (10, 50, -20))
    for stored in (geometry, oblique(geometry, (0, 0, 180))):
        parts = build_printable(LabelMap(simple().labels, stored))
        middle = stored.to_patient(np.argwhere(simple().labels).mean(axis=0))[1]
        front, back = (p.surface.bounds_mm[:, 1] for p in parts[:2])
        assert [p.name for p in parts[:2]] == ["print_liver_front", "print_liver_back"]
        assert front == pytest.approx((middle, middle + 30), abs=1.0)
        assert back == pytest.approx((middle - 30, middle), abs=1.0)


def test_all_surfaces_are_finished_before_they_are_checked():
    def nothing(surface):
        return EMPTY

    finished = build_model(simple(), margins_mm=(5,), finish=nothing)
    assert [p.kind for p in finished] == ["liver", "lesion", "margin"]
    printed = build_printable(simple(), finish=nothing)
    assert {p.kind for p in printed} == {"print"}
    assert all(p.surface is EMPTY and not p.soundness.sound for p in (*finished, *printed))


def test_the_liver_goes_around_its_lesions_and_only_the_largest_are_shown():
    _, labels = phantom(GRID)
    liver, first = build_model(labels, most_lesions=1)
    assert first.name == "lesion_01"
    voxel_ml = labels.geometry.voxel_ml
    assert liver.surface.volume_ml == pytest.approx(
        np.count_nonzero(labels.labels) * voxel_ml, rel=1e-3
    )


def test_fewer_triangles_for_the_same_form():
    pytest.importorskip("manifold3d", reason="the extra mesh is not installed")
    mask, geometry = ball(40, (1, 1, 2))
    surface = closed_surface(mask, geometry)
    fewer = decimated(surface, 0.1)
    found = examine(fewer, np.count_nonzero(mask) * geometry.voxel_ml)
    assert found.sound
    assert found.triangles < 0.6 * len(surface.faces)
    assert abs(found.error_percent) < 1
    assert np.abs(fewer.bounds_mm - surface.bounds_mm).max() <= 0.2
    assert decimated(EMPTY, 0.1) is EMPTY
    with pytest.raises(ValueError, match="tolerance"):
        decimated(surface, 0)


def test_without_its_package_decimation_says_which_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "manifold3d", None)
    with pytest.raises(ResourceError, match=r"hepatica\[mesh\]"):
        decimated(EMPTY, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_every_surface_of_twenty_patients_is_sound(seed):
    sizes = np.geomspace(3, 80, 8)
    rng = np.random.default_rng(seed)
    labels = patient(seed, rng.choice(sizes, 6), angles=tuple(rng.uniform(-15, 15, 3)))
    parts = build_model(labels, margins_mm=(5,))
    assert len(parts) >= 3
    for part in parts:
        other = trimesh.Trimesh(part.surface.vertices, part.surface.faces)
        assert other.is_watertight, part.name
        assert other.is_winding_consistent, part.name
        assert other.volume > 0, part.name
        assert part.soundness.sound, part.name
        if part.soundness.error_percent is not None:
            assert abs(part.soundness.error_percent) < 1, part.name
