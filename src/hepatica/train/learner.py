"""A network that learns: its weights, their running mean, and one step of the optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from hepatica.model.networks import arranged, build, layout
from hepatica.model.plan import StagePlan
from hepatica.train.config import Training
from hepatica.train.losses import dice_entropy, dice_focal, merged
from hepatica.train.samples import Sample
from hepatica.train.world import World


class Learner:
    """The state of a training, and how it moves; `hepatica.train.checkpoint` keeps it on disk.

    Parameters
    ----------
    stage
        The network's plan.
    start
        Weights to start from; parts of another shape (a variational branch for another
        input size) stay as they were initialised.
    """

    def __init__(
        self,
        training: Training,
        stage: StagePlan,
        world: World,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.training, self.stage, self.world = training, stage, world
        torch.manual_seed(training.seed)
        network = build(stage)
        if start is not None:
            _load(network, start)
        self.network = arranged(network).to(world.device)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.best: dict[str, Tensor] = {}
        kind = torch.optim.Adam if training.optimiser == "adam" else torch.optim.AdamW
        self.optimiser = kind(
            self.network.parameters(), training.rate, weight_decay=training.weight_decay
        )
        self._parallel = world.parallel(self.network)

    def step(self, samples: Sequence[Sample], number: int, rate: float) -> float:
        """Learn from `samples` in step `number`; returns the loss, which may be no number."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Dropout too depends on the step alone.
        chance = np.random.SeedSequence([self.training.seed, number, self.world.rank])
        torch.manual_seed(int(chance.generate_state(1)[0]))
        self._parallel.train()
        loss, norm = self._backward(samples, self.training.precision)
        if not math.isfinite(norm) and self.training.precision != "fp32":
            # Now and then a bfloat16 kernel gives a gradient that is no number, from an input
            # for which it gave one before (seen at 2 x 2 x 2 voxels).
            loss, norm = self._backward(samples, "fp32")
        if math.isfinite(norm):
            self.optimiser.step()
            self._follow(min(self.training.ema, (2 + number) / (11 + number)))
        else:
            loss = math.nan
        return self.world.mean(loss)

    def _backward(self, samples: Sequence[Sample], precision: str) -> tuple[float, float]:
        """Gradients of a step; its loss, and the norm that they had before they were clipped."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self._parallel, samples, precision)
        loss.backward()  # type: ignore[no-untyped-call]
        clip = math.inf if self.training.clip is None else self.training.clip
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        return float(loss.detach()), float(norm)

    def loss(
        self, network: nn.Module, samples: Sequence[Sample], precision: str | None = None
    ) -> Tensor:
        """Mean loss of `samples`, with the side loss of a variational branch while training."""
        t = self.training
        images = torch.from_numpy(np.stack([s.image for s in samples]))[:, None]
        target = np.stack([s.target for s in samples])
        with self.world.autocast(precision or t.precision):
            logits = network(self._put(images))
        logits = merged(logits.float(), [s.counts_as for s in samples])
        truth = torch.from_numpy(target.astype(np.int64)).to(logits.device)
        if t.loss == "dice_focal":
            loss = dice_focal(logits, truth)
        else:
            loss = dice_entropy(logits, truth, t.lesion_weight)
        side = getattr(self.network, "side_loss", None)
        return loss if side is None or not network.training else loss + 0.1 * side.float()

    def _put(self, images: Tensor) -> Tensor:
        return images.to(self.world.device, memory_format=layout(self.network))

    def _follow(self, decay: float) -> None:
        """Move the running mean of the weights towards the network's."""
        for key, value in self.network.state_dict().items():
            if decay and value.is_floating_point():
                self.average[key].lerp_(value.detach(), 1 - decay)
            else:
                self.average[key].copy_(value)

    def averaged(self) -> nn.Module:
        """The network with the running mean of its weights, in evaluation mode."""
        return self._with(self.average)

    def result(self, recalibration: Iterable[Sample] = ()) -> nn.Module:
        """The network to keep, in evaluation mode: the best epoch's weights, else the mean's.

        Batch norm, if there is any, takes its statistics anew from `recalibration`: those of
        the running weights are not those of their mean.
        """
        network = self._with(self.best or self.average)
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()):
            images = (
                self._put(torch.from_numpy(np.array(s.image))[None, None]) for s in recalibration
            )
            if (first := next(images, None)) is not None:
                for module in network.modules():
                    if isinstance(module, nn.modules.dropout._DropoutNd):
                        module.p = 0.0  # the statistics are for a network without dropout
                update_bn(chain([first], images), network)
        return network.eval()

    def _with(self, weights: dict[str, Tensor]) -> nn.Module:
        network = build(self.stage)
        network.load_state_dict(weights)
        return arranged(network).to(self.world.device).eval()


def _load(network: nn.Module, weights: dict[str, Tensor]) -> None:
    own = network.state_dict()
    fitting = {
        k: v.to(own[k].dtype) for k, v in weights.items() if k in own and v.shape == own[k].shape
    }
    own.update(fitting)
    network.load_state_dict(own)


def predict(network: nn.Module, image: NDArray[np.float32], world: World, precision: str) -> Tensor:
    """Logits (1, C, i, j, k) of one image, in evaluation."""
    tensor = torch.from_numpy(np.array(image))[None, None]
    tensor = tensor.to(world.device, memory_format=layout(network))
    with torch.no_grad(), world.autocast(precision):
        return torch.as_tensor(network(tensor)).float()
