"""What the light child does: everything about a case but the segmentation.

A click must not wait behind a segmentation, and none of this happens in the server itself:
images, references and their headers come from outside.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate.overlap import Overlap
from hepatica.serve import editing, exporting, facts, sources, voxels
from hepatica.serve.child import Step, Task
from hepatica.serve.measuring import measured


def prepare() -> dict[str, Task]:
    """The table of tasks; what they need is loaded now."""
    return {
        "find": sources.find,
        "findings": findings,
        "compare": compare,
        "edit": edit,
        "reference": reference,
        "export": exporting.export,
    }


def findings(step: Step, folder: str, name: str, labels: bytes) -> Any:
    """Measurements of a label map of the case (the bytes of its file), as in ``report.json``."""
    return msgspec.to_builtins(measured(Path(folder), name, labelmap(labels)))


def compare(step: Step, a: bytes, b: bytes) -> dict[str, Any]:
    """Overlap of two label maps of a case (the bytes of their files), and what differs."""
    one, other = labelmap(a), labelmap(b)
    pairs = {
        "liver": (one.liver, other.liver),
        "parenchyma": (one.parenchyma, other.parenchyma),
        "tumour": (one.tumour, other.tumour),
    }
    found: dict[str, Any] = {}
    for region, masks in pairs.items():
        o = Overlap.of(*masks)
        found[region] = {"dice": o.dice, "sensitivity": o.sensitivity, "precision": o.precision}
    changed = int(np.count_nonzero(one.labels != other.labels))
    return found | {"changed_voxels": changed, "changed_ml": changed * one.geometry.voxel_ml}


def labelmap(file: bytes) -> LabelMap:
    """The label map in the bytes of a .nii.gz file that this server wrote."""
    with tempfile.TemporaryDirectory(prefix="hepatica-") as temporary:
        path = Path(temporary) / "labels.nii.gz"
        path.write_bytes(file)
        return io.read_labelmap(path)


def edit(step: Step, folder: str, packed: bytes, wanted: bytes) -> dict[str, Any]:
    """A label map after one edit, and how many voxels it changed.

    Parameters
    ----------
    packed
        The label map as the browser sends it.
    wanted
        An edit as JSON, checked by the server.
    """
    known = facts.read(Path(folder))
    before = LabelMap(voxels.unpack(packed, known.shape), known.geometry)
    asked = editing.parse(wanted)
    image: Volume | None = None
    if isinstance(asked, editing.Grow):
        image = io.read(Path(folder) / facts.IMAGE)
    after = editing.apply(asked, before, image)
    changed = int(np.count_nonzero(after.labels != before.labels))
    return {"voxels": voxels.pack(after.labels), "changed": changed}


def reference(step: Step, folder: str, path: str) -> None:
    """Keep the label map at `path` as the case's reference.

    Raises
    ------
    InputError
        If it is no label map of 0, 1 and 2 on the grid of the image.
    """
    known = facts.read(Path(folder))
    given = io.read_labelmap(path)
    name = Path(path).name
    if not given.geometry.matches(known.geometry):
        raise InputError(
            f"{name} is not on the grid of the image.",
            "Export it again as a label map of this image.",
        )
    if given.labels.max() > 2:
        raise InputError(
            f"{name} has a label {int(given.labels.max())}; known are 1 liver parenchyma and"
            " 2 tumour.",
            "Change the labels, or export these two alone.",
        )
    kept = LabelMap(given.labels, known.geometry)
    io.write_labelmap(Path(folder) / "reference.nii.gz", kept, known.nifti)
