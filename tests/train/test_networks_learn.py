"""Each of the paper's networks, as the comparison uses it, learns one tiny patient by heart."""

import msgspec
import numpy as np
import pytest
import torch

from hepatica.evaluate.overlap import Overlap
from hepatica.model.plan import PLANS
from hepatica.train.config import Training
from hepatica.train.learner import Learner, predict
from hepatica.train.samples import Sample
from hepatica.train.synthetic import Synthetic
from tests.train.conftest import HERE

#: Voxels a side that each network's strides divide.
SIDE = 32


@pytest.fixture(scope="module")
def sample():
    stage = msgspec.structs.replace(PLANS["small-unet"].stages[0], size=(SIDE,) * 3, spacing_mm=12)
    plan = msgspec.structs.replace(PLANS["small-unet"], stages=(stage, stage))
    training = Training(plan="", epochs=(1, 1), procedural=1.0, mri=0.0, procedural_pool=1)
    stream = Synthetic(training, plan, 0, [])
    for seed in range(50):
        found = stream.sample(np.random.default_rng(seed), 0, 0)
        if (found.target == 2).sum() > 4 and (found.target == 1).sum() > 400:
            return found
    raise AssertionError("no patient with a lesion that can be seen")


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("vnet", "highresnet")]


@pytest.mark.parametrize("name", ["unet", "segresnet", *SLOW])
def test_a_network_learns_a_patient_by_heart(name, sample):
    torch.manual_seed(0)
    stage = msgspec.structs.replace(PLANS[f"small-{name}"].stages[0], size=(SIDE,) * 3)
    training = Training(plan="", epochs=(1, 1), ema=0.0, precision="fp32")
    learner = Learner(training, stage, HERE)
    rate = {"vnet": 2e-3, "highresnet": 5e-3}.get(name, 5e-3)
    best = 0.0
    for step in range(200):
        learner.step([sample], step, rate)
        if step % 10 == 9:
            network = learner.result([sample])
            found = predict(network, sample.image, HERE, "fp32").argmax(1)[0].numpy()
            best = Overlap.of(found > 0, sample.target > 0).dice or 0.0
            if best > 0.9:
                break
    assert best > 0.9
    assert isinstance(sample, Sample)
