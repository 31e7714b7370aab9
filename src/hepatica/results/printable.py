"""A model for a 3D printer: the liver in two halves, its lesions as parts to put into them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import components
from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.margins import depth_mm, wider
from hepatica.results.model import LIVER_OPACITY, Finish, Part
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR
from hepatica.results.surfaces import Body, Surface, smooth_body

Field: TypeAlias = NDArray[np.float32]

#: Edge of the lattice's cubes; edges are rounded by about as much.
PRINT_PITCH_MM = 1.5
#: Room between a lesion and its place in the liver, so that it can be put in.
CLEARANCE_MM = 0.3
#: Thinner walls break.
LEAST_WALL_MM = 1.0
#: Above 0, as what is inside a body is.
TINY_MM = np.float32(1e-3)
#: Loose pieces and closed voids smaller than this are left out: a printer would drop or lose them.
CRUMB_ML = 0.5


def build_printable(
    labelmap: LabelMap, wall_mm: float | None = None, *, finish: Finish = lambda surface: surface
) -> tuple[Part, ...]:
    """Front and back half of the liver, with places for the lesions; then the lesions.

    The liver is cut across the patient's front-back axis, in the middle between its
    foremost and its hindmost point. Loose pieces of less than 0.5 ml are left out. The place
    of a lesion that the cut does not meet is a closed one in a solid half.

    Parameters
    ----------
    labelmap
        Without a liver there are no parts.
    wall_mm
        Thickness of a hollow liver's wall; None prints it solid.
    finish
        What is done to each surface, such as decimation.

    Raises
    ------
    ValueError
        If the wall is thinner than 1 mm.
    """
    if wall_mm is not None and not wall_mm >= LEAST_WALL_MM:
        raise ValueError(f"a wall of {wall_mm} mm is thinner than {LEAST_WALL_MM:g} mm")
    return tuple(_parts(labelmap, wall_mm, finish))


def _parts(labelmap: LabelMap, wall_mm: float | None, finish: Finish) -> Iterator[Part]:
    geometry = labelmap.geometry
    liver = smooth_body(labelmap.liver, geometry)
    if liver is None:
        return
    reach = (wall_mm or 0) + 4 * PRINT_PITCH_MM
    lattice = wider(liver.lattice, 4 * PRINT_PITCH_MM, PRINT_PITCH_MM)
    depth = depth_mm(liver, lattice, reach)
    field = depth if wall_mm is None else np.minimum(depth, np.float32(wall_mm) - depth)
    field = _without_voids(field, lattice)
    numbered, _ = components(labelmap.tumour)
    lesions = []
    for n, box in enumerate(ndimage.find_objects(numbered), 1):
        body = smooth_body(numbered[box] == n, geometry.crop(box))
        assert body is not None  # a lesion has voxels
        lesions.append((n, body.surface()))
        near = wider(body.lattice, 4 * PRINT_PITCH_MM, PRINT_PITCH_MM)
        inside = Volume(depth_mm(body, near, 3 * PRINT_PITCH_MM), near)
        around = onto(inside, lattice, fill=-3 * PRINT_PITCH_MM).voxels
        field = np.minimum(field, -around - np.float32(CLEARANCE_MM))
    index = np.stack(np.meshgrid(*map(np.arange, lattice.shape), indexing="ij", sparse=False), -1)
    y = lattice.to_patient(index)[..., 1].astype(np.float32)
    middle = np.float32(liver.surface().bounds_mm[:, 1].mean())
    for name, side in (("front", y - middle), ("back", middle - y)):
        half = finish(Body(_without_crumbs(np.minimum(field, side), lattice), lattice).surface())
        title = f"Liver, {name} half"
        yield Part("print", f"print_liver_{name}", title, half, LIVER_COLOUR, LIVER_OPACITY)
    for n, surface in lesions:
        yield _lesion(n, finish(surface))


def _without_crumbs(field: Field, lattice: Geometry) -> Field:
    """A field of a body without its small pieces; the largest always stays."""
    numbered, sizes = components(field > 0)
    small = np.flatnonzero(np.array(sizes[1:]) * lattice.voxel_ml < CRUMB_ML) + 2
    return np.where(np.isin(numbered, small), -np.abs(field), field)


def _without_voids(field: Field, lattice: Geometry) -> Field:
    """A field of a body whose small voids, from which no way leads out, are filled."""
    numbered, _ = ndimage.label(field <= 0)
    sizes = np.bincount(numbered.ravel())
    small = np.flatnonzero(sizes * lattice.voxel_ml < CRUMB_ML)
    return np.where(np.isin(numbered, small[small > 0]), np.abs(field) + TINY_MM, field)


def _lesion(n: int, surface: Surface) -> Part:
    name = f"print_lesion_{n:02d}"
    return Part("print", name, f"Lesion {n}, for the printer", surface, LESION_COLOUR)
