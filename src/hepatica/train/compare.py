"""The paper's Table 1: its four networks, trained alike for the same time on the same cases.

And the ablation that the paper argues for: stage 2 from stage 1's weights, or from scratch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np

from hepatica import io
from hepatica.core.volume import LabelMap
from hepatica.evaluate.overlap import Overlap
from hepatica.model.networks import parameters
from hepatica.model.plan import NetworkName, Plan, named_plan
from hepatica.pipeline.cascade import Segmenter
from hepatica.results import tables
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.train.cascade import Learned, Settings, learn
from hepatica.train.config import Training
from hepatica.train.fit import Start
from hepatica.train.material import Material
from hepatica.train.samples import Case
from hepatica.train.synthetic import procedural
from hepatica.train.validate import REGIONS, engine
from hepatica.train.world import World, join

NETWORKS: tuple[NetworkName, ...] = ("unet", "vnet", "segresnet", "highresnet")
#: Share of a network's time for stage 1, and for stage 2 in each of its two ways.
SHARES = (0.3, 0.35, 0.35)
METHODS = ("Stage 1", "Full method", "Full method, stage 2 from scratch")
COLOURS = ("#9aa5b1", "#2a6f97", "#e09f3e")
SCORES = ("sensitivity", "precision", "dice")
SCRATCH_FOLDER = "scratch"


class Row(msgspec.Struct, frozen=True):
    """Scores of one network by one method in one region, over the cases.

    Parameters
    ----------
    weights
        Trainable weights of one stage's network.
    steps
        Optimiser steps of the stages that took part.
    sensitivity, precision, dice
        Mean and deviation; None where no case defines one.
    seconds
        Mean and deviation for one volume, from image to label map in memory.
    """

    network: str
    weights: int
    method: str
    region: str
    steps: tuple[int, ...]
    cases: int
    sensitivity: tuple[float, float] | None
    precision: tuple[float, float] | None
    dice: tuple[float, float] | None
    seconds: tuple[float, float]


def compare(
    training: Training,
    material: Material,
    run: Path,
    settings: Settings,
    networks: Sequence[NetworkName] = NETWORKS,
) -> list[Row]:
    """Train each network in a folder of its own under `run`, and score them all.

    `training.plan` names a family of plans: ``small`` trains ``small-unet`` and so on.
    Each network gets an equal share of the budget. With `settings.resume`, what is
    finished is not trained again.
    """
    world = join(settings.device)
    if not material.cases or training.cohort < 1:
        # All take the same time from the same bodies: the first must not wait for them alone.
        for number in range(training.procedural_pool):
            procedural(training.seed, number)
    rows: list[Row] = []
    for name in networks:
        plan = named_plan(f"{training.plan}-{name}")
        own = msgspec.structs.replace(training, plan=plan.name)
        budgets_s = [settings.budget_s / len(networks) * share for share in SHARES]
        place = run / name
        begin = None
        learned: list[Learned] = []
        for number, folder, budget_s in zip(
            (0, 1, 1), (place, place, place / SCRATCH_FOLDER), budgets_s, strict=True
        ):
            settings.report(f"{plan.name}: {METHODS[len(learned)]}")
            learned.append(
                learn(own, plan, number, material, folder, world, settings, budget_s, begin)
            )
            alone = len(learned) == 1
            begin = Start(learned[0].network.state_dict(), "stage 1") if alone else None
        first, second, fresh = learned
        for method, parts in zip(METHODS, ([first], [first, second], [first, fresh]), strict=True):
            # All are scored on the same cases, those that stage 1 would be validated on.
            n = first.samples.different(training.native)
            cases = [first.samples.case(k) for k in range(n)]
            rows += _rows(plan, method, parts, cases, world)
        if world.leads:
            write(run, rows)
    return rows


def _rows(
    plan: Plan, method: str, parts: Sequence[Learned], cases: Sequence[Case], world: World
) -> list[Row]:
    segmenter = Segmenter(plan, engine([p.network for p in parts], world))
    seconds: list[float] = []
    overlaps: dict[str, list[Overlap]] = {region: [] for region in REGIONS}
    for case in cases:
        began = time.perf_counter()
        if method == METHODS[0]:
            found: LabelMap = segmenter.first(case.volume)
        else:
            found = segmenter(case.volume).labelmap
        seconds.append(time.perf_counter() - began)
        for region, classes in REGIONS.items():
            truth = np.isin(case.labels.labels, classes)
            overlaps[region].append(Overlap.of(np.isin(found.labels, classes), truth))
    return [
        Row(
            network=plan.stages[0].network.name,
            weights=parameters(parts[0].network),
            method=method,
            region=region,
            steps=tuple(p.steps for p in parts),
            cases=len(cases),
            sensitivity=_mean([o.sensitivity for o in found_]),
            precision=_mean([o.precision for o in found_]),
            dice=_mean([o.dice for o in found_]),
            seconds=_mean(seconds) or (0.0, 0.0),
        )
        for region, found_ in overlaps.items()
    ]


def _mean(values: Sequence[float | None]) -> tuple[float, float] | None:
    defined = [v for v in values if v is not None]
    if not defined:
        return None
    deviation = float(np.std(defined, ddof=1)) if len(defined) > 1 else 0.0
    return round(float(np.mean(defined)), 4), round(deviation, 4)


def write(run: Path, rows: Sequence[Row]) -> None:
    """Write ``comparison.md``, ``comparison.csv`` and ``comparison.png`` to `run`."""
    io.write_text(run / "comparison.md", table(rows))
    head = ("network", "weights", "method", "region", "steps", "cases")
    scores = (*SCORES, "seconds")
    lines = [
        (
            row.network,
            row.weights,
            row.method,
            row.region,
            " + ".join(map(str, row.steps)),
            row.cases,
            *(value for name in scores for value in getattr(row, name) or (None, None)),
        )
        for row in rows
    ]
    columns = (*head, *(f"{name}{end}" for name in scores for end in ("", "_sd")))
    io.write_text(run / "comparison.csv", tables.table(columns, lines))
    io.write_bytes(run / "comparison.png", figure(rows))


def table(rows: Sequence[Row]) -> str:
    """The paper's Table 1 in Markdown."""
    lines = [
        f"{RESEARCH_ONLY}",
        "",
        "Mean ± SD over the cases on their own grids; liver is the whole liver. A score that no",
        "case defines is a dash. Seconds are from image to label map in memory.",
        "",
        "| network | weights | method | steps | region | sensitivity | precision | Dice | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row.network,
            f"{row.weights:,}",
            row.method,
            " + ".join(map(str, row.steps)),
            row.region,
            *(_cell(getattr(row, s), 3) for s in SCORES),
            _cell(row.seconds, 2),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def figure(rows: Sequence[Row]) -> bytes:
    """Dice of liver and lesions by network and method, as a PNG."""
    from matplotlib.figure import Figure

    networks = list(dict.fromkeys(row.network for row in rows))
    picture = Figure(figsize=(10, 4), layout="constrained")
    axes = picture.subplots(1, len(REGIONS), sharey=True, squeeze=False)[0]
    for axis, region in zip(axes, REGIONS, strict=True):
        for place, method in enumerate(METHODS):
            chosen = {r.network: r.dice for r in rows if (r.region, r.method) == (region, method)}
            known = [(n, d) for n, name in enumerate(networks) if (d := chosen.get(name))]
            axis.bar(
                [n + (place - 1) * 0.27 for n, _ in known],
                [d[0] for _, d in known],
                0.25,
                yerr=[d[1] for _, d in known],
                capsize=2,
                color=COLOURS[place],
                label=method,
            )
        axis.set_xticks(range(len(networks)), networks)
        axis.set_title({"liver": "Whole liver", "tumour": "Lesions"}[region])
        axis.set_ylim(0, 1)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("Dice, mean and SD")
    axes[-1].legend(frameon=False, fontsize="small")
    target = BytesIO()
    picture.savefig(target, format="png", dpi=110)
    return target.getvalue()


def _cell(value: tuple[float, float] | None, digits: int) -> str:
    return "–" if value is None else f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}"
