"""The picture: sides, sizes, colours and words, told from its pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.measure import measure
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import (
    LESION_COLOUR,
    LIVER_COLOUR,
    Frame,
    contour,
    panel,
    shown,
    window,
)
from hepatica.results.preview import (
    BACKGROUND,
    NOTICE_AT,
    SIZE,
    TEXT,
    caption,
    legend,
    panels,
    preview,
    telling_point_mm,
)

LESION_MM = np.array([50.0, 25.0, 20.0])  # right, front and head of the liver's centre
LIVER_MM = np.array([20.0, 0.0, 0.0])

#: Ways to store one patient: voxel axes in order, then mm between slices.
STORED = {
    "RAS": ("RAS", 4.0),
    "LPS": ("LPS", 4.0),
    "LAS": ("LAS", 3.0),
    "coronal": ("LSA", 2.0),
    "sagittal": ("PIR", 2.5),
    "reversed": ("SPL", 3.0),
}


def grid(axes, slice_mm, tilt=8):
    """About 240 x 200 x 160 mm around 0, turned about head-foot by `tilt` degrees."""
    size = {"R": 240, "A": 200, "S": 160}
    unit = {"R": (1, 0, 0), "A": (0, 1, 0), "S": (0, 0, 1)}
    a = np.deg2rad(tilt)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    columns, shape = [], []
    for letter in axes:
        plus = {"L": "R", "P": "A", "I": "S"}.get(letter, letter)
        spacing = slice_mm if plus == "S" else 2.0
        shape.append(round(size[plus] / spacing))
        columns.append(np.array(unit[plus]) * spacing * (1 if plus == letter else -1))
    matrix = turn @ np.array(columns).T
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = -matrix @ ((np.array(shape) - 1) / 2)
    return Geometry(tuple(shape), affine)


def ball(geometry, centre, radius):
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    return np.linalg.norm(geometry.to_patient(index) - centre, axis=-1) <= radius


def patient(axes="LPS", slice_mm=4.0, lesion=True):
    geometry = grid(axes, slice_mm)
    labels = ball(geometry, LIVER_MM, 65).astype(np.uint8)
    if lesion:
        labels[ball(geometry, LESION_MM, 12)] = 2
    return Volume(np.full(geometry.shape, 100.0), geometry), LabelMap(labels, geometry)


def drawn(volume, labelmap, title="case"):
    """The picture as numbers, the measurements, and the panels by plane."""
    m = measure(labelmap)
    picture = preview(volume, labelmap, m, title)
    point = telling_point_mm(volume.geometry, labelmap, m)
    view = shown(volume, labelmap, window(volume))
    pixels = np.asarray(picture).astype(int)
    return pixels, m, {p.plane: p for p in panels(view, point)}


def coloured(pixels, colour, frame):
    """(n, 2) x, y of the pixels of this colour within a frame, on the picture."""
    part = pixels[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
    y, x = np.nonzero(np.abs(part - colour).sum(axis=2) < 60)
    return np.column_stack([x + frame.left, y + frame.top])


@pytest.mark.parametrize("stored", STORED)
def test_right_is_left_front_is_up_and_head_is_up(stored):
    pixels, _, by_plane = drawn(*patient(*STORED[stored]))
    for plane, frame in ((p.plane, p.frame) for p in by_plane.values()):
        lesion = coloured(pixels, LESION_COLOUR, frame)
        liver = coloured(pixels, LIVER_COLOUR, frame)
        assert min(len(lesion), len(liver)) > 40, plane
        # To the left in every plane (right, right, front), and up (front, head, head).
        x, y = (liver.max(axis=0) + liver.min(axis=0)) / 2 - lesion.mean(axis=0)
        assert x > 10, plane
        assert y > 10, plane


@pytest.mark.parametrize("stored", STORED)
def test_a_lesion_is_round_and_as_large_and_as_far_from_the_middle_as_it_is(stored):
    volume, labelmap = patient(*STORED[stored])
    pixels, _, by_plane = drawn(volume, labelmap)
    for p in by_plane.values():
        found = coloured(pixels, LESION_COLOUR, p.frame)
        size_mm = (found.max(axis=0) - found.min(axis=0)) / p.px_per_mm
        assert size_mm == pytest.approx([24, 24], abs=4.5), p.plane  # within a voxel
        middle = (found.max(axis=0) + found.min(axis=0)) / 2
        assert middle + 0.5 == pytest.approx(p.pixel(LESION_MM), abs=2.5 * p.px_per_mm)


def test_a_point_lies_where_hand_calculation_puts_it():
    geometry = Geometry.from_spacing((10, 20, 40), (4, 2, 1))  # 40 mm each way, about 0
    cell = Frame(100, 200, 90, 80)
    expected = {  # 2 px per mm, centred in the cell: x from 105, y from 200
        "axial": (105 + 2 * (20 - 5), 200 + 2 * (20 - 7)),
        "coronal": (105 + 2 * (20 - 5), 200 + 2 * (20 - 11)),
        "sagittal": (105 + 2 * (20 - 7), 200 + 2 * (20 - 11)),
    }
    for plane, at in expected.items():
        p = panel(plane, geometry, (5, 7, 11), cell)
        assert p.frame == Frame(105, 200, 80, 80)
        assert p.px_per_mm == pytest.approx(2)
        assert p.voxel_mm == {"axial": (2, 4), "coronal": (1, 4), "sagittal": (1, 2)}[plane]
        assert p.pixel((5, 7, 11)) == pytest.approx(at)


@pytest.mark.parametrize(("z", "index"), [(-500, 0), (0.2, 2), (500, 4)])
def test_a_point_outside_is_shown_by_the_nearest_plane(z, index):
    geometry = Geometry.from_spacing((10, 20, 5), 1)
    p = panel("axial", geometry, (0, 0, z), Frame(0, 0, 50, 50))
    assert p.slab.matches(geometry.crop(np.s_[0:10, 0:20, index : index + 1]))


def test_voxels_without_a_value_are_black():
    volume, labelmap = patient()
    voxels = np.array(volume.voxels)
    hole = ball(volume.geometry, LESION_MM, 8)
    voxels[hole] = np.nan
    pixels, m, by_plane = drawn(Volume(voxels - 200, volume.geometry), labelmap)
    x, y = (round(v) for v in by_plane["axial"].pixel(m.findings[0].centre_mm))
    assert pixels[y, x].tolist() == [0, 0, 0]


def test_the_image_itself_is_on_the_right_side():
    geometry = grid("LPS", 4.0, tilt=0)
    voxels = np.where(ball(geometry, (0, 0, 0), 98), 50.0, 0.0)
    voxels[ball(geometry, (-55, 50, 0), 30)] = 100  # the patient's left front
    volume = Volume(voxels, geometry)
    labelmap = LabelMap(np.zeros(geometry.shape, np.uint8), geometry)
    pixels, _, by_plane = drawn(volume, labelmap)
    p = by_plane["axial"]
    x, y = (round(v) for v in p.pixel((-55, 50, 0)))
    assert x > p.frame.left + p.frame.width * 0.6
    assert y < p.frame.top + p.frame.height * 0.4
    assert (pixels[y - 5 : y + 5, x - 5 : x + 5] > 240).all()
    mirrored = 2 * p.frame.left + p.frame.width - x
    assert (pixels[y - 5 : y + 5, mirrored - 5 : mirrored + 5] < 150).all()


def test_contours_are_lines_and_not_areas():
    pixels, m, by_plane = drawn(*patient())
    for p in by_plane.values():
        x, y = (round(v) for v in p.pixel(m.findings[0].centre_mm))
        inside = pixels[y - 6 : y + 6, x - 6 : x + 6]
        assert np.ptp(inside, axis=2).max() == 0, p.plane  # grey
        lesion = coloured(pixels, LESION_COLOUR, p.frame)
        around_px = np.pi * 24 * p.px_per_mm
        assert len(lesion) < 2.5 * around_px


@pytest.fixture
def words(monkeypatch):
    """What is written, and where: (text, (x, y))."""
    seen = []
    original = ImageDraw.ImageDraw.text

    def text(self, xy, text, *args, **kwargs):
        seen.append((text, xy))
        return original(self, xy, text, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return seen


def test_letters_stand_at_the_sides_they_name(words):
    _, _, by_plane = drawn(*patient())
    expected = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}
    for plane, letters in expected.items():
        f = by_plane[plane].frame
        edges = [
            (f.left, f.top + f.height // 2),
            (f.left + f.width, f.top + f.height // 2),
            (f.left + f.width // 2, f.top),
            (f.left + f.width // 2, f.top + f.height),
        ]
        for letter, edge in zip(letters, edges, strict=True):
            near = [
                t for t, xy in words if len(t) == 1 and np.abs(np.subtract(xy, edge)).max() < 20
            ]
            assert near == [letter], plane


def test_title_legend_and_notice_are_written(words):
    drawn(*patient(), title="case\n 42")
    text = [t for t, _ in words]
    assert "case 42" in text
    assert RESEARCH_ONLY in text
    assert any(t.startswith("liver 1") and t.endswith(" ml") for t in text)
    assert any(t.startswith("1 lesion, 7.") for t in text)  # 4/3 pi 12^3 is 7.2 ml


def test_a_long_title_is_shortened_to_the_picture(words):
    drawn(*patient(), title="long " * 200)
    title = words[0][0]
    assert title.startswith("long long")
    assert title.endswith("…")
    assert (
        ImageDraw.Draw(Image.new("L", (1, 1))).textlength(title, font=ImageFont.load_default(30))
        <= SIZE[0] - 2 * 24
    )


@pytest.mark.parametrize("lesion", [True, False])
def test_the_notice_is_readable_and_nothing_covers_it(lesion):
    pixels, _, _ = drawn(*patient(lesion=lesion))
    alone = Image.new("RGB", SIZE, BACKGROUND)
    draw = ImageDraw.Draw(alone)
    font = ImageFont.load_default(18)
    draw.text(NOTICE_AT, RESEARCH_ONLY, fill=TEXT, font=font)
    left, top, right, bottom = (int(n) for n in draw.textbbox(NOTICE_AT, RESEARCH_ONLY, font=font))
    assert right < SIZE[0]
    assert bottom < SIZE[1]
    expected = np.asarray(alone).astype(int)[top:bottom, left:right]
    assert np.ptp(expected) > 150  # there are letters
    assert np.array_equal(pixels[top:bottom, left:right], expected)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_scale_bar_is_50_mm(plane):
    pixels, _, by_plane = drawn(*patient())
    p = by_plane[plane]
    row = pixels[p.frame.top + p.frame.height - 16]
    part = row[p.frame.left + p.frame.width // 2 : p.frame.left + p.frame.width]
    length = np.count_nonzero((part == TEXT).all(axis=1))
    assert length == pytest.approx(50 * p.px_per_mm, abs=1.5)


def test_no_liver_is_said_and_the_middle_shown(words):
    volume, _ = patient()
    empty = LabelMap(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)
    pixels, m, by_plane = drawn(volume, empty)
    assert legend(m) == (("no liver found", None),)
    assert "no liver found" in [t for t, _ in words]
    for p in by_plane.values():
        assert len(coloured(pixels, LIVER_COLOUR, p.frame)) == 0
    assert telling_point_mm(volume.geometry, empty, m) == pytest.approx((0, 0, 0))


def test_a_liver_without_lesions_is_shown_through_its_centre():
    volume, labelmap = patient(lesion=False)
    m = measure(labelmap)
    assert telling_point_mm(volume.geometry, labelmap, m) == pytest.approx(LIVER_MM, abs=0.5)
    assert [text for text, _ in legend(m)][1:] == ["no lesions found"]
    pixels, _, by_plane = drawn(volume, labelmap)
    assert len(coloured(pixels, LIVER_COLOUR, by_plane["axial"].frame)) > 100
    assert len(coloured(pixels, LESION_COLOUR, by_plane["axial"].frame)) == 0


def test_the_legend_counts_and_names_what_is_cut():
    _, labelmap = patient()
    m = measure(labelmap)
    m = replace(m, liver_ml=1234.5, tumour_ml=61.7, burden_percent=4.998, findings=m.findings * 2)
    first = replace(m.findings[0], diameter_axial_mm=31.6, diameter_perpendicular_mm=20.4)
    m = replace(m, findings=(first, first), liver_touches_border=True)
    assert legend(m) == (
        ("liver 1234 ml", LIVER_COLOUR),
        ("2 lesions, 61.7 ml in total", LESION_COLOUR),
        ("5.0 % of the liver", None),
        ("largest 32 x 20 mm", None),
        ("liver cut by the field of view", None),
    )


def test_captions_name_the_side_of_the_origin():
    geometry = Geometry.from_spacing((10, 10, 10), 4)
    point = np.array([-3.0, 7.0, -11.0])
    assert [caption(p, point) for p in panels(geometry, point)] == [
        "axial  F 11 mm",
        "coronal  A 7 mm",
        "sagittal  L 3 mm",
    ]


def test_a_half_plane_has_a_contour_of_2_pixels_at_its_face():
    mask = np.zeros((10, 10), bool)
    mask[:, :4] = True
    ink = contour(mask, (1.0, 1.0), Frame(0, 0, 100, 100))
    assert ink.sum(axis=1) == pytest.approx(np.full(100, 2.0), abs=0.05)
    assert ink[50] @ (np.arange(100) + 0.5) / ink[50].sum() == pytest.approx(40, abs=0.1)


def test_a_single_voxel_has_a_contour_and_an_empty_or_full_mask_has_none():
    mask = np.zeros((9, 9), bool)
    frame = Frame(0, 0, 90, 180)
    assert contour(mask, (2.0, 1.0), frame).max() == 0
    assert contour(~mask, (2.0, 1.0), frame).max() == 0
    mask[4, 4] = True
    ink = contour(mask, (2.0, 1.0), frame)
    assert ink.max() > 0.9
    assert ink[90, 45] == 0
    assert np.argwhere(ink > 0.5).mean(axis=0) == pytest.approx((89.5, 44.5), abs=0.5)


def test_air_is_cut_off_but_never_a_label():
    voxels = np.zeros((100, 80, 40), np.float32)
    voxels[40:60, 20:50, :] = 100
    volume = Volume(voxels, Geometry.from_spacing(voxels.shape, (2, 2, 5)))
    labels = np.zeros(voxels.shape, np.uint8)
    nothing = LabelMap(labels.copy(), volume.geometry)
    # 10 mm are 5 voxels, and one for rounding at the far side.
    assert shown(volume, nothing, (0, 100)).shape == (20 + 11, 30 + 11, 40)
    labels[45, 70, 20] = 2
    assert shown(volume, LabelMap(labels, volume.geometry), (0, 100)).shape == (31, 71 - 15, 40)


def test_labels_far_outside_the_image_do_not_matter():
    volume = Volume(np.ones((8, 8, 8)), Geometry.from_spacing((8, 8, 8), 2))
    away = Geometry.from_spacing((8, 8, 8), 2, centre_mm=(500, 0, 0))
    assert shown(volume, LabelMap(np.ones((8, 8, 8), np.uint8), away), (0, 1)).shape == (8, 8, 8)


def test_the_window_ignores_air_and_outliers_and_is_never_empty():
    geometry = Geometry.from_spacing((20, 20, 20), 1)
    voxels = np.zeros((20, 20, 20), np.float32)
    voxels[5:15, 5:15, 5:15] = np.linspace(100, 200, 1000).reshape(10, 10, 10)
    voxels[9, 9, 9] = 1e6
    low, high = window(Volume(voxels, geometry))
    assert low == 0
    assert 190 < high <= 200 or high == pytest.approx(200, abs=10)
    assert window(Volume(np.full((20, 20, 20), np.nan), geometry)) == (0, 1)
    for value in np.linspace(0.1, 7, 50, dtype=np.float32):
        low, high = window(Volume(np.full((20, 20, 20), value), geometry))
        assert low == value < high


@pytest.mark.parametrize("fill", [np.nan, 0.0, -5.0, 3e38])
def test_odd_images_are_drawn_all_the_same(fill):
    geometry = Geometry.from_spacing((12, 10, 1), (2, 2, 5))
    volume = Volume(np.full((12, 10, 1), fill, np.float32), geometry)
    labels = np.zeros((12, 10, 1), np.uint8)
    labels[4:8, 3:7] = 1
    pixels, _, by_plane = drawn(volume, LabelMap(labels, geometry), "")
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    assert len(coloured(pixels, LIVER_COLOUR, by_plane["axial"].frame)) > 50
