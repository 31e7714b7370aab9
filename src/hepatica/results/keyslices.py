"""The slice that tells most about each lesion: the one of its longest axial diameter."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from hepatica.core.volume import LabelMap, Volume
from hepatica.results.measure import Finding
from hepatica.results.panels import Colour, Frame, Panel, Plane, panel, render, window, zoomed
from hepatica.results.preview import draw_scale_bar, write_on

SIZE_PX = 300
#: Height of what is shown: so many diameters, within these limits.
FIELD, FIELD_MM = 3.0, (60.0, 220.0)
#: Share of white at which the liver is shown, so that bright vessels do not darken it.
LIVER_GREY = 0.45
DIAMETER: Colour = (255, 255, 255)
TICK_PX = 4


def black_white(volume: Volume, labelmap: LabelMap) -> tuple[float, float]:
    """Signals to show as black and white so that the liver is well seen."""
    low, high = window(volume)
    liver = volume.voxels[labelmap.parenchyma]
    signal = float(np.median(liver)) if liver.size else low
    return (low, min(high, low + (signal - low) / LIVER_GREY)) if signal > low else (low, high)


def key_slice(
    volume: Volume, labelmap: LabelMap, finding: Finding, levels: tuple[float, float]
) -> Image.Image:
    """Draw a lesion's slice: contours of liver and lesions, ends of its two diameters.

    Parameters
    ----------
    volume, labelmap
        On the same grid.
    finding
        Measured on that label map.
    levels
        Signals to show as black and as white.

    Returns
    -------
    PIL.Image.Image
        RGB, 300 by 300 pixels; radiological convention, a plane of the voxel grid.
    """
    ends = finding.axial_ends_mm
    centre = np.mean(ends, axis=0) if ends else np.array(finding.centre_mm)
    field_mm = float(np.clip(FIELD * finding.diameter_axial_mm, *FIELD_MM))
    grid = zoomed(volume.geometry, centre, (field_mm, field_mm, np.inf))
    each = panel("axial", grid, centre, Frame(0, 0, SIZE_PX, SIZE_PX))
    picture = render(each, volume, labelmap, levels)
    ink = ImageDraw.Draw(picture)
    for segment in (finding.axial_ends_mm, finding.perpendicular_ends_mm):
        for point in segment or ():
            # Crosses at the ends, as callipers leave them, hide nothing of a small lesion.
            x, y = each.pixel(point)
            for dark in (True, False):
                colour, wide = ((0, 0, 0), 3) if dark else (DIAMETER, 1)
                ink.line((x - TICK_PX, y, x + TICK_PX, y), colour, wide)
                ink.line((x, y - TICK_PX, x, y + TICK_PX), colour, wide)
    _annotate(ink, each, str(finding.id))
    return picture


def overview(
    volume: Volume,
    labelmap: LabelMap,
    point_mm: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    levels: tuple[float, float],
) -> tuple[Image.Image, Image.Image]:
    """The axial and the coronal slice of the whole image through a point (RAS+ mm)."""
    found = []
    planes: tuple[Plane, ...] = ("axial", "coronal")
    for plane in planes:
        each = panel(plane, volume.geometry, point_mm, Frame(0, 0, 560, 420))
        each = Panel(each.plane, each.slab, Frame(0, 0, each.frame.width, each.frame.height))
        picture = render(each, volume, labelmap, levels)
        _annotate(ImageDraw.Draw(picture), each, "")
        found.append(picture)
    return found[0], found[1]


def _annotate(ink: ImageDraw.ImageDraw, each: Panel, corner: str) -> None:
    f = each.frame
    middle = f.height // 2
    write_on(ink, (5, middle), each.letters[0], "lm", 16)
    write_on(ink, (f.width - 5, middle), each.letters[1], "rm", 16)
    write_on(ink, (6, 4), corner, "lt", 20)
    draw_scale_bar(ink, each)
