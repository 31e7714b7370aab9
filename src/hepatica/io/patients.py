"""Synthetic patients on disk: drawn and made one by one, in as many processes as there may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hepatica.io import cohort
from hepatica.io.workers import in_order
from hepatica.synth import describe
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.patient import Patient, draw, scan_patient
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT, Recipe

#: What the header of an image says: whoever opens it sees what it is.
NOTE = "Hepatica: synthetic, no person was imaged; not for diagnosis"


def patient(
    cohort_seed: int, number: int, anatomies: Sequence[Anatomy], recipe: Recipe = COHORT
) -> Patient:
    """Patient `number` of a cohort; depends on the seed, its number and the anatomies alone."""
    return _Draft.begin(cohort_seed, number, anatomies).draw(recipe)


def write_patient(
    made: Patient, folder: Path, origin: Mapping[str, object] | None = None
) -> tuple[Path, Path]:
    """Write image, labels and parameters of a patient; returns the first two paths.

    `origin` is told among the parameters: of which cohort it is.
    """
    volume, labels = scan_patient(made)
    return cohort.write_case(
        folder, volume, labels, {**(origin or {}), **describe.patient(made)}, NOTE
    )


def write_cohort(
    folder: Path,
    n: int,
    seed: int,
    anatomies: Sequence[Anatomy] = (),
    recipe: Recipe = COHORT,
    *,
    overwrite: bool = False,
    workers: int = 1,
) -> Iterator[Path]:
    """Write `n` patients to ``folder/images`` and ``folder/labels``, yielding each image.

    However many processes make them, they come in order and with the same bytes. All that
    are made of one real anatomy are one patient in ``folder/patients.csv``.

    Raises
    ------
    OutputError
        As :func:`hepatica.io.cohort.begin`, or for the disk.
    ResourceError
        If a worker process was ended from outside.
    """
    drafts = [_Draft.begin(seed, number, anatomies) for number in range(1, n + 1)]
    cohort.begin(folder, {draft.name: draft.person for draft in drafts}, overwrite)
    yield from in_order(partial(_write, folder, seed, recipe), drafts, min(workers, n))


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

    @property
    def name(self) -> str:
        return f"patient_{self.number:04d}"

    @property
    def person(self) -> str:
        """Whose body it is."""
        return self.name if self.anatomy is None else self.anatomy.name

    def draw(self, recipe: Recipe) -> Patient:
        anatomy = procedural_anatomy(self.rng) if self.anatomy is None else self.anatomy
        return draw(self.rng, anatomy, recipe, self.name)


def _write(folder: Path, cohort_seed: int, recipe: Recipe, draft: _Draft) -> Path:
    origin = {"cohort_seed": cohort_seed, "number": draft.number}
    return write_patient(draft.draw(recipe), folder, origin)[0]
