"""A small archive, and `hepatica batch` in a process of its own, with faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from distributed.security import Security

from hepatica import case, io
from hepatica.batch.manifest import Entry, Manifest
from hepatica.batch.security import Tls
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.model.bundle import Bundle
from hepatica.model.networks import build
from hepatica.train.export import export
from tests.batch.faults import VARIABLE
from tests.conftest import tiny_plan
from tests.phantom import phantom

ROOT = Path(__file__).parents[2]
NAMES = tuple(f"p{n:02d}" for n in range(6))
#: With these random weights, the same in both stages, so that they agree, a network calls much
#: of a phantom liver, and some of it lesion.
LUCKY = 41


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Bundle:
    """A real bundle, small, which finds something in each case of the archive."""
    torch.manual_seed(LUCKY)
    plan = tiny_plan()
    network = build(plan.stages[0])
    folder = tmp_path_factory.mktemp("bundles") / "lucky"
    return export((network, network), plan, "# Model card: lucky\n", folder)


def write(folder: Path, names: tuple[str, ...]) -> Path:
    """Phantoms of these names, each another image; a quarter of the size, for speed."""
    folder.mkdir(parents=True, exist_ok=True)
    volume, _ = phantom(Geometry.from_spacing((40, 33, 20), (8.0, 9.0, 12.0)))
    small = Geometry.from_spacing((40, 33, 20), (2.0, 2.25, 3.0))
    for n, name in enumerate(names):
        other = Volume(np.roll(volume.voxels, n, axis=0), small, volume.source)
        io.write_volume(folder / f"{name}.nii.gz", other)
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("archive"), NAMES)


@pytest.fixture(scope="session")
def serial_folder(archive, bundle, tmp_path_factory) -> Path:
    """Each case, one after the other in this process."""
    out = tmp_path_factory.mktemp("serial")
    model = case.Model.load(str(bundle.folder), threads=1)
    for name in NAMES:
        case.run_case(archive / f"{name}.nii.gz", out, model)
    # Equal bytes mean something only if there is something in them.
    assert len({labels(out, name) for name in NAMES}) == len(NAMES)
    return out


@pytest.fixture(scope="session")
def serial(serial_folder) -> Mapping[str, bytes]:
    """The label map of each."""
    return {name: labels(serial_folder, name) for name in NAMES}


def labels(out: Path, name: str) -> bytes:
    return (out / name / f"{name}_seg.nii.gz").read_bytes()


class Batch:
    """`hepatica batch` into a folder, as a process with warnings as errors."""

    def __init__(self, out: Path, bundle: Path) -> None:
        self.out, self.bundle = out, bundle
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object, faults: Mapping[str, str] | None = None):
        words = [sys.executable, "-W", "error", "-m", "hepatica", "batch"]
        words += [*map(str, arguments), "-o", str(self.out)]
        if not {"--status", "--bundle"} & set(words):
            words += ["--bundle", str(self.bundle), "--threads", "1"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "DASK_DISTRIBUTED__WORKER__PRELOAD": '["tests.batch.faults"]',
            VARIABLE: json.dumps(faults or {}),
        }
        process = subprocess.Popen(
            words,
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: object, faults: Mapping[str, str] | None = None):
        """Exit code, standard output, standard error."""
        process = self.start(*arguments, faults=faults)
        out, err = process.communicate(timeout=150)
        return process.returncode, out, err

    def entries(self) -> dict[str, Entry]:
        """What the manifest says now; nothing before there is one."""
        try:
            manifest = Manifest.read(self.out)
        except HepaticaError:
            return {}
        try:
            states = ("queued", "running", "done", "failed", "quarantined")
            return {entry.name: entry for entry in manifest.entries(*states)}
        finally:
            manifest.close()

    def half_written(self) -> list[str]:
        """What a process left behind; the lock is a file that stays."""
        return [
            p.name for p in self.out.iterdir() if p.name.startswith(".") and "lock" not in p.name
        ]


@pytest.fixture
def batch(tmp_path, bundle) -> Iterator[Batch]:
    found = Batch(tmp_path / "out", bundle.folder)
    yield found
    for process in found.started:
        if process.poll() is None:
            end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def end(process: subprocess.Popen[str]) -> None:
    """Kill -9, and wait until its workers are gone as well."""
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(below, timeout=30)
    assert not alive, alive


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Scheduler:
    """Dask's own, as a process, and workers of it; both told only what a user would tell them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.process = self._start(*words, "--scheduler-file", str(self.file))
        until(self.file.exists)
        self.address = json.loads(self.file.read_bytes())["address"]

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        words = ["worker", self.address, "--host", "127.0.0.1", "--nthreads", "1"]
        words += ["--no-dashboard", "--memory-limit", "0", "--local-directory", str(self.folder)]
        return self._start(*words, *options)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            "DASK_DISTRIBUTED__WORKER__PRELOAD": '["tests.batch.faults"]',
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            VARIABLE: "{}",
        }
        command = [sys.executable, "-m", "dask", *words, *self.options]
        log = (self.folder / f"{words[0]}{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                below = psutil.Process(process.pid).children(recursive=True)
                process.terminate()
                process.wait(timeout=60)
                psutil.wait_procs(below, timeout=60)


@pytest.fixture
def scheduler(tmp_path) -> Iterator[Scheduler]:
    found = Scheduler(tmp_path)
    yield found
    found.close()


@pytest.fixture
def tls(tmp_path) -> Tls:
    """Credentials of a cluster, made for the test."""
    made = Security.temporary()
    parts = {"ca": made.tls_ca_file, "cert": made.tls_client_cert, "key": made.tls_client_key}
    for name, content in parts.items():
        (tmp_path / f"{name}.pem").write_text(content)
    return Tls(*(str(tmp_path / f"{name}.pem") for name in parts))
