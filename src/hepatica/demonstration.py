"""The demo: a patient that nobody is, and how well it was segmented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hepatica import io
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


def dice(truth: Path, folder: Path) -> dict[str, float | None]:
    """Dice of whole liver and lesions of the result in `folder`; None where undefined."""
    wanted = io.read_labelmap(truth)
    found = io.read_labelmap(folder / f"{folder.name}_seg.nii.gz")
    return {
        "liver": Overlap.of(found.liver, wanted.liver).dice,
        "lesions": Overlap.of(found.tumour, wanted.tumour).dice,
    }
