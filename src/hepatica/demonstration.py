"""The demo: a patient that nobody is, and how well it was segmented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hepatica import io
from hepatica.core.components import components
from hepatica.evaluate.overlap import Overlap
from hepatica.io import patients


@dataclass(frozen=True)
class Made:
    """Files of the demo's patient."""

    image: Path
    truth: Path


def make(out: Path, seed: int) -> Made:
    """Make the patient of `seed` under ``out/synthetic``; the same one is made again."""
    drawn = replace(patients.patient(seed, 1, ()), name=f"synthetic_{seed}")
    return Made(*patients.write_patient(drawn, out / "synthetic"))


def verdict(truth: Path, folder: Path) -> list[str]:
    """Sentences that hold the result in `folder` against the truth.

    A lesion counts as found when half of its voxels are, as in the paper.
    """
    wanted = io.read_labelmap(truth)
    found = io.read_labelmap(folder / f"{folder.name}_seg.nii.gz")
    numbered, sizes = components(wanted.tumour)
    hit = np.bincount(numbered[found.tumour], minlength=sizes.size + 1)[1:]
    voxel_ml = wanted.geometry.voxel_ml
    liver_ml, tumour_ml = (float(m.sum()) * voxel_ml for m in (wanted.liver, wanted.tumour))
    liver = Overlap.of(found.liver, wanted.liver).dice
    lesions = Overlap.of(found.tumour, wanted.tumour).dice
    count = "1 lesion" if sizes.size == 1 else f"{sizes.size} lesions"
    return [
        f"Truth: liver {liver_ml:.0f} ml, {count} ({tumour_ml:.2g} ml);"
        f" {int(np.sum(2 * hit >= sizes))} of them found.",
        f"Dice: liver {_number(liver)}, lesions {_number(lesions)}."
        " The model that ships is weak on lesions; its card says how weak.",
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
