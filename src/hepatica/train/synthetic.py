"""Synthetic patients as a stream of samples, made on the fly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from hepatica.core.geometry import Geometry
from hepatica.model.plan import Plan
from hepatica.pipeline.preprocess import network_grid, preprocess
from hepatica.synth import elsewhere, patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT, TRAINING
from hepatica.train.config import Training
from hepatica.train.samples import NATIVE, Case, Sample, view


@lru_cache(maxsize=64)
def procedural(seed: int, number: int) -> Anatomy:
    """One of a run's procedural anatomies: a few seconds when it is first asked for."""
    return procedural_anatomy(np.random.default_rng([seed, number]), f"procedural_{number}")


class Synthetic:
    """Patients of procedural and real anatomies, with lesions and exact labels.

    Parameters
    ----------
    anatomies
        Real ones, CT and MRI; may be empty.
    """

    def __init__(
        self, training: Training, plan: Plan, stage: int, anatomies: Sequence[Anatomy]
    ) -> None:
        self._training, self._plan, self._stage = training, plan, stage
        ct = [a for a in anatomies if a.image is None]
        mri = [a for a in anatomies if a.image is not None]
        made = range(training.procedural_pool)
        pools: list[tuple[Sequence[Anatomy] | range, float]] = [
            (made, training.procedural),
            (ct, 1 - training.procedural - training.mri),
            (mri, training.mri),
        ]
        # What there is and is asked for; procedural ones where that is nothing.
        pools = [(p, share) for p, share in pools if p and share > 0] or [(made, 1.0)]
        total = sum(share for _, share in pools)
        self._pools = [(pool, share / total) for pool, share in pools]
        # Forms of real tumours, if there are any, suit every liver.
        self._shapes = tuple({id(s): s for a in anatomies for s in a.shapes}.values())

    def sample(self, rng: np.random.Generator, number: int, purpose: int) -> Sample:
        """One patient, drawn with `rng`, as the stage's network sees it."""
        while True:
            drawn = patient.draw(rng, self._anatomy(rng), TRAINING, str(number))
            if self._stage == 0 and rng.random() < TRAINING.no_liver:
                if rng.random() < 0.5:
                    return self._nothing(rng, drawn)
                drawn = elsewhere.beyond(rng, drawn)
            scan = self._field_of_view(rng, drawn)
            if scan is not None:
                break
        stage = self._plan.stages[self._stage]
        grid = network_grid(scan, stage)
        volume, target = patient.training_sample(drawn, scan, grid, stage.classes)
        known = tuple(range(len(stage.classes)))
        return Sample(preprocess(volume, stage).voxels, target, known)

    def _nothing(self, rng: np.random.Generator, drawn: patient.Patient) -> Sample:
        """A scan like that of `drawn` of something that is no abdomen."""
        stage = self._plan.stages[0]
        scan = patient.quick_scan(drawn, stage.spacing_mm or 0.0)
        grid = network_grid(scan, stage)
        image = preprocess(elsewhere.nothing(rng, scan), stage).voxels
        known = tuple(range(len(stage.classes)))
        return Sample(image, np.zeros(grid.shape, np.uint8), known)

    def case(self, number: int) -> Case:
        """A patient as a cohort has them: the paper's lesions, physics alone."""
        rng = np.random.default_rng([self._training.seed, self._stage, NATIVE, number])
        recipe = replace(COHORT, slice_mm=(3.0, 5.0))
        drawn = patient.draw(rng, self._anatomy(rng), recipe, f"validation_{number:02d}")
        return Case(drawn.name, *patient.scan_patient(drawn, fine_mm=2.0))

    def different(self, most: int) -> int:
        """All that are asked for: there is no end of patients."""
        return most

    def _anatomy(self, rng: np.random.Generator) -> Anatomy:
        which = rng.choice(len(self._pools), p=[share for _, share in self._pools])
        pool = self._pools[int(which)][0]
        drawn = pool[int(rng.integers(len(pool)))]
        if isinstance(drawn, int):
            return replace(procedural(self._training.seed, drawn), shapes=self._shapes)
        return drawn

    def _field_of_view(self, rng: np.random.Generator, drawn: patient.Patient) -> Geometry | None:
        """Stage 1 sees all of the scan, stage 2 the liver's box; None without a liver."""
        if self._stage == 0:
            return patient.quick_scan(drawn, self._plan.stages[0].spacing_mm or 0.0)
        box = patient.liver_box(drawn)
        if box is None:
            return None
        return drawn.scan.crop(view(rng, box, drawn.scan, self._plan, self._training))
