"""A model for a 3D printer: the liver in two halves, its lesions as parts to put into them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from hepatica.core.components import components
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.margins import depth_mm, wider
from hepatica.results.model import LIVER_OPACITY, Finish, Part
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR
from hepatica.results.soundness import examine
from hepatica.results.surfaces import Body, Surface, smooth_body

#: Edge of the lattice's cubes; edges are rounded by about as much.
PRINT_PITCH_MM = 1.5
#: Room between a lesion and its place in the liver, so that it can be put in.
CLEARANCE_MM = 0.3
#: Thinner walls break.
LEAST_WALL_MM = 1.0


def build_printable(
    labelmap: LabelMap, wall_mm: float | None = None, *, finish: Finish = lambda surface: surface
) -> tuple[Part, ...]:
    """Front and back half of the liver, with places for the lesions; then the lesions.

    The liver is cut across the patient's front-back axis, in the middle between its
    foremost and its hindmost point, so that what is in it can be reached.

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
        half = finish(Body(np.minimum(field, side), lattice).surface())
        title = f"Liver, {name} half"
        yield Part(f"print_liver_{name}", title, half, examine(half), LIVER_COLOUR, LIVER_OPACITY)
    for n, surface in lesions:
        yield _lesion(n, finish(surface))


def _lesion(n: int, surface: Surface) -> Part:
    name = f"print_lesion_{n:02d}"
    return Part(name, f"Lesion {n}", surface, examine(surface), LESION_COLOUR)
