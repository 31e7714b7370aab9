"""Where voxels lie in the patient.

One convention inside Hepatica: arrays are indexed (i, j, k), and an affine maps
voxel indices to RAS+ millimetres (x grows to the patient's right, y to the front,
z to the head). LPS exists only inside :mod:`hepatica.io`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from nibabel.orientations import aff2axcodes, inv_ornt_aff, io_orientation
from numpy.typing import ArrayLike, NDArray

from hepatica.core.errors import InputError

Triple: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid in patient space.

    Parameters
    ----------
    shape
        Number of voxels along (i, j, k); all positive.
    affine
        (4, 4) matrix from voxel index to RAS+ millimetres; stored as a read-only
        float64 copy. Columns may be anisotropic, oblique, sheared or left-handed.

    Raises
    ------
    InputError
        If the shape is not three positive numbers, or the affine is not a finite,
        invertible 4 by 4 matrix with last row (0, 0, 0, 1).
    """

    shape: Triple
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"A grid needs three positive sizes, not {self.shape}.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise InputError("The affine is not a finite 4 by 4 matrix.")
        if not np.array_equal(affine[3], (0, 0, 0, 1)):
            raise InputError("The last row of the affine is not (0, 0, 0, 1).")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        # |det| over the product of lengths: the volume of the cell spanned by unit axes
        if min(lengths) <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
            raise InputError("The affine is not invertible: two voxel axes coincide.")
        affine.flags.writeable = False
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls, shape: Triple, spacing_mm: ArrayLike, centre_mm: ArrayLike = (0, 0, 0)
    ) -> Geometry:
        """An axis-aligned RAS grid whose middle lies at `centre_mm`."""
        affine = np.diag([*np.broadcast_to(np.asarray(spacing_mm, float), 3), 1.0])
        middle = (np.asarray(shape, float) - 1) / 2
        affine[:3, 3] = np.asarray(centre_mm, float) - affine[:3, :3] @ middle
        return cls(shape, affine)

    @cached_property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Distance between neighbouring voxel centres along (i, j, k), in mm."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def extent_mm(self) -> NDArray[np.float64]:
        """Size of the field of view along (i, j, k), outer face to outer face, in mm."""
        return np.asarray(self.spacing_mm * self.shape)

    @cached_property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres (shear included)."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def shear_deg(self) -> float:
        """Largest deviation from a right angle between two voxel axes, in degrees."""
        unit = self.affine[:3, :3] / self.spacing_mm
        cosines = np.abs(unit.T @ unit)[np.triu_indices(3, 1)]
        return float(np.degrees(np.arcsin(np.clip(cosines, 0, 1)).max()))

    @property
    def axes(self) -> str:
        """The patient direction that each voxel axis is closest to, such as ``"LPS"``."""
        return "".join(aff2axcodes(self.affine))

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape, dtype=np.int64))

    def to_patient(self, index: ArrayLike) -> NDArray[np.float64]:
        """Voxel indices (…, 3), fractions allowed, to RAS+ millimetres (…, 3)."""
        return np.asarray(np.asarray(index, float) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_index(self, point_mm: ArrayLike) -> NDArray[np.float64]:
        """RAS+ millimetres (…, 3) to fractional voxel indices (…, 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(point_mm, float) @ inverse[:3, :3].T + inverse[:3, 3])

    def canonical(self) -> Geometry:
        """The same grid with its axes permuted and flipped to be closest to RAS."""
        orientation = io_orientation(self.affine)
        order = np.argsort(orientation[:, 0])
        shape = tuple(self.shape[int(a)] for a in order)
        back = inv_ornt_aff(orientation, self.shape)
        return Geometry((shape[0], shape[1], shape[2]), self.affine @ back)

    def crop(self, box: Box) -> Geometry:
        """The sub-grid under `box`, which must lie inside and not be empty."""
        starts = [s.start for s in box]
        shape = tuple(s.stop - s.start for s in box)
        if any(not 0 <= s.start < s.stop <= n for s, n in zip(box, self.shape, strict=True)):
            raise ValueError(f"box {box} does not lie inside a grid of {self.shape}")
        affine = self.affine.copy()
        affine[:3, 3] = self.to_patient(starts)
        return Geometry((shape[0], shape[1], shape[2]), affine)

    def regrid(self, shape: Triple, spacing_mm: float) -> Geometry:
        """A grid along the same axes, of isotropic voxels, about the same centre."""
        scale = spacing_mm / self.spacing_mm
        affine = self.affine.copy()
        affine[:3, :3] = affine[:3, :3] * scale
        centre = self.to_patient((np.asarray(self.shape) - 1) / 2)
        affine[:3, 3] = centre - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
        return Geometry(shape, affine)

    def matches(self, other: Geometry, tolerance_mm: float = 1e-2) -> bool:
        """Whether both grids have the same shape and no corner differs by more than that."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        gap = np.abs(self.to_patient(corners) - other.to_patient(corners))
        return bool(gap.max() <= tolerance_mm)


def whole(geometry: Geometry) -> Box:
    """The box of all voxels."""
    i, j, k = (slice(0, n) for n in geometry.shape)
    return (i, j, k)


def project(box: Box, source: Geometry, target: Geometry) -> Box | None:
    """The voxels of `target` whose centres `box` on `source` covers; None if there are none."""
    starts = [s.start - 0.5 for s in box]
    stops = [s.stop - 0.5 for s in box]
    corners = np.array(np.meshgrid(*zip(starts, stops, strict=True))).reshape(3, -1).T
    index = target.to_index(source.to_patient(corners))
    low = np.maximum(np.ceil(index.min(axis=0) - 1e-6), 0).astype(int)
    high = np.minimum(np.floor(index.max(axis=0) + 1e-6) + 1, target.shape).astype(int)
    if (high <= low).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (i, j, k)
