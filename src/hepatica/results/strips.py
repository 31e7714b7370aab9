"""A few values on many, measure below measure: dots on a grey cloud and its band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR

WIDTH_PX, ROW_PX, NAME_PX, MARGIN_PX = 1100, 64, 190, 24
DOT_PX, MARK_PX = 4, 6
PAPER, INK, BAND, DOT = (255, 255, 255), (30, 30, 30), (*LIVER_COLOUR, 70), (120, 120, 120, 150)
MARK = (*LESION_COLOUR, 255)


@dataclass(frozen=True)
class Strip:
    """One measure: `marks` to be seen on the `cloud`, whose usual range is `band`."""

    title: str
    marks: tuple[float, ...]
    cloud: tuple[float, ...]
    band: tuple[float, float] | None


def strip_plot(strips: Sequence[Strip], caption: str) -> Image.Image:
    """The strips in order, each on a scale of its own from its least to its largest value.

    `caption`, a line below, says what dots and band are.
    """
    height = ROW_PX * len(strips) + 2 * MARGIN_PX
    sheet = Image.new("RGB", (WIDTH_PX, height), PAPER)
    draw = ImageDraw.Draw(sheet, "RGBA")
    font = ImageFont.load_default(15)
    for row, strip in enumerate(strips):
        middle = row * ROW_PX + ROW_PX // 2
        draw.text((MARGIN_PX, middle), strip.title, INK, font, anchor="lm")
        values = (*strip.marks, *strip.cloud)
        if not values:
            continue
        low, high = min(values), max(values)
        left, right = MARGIN_PX + NAME_PX, WIDTH_PX - MARGIN_PX - MARK_PX
        pixels = (right - left) / (high - low or 1.0)
        if strip.band:
            start, stop = (left + (v - low) * pixels for v in strip.band)
            draw.rectangle((start, middle - 18, stop, middle + 18), BAND)
        for n, value in enumerate(strip.cloud):
            # Spread up and down, the same way every time, so that dots do not hide each other.
            _dot(draw, left + (value - low) * pixels, middle + 7 * n % 27 - 13, DOT_PX, DOT)
        for value in strip.marks:
            _dot(draw, left + (value - low) * pixels, middle, MARK_PX, MARK)
        under = middle + 19
        draw.text((left, under), f"{low:.3g}", INK, font, anchor="lt")
        draw.text((right, under), f"{high:.3g}", INK, font, anchor="rt")
    draw.text((MARGIN_PX, height - MARGIN_PX), caption, INK, font, anchor="lm")
    return sheet


def _dot(
    draw: ImageDraw.ImageDraw, x: float, y: float, radius: int, colour: tuple[int, int, int, int]
) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour, PAPER)
