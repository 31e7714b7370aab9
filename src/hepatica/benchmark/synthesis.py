"""How long it takes to make synthetic patients, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from hepatica.benchmark.machine import cpu_name
from hepatica.io import anatomies as collections
from hepatica.io.workers import apart
from hepatica.model.plan import named_plan
from hepatica.synth import patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT
from hepatica.train.config import preset
from hepatica.train.samples import TRAINING
from hepatica.train.synthetic import Synthetic

#: What is timed needs anatomies that are there already; so many, where none are given.
PROCEDURAL = 3
#: A training patient of stage 1 that took longer would keep the network waiting.
STAGE1_WANTED_S = 0.15


@dataclass(frozen=True)
class Work:
    """What is timed: patients, and folders of real anatomies with patterns to leave out."""

    patients: int
    folders: tuple[Path, ...] = ()
    exclude: tuple[str, ...] = ()
    seed: int = 1


@dataclass(frozen=True)
class Timing:
    """Seconds for one patient, over `patients` of them.

    `low_s` and `high_s` are the 5th and the 95th percentile; `wanted_s` is what the median
    should not exceed, None where nothing is asked for.
    """

    what: str
    patients: int
    median_s: float
    low_s: float
    high_s: float
    wanted_s: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """Timings, and what they were measured on."""

    cpu: str
    anatomies: int
    timings: tuple[Timing, ...]


def synthesis(work: Work) -> Benchmark:
    """Time patients for stage 1, for stage 2, and as a scanner would show them.

    It is done in a process of its own on one thread. Time is that of the processor, so
    that what else the machine does counts little; reading, writing and the making of
    anatomies are left out.
    """
    return apart(measure, work)


def measure(work: Work) -> Benchmark:
    """The same in this process, on as many threads as it has."""
    pool = collections.gather(work.folders, work.exclude) or [
        procedural_anatomy(np.random.default_rng([work.seed, n])) for n in range(PROCEDURAL)
    ]
    # No others are to be made: they would take longer than all that is timed.
    training = msgspec.structs.replace(preset("cpu"), procedural=0.0, seed=work.seed)
    plan = named_plan("default")
    timings = []
    for number, stage in enumerate(plan.stages):
        what = f"training patient, stage {number + 1}, {'x'.join(map(str, stage.size))}"
        stream = Synthetic(training, plan, number, pool)
        wanted_s = STAGE1_WANTED_S if number == 0 else None
        timings.append(_timed(what, partial(_sample, stream), work, wanted_s))
    timings.append(_timed("whole patient on the scanner's grid", partial(_scan, pool), work))
    return Benchmark(cpu_name(), len(pool), tuple(timings))


def verdict(found: Benchmark) -> str:
    """Whether every median that is not to exceed something does not."""
    asked = [(t.median_s, t.wanted_s) for t in found.timings if t.wanted_s is not None]
    return "as wanted" if all(median <= most for median, most in asked) else "slower than wanted"


def table(found: Benchmark) -> str:
    """Lines for people; the verdict is the last."""
    lines = [f"{found.cpu}, one core; {found.anatomies} anatomies"]
    for timing in found.timings:
        wanted = "" if timing.wanted_s is None else f"; wanted: at most {timing.wanted_s:.2f} s"
        lines.append(
            f"{timing.what}: median {timing.median_s:.3f} s,"
            f" 5 to 95 % {timing.low_s:.3f} to {timing.high_s:.3f} s{wanted}"
        )
    return "\n".join([*lines, f"Verdict: {verdict(found)}."])


def _sample(stream: Synthetic, rng: np.random.Generator) -> None:
    stream.sample(rng, 0, TRAINING)


def _scan(pool: Sequence[Anatomy], rng: np.random.Generator) -> None:
    anatomy = pool[int(rng.integers(len(pool)))]
    patient.scan_patient(patient.draw(rng, anatomy, COHORT, "benchmark"))


def _timed(
    what: str,
    make: Callable[[np.random.Generator], None],
    work: Work,
    wanted_s: float | None = None,
) -> Timing:
    """Patients 1 to n are timed; patient 0 is made before, for what is done only once."""
    seconds = []
    for number in range(work.patients + 1):
        began = time.process_time()
        make(np.random.default_rng([work.seed, number]))
        seconds.append(time.process_time() - began)
    low, median, high = (float(s) for s in np.percentile(seconds[1:], (5, 50, 95)))
    return Timing(what, work.patients, median, low, high, wanted_s)
