"""The contact sheet: what is where, how large, how bright, told from its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.panels import LESION_COLOUR, zoomed
from hepatica.results.sheet import CELL_PX, LIVER_GREY, Tile, contact_sheet, corner_px, size_px

GRID = Geometry.from_spacing((120, 100, 40), (3.0, 3.0, 4.0), (5, -8, 20))
LESION_MM = np.array([70.0, 10.0, 40.0])  # in the patient's right


def ball(centre, radius):
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    return np.linalg.norm(GRID.to_patient(index) - centre, axis=-1) <= radius


@pytest.fixture(scope="module")
def case():
    body, liver, lesion = ball((5, -8, 20), 140), ball((50, 0, 30), 60), ball(LESION_MM, 9)
    spleen = ball((-80, -30, 20), 45)  # or the window would end below the small lesion
    voxels = np.select([lesion, spleen, liver, body], [240.0, 240.0, 100.0, 60.0], 0.0)
    labels = np.select([lesion, liver], [2, 1], 0).astype(np.uint8)
    return Volume(voxels, GRID), LabelMap(labels, GRID)


def cell(sheet, number=0, columns=2):
    left, top = corner_px(number, columns)
    box = (left, top, left + CELL_PX[0], top + CELL_PX[1])
    return np.asarray(sheet.crop(box)).astype(int)


def bright(pixels):
    """Centre (x, y) and area of what is nearly white, without the letters and the scale."""
    rows, columns = np.nonzero((pixels.min(axis=2) > 180)[:200, 30:-30])
    return np.array([columns.mean() + 30, rows.mean()]), len(rows)


def test_size_and_order():
    assert size_px(0, 6) == size_px(0, 6)
    assert contact_sheet([], 6).size == size_px(0, 6)
    assert size_px(7, 6)[1] - size_px(6, 6)[1] == corner_px(6, 6)[1] - corner_px(5, 6)[1]
    assert corner_px(6, 6)[0] == corner_px(0, 6)[0]
    assert corner_px(1, 6)[0] - corner_px(0, 6)[0] >= CELL_PX[0]


def test_the_largest_lesion_is_shown_and_the_right_is_on_the_left(case):
    sheet = contact_sheet([Tile("whole", *case), Tile("plain", *case, outlined=False)], 2)
    rows, columns = np.nonzero((cell(sheet) == LESION_COLOUR).all(axis=2))
    assert len(rows) > 10
    assert columns.mean() < CELL_PX[0] / 2 - 30
    assert abs(rows.mean() - CELL_PX[1] / 2) < 30
    assert not (cell(sheet, 1) == LESION_COLOUR).all(axis=2).any()


def test_a_field_is_centred_on_its_point_and_to_scale(case):
    tile = Tile("close", *case, outlined=False, point_mm=LESION_MM, field_mm=120.0)
    where, area = bright(cell(contact_sheet([tile], 2)))
    px_per_mm = CELL_PX[1] / 120
    np.testing.assert_allclose(where, np.array(CELL_PX) / 2, atol=3 * px_per_mm)
    assert area == pytest.approx(np.pi * (9 * px_per_mm) ** 2, rel=0.25)


def test_a_bright_organ_does_not_darken_the_liver(case):
    volume, labels = case
    voxels = volume.voxels.copy()
    voxels[20:60, 20:40] = 5000
    tile = Tile("bright", Volume(voxels, GRID), labels, point_mm=np.array([30.0, 30.0, 30.0]))
    found = np.median(cell(contact_sheet([tile], 2))[90:110, 110:130])
    assert found == pytest.approx(255 * LIVER_GREY, abs=15)


def test_without_a_liver_there_is_a_picture_all_the_same(case):
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    pixels = cell(contact_sheet([Tile("none", case[0], empty)], 2))
    assert np.ptp(pixels[..., 0]) > 100


def test_zoom_is_centred_and_keeps_its_size_over_the_edge():
    size = (60.0, 48.0, np.inf)
    for point in (LESION_MM, (-170.0, 140.0, 0.0)):
        found = zoomed(GRID, point, size)
        assert found.shape == (20, 16, 40)
        np.testing.assert_allclose(found.to_index(point)[:2], (9.5, 7.5), atol=0.51)
        offset = GRID.to_index(found.to_patient((0, 0, 0)))
        np.testing.assert_allclose(offset, np.rint(offset), atol=1e-6)
        assert offset[2] == pytest.approx(0)
    assert zoomed(GRID, LESION_MM, (np.inf,) * 3).matches(GRID)
    assert zoomed(GRID, LESION_MM, (0.1,) * 3).shape == (1, 1, 1)
