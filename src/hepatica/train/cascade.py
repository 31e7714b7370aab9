"""Train both stages of a cascade, one after the other, and export the bundle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from hepatica import io
from hepatica.model.bundle import Bundle
from hepatica.model.plan import named_plan
from hepatica.synth.anatomy import Anatomy
from hepatica.train.config import Training
from hepatica.train.data import Patients
from hepatica.train.export import export
from hepatica.train.fit import Report, fit

#: Share of a time budget that stage 1 gets; it sees less and has less to learn.
FIRST_SHARE = 0.3


def train(
    training: Training,
    anatomies: Sequence[Anatomy],
    run: Path,
    *,
    budget_s: float = math.inf,
    resume: bool = False,
    report: Report = print,
) -> Bundle:
    """Train and export to ``run/bundle``; everything else in `run` serves `resume`."""
    plan = named_plan(training.plan)
    io.make_folder(run)
    io.write_bytes(run / "training.json", msgspec.json.format(msgspec.json.encode(training)))
    networks: list[nn.Module] = []
    scores: list[dict[str, float]] = []
    for stage in (0, 1):
        patients = Patients(training, plan, stage, anatomies)
        share = FIRST_SHARE if stage == 0 else 1 - FIRST_SHARE
        # NumPy's threads that wait busily for work cost torch's a third of their speed.
        with threadpool_limits(1, user_api="blas"):
            fitted = fit(
                training,
                plan,
                stage,
                patients,
                run,
                resume=resume,
                budget_s=budget_s * share,
                report=report,
            )
        networks.append(fitted.network)
        scores.append(fitted.scores)
        report(f"stage {stage + 1} done: {fitted.scores}")
    card = _card(training, anatomies, scores)
    return export((networks[0], networks[1]), plan, card, run / "bundle")


def _card(training: Training, anatomies: Sequence[Anatomy], scores: list[dict[str, float]]) -> str:
    """The facts that the trainer knows; a shipped bundle's card says more."""
    names = ", ".join(sorted(a.name for a in anatomies)) or "none"
    lines = [
        f"# Model card: {training.plan}",
        "",
        "Research use only. Not for diagnosis, treatment or surgical decisions.",
        "",
        "Trained on synthetic patients. Real anatomies (and, where they are MRI, their",
        f"images with random intensity curves): {names}.",
        f"Share of procedural anatomies: {training.procedural}.",
        "",
        "Dice on unseen synthetic patients, on the network's grid:",
        *(f"- stage {n}: {score}" for n, score in enumerate(scores, 1)),
        "",
        f"Training settings: `{msgspec.json.encode(training).decode()}`",
        f"torch {torch.__version__}",
    ]
    return "\n".join(lines) + "\n"
