"""What an archive costs: measured on this machine, simulated for 1, 10 and 100 nodes.

::

    python -m benchmarks.archive measure -o archive.json     # the machine has to be quiet
    python -m benchmarks.archive stubs                       # memory of client and scheduler
    python -m benchmarks.archive simulate archive.json       # writes the tables of the docs

Every figure in docs/archives.md between its marks comes from here; none is typed by hand.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import psutil
from benchmarks.page import DOCS, into_page

from hepatica.batch.cluster import Local
from hepatica.batch.manifest import Hashes, Manifest
from hepatica.batch.messages import TOPIC, Began, Done, Recipe, Task
from hepatica.batch.run import Run

#: What the simulated archive and its machines are.
CASES, CORES, SEED = 10_000, 16, 1
STORAGES_MB_S = (100.0, 1000.0)
NODES = (1, 10, 100)
#: Worth its nodes as long as they work so much of the time.
WORTH = 0.8


@dataclass(frozen=True)
class Measured:
    """What `measure` finds.

    Parameters
    ----------
    case_s
        Seconds of each case in a worker, with two workers on two cores.
    wall_1_s, wall_2_s
        From the first case's beginning to the last one's end, with 1 and 2 workers.
    overhead_s, overhead_share
        Of the engine per case, with one worker: what of the wall no case accounts for.
    start_s
        From the command to the first case's beginning.
    dispatch_s
        Of client and scheduler per task, which one process does for all: a stub's.
    read_bytes, written_bytes
        Per case.
    rss_mb
        Memory of client and scheduler by the number of stub tasks done.
    """

    machine: str
    cores: int
    cases: int
    case_s: tuple[float, ...]
    wall_1_s: float
    wall_2_s: float
    scaling: float
    overhead_s: float
    overhead_share: float
    start_s: float
    dispatch_s: float
    read_bytes: float
    written_bytes: float
    rss_mb: dict[str, float]


# Stubs


def stub(task: bytes) -> bytes:
    """A case that costs nothing: what is left is the engine."""
    from distributed import get_worker

    asked = msgspec.json.decode(task, type=Task)
    worker = get_worker()
    began = Began(key=asked.key, place=f"{worker.name}@{worker.address}")
    worker.log_event(TOPIC, msgspec.to_builtins(began))
    return msgspec.json.encode(Done(seconds=0.0, hashes=Hashes(None, "", "", ""), kept=False))


def stubs(number: int, workers: int) -> dict[str, object]:
    """Memory of this process (client and scheduler) after 100 tasks and at the end, in MB."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    rss: dict[str, float] = {}
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        manifest = Manifest.write(out)
        manifest.add((f"case{n}", out / f"case{n}") for n in range(number))

        def tick() -> None:
            done = manifest.counts()["done"]
            for mark in (100, 1000, number):
                if done >= mark and str(mark) not in rss:
                    rss[str(mark)] = round(process.memory_info().rss / 1e6, 1)

        held = 0
        with Local(workers, 2 * 10**9).opened() as crew:
            run = Run(out, manifest, crew, Recipe(), do=stub, tick=tick)
            began = time.perf_counter()
            run.all()
            seconds = time.perf_counter() - began
            held = crew.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        tick()
        counts = manifest.counts()
        manifest.close()
    return {
        "tasks": number,
        "done": counts["done"],
        "left_at_the_scheduler": held,
        "dispatch_s": seconds / number,
        "rss_mb": rss,
    }


# Cases


def measure(cases: int, folder: Path | None) -> Measured:
    """Make patients, do them with one and with two workers of one thread, and compare."""
    with tempfile.TemporaryDirectory() as temporary:
        room = Path(temporary)
        images = folder or room / "patients" / "images"
        if folder is None:
            hepatica_("synth", "-n", cases, "-o", images.parent, "--seed", SEED)
        paths = sorted(images.glob("*.nii.gz"))[:cases]
        listing = room / "list.txt"
        listing.write_text("".join(f"{p.absolute()}\n" for p in paths))
        # The first run of all compiles the model into the cache, and is not counted.
        timed(listing, room / "warm", 2, first=paths[0])
        start_s, wall_1, seconds_1 = timed(listing, room / "one", 1)
        _, wall_2, seconds_2 = timed(listing, room / "two", 2)
        written = sum(p.stat().st_size for p in (room / "two").rglob("*") if p.is_file())
        read = sum(p.stat().st_size for p in paths)
    stubbed = json.loads(python("stubs", "-n", 10_000))
    overhead = wall_1 - sum(seconds_1)
    return Measured(
        machine=platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        cases=len(paths),
        case_s=tuple(round(s, 3) for s in seconds_2),
        wall_1_s=round(wall_1, 2),
        wall_2_s=round(wall_2, 2),
        scaling=round(wall_1 / wall_2, 3),
        overhead_s=round(overhead / len(paths), 4),
        overhead_share=round(overhead / wall_1, 4),
        start_s=round(start_s, 2),
        dispatch_s=round(stubbed["dispatch_s"], 5),
        read_bytes=round(read / len(paths)),
        written_bytes=round(written / len(paths)),
        rss_mb=stubbed["rss_mb"],
    )


def timed(
    listing: Path, out: Path, workers: int, first: Path | None = None
) -> tuple[float, float, list[float]]:
    """Seconds until the first case begins, from there to the last one's end, and of each case.

    They come from what the run itself writes down.
    """
    began = time.time()
    source = first or listing
    command = ("batch", source, "-o", out, "--workers", workers, "--threads", 1, "-q")
    process = subprocess.Popen([sys.executable, "-m", "hepatica", *map(str, command)])
    first_s = last_s = None
    while process.poll() is None:
        time.sleep(0.05)
        if (out / "batch.sqlite").is_file():
            manifest = Manifest.read(out)
            counts = manifest.counts()
            manifest.close()
            if first_s is None and counts["running"]:
                first_s = time.time()
            if last_s is None and counts["done"] and not counts["running"] + counts["queued"]:
                last_s = time.time()
    assert process.returncode == 0, process.returncode
    manifest = Manifest.read(out)
    seconds = [entry.seconds or 0.0 for entry in manifest.entries("done")]
    manifest.close()
    now = time.time()
    first_s = first_s or began
    return first_s - began, (last_s or now) - first_s, seconds


def hepatica_(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "hepatica", *map(str, words)], check=True)


def python(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)], check=True, capture_output=True, text=True
    )
    return done.stdout


# Nodes that are not here


@dataclass(frozen=True)
class Simulated:
    """A night on so many nodes."""

    nodes: int
    workers: int
    storage_mb_s: float
    hours: float
    efficiency: float
    busy_storage: float
    busy_dispatch: float

    @property
    def limit(self) -> str:
        """What stops it from being faster."""
        if self.efficiency >= WORTH:
            return "computing"
        shares = {"storage": self.busy_storage, "scheduler": self.busy_dispatch}
        worst = max(shares, key=lambda name: shares[name])
        return worst if shares[worst] > WORTH else "start and end of the run"


def simulate(
    measured: Measured,
    nodes: int,
    storage_mb_s: float,
    cases: int = CASES,
    cores: int = CORES,
    seed: int = SEED,
) -> Simulated:
    """Event by event: one dispatcher, one storage, workers that read one case ahead.

    The dispatcher gives out one task after the other, `dispatch_s` each. The storage serves
    one file after the other at its whole bandwidth, reads and writes in the order in which
    they are asked for. A worker asks for its next image when it begins with one, computes as
    long as a measured case drawn by chance, and writes.
    """
    chance = random.Random(seed)
    workers = nodes * cores
    durations = [chance.choice(measured.case_s) for _ in range(cases)]
    bandwidth = storage_mb_s * 1e6
    read_s, write_s = measured.read_bytes / bandwidth, measured.written_bytes / bandwidth
    dispatcher = storage = measured.start_s
    given = 0
    ends = 0.0
    # When something happens, to which worker, and what: it asks, has read, or has computed.
    events: list[tuple[float, int, int, str]] = []
    free = [measured.start_s] * workers
    for worker in range(workers):
        heapq.heappush(events, (measured.start_s, worker, worker, "ask"))
    order = workers
    while events:
        now, _, worker, what = heapq.heappop(events)
        order += 1
        if what == "ask" and given < cases:
            given += 1
            dispatcher = max(dispatcher, now) + measured.dispatch_s
            heapq.heappush(events, (dispatcher, order, worker, f"read {given - 1}"))
        elif what.startswith("read"):
            storage = max(storage, now) + read_s
            heapq.heappush(events, (storage, order, worker, f"begin {what[5:]}"))
        elif what.startswith("begin"):
            if free[worker] > now:
                heapq.heappush(events, (free[worker], order, worker, what))
                continue
            free[worker] = now + durations[int(what[6:])]
            heapq.heappush(events, (free[worker], order, worker, "write"))
            heapq.heappush(events, (now, order + cases, worker, "ask"))
        elif what == "write":
            storage = max(storage, now) + write_s
            ends = max(ends, storage)
            free[worker] = max(free[worker], storage)
    return Simulated(
        nodes=nodes,
        workers=workers,
        storage_mb_s=storage_mb_s,
        hours=ends / 3600,
        efficiency=sum(durations) / (workers * ends),
        busy_storage=cases * (read_s + write_s) / ends,
        busy_dispatch=cases * measured.dispatch_s / ends,
    )


def most_worth(measured: Measured, storage_mb_s: float, cases: int = CASES) -> Simulated:
    """The largest power of two, times 1, 1.25, 1.5 or 1.75, of nodes that is worth it."""
    best = simulate(measured, 1, storage_mb_s, cases)
    for power in range(11):
        for step in (4, 5, 6, 7):
            nodes = max(1, 2**power * step // 4)
            found = simulate(measured, nodes, storage_mb_s, cases)
            if found.efficiency < WORTH:
                return best
            best = found
    return best


# Tables


def measured_table(m: Measured) -> str:
    mean = sum(m.case_s) / len(m.case_s)
    rss = ", ".join(f"{mb:.0f} MB after {n}" for n, mb in m.rss_mb.items())
    rows = [
        ("cases, on how many cores", f"{m.cases}, {m.cores}"),
        ("seconds per case in a worker of one thread, two beside each other", f"{mean:.2f}"),
        ("cases per hour, 1 worker", f"{3600 * m.cases / m.wall_1_s:.0f}"),
        ("cases per hour, 2 workers", f"{3600 * m.cases / m.wall_2_s:.0f}"),
        ("1 → 2 workers", f"{m.scaling:.2f} times as fast"),
        ("the engine's own time per case", f"{m.overhead_s:.3f} s, {m.overhead_share:.1%}"),
        ("from the command to the first case", f"{m.start_s:.1f} s"),
        ("client and scheduler, per stub task", f"{1000 * m.dispatch_s:.1f} ms"),
        ("memory of client and scheduler, stub tasks", rss),
        ("read and written per case", f"{m.read_bytes / 1e6:.1f}, {m.written_bytes / 1e6:.1f} MB"),
    ]
    return "\n".join(["| what | measured |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def simulated_table(m: Measured, cases: int = CASES) -> str:
    lines = [
        "| storage | nodes | workers | time | at work | limited by |",
        "|---|---|---|---|---|---|",
    ]
    for storage in STORAGES_MB_S:
        for nodes in NODES:
            s = simulate(m, nodes, storage, cases)
            took = f"{s.hours:.1f} h" if s.hours >= 1 else f"{60 * s.hours:.0f} min"
            lines.append(
                f"| {storage:.0f} MB/s | {nodes} | {s.workers} | {took} | {s.efficiency:.0%}"
                f" | {s.limit} |"
            )
    lines.append("")
    for storage in STORAGES_MB_S:
        s = most_worth(m, storage, cases)
        beyond = simulate(m, 2 * s.nodes, storage, cases)
        lines.append(
            f"With {storage:.0f} MB/s it stops scaling at about {s.nodes} nodes ({s.workers}"
            f" workers, {60 * s.hours:.0f} min): with twice as many they are at work"
            f" {beyond.efficiency:.0%} of the time, limited by the {beyond.limit}.\n"
        )
    return "\n".join(lines).rstrip()


def load(path: Path) -> Measured:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Measured(**{**told, "case_s": tuple(told["case_s"])})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    measuring = verbs.add_parser("measure")
    measuring.add_argument("-n", type=int, default=40)
    measuring.add_argument("--images", type=Path, help="take these instead of making patients")
    measuring.add_argument("-o", type=Path, required=True)
    stubbing = verbs.add_parser("stubs")
    stubbing.add_argument("-n", type=int, default=10_000)
    simulating = verbs.add_parser("simulate")
    simulating.add_argument("measured", type=Path)
    simulating.add_argument("--page", type=Path, default=DOCS / "archives.md")
    given = parser.parse_args(arguments)
    if given.verb == "stubs":
        print(json.dumps(stubs(given.n, 2)))
    elif given.verb == "measure":
        found = measure(given.n, given.images)
        given.o.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
        print(measured_table(found))
    else:
        found = load(given.measured)
        into_page(given.page, "measured", "archive.py", measured_table(found))
        into_page(given.page, "simulated", "archive.py", simulated_table(found))


if __name__ == "__main__":
    main()
