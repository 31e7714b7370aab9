"""Deformation of an anatomy: drawn first, applied as often as needed, folding-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth.fields import covering


@dataclass(frozen=True, eq=False)
class Deformation:
    """From where in the anatomy a point of the patient comes: x -> matrix @ x + u(x).

    `matrix` (3, 4) acts on RAS+ mm about `centre_mm`; the displacements (3, i, j, k)
    in mm stand on `control`, a coarse grid, and are interpolated linearly between.
    """

    matrix: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    displacement_mm: NDArray[np.float32]
    control: Geometry

    def source_index(
        self, grid: Geometry, anatomy: Geometry
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Fractional anatomy indices (i, j, k) of every voxel of `grid`."""
        to_index = np.linalg.inv(anatomy.affine)[:3]
        about = np.eye(4)
        about[:3, :3] = self.matrix
        about[:3, 3] = self.centre_mm - self.matrix @ self.centre_mm
        chain = to_index @ about @ grid.affine
        fields = [resample.onto(Volume(u, self.control), grid).voxels for u in self.displacement_mm]
        i, j, k = (np.arange(n, dtype=np.float32) for n in grid.shape)
        result = []
        for row, linear in zip(chain.astype(np.float32), to_index.astype(np.float32), strict=True):
            index = (
                (row[0] * i)[:, None, None]
                + (row[1] * j)[None, :, None]
                + (row[2] * k + row[3])[None, None, :]
            )
            for weight, field in zip(linear[:3], fields, strict=True):
                if weight:
                    index = index + weight * field
            result.append(index)
        return result[0], result[1], result[2]

    def pull(
        self, array: NDArray[np.generic], anatomy: Geometry, grid: Geometry
    ) -> NDArray[np.generic]:
        """An `array` on the grid of the anatomy as it is in the patient, on `grid`.

        Nearest voxel; 0 outside. Several arrays share a :meth:`source_index`.
        """
        return gather(array, self.source_index(grid, anatomy))


def draw(
    rng: np.random.Generator,
    about: Geometry,
    centre_mm: NDArray[np.float64],
    *,
    scale: float = 0.15,
    rotation_deg: float = 10.0,
    strength: float = 0.2,
) -> Deformation:
    """A random affine and elastic deformation of the space that `about` covers.

    Displacements stay below a quarter of the distance between control points, so that
    neighbours along an axis never change order. That alone forbids no fold in three
    dimensions; that they deviate by a tenth of the distance at most does, in practice: of
    6000 draws none folds, and no volume shrinks to less than a fourteenth of what it was.
    """
    angles = np.deg2rad(rng.uniform(-rotation_deg, rotation_deg, 3))
    matrix = np.eye(3)
    for a, angle in enumerate(angles):
        turn = np.eye(3)
        p, q = (a + 1) % 3, (a + 2) % 3
        turn[[p, q], [p, q]] = np.cos(angle)
        turn[p, q], turn[q, p] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    sizes = np.exp(rng.uniform(-scale, scale)) * np.exp(rng.uniform(-scale / 2, scale / 2, 3))
    matrix = matrix @ np.diag(1 / sizes)
    distance_mm = float(rng.uniform(30, 80))
    control = covering(about, distance_mm, spare=3)
    amplitude = distance_mm * strength * rng.uniform(0, 1)
    normal = rng.normal(0, amplitude / 2, (3, *control.shape))
    limit = distance_mm * 0.24
    displacement = np.clip(normal, -limit, limit).astype(np.float32)
    return Deformation(matrix, np.asarray(centre_mm, float), displacement, control)


def gather(
    array: NDArray[np.generic],
    index: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> NDArray[np.generic]:
    """`array` at the nearest voxel of each index; 0 outside."""
    shape = array.shape
    flat = np.zeros(index[0].shape, np.int32)
    outside = np.zeros(index[0].shape, bool)
    for axis, where in enumerate(index):
        nearest = np.rint(where).astype(np.int32)
        outside |= (nearest < 0) | (nearest >= shape[axis])
        np.clip(nearest, 0, shape[axis] - 1, out=nearest)
        flat *= shape[axis]
        flat += nearest
    result = np.take(array.ravel(), flat)
    result[outside] = 0
    return result
