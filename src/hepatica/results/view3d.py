"""Pictures of a model: the lesions, numbered, in a liver to see through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

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
#: Coarser than meshes are made: a liver's surface that is only looked at.
LIVER_PITCH_MM = 3.0
PAPER = (255, 255, 255)
#: Rendered so much larger, and made smaller again for smooth edges.
FINER = 2
MARGIN_PX = 26
#: More of a liver's voxels lie at its surface only if it is none; of thick slices a third or so do.
MOST_SURFACE = 0.6
#: From the left, above and the viewer.
LIGHT = np.array([-0.45, 0.55, 0.7]) / np.linalg.norm([-0.45, 0.55, 0.7])
AMBIENT = 0.35
#: Opacity of the liver where it faces the viewer, and at its rim.
OPACITY = (0.28, 0.9)
#: Numbers nearer to each other than this would hide each other: the larger lesion's stays.
APART_PX = 15


def picture(parts: Sequence[Part], view: View) -> Image.Image:
    """Draw the liver and its lesions; other parts are left out.

    Returns
    -------
    PIL.Image.Image
        RGB, 560 by 460 pixels on white; white alone without a liver. The scale bar is 50 mm.
    """
    canvas = Image.new("RGB", SIZE, PAPER)
    livers, lesions = ([p for p in parts if p.kind == kind] for kind in ("liver", "lesion"))
    if not livers:
        return canvas
    camera = np.array(CAMERAS[view], float)
    points = {p.name: p.surface.vertices.astype(float) @ camera.T for p in (*livers, *lesions)}
    low = np.min([p[:, :2].min(axis=0) for p in points.values()], axis=0)
    high = np.max([p[:, :2].max(axis=0) for p in points.values()], axis=0)
    scale = float(((np.array(SIZE) - 2 * MARGIN_PX) / np.maximum(high - low, 1)).min())
    middle = (low + high) / 2
    size = (SIZE[0] * FINER, SIZE[1] * FINER)

    def pixels(point: NDArray[np.float64]) -> NDArray[np.float64]:
        at = (point[:, :2] - middle) * (1, -1) * scale * FINER + np.array(size) / 2 - 0.5
        return np.column_stack([at, point[:, 2]])

    def layer(shown: Sequence[Part]) -> tuple[Layer, NDArray[np.float64]]:
        return look([(p, pixels(points[p.name])) for p in shown], camera, size)

    colour = np.full((size[1] * size[0], 3), PAPER, np.uint8)
    depth = np.full(size[1] * size[0], -np.inf)
    if lesions:
        inner, hue = layer(lesions)
        colour[inner.pixel], depth[inner.pixel] = lit(inner.normal, hue), inner.depth
    veil(colour, depth, *layer(livers))
    fine = Image.fromarray(colour.reshape(size[1], size[0], 3))
    canvas = fine.resize(SIZE, Image.Resampling.BOX)
    ink = ImageDraw.Draw(canvas)
    _number(ink, lesions, [pixels(points[p.name]) / FINER for p in lesions])
    _annotate(ink, LETTERS[view], scale)
    return canvas


def ragged(mask: NDArray[np.bool_]) -> bool:
    """Whether most of a mask (i, j, k) lies at its surface, as in what noise makes."""
    deep = np.count_nonzero(ndimage.binary_erosion(mask))
    return bool(deep < (1 - MOST_SURFACE) * np.count_nonzero(mask))


def look(
    shown: Sequence[tuple[Part, NDArray[np.float64]]],
    camera: NDArray[np.float64],
    size: tuple[int, int],
) -> tuple[Layer, NDArray[np.float64]]:
    """What is seen of parts together, and the colour (n, 3) of the part seen at each pixel.

    Parameters
    ----------
    shown
        One part or more, each with its vertices as :func:`rasterise` takes them.
    camera
        (3, 3): RAS+ mm to the camera's axes.
    """
    parts, points = zip(*shown, strict=True)
    start = np.cumsum([0, *map(len, points)])
    faces = [part.surface.faces + n for part, n in zip(parts, start, strict=False)]
    normals = np.concatenate([vertex_normals(part.surface) @ camera.T for part in parts])
    found = rasterise(np.concatenate(points), np.concatenate(faces), normals, size)
    of_faces = np.repeat([part.colour for part in parts], [len(f) for f in faces], axis=0)
    return found, of_faces[found.face]


def lit(normal: NDArray[np.float64], colour: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours (n, 3) in the light that falls on surfaces of these unit normals (n, 3)."""
    facing = np.clip(normal @ LIGHT, 0, 1)
    light = AMBIENT + (1 - AMBIENT) * facing
    shine = 60 * facing**24
    return _bytes(light[:, None] * colour + shine[:, None])


def veil(
    picture: NDArray[np.uint8],
    depth: NDArray[np.float64],
    liver: Layer,
    colour: NDArray[np.float64],
) -> None:
    """Draw a liver that can be seen through over a picture (pixels, 3) that is at `depth`."""
    rim = (1 - np.clip(liver.normal[:, 2], 0, 1)) ** 2
    before = liver.depth >= depth[liver.pixel]
    opacity = np.where(before, OPACITY[0] + (OPACITY[1] - OPACITY[0]) * rim, 0)[:, None]
    light = lit(liver.normal, colour)
    behind = picture[liver.pixel]
    picture[liver.pixel] = _bytes(behind * (1 - opacity) + light * opacity)


def _bytes(colour: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(colour, 0, 255)).astype(np.uint8)


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
