"""Wavefront OBJ with its material library: all parts in one file, each an object."""

from __future__ import annotations

from collections.abc import Sequence

from hepatica.io.lps import swap_points
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY


def obj_bytes(parts: Sequence[Part], materials: str) -> bytes:
    """The parts as an OBJ file, in LPS+ millimetres.

    Parameters
    ----------
    materials
        Name of the file with :func:`mtl_bytes`, in the same folder.
    """
    lines = ["# SPACE=LPS", "# UNIT=mm", f"# {RESEARCH_ONLY}", f"mtllib {materials}"]
    first = 1
    for part in parts:
        lines += [f"o {part.name}", f"usemtl {part.name}"]
        lines += [
            f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in swap_points(part.surface.vertices).tolist()
        ]
        lines += [f"f {a} {b} {c}" for a, b, c in (part.surface.faces + first).tolist()]
        first += len(part.surface.vertices)
    return "\n".join([*lines, ""]).encode("ascii")


def mtl_bytes(parts: Sequence[Part]) -> bytes:
    """Colour and opacity of the parts, by name."""
    lines = []
    for part in parts:
        r, g, b = (c / 255 for c in part.colour)
        lines += [f"newmtl {part.name}", f"Kd {r:.4f} {g:.4f} {b:.4f}", "Ks 0.1 0.1 0.1"]
        lines += [f"d {part.opacity:g}", f"Tr {1 - part.opacity:g}", "illum 2", ""]
    return "\n".join(lines).encode("ascii")
