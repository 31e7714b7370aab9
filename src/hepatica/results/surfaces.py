"""Closed surfaces of masks in patient millimetres, smooth and of the voxels' volume.

A mask's signed distance is brought onto a lattice of cubes along the voxel axes, smoothed
by a fraction of a voxel along each of them, and cut at the level that encloses as many
millilitres as the mask has. So a surface has no steps, even between thick slices, and
smoothing costs no volume: neither a liver's nor that of a lesion of three voxels. Where a
lobe ends in a tip of one or two voxels, nothing is smoothed away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.distance import to_nearest_mm
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import Volume
from hepatica.results.isosurface import enclosed, isosurface

#: Edge of the lattice's cubes: this share of the diameter of a ball of the mask's volume, ...
PITCH_SHARE = 0.1
#: ... within these limits.
PITCH_MM = (0.1, 2.5)

#: Standard deviation of the smoothing along each voxel axis, in voxels ...
SMOOTHING = 0.5
#: ... and at the most this share of that diameter, and at least this share of the pitch.
SMOOTHING_SHARE, SMOOTHING_PITCH = 0.12, 0.4
#: How deep the lattice's nearest point to a voxel of a tip is inside at least, as a share of the
#: pitch: a lattice that is coarser than a tip would miss it.
TIP_DEPTH = 0.15

#: The level is sought until the volume is this good, relative to the mask's.
VOLUME_TOLERANCE = 5e-4
_COUNTED, _STEPS = 3, 20

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangulated surface, in RAS+ millimetres.

    Parameters
    ----------
    vertices
        (n, 3) float32, the precision that files have.
    faces
        (m, 3) int32; counter-clockwise as seen from outside.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        for name, kind in (("vertices", np.float32), ("faces", np.int32)):
            array = np.array(getattr(self, name), kind).reshape(-1, 3)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def triangles(self) -> NDArray[np.float64]:
        """(m, 3, 3): the corners of each face."""
        return self.vertices.astype(np.float64)[self.faces]

    @cached_property
    def volume_ml(self) -> float:
        """Enclosed volume; negative if it is inside out, 0 for no surface."""
        if not len(self.faces):
            return 0.0
        a, b, c = np.moveaxis(self.triangles - self.vertices.mean(axis=0, dtype=float), 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6000.0

    @cached_property
    def area_mm2(self) -> float:
        """Area of all faces."""
        a, b, c = np.moveaxis(self.triangles, 1, 0)
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def bounds_mm(self) -> NDArray[np.float64]:
        """(2, 3): lowest and highest RAS+ mm; it has none when it is empty."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)]).astype(float)


#: The surface of nothing.
EMPTY = Surface(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))


@dataclass(frozen=True, eq=False)
class Body:
    """A body as a field on a lattice: positive inside, its surface where it is 0."""

    field: NDArray[np.float32]
    lattice: Geometry

    def surface(self, level: float = 0.0) -> Surface:
        """The surface where the field is `level`."""
        return _placed(*isosurface(self.field, level), self.lattice)


def closed_surface(mask: Mask, geometry: Geometry, *, pitch_mm: float | None = None) -> Surface:
    """The outline of a mask as a closed, smooth surface that keeps its volume.

    Parameters
    ----------
    mask
        (i, j, k) on `geometry`; several parts give several closed surfaces, cavities too.
    pitch_mm
        Edge of the lattice's cubes, about the length of the triangles' edges; by default
        a tenth of the diameter of a ball of that volume, from 0.1 to 2.5 mm.

    Returns
    -------
    Surface
        In RAS+ mm; without vertices when the mask is empty. A mask that the grid cuts is
        closed along the grid's outer face.

    Raises
    ------
    ValueError
        If the mask is not on the grid, or the pitch not positive.
    """
    body = smooth_body(mask, geometry, pitch_mm=pitch_mm)
    return EMPTY if body is None else body.surface()


def smooth_body(mask: Mask, geometry: Geometry, *, pitch_mm: float | None = None) -> Body | None:
    """The body that :func:`closed_surface` is the surface of; None for an empty mask."""
    if mask.shape != geometry.shape:
        raise ValueError(f"a mask of {mask.shape} on a grid of {geometry.shape}")
    if pitch_mm is not None and not pitch_mm > 0:
        raise ValueError(f"a pitch of {pitch_mm} mm is not positive")
    box = bounding_box(mask)
    if box is None:
        return None
    target_ml = int(np.count_nonzero(mask)) * geometry.voxel_ml
    diameter_mm = (6000 * target_ml / np.pi) ** (1 / 3)
    pitch = float(np.clip(diameter_mm * PITCH_SHARE, *PITCH_MM)) if pitch_mm is None else pitch_mm
    distance = _signed_distance(mask[box], geometry.crop(box), pitch)
    lattice = _lattice(distance.geometry, pitch)
    field = onto(distance, lattice).voxels
    sigma_mm = np.minimum(SMOOTHING * geometry.spacing_mm, SMOOTHING_SHARE * diameter_mm)
    sigma_mm = np.maximum(sigma_mm, min(SMOOTHING_PITCH * pitch, SMOOTHING_SHARE * diameter_mm))
    smooth = ndimage.gaussian_filter(field, sigma_mm / pitch, mode="nearest")
    _keep_tips(smooth, field, lattice, _thin(mask[box]), geometry.crop(box))
    body = Body(smooth, lattice)
    return Body(smooth - np.float32(_level(body, target_ml)), lattice)


def vertex_normals(surface: Surface) -> NDArray[np.float64]:
    """(n, 3) outward unit normals, faces weighted by their area."""
    a, b, c = np.moveaxis(surface.triangles, 1, 0)
    across = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(surface.faces.ravel(), np.repeat(across[:, x], 3), len(surface.vertices))
            for x in range(3)
        ],
        axis=1,
    )
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _thin(mask: Mask) -> Mask:
    """What is at most two voxels thick and stands out from what is thicker: the tips of lobes."""
    thick = ndimage.binary_opening(mask, np.ones((3, 3, 3)))
    rest = mask & ~thick
    far = rest & ~ndimage.binary_dilation(thick)
    tips = ndimage.binary_propagation(far, mask=rest)
    return np.asarray(tips & thick.any(), bool)


def _keep_tips(
    smooth: NDArray[np.float32],
    field: NDArray[np.float32],
    lattice: Geometry,
    thin: Mask,
    geometry: Geometry,
) -> None:
    """Give `smooth` back, in place, what smoothing took of `thin` parts: a lobe keeps its tip."""
    if not thin.any():
        return
    pitch = float(lattice.spacing_mm[0])
    share = onto(_padded(thin.astype(np.float32), geometry, pitch), lattice).voxels
    smooth += np.clip(2 * share, 0, 1) * np.maximum(field - smooth, 0)
    index = np.rint(lattice.to_index(geometry.to_patient(np.argwhere(thin)))).astype(int)
    at = tuple(index.T)
    smooth[at] = np.maximum(smooth[at], TIP_DEPTH * pitch)


def _padded(values: NDArray[np.float32], geometry: Geometry, pitch: float) -> Volume:
    """Values with zeros around them, which a lattice of that pitch has room in."""
    spare = np.ceil(3 + 4 * pitch / geometry.spacing_mm).astype(int)
    padded = np.pad(values, [(n, n) for n in spare])
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.to_patient(-spare)
    return Volume(padded, Geometry(padded.shape, affine))


def _signed_distance(mask: Mask, geometry: Geometry, pitch: float) -> Volume:
    """Distance to the other side's nearest voxel, positive inside, with room on all sides."""
    padded = _padded(mask.astype(np.float32), geometry, pitch)
    inside = padded.voxels > 0
    distance = to_nearest_mm(~inside, geometry.spacing_mm)
    distance -= to_nearest_mm(inside, geometry.spacing_mm)
    return Volume(distance, padded.geometry)


def _lattice(geometry: Geometry, pitch: float) -> Geometry:
    """Cubes of `pitch` along the voxel axes that fill a grid, none beyond its centres."""
    i, j, k = (int(n) for n in (np.array(geometry.shape) - 1) * geometry.spacing_mm / pitch + 1)
    return geometry.regrid((i, j, k), pitch)


def _level(body: Body, target_ml: float) -> float:
    """Where the field encloses so many millilitres.

    As many lattice points are above the level as cells make up the volume, nearly; what
    the surface there encloses too much or too little corrects the number.
    """
    cell_ml = body.lattice.voxel_ml
    values = np.sort(body.field.ravel())
    rim = body.field.copy()
    rim[2:-2, 2:-2, 2:-2] = -np.inf
    low, high = float(rim.max()), float(values[-1])
    more, less = float(np.count_nonzero(values > low) * cell_ml), 0.0
    count = target_ml / cell_ml
    level: float = high
    for step in range(_STEPS):
        if step < _COUNTED:
            rank = float(np.clip(values.size - count, 0.5, values.size - 0.5))
            level = np.interp(rank, np.arange(values.size) + 0.5, values).item()
        else:
            # Where many points have one value, counting does not get on: between the bounds
            # cube roots of volumes are almost linear in the level, and halving never fails.
            a, b, c = (float(np.cbrt(v)) for v in (more, less, target_ml))
            level = low + (high - low) * ((a - c) / (a - b) if step % 3 else 0.5)
        if not low < level < high:
            level = (low + high) / 2
        volume_ml = enclosed(body.field, level) * cell_ml
        if abs(target_ml - volume_ml) <= VOLUME_TOLERANCE * target_ml:
            break
        if volume_ml > target_ml:
            low, more = level, volume_ml
        else:
            high, less = level, volume_ml
        count += (target_ml - volume_ml) / cell_ml
    return level


def _placed(index: NDArray[np.float64], faces: NDArray[np.int32], geometry: Geometry) -> Surface:
    """A surface in voxels, in the patient; a left-handed grid would turn it inside out."""
    if np.linalg.det(geometry.affine[:3, :3]) < 0:
        faces = faces[:, ::-1]
    return Surface(geometry.to_patient(index).astype(np.float32), faces)
