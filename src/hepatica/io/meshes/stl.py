"""Binary STL: the format that every printer and planning tool reads."""

from __future__ import annotations

from typing import Final

import numpy as np

from hepatica.io.lps import swap_points
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.surfaces import Surface

#: 3D Slicer looks for the first words; both together fill the 80 bytes to the last.
HEADER: Final = f"SPACE=LPS {RESEARCH_ONLY}".encode("ascii")

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def stl_bytes(surface: Surface) -> bytes:
    """A surface as a binary STL file, in LPS+ millimetres."""
    facets = np.zeros(len(surface.faces), _FACET)
    corners = swap_points(surface.vertices)[surface.faces]
    a, b, c = np.moveaxis(corners.astype(np.float64), 1, 0)
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    facets["normal"] = normal / np.where(length > 0, length, 1)
    facets["corners"] = corners
    return HEADER.ljust(80) + len(facets).to_bytes(4, "little") + facets.tobytes()
