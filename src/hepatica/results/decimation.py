"""Fewer triangles for the same form, where it is asked for (extra ``mesh``)."""

from __future__ import annotations

import numpy as np

from hepatica.core.errors import ResourceError
from hepatica.results.soundness import examine
from hepatica.results.surfaces import Surface

#: How often the tolerance is halved where a surface does not stay sound.
_TRIES = 4


def decimated(surface: Surface, tolerance_mm: float) -> Surface:
    """A surface of fewer triangles that is nowhere further than `tolerance_mm` from another.

    The tolerance is halved where single precision would make vertices meet; the surface is
    returned as it is if that does not help. A surface that is sound stays so.

    Raises
    ------
    ValueError
        If the tolerance is not positive.
    ResourceError
        Without the package manifold3d.
    """
    if not tolerance_mm > 0:
        raise ValueError(f"a tolerance of {tolerance_mm} mm is not positive")
    try:
        import manifold3d
    except ModuleNotFoundError as error:
        raise ResourceError(
            "Decimation needs the package manifold3d, which is not installed.",
            "Install it with: pip install 'hepatica[mesh]'.",
        ) from error
    if not len(surface.faces):
        return surface
    vertices, faces = np.array(surface.vertices), np.array(surface.faces, np.uint32)
    body = manifold3d.Manifold(manifold3d.Mesh(vertices, faces))
    for _ in range(_TRIES):
        mesh = body.simplify(tolerance_mm).to_mesh()
        found = Surface(mesh.vert_properties[:, :3], mesh.tri_verts)
        if examine(found).sound:
            return found
        tolerance_mm /= 2
    return surface
