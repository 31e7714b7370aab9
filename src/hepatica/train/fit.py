"""Train one stage: a plain loop that can be stopped and resumed at any step."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hepatica.core.errors import HepaticaError
from hepatica.core.volume import Label
from hepatica.model.networks import build, channels_last
from hepatica.model.plan import Plan
from hepatica.train import checkpoint
from hepatica.train.config import Training
from hepatica.train.data import Patients
from hepatica.train.losses import dice_and_cross_entropy

Report = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """A trained network (the averaged weights, in evaluation mode) and its last scores."""

    network: nn.Module
    scores: dict[str, float]


def fit(
    training: Training,
    plan: Plan,
    stage: int,
    patients: Patients,
    run: Path,
    *,
    start_from: nn.Module | None = None,
    resume: bool = False,
    deadline: float = math.inf,
    report: Report = print,
) -> Fitted:
    """Train stage `stage` (0 or 1), logging to ``run/stageN.jsonl``.

    Parameters
    ----------
    start_from
        Network whose weights are the first ones; same plan. Default: random ones.
    deadline
        `time.monotonic()` at which to stop early; the rate then falls to 0 by the clock.

    Raises
    ------
    HepaticaError
        If the loss is no longer a number.
    """
    name = f"stage{stage + 1}"
    torch.manual_seed(training.seed)
    network = channels_last(build(plan.stages[stage]))
    if start_from is not None:
        network.load_state_dict(start_from.state_dict())
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), training.rate, weight_decay=training.weight_decay
    )
    fingerprint = _fingerprint(training, plan, stage)
    path = run / f"{name}.checkpoint.safetensors"
    step = 0
    if resume and path.exists():
        step = checkpoint.restore(path, fingerprint, network, average, optimiser)
        report(f"{name}: resumed at step {step}")
    began, saved, losses = time.monotonic(), time.monotonic(), []
    first = step
    scores: dict[str, float] = {}
    for sample in patients.stream(step):
        progress = _progress(step, training.steps[stage], first, began, deadline)
        if progress >= 1:
            break
        rate = training.rate * min(1.0, (step + 1) / training.warm_up)
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - progress) ** training.power
        loss = _step(network, optimiser, sample.image, sample.target, training)
        if not math.isfinite(loss):
            raise HepaticaError(f"{name}: the loss at step {step} is {loss}.", "Lower the rate.")
        losses.append(loss)
        step += 1
        _follow(average, network, min(training.ema, (1 + step) / (10 + step)))
        if step % training.validate_every == 0:
            scores = validate(_averaged(plan, stage, average), patients, training)
            line = {
                "step": step,
                "loss": round(float(np.mean(losses)), 4),
                "seconds": round(time.monotonic() - began, 1),
                **scores,
            }
            losses.clear()
            with (run / f"{name}.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            report(f"{name}: {json.dumps(line)}")
        if time.monotonic() - saved > training.checkpoint_every_s:
            checkpoint.save(path, step, fingerprint, network, average, optimiser)
            saved = time.monotonic()
    checkpoint.save(path, step, fingerprint, network, average, optimiser)
    final = _averaged(plan, stage, average)
    return Fitted(final, validate(final, patients, training))


def validate(network: nn.Module, patients: Patients, training: Training) -> dict[str, float]:
    """Mean Dice of whole liver and lesions on fixed unseen patients, on the network's grid."""
    dice: dict[str, list[float]] = {"liver": [], "tumour": []}
    for number in range(training.validation):
        sample = patients.sample(number, purpose=1)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = network(_input(sample.image)).argmax(1)[0].numpy()
        liver = (1, 2)
        _append(dice["liver"], np.isin(found, liver), np.isin(sample.target, liver))
        _append(dice["tumour"], found == Label.TUMOUR, sample.target == Label.TUMOUR)
    return {k: round(float(np.mean(v)), 4) for k, v in dice.items() if v}


def _append(dice: list[float], found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
    """Dice, where it is defined."""
    if found.any() or truth.any():
        dice.append(2 * float((found & truth).sum()) / float(found.sum() + truth.sum()))


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    image: NDArray[np.float32],
    target: NDArray[np.uint8],
    training: Training,
) -> float:
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(_input(image))
    truth = torch.from_numpy(target.astype(np.int64))[None]
    loss = dice_and_cross_entropy(logits.float(), truth, training.tumour_weight)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), training.clip)
    optimiser.step()
    return float(loss.detach())


def _input(image: NDArray[np.float32]) -> Tensor:
    tensor = torch.from_numpy(np.array(image))[None, None]
    return tensor.to(memory_format=torch.channels_last_3d)


def _follow(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Move the running mean of the weights towards the network's."""
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value.detach(), 1 - decay)
        else:
            average[key].copy_(value)


def _averaged(plan: Plan, stage: int, average: dict[str, Tensor]) -> nn.Module:
    network = build(plan.stages[stage])
    network.load_state_dict(average)
    return channels_last(network).eval()


def _progress(step: int, steps: int, first: int, began: float, deadline: float) -> float:
    """Share of the run that is over, by steps or by the clock, whichever is further."""
    by_clock = 0.0
    if math.isfinite(deadline):
        by_clock = (time.monotonic() - began) / max(deadline - began, 1e-3)
    return max(step / steps, by_clock)


def _fingerprint(training: Training, plan: Plan, stage: int) -> str:
    text = msgspec.json.encode(training) + msgspec.json.encode(plan) + bytes([stage])
    return hashlib.sha256(text).hexdigest()
