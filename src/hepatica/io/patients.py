"""Synthetic patients on disk: image, exact labels, and what was drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from hepatica.core.errors import OutputError
from hepatica.io.atomic import make_folder, write_bytes
from hepatica.io.nifti import write_labelmap, write_volume
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.patient import COHORT, Patient, Recipe, describe, draw, scan_patient
from hepatica.synth.procedural import procedural_anatomy

IMAGES, LABELS = "images", "labels"


def patient(
    cohort_seed: int, number: int, anatomies: Sequence[Anatomy], recipe: Recipe = COHORT
) -> Patient:
    """Patient `number` of a cohort; depends on the seed, its number and the anatomies alone."""
    rng = np.random.default_rng([cohort_seed, number])
    name = f"patient_{number:04d}"
    anatomy = anatomies[int(rng.integers(len(anatomies)))] if anatomies else procedural_anatomy(rng)
    return draw(rng, anatomy, recipe, name)


def write_patient(made: Patient, folder: Path) -> tuple[Path, Path]:
    """Write image, labels and parameters of a patient; returns the first two paths."""
    volume, labels = scan_patient(made)
    image = folder / IMAGES / f"{made.name}.nii.gz"
    truth = folder / LABELS / f"{made.name}.nii.gz"
    for path in (image, truth):
        make_folder(path.parent)
    write_volume(image, volume)
    write_labelmap(truth, labels)
    drawn = describe(made)
    text = msgspec.json.format(msgspec.json.encode(drawn), indent=2)
    write_bytes(folder / IMAGES / f"{made.name}.json", text + b"\n")
    return image, truth


def write_cohort(
    folder: Path, n: int, seed: int, anatomies: Sequence[Anatomy] = (), *, overwrite: bool = False
) -> Iterator[Path]:
    """Write `n` patients to ``folder/images`` and ``folder/labels``, yielding each image.

    Raises
    ------
    OutputError
        If there are images already and `overwrite` is not asked for, or for the disk.
    """
    if not overwrite and (folder / IMAGES).exists():
        raise OutputError(
            f"{folder / IMAGES} exists already; two cohorts would mix.",
            "Choose another folder, or use --overwrite.",
        )
    for number in range(1, n + 1):
        yield write_patient(patient(seed, number, anatomies), folder)[0]
