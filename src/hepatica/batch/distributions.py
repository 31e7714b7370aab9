"""Numbers of many cases: what is usual, what is not, and a drawing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.results.hypertext import DASH, Markup, text

#: Modified z-scores beyond it are outliers (Iglewicz and Hoaglin, "How to detect and handle
#: outliers", 1993).
UNUSUAL = 3.5
#: Standard deviations of a normal distribution in its median absolute deviation.
_MAD = 0.6745
MOST_BARS = 40
_WIDTH, _HEIGHT, _FOOT = 340, 130, 18


@dataclass(frozen=True)
class Quantity:
    """A number that cases have: what it is called, its unit, and its values by case."""

    name: str
    unit: str
    values: NDArray[np.float64]

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


def unusual(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How unusual each value is: 0.6745 · (x - median) / median absolute deviation.

    Shape (n,); NaN where the value is NaN. All 0 where more than half of the values are the
    same, since nothing is known of their spread then, and for no values.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.full(values.shape, np.nan)
    middle = np.median(known)
    spread = np.median(np.abs(known - middle))
    if spread == 0:
        return np.where(np.isfinite(values), 0.0, np.nan)
    scores: NDArray[np.float64] = _MAD * (values - middle) / spread
    return scores


def summary(values: NDArray[np.float64]) -> Sequence[str]:
    """How many there are, the least, quartiles and the largest; dashes for none."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return ("0", *(DASH,) * 5)
    marks = np.percentile(known, [0, 25, 50, 75, 100])
    return (str(known.size), *(f"{mark:.4g}" for mark in marks))


def histogram(quantity: Quantity) -> Markup:
    """A histogram as SVG, its bars by the rule of Freedman and Diaconis; at most `MOST_BARS`."""
    known = quantity.values[np.isfinite(quantity.values)]
    if known.size == 0:
        return Markup("<p>No case has it.</p>")
    counts, edges = np.histogram(known, bins=_bars(known))
    width = _WIDTH / len(counts)
    rects = "".join(
        f'<rect x="{n * width:.1f}" y="{_HEIGHT * (1 - count / counts.max()):.1f}"'
        f' width="{max(width - 1, 1):.1f}" height="{_HEIGHT * count / counts.max():.1f}"'
        ' fill="#0072b2"/>'
        for n, count in enumerate(counts)
    )
    base = _HEIGHT + _FOOT - 4
    words = (
        f"{quantity.title} of {known.size} cases, from {edges[0]:.4g} to {edges[-1]:.4g};"
        f" the highest bar has {counts.max()}"
    )
    return Markup(
        f'<svg role="img" aria-label="{text(words)}" viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}">'
        f'{rects}<path d="M0 {_HEIGHT}H{_WIDTH}" stroke="#222"/>'
        f'<text x="0" y="{base}" font-size="12">{edges[0]:.4g}</text>'
        f'<text x="{_WIDTH}" y="{base}" font-size="12" text-anchor="end">{edges[-1]:.4g}</text>'
        "</svg>"
    )


def _bars(known: NDArray[np.float64]) -> int:
    span = float(np.ptp(known))
    if span == 0:
        return 1
    lower, upper = np.percentile(known, [25, 75])
    width = 2 * float(upper - lower) / known.size ** (1 / 3)
    # A width that is next to nothing beside the span would be bars without end.
    return MOST_BARS if width * MOST_BARS <= span else max(1, round(span / width))
