"""Overlap of two masks, and the rule for empty ones.

Both masks empty: every score is undefined (None). Reference empty, prediction not:
Dice and precision are 0, sensitivity is undefined. Prediction empty, reference not:
Dice and sensitivity are 0, precision is undefined.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Overlap:
    """The paper's equations 8 to 10 from voxel counts; None where undefined."""

    true_positive: int
    false_positive: int
    false_negative: int

    @classmethod
    def of(cls, prediction: NDArray[np.bool_], reference: NDArray[np.bool_]) -> Overlap:
        """Count voxels; the masks have the same shape."""
        both = int(np.count_nonzero(prediction & reference))
        return cls(
            both,
            int(np.count_nonzero(prediction)) - both,
            int(np.count_nonzero(reference)) - both,
        )

    @classmethod
    def pooled(cls, several: Iterable[Overlap]) -> Overlap:
        """The voxels of several counted together."""
        counts = [(o.true_positive, o.false_positive, o.false_negative) for o in several]
        return cls(*(sum(c[n] for c in counts) for n in range(3)))

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(
            2 * self.true_positive,
            2 * self.true_positive + self.false_positive + self.false_negative,
        )

    @property
    def sensitivity(self) -> float | None:
        """TP / (TP + FN)."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP)."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
