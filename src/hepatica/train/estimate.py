"""What a training would cost on this machine, measured on a small piece of it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import torch

from hepatica.core.geometry import Triple
from hepatica.io.memory import available_bytes
from hepatica.model.bundle import Bundle
from hepatica.model.networks import build, parameters
from hepatica.model.plan import StagePlan
from hepatica.train.cascade import epoch_steps, plan_of
from hepatica.train.config import Training
from hepatica.train.learner import Learner
from hepatica.train.material import Material
from hepatica.train.samples import Sample
from hepatica.train.world import World, join

#: Voxels a side of the piece on which a step is tried; every network takes it.
PIECE: Triple = (48, 48, 48)
#: A training that takes longer is a GPU's work, in hours.
PATIENT_HOURS = 72.0
#: What the paper trained on.
PAPER_CASES = 60


@dataclass(frozen=True)
class Cost:
    """One stage on this machine.

    Parameters
    ----------
    step_s, step_gb
        Seconds and gigabytes of a step, from `PIECE` in proportion to the voxels.
    steps
        Most steps that the configuration allows.
    """

    network: str
    size: Triple
    weights: int
    step_s: float
    step_gb: float
    steps: int

    @property
    def hours(self) -> float:
        """Hours of all steps."""
        return self.step_s * self.steps / 3600


def _cost(training: Training, stage: StagePlan, steps: int, world: World) -> Cost:
    small = msgspec.structs.replace(stage, size=PIECE)
    learner = Learner(training, small, world)
    rng = np.random.default_rng(0)
    sample = Sample(
        rng.standard_normal(PIECE, np.float32),
        rng.integers(0, len(stage.classes), PIECE, np.uint8),
        tuple(range(len(stage.classes))),
    )
    learner.step([sample], 0, 1e-6)
    began = time.perf_counter()
    learner.step([sample], 1, 1e-6)
    seconds = time.perf_counter() - began
    bytes_kept = _activation_bytes(learner, sample)
    ratio = float(np.prod(stage.size) / np.prod(PIECE)) * training.batch
    weights = parameters(build(stage))
    gigabytes = (bytes_kept * ratio + 16 * weights) / 1024**3
    del learner
    gc.collect()
    return Cost(stage.network.name, stage.size, weights, seconds * ratio, gigabytes, steps)


def _activation_bytes(learner: Learner, sample: Sample) -> int:
    """What a forward pass keeps for the backward one: most of the memory of a step."""
    seen: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    learner.network.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = learner.loss(learner.network, [sample])
    del loss
    return sum(seen.values())


def report(
    training: Training, material: Material, start: Bundle | None, device: str, budget_s: float
) -> Iterator[str]:
    """The configuration, the plan and the estimate in lines for a reader, and a verdict.

    A line comes as soon as it is known: the steps have to be measured.
    """
    plan = plan_of(training, start)
    world = join(device)
    # Without a data set, what an epoch would be for the paper's own 60 cases.
    counted = training.epoch_steps is not None or material.cases
    epoch = epoch_steps(training, material, world) if counted else PAPER_CASES
    yield from [
        "Training:",
        msgspec.json.format(msgspec.json.encode(training), indent=2).decode(),
        "Plan:",
        plan.to_json().decode().rstrip(),
        f"Estimate on {world.device} ({torch.get_num_threads()} threads, "
        f"{world.computes_in(training.precision)}), from a {_times(PIECE)} piece in proportion"
        + ("" if counted else f", for a data set of {PAPER_CASES} cases")
        + ":",
    ]
    costs = []
    for number, stage in enumerate(plan.stages, 1):
        cost = _cost(training, stage, training.epochs[number - 1] * epoch, world)
        costs.append(cost)
        yield (
            f"  stage {number}: {cost.network}, {_times(cost.size)} voxels, "
            f"{cost.weights:,} weights: {cost.step_s:.2g} s and {cost.step_gb:.2g} GB a step; "
            f"at most {cost.steps:,} steps, {cost.hours:,.1f} h"
        )
    yield from _verdict(costs, world, budget_s)


def _verdict(costs: list[Cost], world: World, budget_s: float) -> list[str]:
    """What stands in the way of this training on this machine; a word of comfort if nothing."""
    lines = []
    needed_gb = max(cost.step_gb for cost in costs)
    there_gb = available_bytes() / 1024**3
    on_cpu = world.device.type == "cpu"
    if on_cpu and needed_gb > 0.9 * there_gb:
        lines.append(
            f"A step needs about {needed_gb:.0f} GB and {there_gb:.0f} GB are free: "
            "this needs a GPU with as much, or a smaller input size."
        )
    hours = sum(cost.hours for cost in costs)
    if on_cpu and hours > PATIENT_HOURS:
        days = f"All steps would take {hours / 24:,.0f} days here"
        if budget_s < hours * 3600:
            share = budget_s / 3600 / hours
            lines.append(f"{days}; the budget is {share:.1%} of that.")
        else:
            lines.append(
                f"{days}: this needs a GPU. --budget ends a run by the clock; "
                "the preset cpu is made for two cores."
            )
    return lines or ["This machine can do that."]


def _times(size: Triple) -> str:
    return "×".join(map(str, size))
