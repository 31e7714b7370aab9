"""Binary PLY, with the part's colour at every vertex."""

from __future__ import annotations

import numpy as np

from hepatica.io.lps import swap_points
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY

_VERTEX = np.dtype([("at", "<f4", 3), ("rgba", "u1", 4)])
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


def ply_bytes(part: Part) -> bytes:
    """A part as a binary PLY file, in LPS+ millimetres."""
    vertices = np.empty(len(part.surface.vertices), _VERTEX)
    vertices["at"] = swap_points(part.surface.vertices)
    vertices["rgba"] = (*part.colour, round(part.opacity * 255))
    faces = np.empty(len(part.surface.faces), _FACE)
    faces["corners"], faces["vertices"] = 3, part.surface.faces
    lines = (
        "ply",
        "format binary_little_endian 1.0",
        "comment SPACE=LPS",
        "comment UNIT=mm",
        f"comment {part.title}",
        f"comment {RESEARCH_ONLY}",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue", "alpha")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
        "",
    )
    return "\n".join(lines).encode("ascii") + vertices.tobytes() + faces.tobytes()
