"""Forms of real tumours, cut out of label maps: small fields of distance that fit any size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import bounding_box, components
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume

#: A smaller tumour is a few voxels, whose form is that of the voxels.
SMALLEST_ML = 0.1
#: Voxels along each edge of a shape's cube, and how much of it the tumour fills.
SIDE, FILLED = 28, 0.8
#: Each of them is the middle of so many along each axis.
FINER = 3
#: A form of fewer of these (a fifth of the cube's voxels) is a thread, too thin to be drawn.
FEWEST_VOXELS = 4000


@dataclass(frozen=True, eq=False)
class Shape:
    """Form of one tumour.

    Its unit of length is the radius of the ball of the tumour's volume, so that drawn
    with a radius it has about the volume of the ball of that radius.

    Parameters
    ----------
    name
        The tumour that it is of.
    distance
        (n, n, n) along RAS axes, read-only: 0 where the tumour is deepest, 1 on its
        surface, and on at the same rate outside.
    step
        Edge of a voxel.
    depth
        How deep its deepest point lies under the surface; 1 for a ball.
    """

    name: str
    distance: NDArray[np.float32]
    step: float
    depth: float

    def __post_init__(self) -> None:
        self.distance.flags.writeable = False

    @cached_property
    def reach(self) -> float:
        """Radius of the ball about the cube's middle that holds the tumour."""
        middle = (np.asarray(self.distance.shape) - 1) / 2
        inside = np.argwhere(self.distance < 1)
        return float((np.linalg.norm(inside - middle, axis=1).max() + 1) * self.step)

    def onto(
        self,
        grid: Geometry,
        centre_mm: NDArray[np.float64],
        radii_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """The distance on `grid`, its axes turned to the rows of `rotation` and stretched."""
        affine = np.eye(4)
        affine[:3, :3] = rotation.T * radii_mm * self.step
        middle = (np.asarray(self.distance.shape) - 1) / 2
        affine[:3, 3] = centre_mm - affine[:3, :3] @ middle
        i, j, k = self.distance.shape
        cube = Volume(self.distance, Geometry((i, j, k), affine))
        return resample.onto(cube, grid, fill=float(self.distance.max())).voxels


def cut(tumours: NDArray[np.bool_], geometry: Geometry, name: str) -> tuple[Shape, ...]:
    """The shape of each connected tumour of 0.1 ml or more, the largest first; () for none."""
    numbered, sizes = components(tumours)
    large = int((sizes * geometry.voxel_ml >= SMALLEST_ML).sum())
    found = (_shape(numbered == n, geometry, f"{name}_{n}") for n in range(1, large + 1))
    return tuple(shape for shape in found if shape is not None)


def _shape(tumour: NDArray[np.bool_], geometry: Geometry, name: str) -> Shape | None:
    """The shape of one tumour; None if it is too thin."""
    inside = _signed_mm(tumour, geometry) > 0
    if inside.sum() < FEWEST_VOXELS:
        return None
    # Between slices far apart the interpolated distance is not one; that of the form is.
    signed = np.where(
        inside,
        ndimage.distance_transform_edt(inside) - 0.5,
        0.5 - ndimage.distance_transform_edt(~inside),
    )
    signed = ndimage.gaussian_filter(signed, 0.8)  # takes the voxels' corners off
    radius = float(np.cbrt((signed > 0).sum() * 3 / (4 * np.pi)))
    middle = slice(FINER // 2, None, FINER)
    coarse = signed[middle, middle, middle]
    deepest = float(coarse.max())
    distance = np.asarray(1 - coarse / deepest, np.float32)
    return Shape(name, distance, step=FINER / radius, depth=deepest / radius)


def _signed_mm(tumour: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.float32]:
    """Distance to a tumour's surface, positive inside, on a cube along RAS about it."""
    box = bounding_box(tumour)
    assert box is not None  # a component has voxels
    spare = 2
    part = np.pad(tumour[box], spare)
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_patient([s.start - spare for s in box])
    i, j, k = part.shape
    grid = Geometry((i, j, k), affine)
    spacing_mm = geometry.spacing_mm
    signed = ndimage.distance_transform_edt(part, spacing_mm)
    signed = signed - ndimage.distance_transform_edt(~part, spacing_mm)
    where = geometry.to_patient(np.argwhere(tumour))
    low, high = where.min(axis=0), where.max(axis=0)
    edge_mm = float((high - low + spacing_mm.max()).max()) / FILLED
    n = SIDE * FINER
    cube = Geometry.from_spacing((n, n, n), edge_mm / n, (low + high) / 2)
    field = Volume(signed.astype(np.float32), grid)
    return resample.onto(field, cube, fill=float(signed.min())).voxels
