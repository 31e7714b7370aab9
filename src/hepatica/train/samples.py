"""What a network learns from, and where it comes from.

Sample n of a run depends on the seed, the stage and n alone: not on the samples before it,
nor on how many processes make them. So there is no state of a sampler to keep, and a run that
was interrupted goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Box, Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.io.workers import in_order
from hepatica.model.plan import Plan
from hepatica.pipeline.preprocess import widen
from hepatica.train.config import Training

TRAINING, VALIDATION, NATIVE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Sample:
    """A network's input (i, j, k) float32 and the class of each voxel, uint8.

    `counts_as` says, for each class, as which one it counts here: labels that a data set
    lacks are not background, they are unknown, and count as what they hide in.
    """

    image: NDArray[np.float32]
    target: NDArray[np.uint8]
    counts_as: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A whole volume with its true labels, as a user has it; `knows_tumour` if these are known."""

    name: str
    volume: Volume
    labels: LabelMap
    knows_tumour: bool = True


class Stream(Protocol):
    """An endless source of samples for one stage."""

    def sample(self, rng: np.random.Generator, number: int, purpose: int) -> Sample:
        """Sample `number`, with everything that is random drawn from `rng`."""
        ...

    def case(self, number: int) -> Case:
        """Whole case `number` of those that are validated on."""
        ...

    def different(self, most: int) -> int:
        """How many cases can be validated on without one coming twice; at most `most`."""
        ...


@dataclass(frozen=True, eq=False)
class Samples:
    """The streams of a run and their shares, which add up to 1.

    Validation takes all of its samples from the last stream: a data set of one's own where
    there is one.
    """

    seed: int
    stage: int
    streams: tuple[Stream, ...]
    shares: tuple[float, ...]

    def sample(self, number: int, purpose: int = TRAINING) -> Sample:
        """Sample `number`, for training or for validation."""
        rng = np.random.default_rng([self.seed, self.stage, purpose, number])
        which = len(self.streams) - 1
        if purpose == TRAINING and len(self.streams) > 1:
            which = int(rng.choice(len(self.streams), p=self.shares))
        return self.streams[which].sample(rng, number, purpose)

    def stream(self, start: int, step: int, workers: int) -> Generator[Sample]:
        """Samples `start`, `start` + `step`, … without end; the same ones for any `workers`.

        With 1 each is made when it is asked for. A thread that makes the next one meanwhile
        was measured on two cores: it takes more from the network than it saves.
        """
        return in_order(self.sample, count(start, step), workers)

    def case(self, number: int) -> Case:
        """Whole case `number` for validation in native space."""
        return self.streams[-1].case(number)

    def different(self, most: int) -> int:
        """How many cases can be validated on without one coming twice; at most `most`."""
        return self.streams[-1].different(most)


def view(rng: np.random.Generator, box: Box, scan: Geometry, plan: Plan, training: Training) -> Box:
    """What stage 2 sees of `scan`: the liver's `box` with its margin, as imprecise as stage 1."""
    if training.box_margin_voxels is None:
        wide = widen(box, scan, plan.margin)
    else:
        by = training.box_margin_voxels
        low = [max(0, s.start - by) for s in box]
        high = [min(n, s.stop + by) for s, n in zip(box, scan.shape, strict=True)]
        wide = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    if not training.box_jitter_mm:
        return wide
    sides = []
    for side, n, spacing in zip(wide, scan.shape, scan.spacing_mm, strict=True):
        off = np.rint(rng.uniform(-1, 1, 2) * training.box_jitter_mm / spacing)
        start = int(np.clip(side.start + off[0], 0, max(n - 8, 0)))
        stop = int(np.clip(side.stop + off[1], min(start + 8, n), n))
        sides.append(slice(start, stop))
    return (sides[0], sides[1], sides[2])
