"""One picture per case: three planes, contours and numbers, to see at a glance if it is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.measure import Measurements
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import (
    LESION_COLOUR,
    LIVER_COLOUR,
    Colour,
    Frame,
    Panel,
    Plane,
    panel,
    render,
    shown,
    window,
)

SIZE = (1500, 880)
TITLE_AT = (24, 16)
LEGEND_AT = (24, 62)
NOTICE_AT = (24, 844)

BACKGROUND: Colour = (14, 16, 20)
TEXT: Colour = (232, 234, 238)
DIM: Colour = (150, 156, 166)

#: The axial plane is the one that is read first, so it has the most room.
CELLS: dict[Plane, Frame] = {
    "axial": Frame(20, 104, 900, 724),
    "coronal": Frame(932, 104, 548, 357),
    "sagittal": Frame(932, 471, 548, 357),
}

_SCALE_BAR_MM = (50, 20, 10, 5, 2, 1)


def preview(
    volume: Volume, labelmap: LabelMap, measurements: Measurements, title: str
) -> Image.Image:
    """Draw the case.

    Parameters
    ----------
    volume
        The image; its own voxel planes are shown, undistorted, without the air around it.
    labelmap
        Contours; on any grid, best on the volume's.
    measurements
        Of that label map; the legend's numbers and the largest lesion's place.
    title
        Name of the case; shortened if it is too long, and brought to one line.

    Returns
    -------
    PIL.Image.Image
        RGB, 1500 by 880 pixels. Without a liver, the middle of the volume is shown
        and the legend says so.
    """
    picture = Image.new("RGB", SIZE, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _draw_title(draw, title)
    _draw_legend(draw, measurements)
    draw.text(NOTICE_AT, RESEARCH_ONLY, fill=TEXT, font=_font(18))
    point_mm = telling_point_mm(volume.geometry, labelmap, measurements)
    black_white = window(volume)
    for each in panels(shown(volume, labelmap, black_white), point_mm):
        at = (each.frame.left, each.frame.top)
        picture.paste(render(each, volume, labelmap, black_white), at)
        _annotate(draw, each, point_mm)
    return picture


def panels(geometry: Geometry, point_mm: NDArray[np.float64]) -> tuple[Panel, ...]:
    """The axial, coronal and sagittal panel through a point (RAS+ mm), as `preview` draws them."""
    return tuple(panel(plane, geometry, point_mm, cell) for plane, cell in CELLS.items())


def telling_point_mm(
    geometry: Geometry, labelmap: LabelMap, measurements: Measurements
) -> NDArray[np.float64]:
    """What to look at, RAS+ mm: the largest lesion, else the liver, else the volume's middle."""
    if measurements.findings:
        return labelmap.geometry.to_patient(measurements.findings[0].centre_voxel)
    box = bounding_box(labelmap.liver)
    if box is None:
        return geometry.to_patient((np.asarray(geometry.shape) - 1) / 2)
    liver = labelmap.crop(box)
    counts = [liver.liver.sum(axis=tuple({0, 1, 2} - {a})) for a in range(3)]
    return liver.geometry.to_patient([np.arange(len(c)) @ c / c.sum() for c in counts])


def legend(measurements: Measurements) -> tuple[tuple[str, Colour | None], ...]:
    """The legend's entries with the colour of their contour, None where they have none."""
    m = measurements
    if not m.liver_ml:
        return (("no liver found", None),)
    entries: list[tuple[str, Colour | None]] = [(f"liver {_ml(m.liver_ml)}", LIVER_COLOUR)]
    if not m.findings:
        entries.append(("no lesions found", None))
    else:
        n, largest = len(m.findings), m.findings[0]
        lesions = "1 lesion" if n == 1 else f"{n} lesions"
        entries += [
            (f"{lesions}, {_ml(m.tumour_ml)} in total", LESION_COLOUR),
            (f"{m.burden_percent:.1f} % of the liver", None),
            (
                f"largest {largest.diameter_axial_mm:.0f} x "
                f"{largest.diameter_perpendicular_mm:.0f} mm",
                None,
            ),
        ]
    if m.liver_touches_border:
        entries.append(("liver cut by the field of view", None))
    return tuple(entries)


def caption(panel: Panel, point_mm: NDArray[np.float64]) -> str:
    """The plane and its distance from the scanner's origin, such as ``"axial  F 13 mm"``."""
    at = float(point_mm[panel.across])
    plus, minus = ("RL", "AP", "HF")[panel.across]
    return f"{panel.plane}  {plus if at >= 0 else minus} {abs(at):.0f} mm"


def draw_scale_bar(draw: ImageDraw.ImageDraw, panel: Panel) -> None:
    """Draw 50 mm at the lower right, or the next that fits into 40 % of the width."""
    f = panel.frame
    fitting = [n for n in _SCALE_BAR_MM if n * panel.px_per_mm <= 0.4 * f.width]
    if not fitting or f.height < 60:
        return
    length = round(fitting[0] * panel.px_per_mm)
    right, y = f.left + f.width - 16, f.top + f.height - 18
    draw.rectangle((right - length, y - 1, right, y + 4), fill=(0, 0, 0))
    draw.rectangle((right - length + 1, y, right - 1, y + 3), fill=TEXT)
    write_on(draw, (right - length // 2, y - 8), f"{fitting[0]} mm", "mb", 16)


def write_on(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, anchor: str, size: int
) -> None:
    """Text that stays readable on any image; `anchor` is Pillow's, such as ``"lt"``."""
    draw.text(at, text, TEXT, _font(size), anchor, stroke_width=2, stroke_fill=(0, 0, 0))


def _ml(volume_ml: float) -> str:
    """Three significant digits, whole ml from 100 on."""
    decimals = 0 if volume_ml >= 100 else 1 if volume_ml >= 10 else 2
    return f"{volume_ml:.{decimals}f} ml"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _draw_title(draw: ImageDraw.ImageDraw, title: str) -> None:
    font, text = _font(30), " ".join(title.split())
    room = SIZE[0] - 2 * TITLE_AT[0]
    if draw.textlength(text, font=font) > room:
        while text and draw.textlength(text + "…", font=font) > room:
            text = text[:-1]
        text += "…"
    draw.text(TITLE_AT, text, fill=TEXT, font=font)


def _draw_legend(draw: ImageDraw.ImageDraw, measurements: Measurements) -> None:
    x, y = LEGEND_AT
    font = _font(20)
    for text, colour in legend(measurements):
        if colour is not None:
            draw.line((x, y + 13, x + 28, y + 13), fill=colour, width=4)
            x += 38
        draw.text((x, y), text, fill=TEXT, font=font)
        x += round(draw.textlength(text, font=font)) + 36


def _annotate(draw: ImageDraw.ImageDraw, panel: Panel, point_mm: NDArray[np.float64]) -> None:
    f = panel.frame
    right, bottom = f.left + f.width, f.top + f.height
    x, y = (round(v) for v in panel.pixel(point_mm))
    for tick in (
        (x, f.top, x, f.top + 9),
        (x, bottom - 10, x, bottom - 1),
        (f.left, y, f.left + 9, y),
        (right - 10, y, right - 1, y),
    ):
        draw.line(tick, fill=DIM, width=1)
    middle = (f.left + f.width // 2, f.top + f.height // 2)
    places = (
        ((f.left + 14, middle[1]), "lm"),
        ((right - 14, middle[1]), "rm"),
        ((middle[0], f.top + 12), "mt"),
        ((middle[0], bottom - 12), "mb"),
    )
    for letter, (at, anchor) in zip(panel.letters, places, strict=True):
        write_on(draw, at, letter, anchor, 22)
    write_on(draw, (f.left + 10, f.top + 8), caption(panel, point_mm), "lt", 16)
    draw_scale_bar(draw, panel)
