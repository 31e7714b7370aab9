"""Free-response curve: lesions found against false ones per case, threshold by threshold.

At each threshold the lesion probability is cut and judged by the paper's rule, as a label map
would be. It is the network's probability: postprocessing, which a label map has been through, is
not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core.components import bounding_box, components
from hepatica.evaluate.lesions import FOUND_FROM

#: Probabilities at which a voxel begins to count as lesion.
THRESHOLDS = tuple(round(0.05 * n, 2) for n in range(1, 20))


@dataclass(frozen=True)
class Point:
    """One threshold over `cases` cases: `found` of `reference` lesions, and the `false` ones."""

    threshold: float
    cases: int
    reference: int
    found: int
    false: int

    @property
    def sensitivity(self) -> float | None:
        """Share of the reference lesions that are found; None without any."""
        return self.found / self.reference if self.reference else None

    @property
    def false_per_case(self) -> float:
        """False lesions of a case, on average."""
        return self.false / self.cases


def curve(probability: NDArray[np.float32], reference: NDArray[np.bool_]) -> tuple[Point, ...]:
    """The points of one case, from probabilities and a tumour mask (i, j, k) on one grid."""
    box = bounding_box(reference | (probability >= THRESHOLDS[0]))
    if box is None:
        return tuple(Point(t, 1, 0, 0, 0) for t in THRESHOLDS)
    chance, (numbered, voxels) = probability[box], components(reference[box])
    points = []
    for threshold in THRESHOLDS:
        mask = chance >= threshold
        hit = np.bincount(numbered[mask], minlength=len(voxels) + 1)[1:]
        predicted, sizes = components(mask)
        touching = np.unique(predicted[mask & (numbered > 0)])
        found = int((hit >= FOUND_FROM * voxels).sum())
        points.append(Point(threshold, 1, len(voxels), found, len(sizes) - len(touching)))
    return tuple(points)


def pooled(curves: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """The points of several cases together; () without any."""
    return tuple(
        Point(
            threshold,
            sum(p.cases for p in at),
            sum(p.reference for p in at),
            sum(p.found for p in at),
            sum(p.false for p in at),
        )
        for threshold, at in zip(THRESHOLDS, zip(*curves, strict=True), strict=False)
    )
