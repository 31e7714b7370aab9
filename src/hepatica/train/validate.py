"""How good a network is: quickly on its own grid, and as a user would meet it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hepatica.evaluate.overlap import Overlap
from hepatica.model.engines import Engine, Network
from hepatica.model.networks import Probabilities
from hepatica.model.plan import Plan
from hepatica.pipeline.cascade import Segmenter
from hepatica.train.learner import Learner, predict
from hepatica.train.samples import VALIDATION, Case, Samples
from hepatica.train.world import World

#: Whole liver and lesions, as classes of a label map.
REGIONS = {"liver": (1, 2), "tumour": (2,)}


def on_grid(learner: Learner, network: nn.Module, samples: Samples, n: int) -> dict[str, float]:
    """Loss, and mean Dice of liver and lesions, on `n` fixed samples of the network's grid."""
    losses: list[float] = []
    dice: dict[str, list[float]] = {name: [] for name in REGIONS}
    for number in range(n):
        sample = samples.sample(number, VALIDATION)
        with torch.no_grad():
            losses.append(float(learner.loss(network, [sample])))
        found = predict(network, sample.image, learner.world, learner.training.precision)
        labels = found.argmax(1)[0].cpu().numpy()
        _collect(dice, labels, sample.target, knows_tumour=sample.counts_as[2] == 2)
    return {"validation_loss": round(float(np.mean(losses)), 5), **_means(dice)}


def in_native_space(
    networks: Sequence[nn.Module], plan: Plan, cases: Iterable[Case], world: World
) -> dict[str, float]:
    """Mean Dice of `cases` on their own grids, by the very segmenter that ships.

    One network alone is the cascade's first stage, postprocessed.
    """
    segmenter = Segmenter(plan, engine(networks, world))
    dice: dict[str, list[float]] = {name: [] for name in REGIONS}
    for case in cases:
        if len(networks) == 1:
            found = segmenter.first(case.volume)
        else:
            found = segmenter(case.volume).labelmap
        _collect(dice, found.labels, case.labels.labels, case.knows_tumour)
    return {f"native_{name}": value for name, value in _means(dice).items()}


def engine(networks: Sequence[nn.Module], world: World) -> Engine:
    """An engine of networks that are in memory; one stands for both stages."""
    runs = [_run(network, world) for network in networks]
    return Engine("torch", "fp32", str(world.device), torch.get_num_threads(), (runs[0], runs[-1]))


def _run(network: nn.Module, world: World) -> Network:
    model = Probabilities(network).eval()

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(predict(model, image, world, "fp32")[0].cpu().numpy())

    return run


def _collect(
    dice: dict[str, list[float]],
    found: NDArray[np.generic],
    true: NDArray[np.uint8],
    knows_tumour: bool,
) -> None:
    for name, classes in REGIONS.items():
        if name == "tumour" and not knows_tumour:
            continue
        value = Overlap.of(np.isin(found, classes), np.isin(true, classes)).dice
        if value is not None:
            dice[name].append(value)


def _means(dice: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(float(np.mean(values)), 4) for name, values in dice.items() if values}
