"""3MF, the printers' format: all parts in one file, with names, colours and the unit."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import hepatica
from hepatica.io.lps import swap_points
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY

_TYPES: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
</Types>
"""
_RELATIONS: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Target="/3D/3dmodel.model" Id="rel0"
 Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
"""
_CORE: Final = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"


def three_mf_bytes(parts: Sequence[Part]) -> bytes:
    """The parts as a 3MF file, in LPS+ millimetres; the same parts give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _RELATIONS),
            ("3D/3dmodel.model", _model(parts)),
        ):
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _model(parts: Sequence[Part]) -> str:
    about = {
        "Title": "Liver model",
        "Application": f"Hepatica {hepatica.__version__}",
        "Description": f"Coordinates are LPS+ mm. {RESEARCH_ONLY}",
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}">',
        *(f'<metadata name="{key}">{escape(text)}</metadata>' for key, text in about.items()),
        '<resources>\n<basematerials id="1">',
        *(f'<base name={quoteattr(p.title)} displaycolor="{_colour(p)}"/>' for p in parts),
        "</basematerials>",
    ]
    for number, part in enumerate(parts):
        lines.append(
            f'<object id="{number + 2}" type="model" name={quoteattr(part.title)}'
            f' pid="1" pindex="{number}">\n<mesh>\n<vertices>'
        )
        lines += [
            f'<vertex x="{x:.9g}" y="{y:.9g}" z="{z:.9g}"/>'
            for x, y, z in swap_points(part.surface.vertices).tolist()
        ]
        lines.append("</vertices>\n<triangles>")
        lines += [
            f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in part.surface.faces.tolist()
        ]
        lines.append("</triangles>\n</mesh>\n</object>")
    lines += ["</resources>", "<build>"]
    lines += [f'<item objectid="{number + 2}"/>' for number in range(len(parts))]
    return "\n".join([*lines, "</build>", "</model>", ""])


def _colour(part: Part) -> str:
    return "#" + "".join(f"{c:02X}" for c in (*part.colour, round(part.opacity * 255)))
