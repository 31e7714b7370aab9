"""A folder that 3D Slicer opens in one go: image, segmentation and surfaces in their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

import hepatica
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import meshes, nifti, segments
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import window

SCENE, IMAGE, SEGMENTATION = "scene.mrml", "image.nii.gz", "segmentation.seg.nrrd"
LABELS, LABEL_NAMES = "labels.nii.gz", "itksnap_labels.txt"
#: All but the surfaces.
FILES = (SCENE, IMAGE, SEGMENTATION, LABELS, LABEL_NAMES)


def write_scene(
    folder: Path, case: str, labelmap: LabelMap, parts: Sequence[Part], image: Volume | None
) -> None:
    """Write ``scene.mrml`` and what it shows into `folder`, which exists.

    Segments and surfaces are in it, and the image if there is one. A label map with a label
    per lesion and its description are there for ITK-SNAP.
    """
    segments.write_seg_nrrd(folder / SEGMENTATION, labelmap)
    meshes.write(folder, parts, ["ply"])
    labels, named = segments.segments(labelmap)
    numbers = Volume(labels.astype(np.float32), labelmap.geometry)
    nifti.write_volume(folder / LABELS, numbers, "Hepatica labels; not for diagnosis")
    (folder / LABEL_NAMES).write_text(segments.itksnap_labels(named), encoding="utf-8")
    nodes = []
    if image is not None:
        nifti.write_volume(folder / IMAGE, image)
        low, high = window(image)
        nodes += [
            _node("VolumeArchetypeStorage", "ScalarVolumeStorage", 1, fileName=IMAGE),
            _node(
                "VolumeDisplay",
                "ScalarVolumeDisplay",
                1,
                autoWindowLevel="0",
                window=f"{high - low:g}",
                level=f"{(high + low) / 2:g}",
                colorNodeID="vtkMRMLColorTableNodeGrey",
            ),
            _node(
                "Volume",
                "ScalarVolume",
                1,
                name=case,
                storageNodeRef="vtkMRMLScalarVolumeStorageNode1",
                displayNodeRef="vtkMRMLScalarVolumeDisplayNode1",
            ),
        ]
    nodes += [
        _node("SegmentationStorage", "SegmentationStorage", 1, fileName=SEGMENTATION),
        _node("SegmentationDisplay", "SegmentationDisplay", 1, opacity2DFill="0.2"),
        _node(
            "Segmentation",
            "Segmentation",
            1,
            name=f"{case} segmentation",
            storageNodeRef="vtkMRMLSegmentationStorageNode1",
            displayNodeRef="vtkMRMLSegmentationDisplayNode1",
        ),
    ]
    for number, part in enumerate(parts, 1):
        nodes += _model(number, part)
    text = "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<!-- Hepatica {hepatica.__version__}. {RESEARCH_ONLY} -->",
            '<MRML version="Slicer5.6" userTags="">',
            *nodes,
            "</MRML>",
            "",
        ]
    )
    (folder / SCENE).write_text(text, encoding="utf-8")


def _model(number: int, part: Part) -> list[str]:
    colour = " ".join(f"{c / 255:.4f}" for c in part.colour)
    return [
        _node("ModelStorage", "ModelStorage", number, fileName=f"{part.name}.ply"),
        _node(
            "ModelDisplay",
            "ModelDisplay",
            number,
            color=colour,
            opacity=f"{part.opacity:g}",
            visibility="true",
        ),
        _node(
            "Model",
            "Model",
            number,
            name=part.title,
            storageNodeRef=f"vtkMRMLModelStorageNode{number}",
            displayNodeRef=f"vtkMRMLModelDisplayNode{number}",
        ),
    ]


def _node(tag: str, kind: str, number: int, **attributes: str) -> str:
    named = {"id": f"vtkMRML{kind}Node{number}", "name": f"{kind} {number}"} | attributes
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in named.items())
    return f"<{tag} {written}/>"
