"""Pictures of a model: the lesions, numbered, in a liver to see through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepatica.results.model import Part
from hepatica.results.raster import Layer, rasterise
from hepatica.results.surfaces import vertex_normals

View = Literal["front", "below"]

#: RAS+ mm to the camera's axes: right, up, towards the camera. The patient's right is on
#: the picture's left in both, as in all of radiology.
CAMERAS: Final[dict[View, tuple[tuple[int, int, int], ...]]] = {
    "front": ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    "below": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
}
#: Letters at the left, right, top and bottom edge.
LETTERS: Final[dict[View, str]] = {"front": "RLHF", "below": "RLAP"}

SIZE = (560, 460)
PAPER = (255, 255, 255)
#: Rendered so much larger, and made smaller again for smooth edges.
FINER = 2
MARGIN_PX = 26
#: From the left, above and the viewer.
LIGHT = np.array([-0.45, 0.55, 0.7]) / np.linalg.norm([-0.45, 0.55, 0.7])
AMBIENT = 0.35
#: Opacity of the liver where it faces the viewer, and at its rim.
OPACITY = (0.28, 0.9)
#: Numbers nearer to each other than this would hide each other: the larger lesion's stays.
APART_PX = 15


def picture(parts: Sequence[Part], view: View) -> Image.Image:
    """Draw the liver and its lesions; margins are left out.

    Returns
    -------
    PIL.Image.Image
        RGB, 560 by 460 pixels on white; white alone without parts. The scale bar is 50 mm.
    """
    canvas = Image.new("RGB", SIZE, PAPER)
    shown = [p for p in parts if "margin" not in p.name]
    if not shown:
        return canvas
    camera = np.array(CAMERAS[view], float)
    points = [p.surface.vertices.astype(float) @ camera.T for p in shown]
    low = np.min([p[:, :2].min(axis=0) for p in points], axis=0)
    high = np.max([p[:, :2].max(axis=0) for p in points], axis=0)
    scale = float(((np.array(SIZE) - 2 * MARGIN_PX) / np.maximum(high - low, 1)).min())
    middle = (low + high) / 2
    size = (SIZE[0] * FINER, SIZE[1] * FINER)

    def pixels(point: NDArray[np.float64]) -> NDArray[np.float64]:
        at = (point[:, :2] - middle) * (1, -1) * scale * FINER + np.array(size) / 2 - 0.5
        return np.column_stack([at, point[:, 2]])

    def layer(part: Part, point: NDArray[np.float64]) -> Layer:
        normals = vertex_normals(part.surface) @ camera.T
        return rasterise(pixels(point), part.surface.faces, normals, size)

    colour = np.full((size[1], size[0], 3), PAPER, float)
    depth = np.full((size[1], size[0]), -np.inf)
    for part, point in zip(shown[1:], points[1:], strict=True):
        found = layer(part, point)
        nearer = found.met & (found.depth > depth)
        colour[nearer] = _lit(found.normal[nearer], part)
        depth[nearer] = found.depth[nearer]
    liver = layer(shown[0], points[0])
    before = liver.met & (liver.depth >= depth)
    normal = liver.normal[before]
    rim = (1 - np.clip(normal[:, 2], 0, 1)) ** 2
    opacity = (OPACITY[0] + (OPACITY[1] - OPACITY[0]) * rim)[:, None]
    colour[before] = colour[before] * (1 - opacity) + _lit(normal, shown[0]) * opacity
    fine = Image.fromarray(np.rint(np.clip(colour, 0, 255)).astype(np.uint8))
    canvas = fine.resize(SIZE, Image.Resampling.BOX)
    ink = ImageDraw.Draw(canvas)
    _number(ink, shown[1:], [pixels(p) / FINER for p in points[1:]])
    _annotate(ink, LETTERS[view], scale)
    return canvas


def _lit(normal: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    facing = np.clip(normal @ LIGHT, 0, 1)
    light = AMBIENT + (1 - AMBIENT) * facing
    shine = 60 * facing**24
    return np.asarray(light[..., None] * np.array(part.colour, float) + shine[..., None])


def _number(
    ink: ImageDraw.ImageDraw, lesions: Sequence[Part], points: Sequence[NDArray[np.float64]]
) -> None:
    taken: list[NDArray[np.float64]] = []
    for part, point in zip(lesions, points, strict=True):
        at = (point[:, :2].min(axis=0) + point[:, :2].max(axis=0)) / 2
        if all(np.linalg.norm(at - other) >= APART_PX for other in taken):
            taken.append(at)
            text = part.title.removeprefix("Lesion ")
            _write(ink, (float(at[0]), float(at[1])), text, "mm", 15)


def _annotate(ink: ImageDraw.ImageDraw, letters: str, scale: float) -> None:
    width, height = SIZE
    places = (
        ((6, height // 2), "lm"),
        ((width - 6, height // 2), "rm"),
        ((width // 2, 4), "mt"),
        ((width // 2, height - 4), "mb"),
    )
    for letter, (at, anchor) in zip(letters, places, strict=True):
        _write(ink, at, letter, anchor, 18)
    length = round(50 * scale)
    ink.rectangle((width - 12 - length, height - 14, width - 12, height - 11), (40, 40, 40))
    _write(ink, (width - 12 - length / 2, height - 17), "50 mm", "mb", 13)


def _write(
    ink: ImageDraw.ImageDraw, at: tuple[float, float], text: str, anchor: str, size: int
) -> None:
    font = ImageFont.load_default(size)
    ink.text(at, text, (20, 20, 20), font, anchor, stroke_width=2, stroke_fill=PAPER)
