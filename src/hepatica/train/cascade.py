"""Train both stages of a cascade, one after the other, and export the bundle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from hepatica.core.errors import ConfigError
from hepatica.model.bundle import Bundle
from hepatica.model.networks import build
from hepatica.model.plan import Plan, StagePlan, named_plan
from hepatica.train import checkpoint, validate
from hepatica.train.cohort import Cohort
from hepatica.train.config import Training, preset
from hepatica.train.export import export, require_free
from hepatica.train.fit import SETTINGS, Job, Report, Start, checkpoint_path, fit
from hepatica.train.material import Material
from hepatica.train.samples import Samples, Stream
from hepatica.train.synthetic import Synthetic
from hepatica.train.world import World, join

#: Share of a time budget that stage 1 gets; it sees less and has less to learn.
FIRST_SHARE = 0.3


@dataclass(frozen=True)
class Settings:
    """How a run is run; none of it changes what sample n is.

    Parameters
    ----------
    budget_s
        Seconds for what is trained; stage 1 gets `FIRST_SHARE` of it if both are.
    start
        A bundle whose weights the stages start from, where their networks are the same.
    stage
        0 or 1 to train that one alone; the other is the bundle's.
    """

    budget_s: float = math.inf
    resume: bool = False
    start: Bundle | None = None
    stage: int | None = None
    workers: int = 1
    device: str = "auto"
    stop: Callable[[], bool] = field(default=lambda: False)
    report: Report = print


@dataclass(frozen=True, eq=False)
class Learned:
    """A stage's network, the samples that it learned from, and the steps that it took."""

    network: nn.Module
    samples: Samples
    steps: int


def train(training: Training, material: Material, run: Path, settings: Settings) -> Bundle | None:
    """Train and export to ``run/bundle``; everything else in `run` serves to resume.

    Returns None in processes that do not lead.

    Raises
    ------
    ConfigError
        If one stage is to be trained and there is no bundle for the other.
    OutputError
        If ``run/bundle`` is there and is no bundle, or there is a checkpoint and
        `settings.resume` is not asked for.
    """
    world = join(settings.device)
    start = settings.start
    plan = plan_of(training, start)
    if settings.stage is not None and start is None:
        raise ConfigError(
            "One stage alone needs a bundle for the other.", "Give --from BUNDLE as well."
        )
    require_free(run / "bundle")
    networks: list[nn.Module] = []
    scores: list[dict[str, float]] = []
    for stage in (0, 1):
        if settings.stage not in (None, stage):
            assert start is not None
            networks.append(_of_bundle(start, stage, plan))
            continue
        begin = _start(training, plan, start, networks, stage)
        if begin is None:
            settings.report(f"stage {stage + 1} starts from scratch")
        share = 1.0 if settings.stage is not None else (FIRST_SHARE, 1 - FIRST_SHARE)[stage]
        learned = learn(
            training, plan, stage, material, run, world, settings, settings.budget_s * share, begin
        )
        networks.append(learned.network)
        if world.leads:
            n = learned.samples.different(training.native)
            cases = (learned.samples.case(k) for k in range(n))
            found = validate.in_native_space(networks, plan, cases, world)
            scores.append(found)
            settings.report(f"stage {stage + 1} done: {found}")
    if not world.leads:
        return None
    card = _card(training, plan, material, scores)
    return export((networks[0].cpu(), networks[1].cpu()), plan, card, run / "bundle")


def learn(
    training: Training,
    plan: Plan,
    stage: int,
    material: Material,
    run: Path,
    world: World,
    settings: Settings,
    budget_s: float,
    start: Start | None,
) -> Learned:
    """Train one stage in the folder `run`, from the weights `start` or at random."""
    steps = epoch_steps(training, material, world)
    samples = streams(training, plan, stage, material)
    job = Job(training, plan, stage, samples, steps, material.names, start)
    # NumPy's threads that wait busily for work cost torch's a third of their speed.
    with threadpool_limits(1, user_api="blas"):
        fitted = fit(
            job,
            run,
            world,
            resume=settings.resume,
            budget_s=budget_s,
            workers=settings.workers,
            stop=settings.stop,
            report=settings.report,
        )
    return Learned(fitted.network, samples, fitted.steps)


def told(run: Path) -> Training:
    """The settings of a run that was begun.

    Raises
    ------
    ConfigError
        If there is none in `run`.
    """
    if not (run / SETTINGS).is_file():
        raise ConfigError(f"{run} holds no training run.", "Name the folder of one with -o.")
    return preset(str(run / SETTINGS))


def snapshot(training: Training, run: Path, start: Bundle | None) -> Bundle:
    """``run/snapshot``: what a run has kept so far; a stage without a checkpoint is `start`'s.

    Raises
    ------
    ConfigError
        If a stage has neither, or the checkpoint of another plan.
    """
    plan = plan_of(training, start)
    networks: list[nn.Module] = []
    for stage in (0, 1):
        path = checkpoint_path(run, stage)
        if path.exists():
            network = build(plan.stages[stage])
            try:
                network.load_state_dict(checkpoint.kept_weights(path))
            except RuntimeError as error:
                raise ConfigError(
                    f"{path} is not of the plan {plan.name}.", "Give the run's own preset."
                ) from error
            networks.append(network.eval())
        elif start is not None:
            networks.append(_of_bundle(start, stage, plan))
        else:
            raise ConfigError(
                f"{run} has no checkpoint of stage {stage + 1} yet.", "Give --from BUNDLE for it."
            )
    card = f"# Model card: {plan.name}\n\nA snapshot of what a run had kept.\n"
    return export((networks[0], networks[1]), plan, card, run / "snapshot")


def streams(training: Training, plan: Plan, stage: int, material: Material) -> Samples:
    """The streams that a configuration asks for, of what there is."""
    made: list[Stream] = []
    shares: list[float] = []
    share = training.cohort if material.cases else 0.0
    if share < 1:
        made.append(Synthetic(training, plan, stage, material.anatomies))
        shares.append(1 - share)
    if share > 0:
        made.append(Cohort(training, plan, stage, material.cases, material.validation))
        shares.append(share)
    return Samples(training.seed, stage, tuple(made), tuple(shares))


def epoch_steps(training: Training, material: Material, world: World) -> int:
    """Optimiser steps of an epoch.

    Raises
    ------
    ConfigError
        If an epoch is meant to be the data set, and there is none.
    """
    if training.epoch_steps is not None:
        return training.epoch_steps
    if not material.cases:
        raise ConfigError(
            "This configuration counts epochs by the cases of a data set.",
            "Give --data DATASET, or set epoch_steps in a configuration of your own.",
        )
    return math.ceil(len(material.cases) / (training.batch * world.size))


def plan_of(training: Training, start: Bundle | None) -> Plan:
    """The plan of a run: its own, or that of the bundle from which it starts.

    Raises
    ------
    ConfigError
        If there is neither.
    """
    if training.plan is not None:
        return named_plan(training.plan)
    if start is None:
        raise ConfigError("This preset has the plan of a bundle.", "Give --from BUNDLE as well.")
    return start.plan


def _start(
    training: Training, plan: Plan, bundle: Bundle | None, networks: list[nn.Module], stage: int
) -> Start | None:
    """The bundle's network or else stage 1's, if it is the same; None: at random."""
    wanted = plan.stages[stage]
    if bundle is not None and _alike(bundle.plan.stages[stage], wanted):
        return Start(_weights(bundle, stage), bundle.sha256)
    if stage == 1 and training.stage2_from == "stage1" and _alike(plan.stages[0], wanted):
        return Start(networks[0].state_dict(), "stage 1")
    return None


def _alike(one: StagePlan, other: StagePlan) -> bool:
    return (one.network, one.classes) == (other.network, other.classes)


def _weights(bundle: Bundle, stage: int) -> dict[str, Tensor]:
    return {k: v.float() for k, v in load_file(bundle.weights(stage)).items()}


def _of_bundle(bundle: Bundle, stage: int, plan: Plan) -> nn.Module:
    if bundle.plan.stages[stage] != plan.stages[stage]:
        raise ConfigError(
            f"Stage {stage + 1} of the bundle {bundle.plan.name} is not that of {plan.name}.",
            'Train both stages, or use a preset whose "plan" is null.',
        )
    network = build(bundle.plan.stages[stage])
    network.load_state_dict(_weights(bundle, stage))
    return network.eval()


def _card(
    training: Training, plan: Plan, material: Material, scores: list[dict[str, float]]
) -> str:
    """The facts that the trainer knows; a shipped bundle's card says more."""
    anatomies = ", ".join(sorted(a.name for a in material.anatomies)) or "none"
    lines = [
        f"# Model card: {plan.name}",
        "",
        "Research use only. Not for diagnosis, treatment or surgical decisions.",
        "",
        f"Real volumes with labels: {len(material.cases)}.",
        "Real anatomies of synthetic patients (and, where they are MRI, their images with",
        f"random intensity curves): {anatomies}.",
        f"Share of procedural anatomies among synthetic patients: {training.procedural}.",
        "",
        "Mean Dice on the cases of the validation, on their own grids:",
        *(f"- stage {n}: {score}" for n, score in enumerate(scores, 1)),
        "",
        f"Training settings: `{msgspec.json.encode(training).decode()}`",
        f"torch {torch.__version__}",
    ]
    return "\n".join(lines) + "\n"
