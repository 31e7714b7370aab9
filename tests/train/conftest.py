"""A training small enough to run in a second."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.train.config import Training
from hepatica.train.fit import Job
from hepatica.train.samples import Case, Sample, Samples
from hepatica.train.synthetic import Synthetic
from hepatica.train.world import World
from tests.conftest import tiny_plan

PLAN = tiny_plan()
SIDES = (24, 24, 24)
TRAINING = Training(
    plan="tiny",
    epochs=(2, 2),
    epoch_steps=3,
    warm_up=2,
    procedural=1.0,
    procedural_pool=1,
    mri=0.0,
    validation=1,
    native=1,
    checkpoint_every_s=0.0,
)
HERE = World(0, 1, torch.device("cpu"))


def silent(line: str) -> None:
    """Report to nobody."""


def weights(network: torch.nn.Module) -> torch.Tensor:
    """All weights and buffers in one row."""
    return torch.cat([p.detach().flatten().float() for p in network.state_dict().values()])


class Balls:
    """A stream of noisy balls, each with a small bright one inside: made in no time."""

    def sample(self, rng: np.random.Generator, number: int, purpose: int) -> Sample:
        x = np.indices(SIDES) - rng.uniform(9, 15, (3, 1, 1, 1))
        far = np.sqrt((x**2).sum(axis=0))
        target = (far < 8).astype(np.uint8) + (far < 3)
        image = target + rng.normal(0, 0.3, SIDES)
        return Sample(image.astype(np.float32), target.astype(np.uint8), (0, 1, 2))

    def case(self, number: int) -> Case:
        sample = self.sample(np.random.default_rng(number), number, 2)
        grid = Geometry.from_spacing(SIDES, 5.0)
        return Case(f"ball_{number}", Volume(sample.image, grid), LabelMap(sample.target, grid))

    def different(self, most: int) -> int:
        return most


@pytest.fixture(scope="session")
def samples() -> Samples:
    """Balls for stage 1."""
    return Samples(1, 0, (Balls(),), (1.0,))


@pytest.fixture(scope="session")
def patients() -> Samples:
    """Stage 1's samples from one procedural anatomy."""
    return Samples(1, 0, (Synthetic(TRAINING, PLAN, 0, []),), (1.0,))


@pytest.fixture
def job(samples: Samples) -> Job:
    """Two epochs of three steps."""
    return Job(TRAINING, PLAN, 0, samples, 3, ("nobody",))
