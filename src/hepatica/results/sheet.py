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
from hepatica.results.panels import Frame, panel, render, shown, window
from hepatica.results.preview import telling_point_mm

CELL_PX, TITLE_PX, GAP_PX, FOOT_PX = 300, 22, 6, 30
BACKGROUND, INK = (16, 17, 20), (225, 225, 225)


@dataclass(frozen=True)
class Tile:
    """One case of a sheet.

    `outlined` draws the contours of its labels; `point_mm` is what to show instead of
    the largest lesion.
    """

    title: str
    volume: Volume
    labelmap: LabelMap
    outlined: bool = True
    point_mm: NDArray[np.float64] | None = None


def contact_sheet(tiles: Sequence[Tile], columns: int) -> Image.Image:
    """The tiles in rows of `columns`, in order, with the research-only line below.

    Each shows the axial slice through its largest lesion, else through its liver.
    """
    rows = -(-len(tiles) // columns)
    width = columns * (CELL_PX + GAP_PX) + GAP_PX
    height = rows * (CELL_PX + TITLE_PX + GAP_PX) + GAP_PX + FOOT_PX
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for number, tile in enumerate(tiles):
        left = GAP_PX + (number % columns) * (CELL_PX + GAP_PX)
        top = GAP_PX + (number // columns) * (CELL_PX + TITLE_PX + GAP_PX)
        draw.text((left + 2, top + 2), tile.title, INK, font)
        levels = window(tile.volume)
        field = shown(tile.volume, tile.labelmap, levels)
        point = tile.point_mm
        if point is None:
            point = telling_point_mm(field, tile.labelmap, measure(tile.labelmap))
        cell = Frame(left, top + TITLE_PX, CELL_PX, CELL_PX)
        plane = panel("axial", field, point, cell)
        labels = tile.labelmap
        if not tile.outlined:
            labels = LabelMap(np.zeros(labels.geometry.shape, np.uint8), labels.geometry)
        picture = render(plane, tile.volume, labels, levels)
        sheet.paste(picture, (plane.frame.left, plane.frame.top))
    draw.text((GAP_PX, height - FOOT_PX + 6), RESEARCH_ONLY, INK, font)
    return sheet
