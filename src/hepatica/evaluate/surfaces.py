"""How far two surfaces are from each other: measured once, three scores from it.

A surface is made of elements: every 2×2×2 neighbourhood of voxels that a mask cuts is one, as
large as marching cubes makes it there (the table of DeepMind's surface-distance), so that thick
slices and staircases count for what they are. Outside the image there is nothing: a mask ends at
its faces. On a grid whose slices are tilted, distances are those of the patient; only the areas,
which weigh them, are those of upright elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from surface_distance.lookup_tables import (
    ENCODE_NEIGHBOURHOOD_3D_KERNEL,
    create_table_neighbour_code_to_surface_area,
)

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Geometry

#: Tolerance of the surface Dice, and the percentile of the Hausdorff distance.
TOLERANCE_MM, PERCENTILE = 2.0, 95.0
#: Slices that are tilted by less stand upright.
UPRIGHT_DEG = 0.01
#: Code of a neighbourhood that is wholly inside.
_INSIDE = 255


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Two surfaces, element by element: how far the other one is, and the element's area.

    Parameters
    ----------
    from_prediction, from_reference
        (n,) distances in mm of each element to the nearest one of the other surface;
        infinite where the other mask is empty.
    prediction_mm2, reference_mm2
        (n,) areas of the elements.
    """

    from_prediction: NDArray[np.float64]
    prediction_mm2: NDArray[np.float64]
    from_reference: NDArray[np.float64]
    reference_mm2: NDArray[np.float64]

    @classmethod
    def between(
        cls, prediction: NDArray[np.bool_], reference: NDArray[np.bool_], geometry: Geometry
    ) -> Surfaces:
        """Measure two masks (i, j, k) on `geometry`; either may be empty."""
        box = bounding_box(prediction | reference)
        if box is None:
            nothing = np.empty(0)
            return cls(nothing, nothing, nothing, nothing)
        areas = _areas(tuple(geometry.spacing_mm.tolist()))
        axes = _axes_mm(geometry)
        ours, ours_mm2 = _elements(prediction[box], areas, axes)
        theirs, theirs_mm2 = _elements(reference[box], areas, axes)
        return cls(_nearest(ours, theirs), ours_mm2, _nearest(theirs, ours), theirs_mm2)

    @property
    def hd95_mm(self) -> float | None:
        """95 % of each surface is closer to the other than this; None if a mask is empty."""
        if self._one_is_empty:
            return None
        return max(
            _percentile(self.from_prediction, self.prediction_mm2),
            _percentile(self.from_reference, self.reference_mm2),
        )

    @property
    def assd_mm(self) -> float | None:
        """Average symmetric surface distance; None if a mask is empty."""
        if self._one_is_empty:
            return None
        moment = self.from_prediction @ self.prediction_mm2 + (
            self.from_reference @ self.reference_mm2
        )
        return float(moment / (self.prediction_mm2.sum() + self.reference_mm2.sum()))

    def dice(self, tolerance_mm: float = TOLERANCE_MM) -> float | None:
        """Share of both surfaces that is within `tolerance_mm` of the other (Nikolov 2018).

        None if both masks are empty, 0 if one is.
        """
        whole = float(self.prediction_mm2.sum() + self.reference_mm2.sum())
        if not whole:
            return None
        close = self.prediction_mm2[self.from_prediction <= tolerance_mm].sum()
        close += self.reference_mm2[self.from_reference <= tolerance_mm].sum()
        return float(close) / whole

    @property
    def _one_is_empty(self) -> bool:
        return not (len(self.from_prediction) and len(self.from_reference))


def _elements(
    mask: NDArray[np.bool_], areas: NDArray[np.float64], axes_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, 3) in mm and areas (n,) of a mask's surface elements."""
    padded = np.pad(mask, 1).astype(np.uint8)
    i, j, k = padded.shape
    codes = np.zeros((i - 1, j - 1, k - 1), np.uint8)
    for (a, b, c), weight in np.ndenumerate(np.asarray(ENCODE_NEIGHBOURHOOD_3D_KERNEL)):
        codes += padded[a : i - 1 + a, b : j - 1 + b, c : k - 1 + c] * np.uint8(weight)
    surface = (codes != 0) & (codes != _INSIDE)
    return np.argwhere(surface) @ axes_mm, areas[codes[surface]]


def _axes_mm(geometry: Geometry) -> NDArray[np.float64]:
    """What a step along i, j and k is (rows), in mm, in a frame that may be turned."""
    if geometry.shear_deg < UPRIGHT_DEG:
        # Upright grids have exact distances: 2 mm are within 2 mm, whatever the rotation.
        return np.diag(geometry.spacing_mm)
    return np.asarray(geometry.affine[:3, :3].T, np.float64)


@lru_cache(maxsize=16)
def _areas(spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.asarray(create_table_neighbour_code_to_surface_area(spacing_mm), np.float64)


def _nearest(points_mm: NDArray[np.float64], others_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(points_mm) or not len(others_mm):
        return np.full(len(points_mm), np.inf)
    return np.asarray(KDTree(others_mm).query(points_mm)[0], np.float64)


def _percentile(distances_mm: NDArray[np.float64], areas_mm2: NDArray[np.float64]) -> float:
    """The distance within which `PERCENTILE` of a surface's area lies."""
    order = np.argsort(distances_mm, kind="stable")
    share = np.cumsum(areas_mm2[order]) / areas_mm2.sum()
    place = min(int(np.searchsorted(share, PERCENTILE / 100)), len(order) - 1)
    return float(distances_mm[order[place]])
