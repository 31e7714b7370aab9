"""Lesions of a prediction against those of a reference: which were found, and how well.

A lesion is a 26-connected component of the tumour label. Three questions are asked of one table
of how many voxels each reference lesion shares with each predicted one:

- Found? The paper's rule: half of a reference lesion's voxels, or more, are labelled tumour,
  whatever they are part of. A predicted lesion is false if it touches no reference lesion.
- Matched? One to one, so that the sum of their intersections over unions is the largest; a
  pair counts from an IoU of `MATCH_IOU` on. Precision, recall, F1 and panoptic quality
  (Kirillov 2019) come from that.
- How alike? The Dice of a reference lesion and all predicted lesions that touch it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from hepatica.core.components import bounding_box, components
from hepatica.core.geometry import Geometry
from hepatica.results.diameters import longest_in_plane_mm
from hepatica.results.measure import head_foot_axis

#: Share of a reference lesion's voxels that has to be hit (the paper, after the LiTS challenge).
FOUND_FROM = 0.5
#: Two lesions that overlap less are not the same one.
MATCH_IOU = 0.5
#: Upper ends of the classes of longest axial diameters, in mm (DESIGN, section 5).
DIAMETERS_MM = (5.0, 10.0, 20.0)
CLASSES = ("below 5 mm", "5 to 10 mm", "10 to 20 mm", "20 mm and more")


@dataclass(frozen=True)
class ReferenceLesion:
    """A lesion that is there.

    Parameters
    ----------
    id
        1 for the largest of its case, 2 for the next.
    diameter_mm
        The longest one in an axial plane.
    hit_fraction
        Share of its voxels that are labelled tumour.
    dice
        With all predicted lesions that touch it; 0 if none does.
    iou
        With the predicted lesion that it is matched with; None without one.
    """

    id: int
    volume_ml: float
    diameter_mm: float
    hit_fraction: float
    dice: float
    iou: float | None

    @property
    def found(self) -> bool:
        """By the paper's rule."""
        return self.hit_fraction >= FOUND_FROM

    @property
    def size(self) -> str:
        """Its class of diameter: one of `CLASSES`, each with its lower end."""
        return CLASSES[int(np.searchsorted(DIAMETERS_MM, self.diameter_mm, side="right"))]


@dataclass(frozen=True)
class PredictedLesion:
    """A lesion that was predicted; false if it touches none that is there."""

    id: int
    volume_ml: float
    diameter_mm: float
    false: bool
    iou: float | None


@dataclass(frozen=True)
class Lesions:
    """All lesions of one case, or of several."""

    reference: tuple[ReferenceLesion, ...]
    predicted: tuple[PredictedLesion, ...]

    @classmethod
    def between(
        cls, prediction: NDArray[np.bool_], reference: NDArray[np.bool_], geometry: Geometry
    ) -> Lesions:
        """Compare two tumour masks (i, j, k) on `geometry`; either may be empty."""
        box = bounding_box(prediction | reference)
        if box is None:
            return cls((), ())
        theirs, their_voxels = components(reference[box])
        ours, our_voxels = components(prediction[box])
        shared = _shared(theirs, ours, len(their_voxels), len(our_voxels))
        iou = shared / (their_voxels[:, None] + our_voxels - shared)
        matched = _matched(iou)
        of_reference = {r: float(iou[r, p]) for r, p in matched}
        of_predicted = {p: float(iou[r, p]) for r, p in matched}
        hit, touching = shared.sum(axis=1), (shared > 0) @ our_voxels
        ml = geometry.voxel_ml
        return cls(
            tuple(
                ReferenceLesion(
                    id=n + 1,
                    volume_ml=int(voxels) * ml,
                    diameter_mm=diameter_mm,
                    hit_fraction=float(hit[n] / voxels),
                    dice=float(2 * hit[n] / (voxels + touching[n])),
                    iou=of_reference.get(n),
                )
                for n, (voxels, diameter_mm) in enumerate(
                    zip(their_voxels, _diameters_mm(theirs, geometry), strict=True)
                )
            ),
            tuple(
                PredictedLesion(
                    id=n + 1,
                    volume_ml=int(voxels) * ml,
                    diameter_mm=diameter_mm,
                    false=not shared[:, n].any(),
                    iou=of_predicted.get(n),
                )
                for n, (voxels, diameter_mm) in enumerate(
                    zip(our_voxels, _diameters_mm(ours, geometry), strict=True)
                )
            ),
        )

    @classmethod
    def all(cls, cases: Sequence[Lesions]) -> Lesions:
        """The lesions of several cases together."""
        return cls(
            tuple(lesion for case in cases for lesion in case.reference),
            tuple(lesion for case in cases for lesion in case.predicted),
        )

    @property
    def found(self) -> int:
        """Reference lesions that were found."""
        return sum(lesion.found for lesion in self.reference)

    @property
    def missed(self) -> int:
        """Reference lesions that were not."""
        return len(self.reference) - self.found

    @property
    def false(self) -> int:
        """Predicted lesions that touch no reference lesion."""
        return sum(lesion.false for lesion in self.predicted)

    @property
    def matched(self) -> int:
        """Pairs of the one-to-one matching."""
        return sum(lesion.iou is not None for lesion in self.reference)

    @property
    def recall(self) -> float | None:
        """Share of the reference lesions that are matched; None without any."""
        return self.matched / len(self.reference) if self.reference else None

    @property
    def precision(self) -> float | None:
        """Share of the predicted lesions that are matched; None without any."""
        return self.matched / len(self.predicted) if self.predicted else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both, 0 if nothing matches; None without any lesion at all."""
        whole = len(self.reference) + len(self.predicted)
        return 2 * self.matched / whole if whole else None

    @property
    def panoptic_quality(self) -> float | None:
        """F1 times the mean IoU of the pairs; None without any lesion at all."""
        whole = len(self.reference) + len(self.predicted)
        return 2 * sum(x.iou or 0.0 for x in self.reference) / whole if whole else None

    def by_size(self) -> dict[str, tuple[int, int]]:
        """Found and all reference lesions of each class of diameter."""
        return {
            name: (
                sum(x.found for x in self.reference if x.size == name),
                sum(x.size == name for x in self.reference),
            )
            for name in CLASSES
        }


def _diameters_mm(numbered: NDArray[np.int32], geometry: Geometry) -> list[float]:
    """The longest axial diameter of each lesion."""
    matrix, axis = geometry.affine[:3, :3], head_foot_axis(geometry)
    return [
        longest_in_plane_mm(numbered[box] == n, matrix, axis)[0]
        for n, box in enumerate(ndimage.find_objects(numbered), 1)
    ]


def _shared(
    theirs: NDArray[np.int32], ours: NDArray[np.int32], n: int, m: int
) -> NDArray[np.int64]:
    """(n, m) voxels that each reference lesion shares with each predicted one."""
    both = (theirs > 0) & (ours > 0)
    pairs = (theirs[both].astype(np.int64) - 1) * m + ours[both] - 1
    return np.bincount(pairs, minlength=n * m).reshape(n, m)


def _matched(iou: NDArray[np.float64]) -> list[tuple[int, int]]:
    if not iou.size:
        return []
    # What is below the threshold must not keep a pair above it apart.
    worth = np.where(iou >= MATCH_IOU, iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0]
