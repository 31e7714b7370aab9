"""How figures look: paper, ink, colours, and the files that they become."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from hepatica.core.errors import ResourceError
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR, Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of the regions (all of Okabe and Ito) and their marks, apart in grey as well.
COLOURS: dict[str, Colour] = {
    "liver": LIVER_COLOUR,
    "parenchyma": (0, 114, 178),
    "tumour": LESION_COLOUR,
}
MARKS = {"liver": "s", "parenchyma": "D", "tumour": "o"}
INK, DIM = "#222222", "#666666"
WIDTH_INCHES, PAD_INCHES, DPI = 9.6, 0.1, 130

#: Names are no formulas, and the SVG's text stays text.
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "hepatica",
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib, if it is installed, and the look of our figures.

    Raises
    ------
    ResourceError
        If it is not.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"The figures of a study need the package {error.name}.",
            "pip install '.[study]' in Hepatica's folder; the tables need nothing.",
        ) from error
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks has boxes on the PNG; the SVG has it right.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@styled()
def save(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as PNG and as SVG; the same figure gives the same bytes on one machine."""
    png, svg = BytesIO(), BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata=_NO_METADATA)
    return png.getvalue(), svg.getvalue()


def panels_of(panels: int, height: float, width: float = WIDTH_INCHES) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side with the research-only line below; inches."""
    from matplotlib.figure import Figure

    # Without pyplot: no window, no state that others share.
    figure = Figure(figsize=(width, height), dpi=DPI)
    figure.set_layout_engine("constrained", w_pad=PAD_INCHES, h_pad=PAD_INCHES)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.supxlabel(RESEARCH_ONLY, x=0.01, ha="left", fontsize=7, color=DIM)
    return figure, axes


def blank(axes: Axes, why: str) -> None:
    """Say why there is nothing to see."""
    axes.set_axis_off()
    axes.text(0, 0.5, why, transform=axes.transAxes, color=INK, fontsize=10)


def rgb(colour: Colour) -> tuple[float, float, float]:
    """A colour as matplotlib has them."""
    r, g, b = colour
    return r / 255, g / 255, b / 255
