"""Binary glTF 2.0: one scene with names, colours and a liver to see through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from numpy.typing import NDArray

import hepatica
from hepatica.io.lps import swap_points
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.surfaces import vertex_normals

#: LPS+ mm to glTF's metres, y up (columns one after the other): the patient stands facing
#: the viewer, as in all of radiology, with the left hand on the viewer's right.
UPRIGHT: Final = (0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1)

COORDINATES: Final = "Vertices are LPS+ mm; the root node turns and scales them for viewers."

_FLOAT, _UINT, _ARRAY, _ELEMENTS = 5126, 5125, 34962, 34963


def glb_bytes(parts: Sequence[Part]) -> bytes:
    """The parts as a GLB file."""
    blob = bytearray()
    views: list[dict[str, int]] = []
    accessors: list[dict[str, Any]] = []

    def add(array: NDArray[Any], target: int, component: int, kind: str, **more: Any) -> int:
        views.append(
            {
                "buffer": 0,
                "byteOffset": len(blob),
                "byteLength": array.nbytes,
                "target": target,
            }
        )
        blob.extend(array.tobytes())
        count = array.size if kind == "SCALAR" else len(array)
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": component, "count": count, "type": kind}
            | more
        )
        return len(accessors) - 1

    meshes, materials, nodes = [], [], []
    for number, part in enumerate(parts):
        at = swap_points(part.surface.vertices).astype("<f4")
        box = {"min": at.min(axis=0).tolist(), "max": at.max(axis=0).tolist()}
        normals = swap_points(vertex_normals(part.surface)).astype("<f4")
        faces = part.surface.faces.astype("<u4")
        primitive = {
            "attributes": {
                "POSITION": add(at, _ARRAY, _FLOAT, "VEC3", **box),
                "NORMAL": add(normals, _ARRAY, _FLOAT, "VEC3"),
            },
            "indices": add(faces, _ELEMENTS, _UINT, "SCALAR"),
            "material": number,
        }
        meshes.append({"name": part.name, "primitives": [primitive]})
        nodes.append({"name": part.title, "mesh": number})
        materials.append(_material(part))
    root = {
        "name": "Hepatica",
        "matrix": UPRIGHT,
        "children": list(range(len(nodes))),
        "extras": {"coordinates": COORDINATES, "notice": RESEARCH_ONLY},
    }
    scene = {
        "asset": {
            "version": "2.0",
            "generator": f"Hepatica {hepatica.__version__}",
            "extras": {"coordinates": COORDINATES, "notice": RESEARCH_ONLY},
        },
        "scene": 0,
        "scenes": [{"name": "Liver model", "nodes": [len(nodes)]}],
        "nodes": [*nodes, root],
        "meshes": meshes,
        "materials": materials,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(blob)}],
    }
    return _container(json.dumps(scene, separators=(",", ":")).encode(), bytes(blob))


def _material(part: Part) -> dict[str, Any]:
    # glTF's colours are linear, those on screens are not.
    colour = [round((c / 255) ** 2.2, 4) for c in part.colour]
    material: dict[str, Any] = {
        "name": part.title,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*colour, part.opacity],
            "metallicFactor": 0,
            "roughnessFactor": 0.6,
        },
    }
    return material | ({"alphaMode": "BLEND"} if part.opacity < 1 else {})


def _container(scene: bytes, blob: bytes) -> bytes:
    """The two chunks of a GLB, each filled up to a multiple of four bytes."""
    scene += b" " * (-len(scene) % 4)
    blob += b"\0" * (-len(blob) % 4)
    chunks = b""
    for kind, data in ((b"JSON", scene), (b"BIN\0", blob)):
        chunks += len(data).to_bytes(4, "little") + kind + data
    return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks
