"""Surfaces as files: STL, PLY, OBJ, GLB and 3MF, in patient coordinates.

All coordinates in all files are LPS+ millimetres, as in DICOM: x to the patient's left, y
to the back, z to the head. That is what 3D Slicer takes a mesh's coordinates for, so that
a file opens in its place on the image. GLB keeps them as well, under a node that turns and
scales them for viewers, in which lengths are metres and y is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hepatica.io.meshes import glb, obj, ply, three_mf
from hepatica.io.meshes.stl import stl_bytes
from hepatica.results.model import Part

__all__ = ["FORMATS", "stl_bytes", "write"]

#: Names of the formats, as options have them.
FORMATS = ("stl", "obj", "ply", "glb", "3mf")

#: Name of a file with all parts, before its extension.
MODEL = "model"


def write(
    folder: Path, parts: Sequence[Part], formats: Sequence[str]
) -> list[tuple[str, Sequence[Part]]]:
    """Write the parts into `folder`, which exists; what each file holds, by name.

    STL and PLY have a file per part, the other formats one with all; no parts give none.

    Raises
    ------
    ValueError
        For an unknown format.
    """
    written: dict[str, tuple[bytes, Sequence[Part]]] = {}
    for kind in formats if parts else ():
        if kind == "stl":
            written |= {f"{p.name}.stl": (stl_bytes(p.surface), (p,)) for p in parts}
        elif kind == "ply":
            written |= {f"{p.name}.ply": (ply.ply_bytes(p), (p,)) for p in parts}
        elif kind == "obj":
            written[f"{MODEL}.obj"] = (obj.obj_bytes(parts, f"{MODEL}.mtl"), parts)
            written[f"{MODEL}.mtl"] = (obj.mtl_bytes(parts), ())
        elif kind == "glb":
            written[f"{MODEL}.glb"] = (glb.glb_bytes(parts), parts)
        elif kind == "3mf":
            written[f"{MODEL}.3mf"] = (three_mf.three_mf_bytes(parts), parts)
        else:
            raise ValueError(f"{kind!r} is not one of {', '.join(FORMATS)}")
    for name, (data, _) in written.items():
        (folder / name).write_bytes(data)
    return [(name, held) for name, (_, held) in written.items()]
