"""Train one stage: a plain loop that can be stopped and resumed at any step."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from torch import Tensor, nn

from hepatica import io
from hepatica.core.errors import HepaticaError, OutputError
from hepatica.model.plan import Plan
from hepatica.train import checkpoint, validate
from hepatica.train.config import Training
from hepatica.train.learner import Learner
from hepatica.train.log import Log
from hepatica.train.samples import Samples
from hepatica.train.world import World

Report = Callable[[str], None]

#: What a run was told, in its folder.
SETTINGS = "training.json"


class Stopped(HepaticaError):
    """A run was told to stop, and its checkpoint is written."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The network to keep, in evaluation mode, and the steps that it took."""

    network: nn.Module
    steps: int


@dataclass(frozen=True, eq=False)
class Start:
    """Weights to start from, and whose they are: another bundle's make another run."""

    weights: dict[str, Tensor]
    origin: str


@dataclass(frozen=True, eq=False)
class Job:
    """What one stage is to learn, and from what.

    Parameters
    ----------
    stage
        0 or 1.
    epoch_steps
        Optimiser steps of an epoch.
    data
        What the samples are made of, for the fingerprint: a checkpoint of other data is
        another run's.
    start
        What to start from; None initialises at random.
    """

    training: Training
    plan: Plan
    stage: int
    samples: Samples
    epoch_steps: int
    data: tuple[str, ...]
    start: Start | None = None

    @property
    def name(self) -> str:
        """``stage1`` or ``stage2``, as the run's files are called."""
        return f"stage{self.stage + 1}"

    @property
    def steps(self) -> int:
        """Most steps of the stage."""
        return self.training.epochs[self.stage] * self.epoch_steps

    def fingerprint(self, processes: int = 1) -> str:
        """Hash of all that makes two runs the same run; the number of processes is a part."""
        origin = "scratch" if self.start is None else self.start.origin
        run = (self.training, self.plan, self.stage, self.epoch_steps, processes, origin)
        parts = (*run, sorted(self.data))
        return hashlib.sha256(b"".join(msgspec.json.encode(p) for p in parts)).hexdigest()


def checkpoint_path(run: Path, stage: int) -> Path:
    """Where the checkpoint of stage 0 or 1 lies in a run's folder."""
    return run / f"stage{stage + 1}.checkpoint.safetensors"


def fit(
    job: Job,
    run: Path,
    world: World,
    *,
    resume: bool = False,
    budget_s: float = math.inf,
    workers: int = 1,
    stop: Callable[[], bool] = lambda: False,
    report: Report = print,
) -> Fitted:
    """Train one stage.

    Parameters
    ----------
    resume
        Go on from the checkpoint in `run`; at once at the end if that one is finished.
    budget_s
        Seconds that the stage may take, those before an interruption included; the rate
        then falls to 0 by the clock, or by the steps if these are over first.
    stop
        Asked before every step; once true, the run is saved and ends.

    Raises
    ------
    OutputError
        If there is a checkpoint and `resume` is not asked for.
    Stopped
        If `stop` said so.
    HepaticaError
        If the loss is no longer a number, or the budget is over before the first step.
    """
    training = job.training
    learner = Learner(
        training, job.plan.stages[job.stage], world, job.start.weights if job.start else None
    )
    path, fingerprint = checkpoint_path(run, job.stage), job.fingerprint(world.size)
    done = checkpoint.Progress()
    if path.exists():
        if not resume:
            raise OutputError(
                f"{run} holds a training run already.",
                "Use --resume to go on with it, or train into another folder.",
            )
        done = checkpoint.restore(path, fingerprint, learner)
        report(f"{job.name}: resumed at step {done.step}")
    if world.leads:
        # Not before: a run that is refused must not lose what it was made with.
        io.make_folder(run)
        io.write_bytes(run / SETTINGS, msgspec.json.format(msgspec.json.encode(training)))
    steps = done.step
    if not done.finished:
        steps = _learn(job, learner, done, run, budget_s, workers, stop, report)
    extra = (job.samples.sample(n) for n in range(training.recalibrate))
    return Fitted(learner.result(extra), steps)


def _learn(
    job: Job,
    learner: Learner,
    done: checkpoint.Progress,
    run: Path,
    budget_s: float,
    workers: int,
    stop: Callable[[], bool],
    report: Report,
) -> int:
    """The loop; returns the steps done, those of earlier sittings included."""
    training, world = job.training, learner.world
    path, fingerprint = checkpoint_path(run, job.stage), job.fingerprint(world.size)
    log = Log(run, job.name, done.step) if world.leads else None
    began = saved = time.monotonic()
    step, losses, best, stale = done.step, list(done.losses), done.best_loss, done.stale

    def elapsed() -> float:
        return done.elapsed_s + time.monotonic() - began

    def keep(finished: bool) -> None:
        now = checkpoint.Progress(step, elapsed(), finished, best, stale, tuple(losses))
        if world.leads:
            checkpoint.save(path, now, fingerprint, learner)

    first = step * training.batch * world.size + world.rank
    with closing(job.samples.stream(first, world.size, workers)) as stream:
        while True:
            progress = world.agree(max(step / job.steps, elapsed() / budget_s))
            tired = training.patience is not None and stale >= training.patience
            if progress >= 1 or tired:
                break
            if world.agree(float(stop())):
                keep(finished=False)
                raise Stopped(f"{job.name} was stopped at step {step}.", "--resume goes on.")
            samples = [next(stream) for _ in range(training.batch)]
            loss = learner.step(samples, step, _rate(job, step, progress))
            if not math.isfinite(loss):
                raise HepaticaError(
                    f"{job.name}: the loss at step {step} is {loss}.",
                    "Lower the rate; the last checkpoint is of before.",
                )
            losses.append(loss)
            step += 1
            if step % job.epoch_steps == 0:
                scores = _validate(job, learner)
                found = world.agree(scores.get("validation_loss", math.inf))
                stale += 1
                if best is None or found < best:
                    best, stale = found, 0
                    if training.patience is not None:
                        learner.best = {k: v.clone() for k, v in learner.average.items()}
                line = {
                    "step": step,
                    "epoch": step // job.epoch_steps,
                    "seconds": round(elapsed(), 1),
                    "rate": _rate(job, step - 1, progress),
                    "loss": round(float(np.mean(losses)), 5),
                    **scores,
                }
                losses.clear()
                if log is not None:
                    log.add(line)
                    report(f"{job.name}: {msgspec.json.encode(line).decode()}")
            if time.monotonic() - saved >= training.checkpoint_every_s:
                keep(finished=False)
                saved = time.monotonic()
    if log is not None:
        log.close()
    if step == 0:
        raise HepaticaError(f"{job.name}: the budget was over before the first step.", "Give more.")
    keep(finished=True)
    return step


def _rate(job: Job, step: int, progress: float) -> float:
    """The paper's equation 6, after the warm-up; by the step or by the epoch."""
    training = job.training
    if training.decay == "epoch":
        progress = (step // job.epoch_steps) / training.epochs[job.stage]
    rise = min(1.0, (step + 1) / training.warm_up) if training.warm_up else 1.0
    return float(training.rate * rise * max(0.0, 1 - progress) ** training.power)


def _validate(job: Job, learner: Learner) -> dict[str, float]:
    """Scores of the weights that would be kept now; the leading process looks, alone."""
    if not learner.world.leads or not job.training.validation:
        return {}
    network = learner.averaged()
    n = job.samples.different(job.training.validation)
    return validate.on_grid(learner, network, job.samples, n)
