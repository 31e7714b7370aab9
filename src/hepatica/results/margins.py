"""Safety margins: the surface at a distance around a lesion, and distances from surfaces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import Volume
from hepatica.results.surfaces import EMPTY, Body, Mask, Surface, smooth_body

#: Edge of the lattice's cubes that margins are made on.
MARGIN_PITCH_MM = 1.0


def margin_surface(mask: Mask, geometry: Geometry, margin_mm: float) -> Surface:
    """The closed surface at a distance outside the smooth surface of a mask.

    It is not cut off where it leaves the liver.

    Parameters
    ----------
    mask
        (i, j, k) on `geometry`; margins of several parts join where they meet.
    margin_mm
        Positive. It is kept to about 0.1 mm.

    Raises
    ------
    ValueError
        If the margin is not positive, or the mask not on the grid.
    """
    if not margin_mm > 0:
        raise ValueError(f"a margin of {margin_mm} mm is not positive")
    body = smooth_body(mask, geometry)
    if body is None:
        return EMPTY
    lattice = wider(body.lattice, margin_mm + 3 * MARGIN_PITCH_MM, MARGIN_PITCH_MM)
    depth = depth_mm(body, lattice, margin_mm + 3 * MARGIN_PITCH_MM)
    return Body(depth + np.float32(margin_mm), lattice).surface()


def wider(geometry: Geometry, reach_mm: float, pitch_mm: float) -> Geometry:
    """Cubes along the same axes, about the same centre, that reach so much further."""
    unit = geometry.affine[:3, :3] / geometry.spacing_mm
    # A step along a sheared axis leads less far from the plane of the others.
    slant = np.linalg.norm(np.linalg.inv(unit), axis=1)
    size_mm = geometry.extent_mm + 2 * reach_mm * slant
    i, j, k = (int(n) for n in np.ceil(size_mm / pitch_mm))
    return geometry.regrid((i, j, k), pitch_mm)


def depth_mm(body: Body, lattice: Geometry, reach_mm: float) -> NDArray[np.float32]:
    """How deep under a body's surface each point of `lattice` is; negative outside.

    Beyond `reach_mm` from the surface it is that.

    Parameters
    ----------
    body
        Its field is only asked for inside or outside; the distance is that to its surface's
        nearest corner or middle of a triangle.
    """
    index = np.stack(np.meshgrid(*map(np.arange, lattice.shape), indexing="ij"), axis=-1)
    surface = body.surface()
    samples = np.concatenate([surface.vertices, surface.triangles.mean(axis=1)])
    away, _ = cKDTree(samples).query(
        lattice.to_patient(index.reshape(-1, 3)), distance_upper_bound=reach_mm, workers=-1
    )
    away = np.minimum(away, reach_mm).reshape(lattice.shape).astype(np.float32)
    low = float(body.field.min())
    inside = onto(Volume(body.field, body.lattice), lattice, fill=low).voxels > 0
    return np.asarray(np.where(inside, away, -away), np.float32)
