"""The 3D model of a case: the liver, its lesions and their margins, each a checked surface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from scipy import ndimage

from hepatica.core.components import components
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.results.margins import margin_surface
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR, Colour
from hepatica.results.soundness import Soundness, examine
from hepatica.results.surfaces import Mask, Surface, closed_surface
from hepatica.results.tables import Cell, table

#: Bluish green and vermilion of Okabe and Ito, from the nearest margin outwards.
MARGIN_COLOURS: tuple[Colour, ...] = ((0, 158, 115), (213, 94, 0), (204, 121, 167))
LIVER_OPACITY, MARGIN_OPACITY = 0.35, 0.25

#: What is done to each surface before it is checked.
Finish = Callable[[Surface], Surface]

Kind: TypeAlias = Literal["liver", "lesion", "margin", "print"]


@dataclass(frozen=True, eq=False)
class Part:
    """One surface of a model.

    Parameters
    ----------
    name
        Of its file, without extension, such as ``"lesion_01"``.
    title
        For people, such as ``"Lesion 1"``.
    opacity
        1 is opaque, 0 invisible.
    expected_ml
        Volume of the voxels that it is the surface of, if it is of any.
    """

    kind: Kind
    name: str
    title: str
    surface: Surface
    colour: Colour
    opacity: float = 1.0
    expected_ml: float | None = None

    @cached_property
    def soundness(self) -> Soundness:
        """What an examination finds; one that is only drawn needs none."""
        return examine(self.surface, self.expected_ml)


def build_model(
    labelmap: LabelMap,
    *,
    margins_mm: Sequence[float] = (),
    liver_pitch_mm: float | None = None,
    most_lesions: int | None = None,
    finish: Finish = lambda surface: surface,
) -> tuple[Part, ...]:
    """Liver, lesions in id order, then margins lesion by lesion; () without a liver.

    Parameters
    ----------
    labelmap
        The liver's surface goes around its lesions.
    margins_mm
        Distances of further surfaces around each lesion, not cut at the liver's.
    liver_pitch_mm
        As for :func:`~hepatica.results.surfaces.closed_surface`, of the liver's surface.
    most_lesions
        So many of the largest alone; None: all.
    finish
        Such as decimation.
    """
    margins = sorted(set(margins_mm))
    return tuple(_parts(labelmap, margins, liver_pitch_mm, most_lesions, finish))


def _parts(
    labelmap: LabelMap,
    margins_mm: Sequence[float],
    pitch_mm: float | None,
    most_lesions: int | None,
    finish: Finish,
) -> Iterator[Part]:
    geometry = labelmap.geometry
    liver = labelmap.liver
    if not liver.any():
        return

    surface = finish(closed_surface(liver, geometry, pitch_mm=pitch_mm))
    yield Part(
        "liver",
        "liver",
        "Liver",
        surface,
        LIVER_COLOUR,
        LIVER_OPACITY,
        int(np.count_nonzero(liver)) * geometry.voxel_ml,
    )
    lesions = list(_lesions(labelmap, most_lesions))
    for n, mask, grid in lesions:
        yield _lesion(n, mask, grid, finish)
    for n, mask, grid in lesions:
        for margin, colour in zip(margins_mm, _repeated(MARGIN_COLOURS), strict=False):
            surface = finish(margin_surface(mask, grid, margin))
            name = f"lesion_{n:02d}_margin_{_mm(margin)}mm"
            title = f"Lesion {n}, margin {margin:g} mm"
            yield Part("margin", name, title, surface, colour, MARGIN_OPACITY)


def build_lesions(labelmap: LabelMap, most: int | None = None) -> tuple[Part, ...]:
    """The lesions alone, in id order; so many of the largest, or all."""
    return tuple(_lesion(*each, lambda surface: surface) for each in _lesions(labelmap, most))


def _lesions(labelmap: LabelMap, most: int | None) -> Iterator[tuple[int, Mask, Geometry]]:
    """Id, mask and grid of each lesion."""
    numbered, _ = components(labelmap.tumour)
    for n, box in enumerate(ndimage.find_objects(numbered)[:most], 1):
        yield n, numbered[box] == n, labelmap.geometry.crop(box)


def _lesion(n: int, mask: Mask, grid: Geometry, finish: Finish) -> Part:
    return Part(
        "lesion",
        f"lesion_{n:02d}",
        f"Lesion {n}",
        finish(closed_surface(mask, grid)),
        LESION_COLOUR,
        expected_ml=int(np.count_nonzero(mask)) * grid.voxel_ml,
    )


def _mm(margin: float) -> str:
    whole, _, rest = f"{margin:g}".partition(".")
    return f"{whole:0>2}" + (f"p{rest}" if rest else "")


def _repeated(colours: Sequence[Colour]) -> Iterator[Colour]:
    while True:
        yield from colours


MESH_COLUMNS = (
    "file",
    "part",
    "triangles",
    "parts",
    "closed",
    "oriented",
    "manifold",
    "volume_ml",
    "voxels_ml",
    "volume_error_percent",
    *(f"{side}_{axis}_lps_mm" for side in ("min", "max") for axis in "xyz"),
)


def meshes_csv(files: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """A table with one line per file and surface in it: what was checked, and where it lies.

    The box is in the files' coordinates, LPS+ mm; `voxels_ml` and the error are empty for
    margins, which no voxels are compared with.
    """
    rows = ((name, *_cells(part)) for name, parts in files for part in parts)
    return table(MESH_COLUMNS, rows)


def _cells(part: Part) -> Sequence[Cell]:
    s = part.soundness
    (a, b, c), (d, e, f) = part.surface.bounds_mm.tolist()
    return (
        part.name,
        s.triangles,
        s.parts,
        s.closed,
        s.oriented,
        s.manifold,
        s.volume_ml,
        s.expected_ml,
        s.error_percent,
        *(-d, -e, c, -a, -b, f),
    )
