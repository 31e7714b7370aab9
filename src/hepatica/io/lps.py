"""The one place where LPS and RAS meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def swap_lps_ras(affine: ArrayLike) -> NDArray[np.float64]:
    """An affine (4, 4) to LPS+ millimetres as one to RAS+ millimetres, or the other way.

    Both conventions differ in the signs of x and y, so that the function undoes itself.
    """
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, np.float64)


def swap_points(points: NDArray[Any]) -> NDArray[Any]:
    """Points or directions (…, 3) in RAS as in LPS, or the other way, of the same type."""
    return np.asarray(points * np.array([-1, -1, 1], points.dtype))
