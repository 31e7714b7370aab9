"""Lesions of prediction and reference in 3D, seen through the predicted liver from the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hepatica.core.geometry import Geometry
from hepatica.core.resample import onto
from hepatica.core.volume import LabelMap
from hepatica.results.model import Part, build_lesions
from hepatica.results.panels import Colour
from hepatica.results.preview import BACKGROUND
from hepatica.results.surfaces import Surface, closed_surface
from hepatica.results.view3d import CAMERAS, LIVER_PITCH_MM, lit, look, ragged, veil

PREDICTION: Colour = (235, 45, 45)
REFERENCE: Colour = (50, 215, 75)
BOTH: Colour = (235, 215, 75)
#: The liver.
GREY: Colour = (200, 200, 205)

#: Voxels of the view from the front, and how many they are at the most along an axis.
PITCH_MM, MOST_VOXELS = 1.25, 256
#: Rendered so much larger, and made smaller again for smooth edges.
FINER = 2
#: Of each label map, the largest.
MOST_LESIONS = 100

_Floats = NDArray[np.float64]
_CAMERA = np.array(CAMERAS["front"], float)


def from_the_front(prediction: LabelMap, reference: LabelMap, grid: Geometry) -> Image.Image:
    """The lesions of both through the translucent liver of the prediction, seen from the front.

    Parameters
    ----------
    grid
        Along the patient's axes (RAS+), of cubes.

    Returns
    -------
    PIL.Image.Image
        RGB, a pixel per voxel: the patient's right on the left, the head at the top. A lesion
        is yellow where prediction and reference overlap along the line of sight, before that
        leaves the one or the other; else it has the colour of what is in front. Without liver
        and lesions all is background, and a liver that is a sponge is not drawn.
    """
    # Surfaces of one form on grids stored in different orders differ a little.
    prediction, reference = (onto(m, m.geometry.canonical()) for m in (prediction, reference))
    size = (grid.shape[0], grid.shape[2])
    width, height = _fine(grid)
    picture = np.full((width * height, 3), BACKGROUND, np.uint8)
    depth = np.full(width * height, -np.inf)
    seen = []
    for labels, colour in ((prediction, PREDICTION), (reference, REFERENCE)):
        front, back, normal = _through(build_lesions(labels, MOST_LESIONS), grid)
        nearer = front > depth
        picture[nearer] = lit(normal[nearer], np.broadcast_to(colour, normal[nearer].shape))
        depth = np.maximum(depth, front)
        seen.append((front, back, normal))
    (ours, ours_left, one), (theirs, theirs_left, two) = seen
    both = np.isfinite(ours) & np.isfinite(theirs)
    both &= (ours >= theirs_left) & (theirs >= ours_left)
    normal = np.where((ours >= theirs)[both, None], one[both], two[both])
    picture[both] = lit(normal, np.broadcast_to(BOTH, normal.shape))
    if prediction.liver.any() and not ragged(prediction.liver):
        surface = closed_surface(prediction.liver, prediction.geometry, pitch_mm=LIVER_PITCH_MM)
        part = Part("liver", "liver", "Liver", surface, GREY)
        veil(picture, depth, *look([(part, _pixels(surface, grid))], _CAMERA, _fine(grid)))
    fine = Image.fromarray(picture.reshape(height, width, 3))
    return fine.resize(size, Image.Resampling.BOX)


def _through(parts: Sequence[Part], grid: Geometry) -> tuple[_Floats, _Floats, _Floats]:
    """How near lesions begin and first end along each line of sight, and the normals there.

    (pixels,) each, -inf where there is none; normals are (pixels, 3).
    """
    width, height = _fine(grid)
    begins, normals = np.full(width * height, -np.inf), np.zeros((width * height, 3))
    if not parts:
        return begins, begins, normals
    inside_out = [
        replace(p, surface=Surface(p.surface.vertices, p.surface.faces[:, ::-1])) for p in parts
    ]
    front, back = (
        look([(p, _pixels(p.surface, grid)) for p in side], _CAMERA, _fine(grid))[0]
        for side in (parts, inside_out)
    )
    begins[front.pixel], normals[front.pixel] = front.depth, front.normal
    ends = begins.copy()
    ends[back.pixel] = back.depth
    return begins, ends, normals


def _fine(grid: Geometry) -> tuple[int, int]:
    """Width and height in pixels before the picture is made smaller."""
    return grid.shape[0] * FINER, grid.shape[2] * FINER


def _pixels(surface: Surface, grid: Geometry) -> _Floats:
    """(n, 3) pixels to the right and down, and mm towards the viewer."""
    at = grid.to_index(surface.vertices)
    right, down = (grid.shape[a] - 0.5 - at[:, a] for a in (0, 2))
    towards = surface.vertices[:, 1]
    return np.column_stack([right * FINER - 0.5, down * FINER - 0.5, towards])
