"""A description as a picture: six histograms."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import ResourceError
from hepatica.dataset.describe import Description, lesions_of, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Blue of Okabe and Ito, apart from the grey marks for every kind of colour vision.
BAR_COLOUR = "#0072B2"
MARK_COLOUR = "#333333"
SIZE_INCHES, DPI = (9.6, 5.4), 125
#: Around each panel; the default puts them shoulder to shoulder.
_PAD_INCHES = 0.12

_Edges = NDArray[np.float64]


@dataclass(frozen=True)
class _Panel:
    """One histogram: what is counted, and the edges between the bars."""

    title: str
    counted: str
    values: Sequence[float]
    edges: Callable[[NDArray[np.float64]], _Edges]
    log: bool = False


def draw(description: Description) -> bytes:
    """The picture as PNG; the same description gives the same bytes on one machine.

    A line marks each median. A panel without values says so.

    Raises
    ------
    ResourceError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"The histograms need the package {error.name}.",
            "pip install '.[study]' in Hepatica's folder; all other files are written.",
        ) from error
    # Without pyplot: no window, no state that others share.
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained", w_pad=_PAD_INCHES, h_pad=_PAD_INCHES)
    for axes, panel in zip(figure.subplots(2, 3).flat, _panels(description), strict=True):
        _histogram(axes, panel)
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _panels(description: Description) -> tuple[_Panel, ...]:
    usable = [c.numbers for c in description.cases if c.numbers is not None]
    lesions = lesions_of(description.cases)
    per_case = [len(n.lesions) for n in usable if n.lesions is not None]
    livers = [n.liver_ml for n in usable if n.liver_ml is not None]
    shares = [x.share_of_liver_percent for x in lesions if x.share_of_liver_percent is not None]
    return (
        _Panel("Lesion volume, ml", "lesions", [x.volume_ml for x in lesions], _decades, True),
        _Panel(
            "Lesion diameter, axial, mm", "lesions", [x.diameter_axial_mm for x in lesions], _even
        ),
        _Panel("Lesions per case", "cases", per_case, _whole),
        _Panel("Liver volume, ml", "cases", livers, _even),
        _Panel("Lesion volume, % of the liver", "lesions", shares, _decades, True),
        _Panel("Slice spacing, mm", "cases", [n.slice_spacing_mm for n in usable], _even),
    )


def _histogram(axes: Axes, panel: _Panel) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    axes.set_title(panel.title, loc="left", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
    if not panel.values:
        axes.set_axis_off()
        axes.text(0, 0.5, "nothing to count", transform=axes.transAxes, color=MARK_COLOUR)
        return
    values = np.asarray(panel.values, np.float64)
    edges = panel.edges(values)
    # An edge that was rounded past a value would lose it.
    edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
    axes.hist(values, bins=edges.tolist(), color=BAR_COLOUR, edgecolor="white")
    if panel.log:
        axes.set_xscale("log")
        # Whole decades: there is a tick with a number whatever the values.
        low, high = np.log10(edges[[0, -1]])
        axes.set_xlim(10 ** np.floor(low), 10 ** np.ceil(high))
        axes.xaxis.set_major_formatter(lambda value, place: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    median = float(np.median(values))
    axes.axvline(median, color=MARK_COLOUR, linewidth=1, linestyle=(0, (4, 2)))
    axes.set_xlabel(f"median {number(median)}", fontsize=8, color=MARK_COLOUR)
    axes.set_ylabel(f"{panel.counted} (of {len(values)})", fontsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    if panel.edges is _whole:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))


def _bars(n: int) -> int:
    """How many bars `n` values are worth: few values do not make a comb."""
    return int(np.clip(2 * np.sqrt(n), 5, 20))


def _even(values: NDArray[np.float64]) -> _Edges:
    """Edges of bars about multiples of a width, which is 1, 2 or 5 times a power of ten.

    Spacings are round numbers: they belong into the middle of a bar. No edge is below 0.
    """
    low, high = float(values.min()), float(values.max())
    rough = max((high - low) / _bars(len(values)), abs(high) * 0.05, 1e-6)
    power = 10.0 ** np.floor(np.log10(rough))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
    first, last = np.floor(low / width + 0.5), np.floor(high / width + 0.5) + 1
    return np.asarray(np.maximum((np.arange(first, last + 1) - 0.5) * width, 0))


def _whole(values: NDArray[np.float64]) -> _Edges:
    """A bar for each whole number from 0 on, or for several where there are too many."""
    step = np.ceil((values.max() + 1) / 24)
    return np.asarray(np.arange(0, values.max() + 1 + step, step) - 0.5)


def _decades(values: NDArray[np.float64]) -> _Edges:
    """Edges of bars of one width on a logarithmic axis; volumes are positive."""
    low, high = np.log10([values.min(), values.max()])
    to_decade = next((k for k in (4, 3, 2) if k * (high - low) <= _bars(len(values))), 1)
    first, last = np.floor(low * to_decade), np.floor(high * to_decade) + 1
    return np.asarray(10 ** (np.arange(first, last + 1) / to_decade))
