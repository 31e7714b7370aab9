"""What many cases say together: means with their uncertainty, agreement, and paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: Resamples of a bootstrap, and the seed that makes them the same every time.
RESAMPLES, SEED = 2000, 1
#: Standard deviations on either side of the bias that hold 95 % of the differences.
LIMITS = 1.96


@dataclass(frozen=True)
class Summary:
    """One score over cases; undefined ones are counted and left out.

    `low` and `high` bound the mean's 95 % bootstrap interval over cases. All are None
    where no case defines the score; the SD (n - 1) and the interval need two.
    """

    mean: float | None
    sd: float | None
    median: float | None
    low: float | None
    high: float | None
    defined: int
    undefined: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Summary:
        """Summarise a score's values, one for each case."""
        known = np.array([v for v in values if v is not None], np.float64)
        missing = len(values) - known.size
        if not known.size:
            return cls(None, None, None, None, None, 0, missing)
        mean, median = float(known.mean()), float(np.median(known))
        if known.size == 1:
            return cls(mean, None, median, None, None, 1, missing)
        low, high = _interval(known)
        return cls(mean, float(known.std(ddof=1)), median, low, high, known.size, missing)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, values.size, (RESAMPLES, values.size))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True)
class Agreement:
    """How two measurements of the same cases agree (Bland and Altman 1986; ICC(2,1)).

    Parameters
    ----------
    bias, sd
        Of prediction minus reference; 95 % of the differences should lie between `low`
        and `high`.
    icc
        Two-way random effects, absolute agreement, single measurement (Shrout and Fleiss
        1979); None with fewer than two cases, or where nothing varies.
    """

    cases: int
    bias: float | None
    sd: float | None
    low: float | None
    high: float | None
    icc: float | None

    @classmethod
    def of(cls, prediction: Sequence[float], reference: Sequence[float]) -> Agreement:
        """Compare the two values of each case."""
        ours, theirs = np.asarray(prediction, np.float64), np.asarray(reference, np.float64)
        n = len(ours)
        if not n:
            return cls(0, None, None, None, None, None)
        apart = ours - theirs
        bias = float(apart.mean())
        if n == 1:
            return cls(1, bias, None, None, None, None)
        sd = float(apart.std(ddof=1))
        return cls(
            n, bias, sd, bias - LIMITS * sd, bias + LIMITS * sd, icc(np.stack([ours, theirs], 1))
        )


def icc(ratings: NDArray[np.float64]) -> float | None:
    """ICC(2,1) of (cases, raters); None where it is not defined."""
    n, k = ratings.shape
    # Means of equal numbers may differ from them by a rounding.
    if n < 2 or np.ptp(ratings) == 0:
        return None
    whole = ratings.mean()
    of_cases = k * np.square(ratings.mean(axis=1) - whole).sum() / (n - 1)
    of_raters = n * np.square(ratings.mean(axis=0) - whole).sum() / (k - 1)
    all_ = np.square(ratings - whole).sum()
    rest = (all_ - of_cases * (n - 1) - of_raters * (k - 1)) / ((n - 1) * (k - 1))
    below = of_cases + (k - 1) * rest + k * (of_raters - rest) / n
    return float((of_cases - rest) / below) if below > 0 else None


def wilcoxon(one: Sequence[float | None], other: Sequence[float | None]) -> float | None:
    """Two-sided p of the paired signed-rank test over the cases that define both.

    None where there is no case; 1 where nothing differs.
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    apart = np.array([a - b for a, b in pairs])
    return float(stats.wilcoxon(apart).pvalue) if apart.any() else 1.0


def holm(pvalues: Sequence[float | None]) -> list[float | None]:
    """The same p corrected for their number (Holm 1979), in the same order; None stays."""
    order = sorted((p, n) for n, p in enumerate(pvalues) if p is not None)
    corrected: list[float | None] = [None] * len(pvalues)
    largest = 0.0
    for rank, (p, n) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[n] = largest
    return corrected
