"""The rasteriser against geometry, and what a view of the model shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.results.model import build_model
from hepatica.results.panels import LESION_COLOUR
from hepatica.results.raster import rasterise
from hepatica.results.surfaces import closed_surface, vertex_normals
from hepatica.results.view3d import CAMERAS, LETTERS, SIZE, picture
from tests.livers import ball, points_mm


def seen(surface, size=(80, 70)):
    """A surface in mm as pixels: x right, y up, z towards the camera."""
    points = surface.vertices.astype(float) * (1, -1, 1) + (40, 35, 0)
    return rasterise(points, surface.faces, vertex_normals(surface), size)


def met(surface):
    """Where something is seen (70, 80)."""
    shown = np.zeros((70, 80), bool)
    shown.flat[seen(surface).pixel] = True
    return shown


def test_a_ball_is_a_disc_of_depth():
    layer = seen(closed_surface(*ball(40, 1.0)))
    y, x = np.divmod(layer.pixel, 80)
    away = np.hypot(x - 40 - 0.13, y - 35 + 0.13)
    assert away.max() < 20.5
    assert len(x) == pytest.approx(np.pi * 400, rel=0.02)
    middle = away < 18
    depth = layer.depth[middle]
    assert depth == pytest.approx(np.sqrt(400 - away[middle] ** 2), abs=0.9)
    normal = layer.normal[middle]
    outward = np.column_stack([x[middle] - 40.13, 34.87 - y[middle], depth])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    # A ball of voxels has flat spots, but faces the right way everywhere.
    facing = np.einsum("ij,ij->i", normal, outward)
    assert facing.min() > 0.8
    assert facing.mean() > 0.985


def test_there_are_no_holes_and_nothing_is_drawn_outside():
    surface = closed_surface(*ball(90, 2.0))
    assert met(surface)[10:60, 10:70].all()
    # Up to the picture's edges, over which the ball reaches.
    assert met(surface)[28:42].all()
    assert met(surface)[:, 33:47].all()
    assert len(seen(surface, (1, 1)).pixel) == 0  # its one pixel is the picture's corner


def liver(*lesions):
    geometry = Geometry.from_spacing((50, 40, 36), 3.0)
    place = points_mm(geometry)
    labels = (((place / (65, 45, 40)) ** 2).sum(axis=-1) < 1).astype(np.uint8)
    for centre, radius in lesions:
        labels[np.linalg.norm(place - centre, axis=-1) < radius] = 2
    return LabelMap(labels, geometry)


def orange(image):
    """(n, 2) rows and columns of pixels that are more orange than grey or blue."""
    rgb = np.asarray(image, float)
    return np.argwhere(rgb[..., 0] - rgb[..., 2] > 60)


@pytest.mark.parametrize(
    ("centre", "view", "right", "up"),
    [
        ((40, 0, 0), "front", False, None),  # the patient's right is on the left
        ((-40, 0, 0), "front", True, None),
        ((0, 0, 25), "front", None, True),  # the head is up
        ((0, 0, -25), "front", None, False),
        ((40, 0, 0), "below", False, None),
        ((0, 30, 0), "below", None, True),  # the front is up
        ((0, -30, 0), "below", None, False),
    ],
)
def test_the_views_are_those_of_radiology(centre, view, right, up):
    found = orange(picture(build_model(liver((centre, 11)), liver_pitch_mm=4), view)).mean(axis=0)
    if right is not None:
        assert (found[1] > SIZE[0] / 2 + 40) == right
        assert (found[1] < SIZE[0] / 2 - 40) == (not right)
    if up is not None:
        assert (found[0] < SIZE[1] / 2 - 40) == up
        assert (found[0] > SIZE[1] / 2 + 40) == (not up)


def test_a_lesion_in_front_is_clearer_than_one_behind():
    before = orange(picture(build_model(liver(((0, 40, 0), 12)), liver_pitch_mm=4), "front"))
    behind = picture(build_model(liver(((0, -30, 0), 12)), liver_pitch_mm=4), "front")
    assert len(before) > 200
    clear = np.asarray(picture(build_model(liver(((0, 40, 0), 12)), liver_pitch_mm=4), "front"))
    at = tuple(before[len(before) // 4])
    hue = clear[at].astype(float) / LESION_COLOUR[0] - np.array(LESION_COLOUR) / LESION_COLOUR[0]
    assert np.ptp(hue) < 0.5
    assert len(orange(behind)) > 50


@pytest.mark.parametrize("view", ["front", "below"])
def test_the_letters_are_those_of_the_camera(view):
    def letter(direction):
        axis = int(np.flatnonzero(direction)[0])
        return ("RL", "AP", "HF")[axis][0 if direction[axis] > 0 else 1]

    right, up, towards = (np.array(row) for row in CAMERAS[view])
    assert (np.cross(right, up) == towards).all()
    assert "".join(map(letter, (-right, right, up, -up))) == LETTERS[view]


def test_the_bar_is_50_mm_long():
    shown = np.asarray(picture(build_model(liver(), liver_pitch_mm=3), "front"), int)
    bar = np.flatnonzero((shown[SIZE[1] - 12] == 40).all(axis=1))
    # Beside the letters.
    blue = (shown[SIZE[1] // 2 - 20] != 255).any(axis=1).sum()
    assert len(bar) / blue == pytest.approx(50 / 130, rel=0.03)


def test_the_liver_veils_what_is_in_it_and_parts_keep_their_colours():
    first, second = ((30, 0, 0), 12), ((-30, 0, 0), 10)
    parts = build_model(liver(first, second), liver_pitch_mm=3)
    green = [replace(p, colour=(0, 200, 0)) if p.title == "Lesion 2" else p for p in parts]
    shown = np.asarray(picture(green, "front"), float)
    bare = np.asarray(picture([replace(parts[0], opacity=0)], "front"), float)
    assert (shown[SIZE[1] // 2, SIZE[0] // 2] < 252).any()
    assert (bare[SIZE[1] // 2, SIZE[0] // 2] < 252).any()
    scale = (shown[SIZE[1] // 2 - 20] != 255).any(axis=1).sum() / 130
    for (x, _, _), channel in ((first[0], 0), (second[0], 1)):
        pixel = shown[SIZE[1] // 2 - 12, round(SIZE[0] / 2 - x * scale)]
        assert pixel.argmax() == channel
        # Not the lesion's own blue, which is 0: the liver lies before it.
        assert pixel[2] > 30


def test_numbers_that_would_hide_each_other_are_not_drawn():
    near = build_model(liver(((2, 20, 0), 8), ((2, -20, 0), 6)), liver_pitch_mm=4)
    one = [p for p in near if p.title != "Lesion 2"]
    second = replace(near[2], title="Lesion 8888888")
    both = np.asarray(picture([*one, second], "front"), int)
    alone = np.asarray(picture([*one, replace(second, title="Lesion ")], "front"), int)
    assert (both == alone).all()


def test_no_liver_is_a_white_picture():
    assert (np.asarray(picture((), "front")) == 255).all()
