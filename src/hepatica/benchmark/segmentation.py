"""`hepatica bench segment`: the whole process beside a peer's network, and how its cost grows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from hepatica import io
from hepatica.benchmark import networks, process
from hepatica.benchmark.machine import cores
from hepatica.benchmark.networks import Speed
from hepatica.benchmark.process import Run
from hepatica.core.geometry import Triple
from hepatica.model import bundle as bundles
from hepatica.model.plan import Plan

#: The volume that all is compared on, and those whose voxels double.
USUAL: Triple = (320, 320, 100)
GROWING: tuple[Triple, ...] = ((200, 200, 64), (252, 252, 80), (320, 320, 100), (400, 400, 128))
LARGE: Triple = (512, 512, 200)
FOLDERS = (1, 10, 20, 100)
#: The folder that is compared with as many cold starts.
COMPARED = 20


class Round(msgspec.Struct, frozen=True):
    """What was run one after the other, so that ratios are of the same minutes.

    Parameters
    ----------
    process
        `hepatica segment`, cold.
    eager_s
        Both of our networks in eager fp32 PyTorch.
    patch_s
        One patch of the peer's network.
    """

    process: Run
    eager_s: float
    patch_s: float


class Found(msgspec.Struct, frozen=True):
    """All that was measured; `machine` is what it was measured on.

    Parameters
    ----------
    patches
        How many patches the peer needs for the usual volume.
    networks
        Each stage in each precision that this processor has.
    growth, threads, folders
        Runs by their number of voxels, threads and cases.
    large
        The largest volume that is tried.
    """

    machine: dict[str, str]
    bundle: str
    rounds: tuple[Round, ...]
    patches: int
    networks: tuple[Speed, ...]
    growth: dict[str, Run]
    threads: dict[str, Run]
    folders: dict[str, Run]
    large: Run


def measure(
    bundle: str = "default",
    repeats: int = 3,
    report: Callable[[str], None] = lambda line: None,
) -> Found:
    """Measure a bundle on synthetic patients; twenty minutes on two cores.

    Raises
    ------
    HepaticaError
        If the bundle is not there or a run fails.
    """
    plan = bundles.load(bundle).plan
    with tempfile.TemporaryDirectory(prefix="hepatica-bench-") as name:
        place = Path(name)
        images = {
            shape: _written(place, shape) for shape in dict.fromkeys((*GROWING, USUAL, LARGE))
        }
        usual = images[USUAL]

        def run(*paths: Path, threads: int = 0) -> Run:
            return process.segment(paths, place / "out", bundle=bundle, threads=threads)

        run(usual)  # what is kept from run to run is there in all that count
        eager = [networks.eager(networks.probabilities(s), s.size) for s in plan.stages]
        patch = networks.eager(networks.peer(), networks.PEER_PATCH)
        rounds = []
        for number in range(repeats):
            report(f"Round {number + 1} of {repeats}")
            rounds.append(
                Round(run(usual), sum(networks.once(e) for e in eager), networks.once(patch))
            )
        report("Networks in each precision")
        speeds = stages(plan)
        growth, threads, folders = {}, {}, {}
        for shape in GROWING:
            report(f"{_by(shape)} voxels")
            growth[_by(shape)] = run(images[shape])
        for n in sorted({1, cores()}):
            report(f"{n} threads")
            threads[str(n)] = run(usual, threads=n)
        for n in FOLDERS:
            report(f"{n} cases in one process")
            folders[str(n)] = run(*_copies(place, usual, n))
        report(f"{_by(LARGE)} voxels")
        return Found(
            machine=process.machine_facts(),
            bundle=bundle,
            rounds=tuple(rounds),
            patches=networks.peer_patches(process.scan(USUAL).geometry),
            networks=speeds,
            growth=growth,
            threads=threads,
            folders=folders,
            large=run(images[LARGE]),
        )


def stages(plan: Plan) -> tuple[Speed, ...]:
    """Each network of a plan, with random weights, in each precision that there is."""
    found = []
    for number, stage in enumerate(plan.stages, 1):
        network = networks.probabilities(stage)
        n = networks.operations(network, stage.size)
        for precision in networks.possible():
            seconds = networks.fastest(networks.compiled(stage, precision))
            what = f"stage {number}, {stage.network.name}, {_by(stage.size)}, {precision}"
            found.append(Speed(what, seconds, n, n / networks.rate(precision)))
        seconds = networks.fastest(networks.eager(network, stage.size), 1)
        what = f"stage {number}, {stage.network.name}, {_by(stage.size)}, eager PyTorch fp32"
        found.append(Speed(what, seconds, n, n / networks.rate("fp32")))
    return tuple(found)


def _written(place: Path, shape: Triple) -> Path:
    path = place / f"t1ce_{_by(shape)}.nii.gz"
    io.write_volume(path, process.scan(shape))
    return path


def _copies(place: Path, image: Path, n: int) -> Sequence[Path]:
    folder = place / f"of_{n}"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"case_{k:03d}.nii.gz" for k in range(n)]
    for path in paths:
        if not path.exists():
            path.hardlink_to(image)
    return paths


def _by(shape: Triple) -> str:
    return "×".join(str(n) for n in shape)


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return float(np.median(values))


@dataclass(frozen=True)
class Ratio:
    """How much faster one thing is than another, round by round."""

    what: str
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, what: str, slower: Sequence[float], faster: Sequence[float]) -> Ratio:
        """Ratios pair by pair."""
        each = [s / f for s, f in zip(slower, faster, strict=True)]
        return cls(what, median(each), min(each), max(each))


def ratios(found: Found) -> tuple[Ratio, ...]:
    """What the figures say about speed."""
    whole = [r.process.seconds for r in found.rounds]
    return (
        Ratio.of(
            f"peer's network alone ({found.patches} patches) over our whole process",
            [r.patch_s * found.patches for r in found.rounds],
            whole,
        ),
        Ratio.of(
            "both networks in eager fp32 PyTorch over ours",
            [r.eager_s for r in found.rounds],
            [r.process.network_s for r in found.rounds],
        ),
        Ratio.of(
            f"cold starts of {COMPARED} single cases over one process for them",
            [median(whole)],
            [found.folders[str(COMPARED)].seconds / COMPARED],
        ),
    )
