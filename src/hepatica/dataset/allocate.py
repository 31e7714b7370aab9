"""How many patients of each scanner go into each subset: whole numbers, no chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def totals(n: int, parts: ArrayLike, least: ArrayLike) -> NDArray[np.int64]:
    """`n` in whole `parts` (s,), as close as rounding allows, each at least `least` (s,).

    By largest remainders, so that each is within one of its share; where `least` is more,
    it is taken from those that are most above their share.

    Raises
    ------
    ValueError
        If `least` sums to more than `n`.
    """
    share = n * np.asarray(parts, np.float64) / np.sum(parts)
    low = np.asarray(least, np.int64)
    if low.sum() > n:
        raise ValueError(f"{n} is less than {low.tolist()}")
    found = np.floor(share + 1e-9).astype(np.int64)
    for place in np.argsort(found - share, kind="stable")[: n - found.sum()]:
        found[place] += 1
    found = np.maximum(found, low)
    while found.sum() > n:
        found[np.argmax(np.where(found > low, found - share, -np.inf))] -= 1
    return np.asarray(found)


def table(
    rows: Sequence[int], columns: NDArray[np.int64], least: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Counts (g, s) that sum to `rows` (g,) and `columns` (s,), as proportional as they can be.

    Parameters
    ----------
    least
        (g, s) counts from below; neither their rows nor their columns exceed the sums.

    Raises
    ------
    ValueError
        If `rows` and `columns` have different sums or are exceeded by `least`.
    """
    wanted = np.outer(rows, columns) / max(int(np.sum(columns)), 1)
    found = np.array(least, np.int64)
    row, column = np.asarray(rows) - found.sum(axis=1), columns - found.sum(axis=0)
    if row.sum() != column.sum() or min(row.min(initial=0), column.min(initial=0)) < 0:
        raise ValueError("the sums of rows and columns do not fit")
    for _ in range(int(row.sum())):
        # One by one to where most is missing: every row and column is filled in the end.
        free = (row[:, None] > 0) & (column[None, :] > 0)
        g, s = np.unravel_index(np.argmax(np.where(free, wanted - found, -np.inf)), found.shape)
        found[g, s] += 1
        row[g] -= 1
        column[s] -= 1
    return found
