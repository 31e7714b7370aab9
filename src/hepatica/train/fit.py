"""Train one stage: a plain loop that can be stopped and resumed at any step."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hepatica.core.errors import HepaticaError, OutputError
from hepatica.evaluate.overlap import Overlap
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
    resume: bool = False,
    budget_s: float = math.inf,
    report: Report = print,
) -> Fitted:
    """Train stage `stage` (0 or 1), logging to ``run/stageN.jsonl``.

    Parameters
    ----------
    resume
        Go on from the checkpoint in `run`; at once at the end if that one is finished.
    budget_s
        Seconds that the stage may take, those before an interruption included; the rate
        then falls to 0 by the clock, or by the steps if these are over first.

    Raises
    ------
    OutputError
        If there is a checkpoint and `resume` is not asked for.
    HepaticaError
        If the loss is no longer a number, or the budget is over before the first step.
    """
    name = f"stage{stage + 1}"
    torch.manual_seed(training.seed)
    network = channels_last(build(plan.stages[stage]))
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), training.rate, weight_decay=training.weight_decay
    )
    fingerprint = _fingerprint(training, plan, stage, patients.names)
    path = run / f"{name}.checkpoint.safetensors"
    done = checkpoint.Progress()
    if path.exists():
        if not resume:
            raise OutputError(
                f"{run} holds a training run already.",
                "Use --resume to go on with it, or train into another folder.",
            )
        done = checkpoint.restore(path, fingerprint, network, average, optimiser)
        report(f"{name}: resumed at step {done.step}")
    step, losses = done.step, []
    began = saved = time.monotonic()
    scores: dict[str, float] = {}

    def keep(finished: bool) -> None:
        elapsed = done.elapsed_s + time.monotonic() - began
        now = checkpoint.Progress(step, elapsed, finished)
        checkpoint.save(path, now, fingerprint, network, average, optimiser)

    for sample in [] if done.finished else patients.stream(step):
        elapsed = done.elapsed_s + time.monotonic() - began
        progress = max(step / training.steps[stage], elapsed / budget_s)
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
                "seconds": round(elapsed, 1),
                **scores,
            }
            losses.clear()
            with (run / f"{name}.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            report(f"{name}: {json.dumps(line)}")
        if time.monotonic() - saved > training.checkpoint_every_s:
            keep(finished=False)
            saved = time.monotonic()
    if step == 0:
        raise HepaticaError(f"{name}: the budget was over before the first step.", "Give more.")
    if not done.finished:
        keep(finished=True)
    final = _averaged(plan, stage, average)
    return Fitted(final, validate(final, patients, training))


def validate(network: nn.Module, patients: Patients, training: Training) -> dict[str, float]:
    """Mean Dice of whole liver and lesions on fixed unseen patients, on the network's grid."""
    dice: dict[str, list[float]] = {"liver": [], "tumour": []}
    for number in range(training.validation):
        sample = patients.sample(number, purpose=1)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = network(_input(sample.image)).argmax(1)[0].numpy()
        for region, classes in (("liver", (1, 2)), ("tumour", (2,))):
            overlap = Overlap.of(np.isin(found, classes), np.isin(sample.target, classes))
            if overlap.dice is not None:
                dice[region].append(overlap.dice)
    return {k: round(float(np.mean(v)), 4) for k, v in dice.items() if v}


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


def _fingerprint(training: Training, plan: Plan, stage: int, anatomies: Sequence[str]) -> str:
    """Hash of all that makes two runs the same run."""
    parts = (training, plan, stage, sorted(anatomies))
    return hashlib.sha256(b"".join(msgspec.json.encode(part) for part in parts)).hexdigest()
