"""Endless training patients, made on the fly; sample n depends on the seed and n alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Box, Geometry
from hepatica.model.plan import Plan
from hepatica.pipeline.preprocess import network_grid, preprocess, widen
from hepatica.synth import patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy
from hepatica.train.config import Training


@dataclass(frozen=True, eq=False)
class Sample:
    """A network's input (i, j, k) float32 and the class of each voxel, uint8."""

    image: NDArray[np.float32]
    target: NDArray[np.uint8]


class Patients:
    """Training samples of one stage.

    Parameters
    ----------
    anatomies
        Real ones, CT and MRI; may be empty.
    """

    def __init__(
        self, training: Training, plan: Plan, stage: int, anatomies: Sequence[Anatomy]
    ) -> None:
        self._training, self._plan, self._stage = training, plan, stage
        self.names = tuple(a.name for a in anatomies)
        made = [
            procedural_anatomy(np.random.default_rng([training.seed, n]), f"procedural_{n}")
            for n in range(training.procedural_pool if training.procedural or not anatomies else 0)
        ]
        ct = [a for a in anatomies if a.image is None]
        mri = [a for a in anatomies if a.image is not None]
        shares = (training.procedural, 1 - training.procedural - training.mri, training.mri)
        pools = [(p, s) for p, s in zip((made, ct, mri), shares, strict=True) if p and s > 0]
        total = sum(share for _, share in pools)
        self._pools = [(pool, share / total) for pool, share in pools]

    def sample(self, number: int, purpose: int = 0) -> Sample:
        """Sample `number` of the stream `purpose` (0 training, 1 validation)."""
        rng = np.random.default_rng([self._training.seed, self._stage, purpose, number])
        while True:
            which = rng.choice(len(self._pools), p=[share for _, share in self._pools])
            pool = self._pools[int(which)][0]
            anatomy = pool[int(rng.integers(len(pool)))]
            drawn = patient.draw(rng, anatomy, patient.TRAINING, str(number))
            scan = self._field_of_view(rng, drawn)
            if scan is not None:
                break
        stage = self._plan.stages[self._stage]
        grid = network_grid(scan, stage)
        volume, target = patient.training_sample(drawn, scan, grid, stage.classes)
        return Sample(preprocess(volume, stage).voxels, target)

    def stream(self, start: int) -> Iterator[Sample]:
        """Samples from `start` on, each made when it is asked for.

        A thread that makes the next one meanwhile was measured on two cores: it takes
        more from the network's step than it saves.
        """
        for number in count(start):
            yield self.sample(number)

    def _field_of_view(self, rng: np.random.Generator, drawn: patient.Patient) -> Geometry | None:
        """Stage 1 sees all of the scan; stage 2 the liver's box, as imprecise as stage 1."""
        if self._stage == 0:
            return patient.quick_scan(drawn, self._plan.stages[0].spacing_mm or 0.0)
        box = patient.liver_box(drawn)
        if box is None:
            return None
        wide = widen(box, drawn.scan, self._plan.margin)
        return drawn.scan.crop(self._jitter(rng, wide, drawn.scan))

    def _jitter(self, rng: np.random.Generator, box: Box, scan: Geometry) -> Box:
        sides = []
        for side, n, spacing in zip(box, scan.shape, scan.spacing_mm, strict=True):
            off = np.rint(rng.uniform(-1, 1, 2) * self._training.box_jitter_mm / spacing)
            low = int(np.clip(side.start + off[0], 0, n - 8))
            high = int(np.clip(side.stop + off[1], low + 8, n))
            sides.append(slice(low, high))
        return (sides[0], sides[1], sides[2])
