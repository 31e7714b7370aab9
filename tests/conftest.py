"""Shared by all tests: bundles small enough to make in a second, and where the real data are."""

from __future__ import annotations

import os

# NumPy's threads wait busily, which on two cores costs the tests more than they gain.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Compiled models of the tests are not the user's.
os.environ["HEPATICA_CACHE"] = ""

from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from hepatica.model.bundle import Bundle
from hepatica.model.plan import NetworkPlan, Plan
from tests.phantom import PLAN

# The same examples every time, so that a red run is about the change; explore with
# `pytest --hypothesis-profile explore`. No deadlines: a busy machine is not a fault.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=200)
settings.load_profile("same")

TINY = NetworkPlan(
    name="unet", options={"channels": [4, 8], "res_units": 1, "norm": "instance_affine"}
)


def tiny_plan() -> Plan:
    """The phantom's plan with networks of a few hundred weights."""
    stages = tuple(msgspec.structs.replace(s, network=TINY) for s in PLAN.stages)
    return msgspec.structs.replace(PLAN, name="tiny", stages=(stages[0], stages[1]))


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A real bundle with random weights."""
    import torch

    from hepatica.model.networks import build
    from hepatica.train.export import export

    torch.manual_seed(0)
    plan = tiny_plan()
    networks = tuple(build(stage) for stage in plan.stages)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return export((networks[0], networks[1]), plan, "# Model card: tiny\n", folder)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real volumes; the test is skipped where there is none."""
    folder = os.environ.get("HEPATICA_DATA")
    if not folder:
        pytest.skip("HEPATICA_DATA does not point to the real volumes")
    return Path(folder)
