"""How far lesions are from the liver's surface and from each other, in patient mm.

A gap runs between voxel corners, as diameters do: two voxels with one between them have a
gap of one step, and voxels that touch have none. Between boxes of one lattice the shortest
gap always has corners at its ends, so that this is the distance of the bodies that the
voxels fill, on anisotropic and oblique grids too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Box, Geometry
from hepatica.core.volume import LabelMap

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Gaps:
    """The corners of lesions and liver, to ask for gaps between them.

    Parameters
    ----------
    lesions
        By number: (n, 3) corners on the lesion's surface, RAS+ mm.
    surface
        The liver's outer surface within the field of view.
    cut
        Where the field of view cuts the liver, which goes on there.
    """

    lesions: dict[int, NDArray[np.float64]]
    surface: cKDTree
    cut: cKDTree

    @classmethod
    def of(cls, labelmap: LabelMap, numbered: NDArray[np.int32], box: Box) -> Gaps:
        """Collect them.

        Parameters
        ----------
        labelmap
            With a liver; cavities in it do not count as its surface.
        numbered
            The lesions, 1…n, in the liver's `box`.
        """
        geometry = labelmap.geometry
        around = bounding_box(labelmap.liver, spare=1)
        assert around is not None  # there is a liver
        liver = ndimage.binary_fill_holes(labelmap.crop(around).liver)
        there, within = _corner_counts(liver), _corner_counts(np.ones_like(liver))
        known = (there > 0) & (there < within)
        cut = (there > 0) & (there == within) & (within < 8)
        lesions = {}
        for number, part in enumerate(ndimage.find_objects(numbered), 1):
            count = _corner_counts(numbered[part] == number)
            grid = geometry.crop(box).crop(part)
            lesions[number] = _points((count > 0) & (count < 8), grid)
        grid = geometry.crop(around)
        return cls(lesions, cKDTree(_points(known, grid)), cKDTree(_points(cut, grid)))

    def to_surface_mm(self, number: int) -> float | None:
        """From a lesion to the liver's surface; None where that may be out of view."""
        known = _nearest_mm(self.surface, self.lesions[number])
        return known if known <= _nearest_mm(self.cut, self.lesions[number]) else None

    def to_next_mm(self, number: int) -> float | None:
        """From a lesion to the nearest other one; None if there is no other."""
        names, low, high = self._boxes
        n = names.index(number)
        # Boxes are never further apart than what they hold: most lesions need no closer look.
        apart = np.maximum(0, np.maximum(low - high[n], low[n] - high))
        bound = np.linalg.norm(apart, axis=1)
        bound[n] = np.inf
        best: float | None = None
        for other in np.argsort(bound):
            if not np.isfinite(bound[other]) or (best is not None and bound[other] >= best):
                break
            gap = _nearest_mm(self._tree(names[other]), self.lesions[number])
            best = gap if best is None else min(best, gap)
        return best

    @cached_property
    def _boxes(self) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
        """Numbers of the lesions, and lowest and highest corner (n, 3) of each."""
        points = self.lesions.values()
        low = np.array([p.min(axis=0) for p in points])
        high = np.array([p.max(axis=0) for p in points])
        return list(self.lesions), low, high

    def _tree(self, number: int) -> cKDTree:
        if number not in self._trees:
            self._trees[number] = cKDTree(self.lesions[number])
        return self._trees[number]

    @cached_property
    def _trees(self) -> dict[int, cKDTree]:
        return {}


def _nearest_mm(tree: cKDTree, points: NDArray[np.float64]) -> float:
    """Infinite if the tree is empty."""
    return float(tree.query(points)[0].min()) if tree.n else float("inf")


def _corner_counts(mask: _Mask) -> NDArray[np.uint8]:
    """How many of the up to eight voxels about each corner are in a mask."""
    count = np.zeros(tuple(n + 1 for n in mask.shape), np.uint8)
    for corner in product((0, 1), repeat=3):
        at = tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))
        count[at] += mask
    return count


def _points(corners: _Mask, geometry: Geometry) -> NDArray[np.float64]:
    """(n, 3) RAS+ mm; corner 0 is half a voxel before voxel 0."""
    return geometry.to_patient(np.argwhere(corners) - 0.5)
