"""Measurements of a case's label map, on the screen and in its files the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from scipy import ndimage

from hepatica import io
from hepatica.case import CHANCES
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import nifti
from hepatica.results.measure import Measurements, measure
from hepatica.results.report import Report
from hepatica.serve import facts


def measured(case: Path, name: str, labels: LabelMap, image: Volume | None = None) -> Measurements:
    """Measure a label map of the case in a folder; `image`, where it was read already.

    The confidence of a lesion is the model's. One of which the model found no voxel has none:
    a person has drawn it.
    """
    chances = case / name / f"{name}{CHANCES}"
    chance = nifti.read(chances, labels=True).voxels if chances.is_file() else None
    image = io.read(case / facts.IMAGE) if image is None else image
    plan = Report.from_json((case / facts.read(case).report).read_bytes()).provenance.plan
    found = measure(labels, image, chance, plan.postprocessing.trust if plan else None)
    if chance is None:
        return found
    ai = io.read_labelmap(case / facts.read(case).labels).tumour
    pieces, _ = ndimage.label(labels.tumour, np.ones((3, 3, 3)))
    of_ai = set(np.unique(pieces[ai]).tolist())
    findings = tuple(
        f if int(pieces[f.centre_voxel]) in of_ai else dataclasses.replace(f, confidence=None)
        for f in found.findings
    )
    return dataclasses.replace(found, findings=findings)
