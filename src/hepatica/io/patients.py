"""Synthetic patients on disk: image, exact labels, and what was drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from hepatica.core.errors import OutputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.io.atomic import make_folder, write_bytes
from hepatica.io.nifti import write_labelmap, write_volume
from hepatica.io.workers import in_order
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.patient import COHORT, Patient, Recipe, describe, draw, scan_patient
from hepatica.synth.procedural import procedural_anatomy

IMAGES, LABELS = "images", "labels"


def patient(
    cohort_seed: int, number: int, anatomies: Sequence[Anatomy], recipe: Recipe = COHORT
) -> Patient:
    """Patient `number` of a cohort; depends on the seed, its number and the anatomies alone."""
    return _Draft.begin(cohort_seed, number, anatomies).draw(recipe)


def write_patient(made: Patient, folder: Path) -> tuple[Path, Path]:
    """Write image, labels and parameters of a patient; returns the first two paths."""
    return write_files(folder, made.name, *scan_patient(made), describe(made))


def write_files(
    folder: Path, name: str, volume: Volume, labels: LabelMap, drawn: dict[str, object]
) -> tuple[Path, Path]:
    """Write a patient's image and labels, and what was `drawn` beside the image."""
    image = folder / IMAGES / f"{name}.nii.gz"
    truth = labels_of(image)
    for path in (image, truth):
        make_folder(path.parent)
    write_volume(image, volume)
    write_labelmap(truth, labels, volume.source.header)
    text = msgspec.json.format(msgspec.json.encode(drawn), indent=2)
    write_bytes(folder / IMAGES / f"{name}.json", text + b"\n")
    return image, truth


def labels_of(image: Path) -> Path:
    """Where the label map of a cohort's image lies."""
    return image.parent.parent / LABELS / image.name


def require_new(folder: Path, overwrite: bool) -> None:
    """Refuse to write into a cohort that is there, unless that is asked for."""
    if not overwrite and (folder / IMAGES).exists():
        raise OutputError(
            f"{folder / IMAGES} exists already; two cohorts would mix.",
            "Choose another folder, or use --overwrite.",
        )


def write_cohort(
    folder: Path,
    n: int,
    seed: int,
    anatomies: Sequence[Anatomy] = (),
    *,
    overwrite: bool = False,
    workers: int = 1,
) -> Iterator[Path]:
    """Write `n` patients to ``folder/images`` and ``folder/labels``, yielding each image.

    However many processes make them, they come in order and with the same bytes.

    Raises
    ------
    OutputError
        If there are images already and `overwrite` is not asked for, or for the disk.
    ResourceError
        If a worker process was ended from outside.
    """
    require_new(folder, overwrite)
    drafts = (_Draft.begin(seed, number, anatomies) for number in range(1, n + 1))
    yield from in_order(partial(_write, folder), drafts, min(workers, n))


@dataclass(frozen=True, eq=False)
class _Draft:
    """A patient of a cohort as it goes to the process that makes it.

    It carries the one anatomy that it needs, not all that there are; None is for a
    procedural one, which takes long to make and is left to that process.
    """

    rng: np.random.Generator
    anatomy: Anatomy | None
    number: int

    @classmethod
    def begin(cls, cohort_seed: int, number: int, anatomies: Sequence[Anatomy]) -> _Draft:
        rng = np.random.default_rng([cohort_seed, number])
        picked = anatomies[int(rng.integers(len(anatomies)))] if anatomies else None
        return cls(rng, picked, number)

    def draw(self, recipe: Recipe) -> Patient:
        anatomy = procedural_anatomy(self.rng) if self.anatomy is None else self.anatomy
        return draw(self.rng, anatomy, recipe, f"patient_{self.number:04d}")


def _write(folder: Path, draft: _Draft) -> Path:
    return write_patient(draft.draw(COHORT), folder)[0]
