"""Many cases on one picture: an axial slice of each through what matters most in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepatica.core.volume import LabelMap, Volume
from hepatica.results.measure import measure
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import Colour, Frame, panel, render, shown, window, zoomed
from hepatica.results.preview import BACKGROUND, TEXT, draw_scale_bar, telling_point_mm, write_on

#: A cell is a little wider than high, as bodies are.
CELL_PX = (300, 240)
TITLE_PX, GAP_PX, FOOT_PX = 22, 6, 30

#: The liver is shown at least as bright as that share of white.
LIVER_GREY = 0.4

#: Titles may have the colour of a contour, to tell one sort of case from another.
INK: Colour = TEXT


@dataclass(frozen=True, eq=False)
class Tile:
    """One case of a sheet.

    Parameters
    ----------
    outlined
        Whether to draw the contours of its labels.
    point_mm
        What the slice goes through, RAS+ mm; None: the largest lesion, else the liver.
    field_mm
        Height of what is shown about that point; None shows the whole patient.
    ink
        Colour of the title.
    """

    title: str
    volume: Volume
    labelmap: LabelMap
    outlined: bool = True
    point_mm: NDArray[np.float64] | None = None
    field_mm: float | None = None
    ink: Colour = INK


def contact_sheet(tiles: Sequence[Tile], columns: int) -> Image.Image:
    """The tiles in rows of `columns`, in order, with the research-only line below.

    Radiological convention; every tile has its own window of grey values, its sides and
    a scale. Its labels are on the volume's grid. No tiles give the line alone.
    """
    width, height = size_px(len(tiles), columns)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = corner_px(number, columns)
        draw.text((left + 2, top - TITLE_PX + 2), tile.title, tile.ink, ImageFont.load_default(14))
        _draw_tile(sheet, tile, Frame(left, top, *CELL_PX))
    draw.text((GAP_PX, height - FOOT_PX + 6), RESEARCH_ONLY, INK, ImageFont.load_default(14))
    return sheet


def size_px(tiles: int, columns: int) -> tuple[int, int]:
    """Width and height of a sheet."""
    rows = -(-tiles // columns)
    width = columns * (CELL_PX[0] + GAP_PX) + GAP_PX
    return width, rows * (CELL_PX[1] + TITLE_PX + GAP_PX) + GAP_PX + FOOT_PX


def corner_px(number: int, columns: int) -> tuple[int, int]:
    """Left and top of the cell of a tile, counted from 0; its title stands above."""
    row, column = divmod(number, columns)
    left = GAP_PX + column * (CELL_PX[0] + GAP_PX)
    return left, GAP_PX + TITLE_PX + row * (CELL_PX[1] + TITLE_PX + GAP_PX)


def _draw_tile(sheet: Image.Image, tile: Tile, cell: Frame) -> None:
    low, high = window(tile.volume)
    field = shown(tile.volume, tile.labelmap, (low, high))
    liver = tile.volume.voxels[tile.labelmap.parenchyma]
    if liver.size and np.median(liver) > low:
        # Kidneys and fluid may be so bright that nothing would be seen in the liver.
        high = min(high, low + (float(np.median(liver)) - low) / LIVER_GREY)
    point = tile.point_mm
    if point is None:
        point = telling_point_mm(field, tile.labelmap, measure(tile.labelmap))
    if tile.field_mm is not None:
        wide_mm = tile.field_mm * cell.width / cell.height
        field = zoomed(tile.volume.geometry, point, (wide_mm, tile.field_mm, np.inf))
    plane = panel("axial", field, point, cell)
    labels = tile.labelmap
    if not tile.outlined:
        labels = LabelMap(np.zeros(labels.geometry.shape, np.uint8), labels.geometry)
    picture = render(plane, tile.volume, labels, (low, high))
    sheet.paste(picture, (plane.frame.left, plane.frame.top))
    draw = ImageDraw.Draw(sheet)
    middle = cell.top + cell.height // 2
    write_on(draw, (cell.left + 6, middle), plane.letters[0], "lm", 14)
    write_on(draw, (cell.left + cell.width - 6, middle), plane.letters[1], "rm", 14)
    draw_scale_bar(draw, plane)
