"""Best and worst cases to look at, as the paper's Figures 9 to 11.

Prediction in red, reference in green and dashed, yellow where both are: contours on an axial and a
coronal slice, and the lesions in 3D, seen through the predicted liver from the front. Radiological
convention everywhere: the patient's right is on the image's left.
"""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.evaluate.report.front import (
    BOTH,
    MOST_VOXELS,
    PITCH_MM,
    PREDICTION,
    REFERENCE,
    from_the_front,
)
from hepatica.evaluate.report.words import one_line
from hepatica.evaluate.scores import CaseScores
from hepatica.evaluate.study import Study
from hepatica.results.measure import measure
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import Colour, Frame, Panel, contour, panel, render, window, zoomed
from hepatica.results.preview import (
    BACKGROUND,
    TEXT,
    draw_scale_bar,
    telling_point_mm,
    write_on,
)
from hepatica.results.preview import caption as place
from hepatica.results.sheet import LIVER_GREY

SIZE = (1500, 600)
#: The two slices, and the view from the front.
CELLS = tuple(Frame(20 + n * 490, 104, 480, 456) for n in range(3))
#: Around the liver.
MARGIN_MM = 20.0
#: Length of a dash in pixels.
DASH = 5
#: What is black and white where there is no image, so that all is dark grey.
NO_IMAGE = (-0.25, 1.0)
NO_LIVER = "no liver in prediction or reference"


def decides(study: Study) -> Literal["tumour", "liver"]:
    """The region that ranks the cases: tumours, or the liver where no tumour Dice is defined."""
    return "tumour" if any(case["tumour"].dice is not None for case in study.cases) else "liver"


def choose(study: Study, n: int = 3) -> tuple[list[str], list[str]]:
    """The `n` cases with the highest Dice, best first, and those with the lowest, worst first.

    Dice of the region that :func:`decides`. No case is in both lists: of
    fewer than 2n, the better half, rounded up, is best. Undefined ones are chosen only if no
    Dice is defined at all, and then by name.
    """
    ranked: list[str] = sorted(case.case for case in study.cases)
    region = decides(study)
    known = [(-d, c.case) for c in study.cases if (d := c[region].dice) is not None]
    ranked = [name for _, name in sorted(known)] or ranked
    best = ranked[: min(n, (len(ranked) + 1) // 2)]
    return best, ranked[len(best) :][::-1][:n]


def in_words(case: CaseScores) -> str:
    """A caption: Dice of liver and tumours, and which lesions were found."""
    dice = {"liver": case["liver"].dice, "tumours": case["tumour"].dice}
    words = [f"{name} {'undefined' if d is None else f'{d:.3f}'}" for name, d in dice.items()]
    text = f"Dice: {', '.join(words)}"
    if case.lesions is None:
        return text
    there = len(case.lesions.reference)
    return f"{text}; lesions: {case.lesions.found} of {there} found, {case.lesions.false} false"


def png(picture: Image.Image) -> bytes:
    """A picture as a file; the same one gives the same bytes."""
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def draw(
    case: str, image: Volume | None, prediction: LabelMap, reference: LabelMap, caption: str
) -> Image.Image:
    """Draw a case: two slices through what tells most, and the view from the front.

    Parameters
    ----------
    image
        What is under the contours; None is a flat grey. Its own voxel planes are shown.
    prediction, reference
        On any grid each.
    caption
        Scores or remarks, beside the case's name.

    Returns
    -------
    PIL.Image.Image
        RGB, 1500 by 600 pixels. The slices go through the largest lesion of the reference,
        else of the prediction, else the middle of the liver. Without any liver the middle
        of the grid is shown, and it says so.
    """
    picture = Image.new("RGB", SIZE, BACKGROUND)
    ink = ImageDraw.Draw(picture)
    _write(ink, (20, 14), one_line(case), 28, TEXT, 930)
    _write(ink, (20, 56), one_line(caption, 400), 18, TEXT, 1460)
    _draw_legend(ink)
    ink.text((20, 570), RESEARCH_ONLY, TEXT, ImageFont.load_default(18))
    shown = next((m for m in (reference, prediction) if m.tumour.any()), None)
    shown = shown or next((m for m in (reference, prediction) if m.liver.any()), reference)
    point_mm = telling_point_mm(shown.geometry, shown, measure(shown))
    box_mm = _livers_mm((prediction, reference))
    black_white = NO_IMAGE
    background = Volume(np.zeros(reference.geometry.shape, np.float32), reference.geometry)
    if image is not None:
        background, black_white = image, _liver_window(image, shown)
    field = background.geometry if box_mm is None else _around(background.geometry, box_mm)
    planes: tuple[Literal["axial", "coronal"], ...] = ("axial", "coronal")
    for plane, cell in zip(planes, CELLS, strict=False):
        each = panel(plane, field, point_mm, cell)
        slice_ = _outlined(each, background, black_white, prediction, reference)
        picture.paste(slice_, (each.frame.left, each.frame.top))
        _annotate(ink, each, place(each, point_mm))
    if box_mm is None:
        corner = (CELLS[-1].left + 10, CELLS[-1].top + 8)
        write_on(ink, corner, NO_LIVER, "lt", 18)
    else:
        front = _in_front(box_mm)
        each = panel("coronal", front, point_mm, CELLS[-1])
        view = from_the_front(prediction, reference, front)
        size = (each.frame.width, each.frame.height)
        picture.paste(
            view.resize(size, Image.Resampling.BICUBIC), (each.frame.left, each.frame.top)
        )
        _annotate(ink, each, "3D from the front")
    return picture


def _outlined(
    each: Panel,
    background: Volume,
    black_white: tuple[float, float],
    prediction: LabelMap,
    reference: LabelMap,
) -> Image.Image:
    """The panel's slice with the contours of both, those of lesions thicker."""
    nothing = LabelMap(np.zeros(each.slab.shape, np.uint8), each.slab)
    rgb = np.asarray(render(each, background, nothing, black_white), np.float32)
    ours, theirs = (
        np.squeeze(onto(m, each.slab).labels, axis=each.across)[::-1, ::-1].T
        for m in (prediction, reference)
    )
    for least in (Label.PARENCHYMA, Label.TUMOUR):
        a, b = (contour(m >= least, each.voxel_mm, each.frame)[..., None] for m in (ours, theirs))
        if least == Label.TUMOUR:
            a, b = (ndimage.grey_dilation(ink, (3, 3, 1)) for ink in (a, b))
        both = np.minimum(a, b)
        # Dashed, for those who cannot tell red from green.
        only_b = (b - both) * _dashes(b.shape[:2])[..., None]
        rgb = rgb * (1 - a - only_b) + both * np.array(BOTH)
        rgb += (a - both) * np.array(PREDICTION) + only_b * np.array(REFERENCE)
    return Image.fromarray(np.rint(rgb).astype(np.uint8))


def _dashes(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a dashed line has ink (row, column), whatever its direction."""
    row, column = np.indices(shape) // DASH
    return np.asarray((row + column) % 2 == 0)


def _liver_window(image: Volume, labels: LabelMap) -> tuple[float, float]:
    """Black and white; bright vessels and kidneys do not leave the liver in the dark."""
    low, high = window(image)
    liver = onto(image, labels.geometry).voxels[labels.liver]
    signal = float(np.median(liver)) if liver.size else low
    return low, min(high, low + (signal - low) / LIVER_GREY) if signal > low else high


def _livers_mm(maps: tuple[LabelMap, ...]) -> NDArray[np.float64] | None:
    """Lowest and highest RAS+ mm (2, 3) of the voxels' faces; None without a liver."""
    corners = []
    for labels in maps:
        box = bounding_box(labels.liver)
        if box is not None:
            faces = np.meshgrid(*((s.start - 0.5, s.stop - 0.5) for s in box))
            corners.append(labels.geometry.to_patient(np.reshape(faces, (3, 8)).T))
    if not corners:
        return None
    points = np.concatenate(corners)
    return np.stack([points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM])


def _around(geometry: Geometry, box_mm: NDArray[np.float64]) -> Geometry:
    """The voxels of `geometry` about a box; the grid goes on where it ends before that."""
    corners = np.reshape(np.meshgrid(*box_mm.T), (3, 8)).T
    size_mm = np.ptp(geometry.canonical().to_index(corners), axis=0)
    size_mm = size_mm * geometry.canonical().spacing_mm
    return zoomed(geometry, box_mm.mean(axis=0), size_mm)


def _in_front(box_mm: NDArray[np.float64]) -> Geometry:
    """Cubes along the patient's axes that fill a box."""
    size_mm = box_mm[1] - box_mm[0]
    pitch_mm = max(PITCH_MM, float(size_mm.max()) / MOST_VOXELS)
    i, j, k = (int(n) for n in np.ceil(size_mm / pitch_mm))
    return Geometry.from_spacing((i, j, k), pitch_mm, box_mm.mean(axis=0))


def _annotate(ink: ImageDraw.ImageDraw, each: Panel, title: str) -> None:
    f = each.frame
    middle = f.top + f.height // 2
    write_on(ink, (f.left + 10, middle), each.letters[0], "lm", 22)
    write_on(ink, (f.left + f.width - 10, middle), each.letters[1], "rm", 22)
    write_on(ink, (f.left + 10, f.top + 8), title, "lt", 16)
    draw_scale_bar(ink, each)


def _write(
    ink: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, fill: Colour, room: int
) -> None:
    """Text on one line that ends in … where it would need more than `room` pixels."""
    font = ImageFont.load_default(size)
    if ink.textlength(text, font=font) > room:
        while text and ink.textlength(text + "…", font=font) > room:
            text = text[:-1]
        text += "…"
    ink.text(at, text, fill, font)


def _draw_legend(ink: ImageDraw.ImageDraw) -> None:
    font, x = ImageFont.load_default(18), SIZE[0] - 20
    for words, colour in (
        ("both", BOTH),
        ("reference, dashed", REFERENCE),
        ("prediction", PREDICTION),
    ):
        x -= round(ink.textlength(words, font=font))
        ink.text((x, 18), words, TEXT, font)
        ink.line((x - 34, 29, x - 8, 29), colour, 4)
        x -= 60
