"""Random intensity curves: a real MRI that looks as if another sequence had made it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Old intensities (liver about 1) between which a curve is defined.
RANGE = 2.5


def draw(rng: np.random.Generator) -> NDArray[np.float64]:
    """New intensities for evenly spaced old ones from 0 to `RANGE`; 0 stays 0.

    Three in five rise throughout; the others may turn bright tissues dark.
    """
    knots = np.sort(rng.uniform(0, 2, 8)) if rng.random() < 0.6 else rng.uniform(0, 2, 8)
    return np.concatenate([[0.0], knots])


def bend(curve: NDArray[np.float64], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """`image` (any shape, liver about 1) with the intensities of `curve`."""
    return np.interp(image, np.linspace(0, RANGE, len(curve)), curve).astype(np.float32)
