"""`hepatica segment` as a user starts it: a process of its own, from nothing to its files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from hepatica import io
from hepatica.benchmark.machine import cores
from hepatica.core import resample
from hepatica.core.errors import HepaticaError, ResourceError
from hepatica.core.geometry import Geometry, Triple
from hepatica.core.volume import Volume
from hepatica.results.report import Report
from hepatica.synth import patient
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT


@dataclass(frozen=True)
class Run:
    """One process.

    Parameters
    ----------
    seconds
        From its start to its end.
    peak_mb
        Its largest resident memory.
    steps
        Seconds of each step by its own report, of the last case; what is shared by all cases
        first.
    """

    seconds: float
    peak_mb: float
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def network_s(self) -> float:
        """What the networks took."""
        return sum(s for step, s in self.steps.items() if step.startswith("network"))


def segment(images: Sequence[Path], out: Path, *, bundle: str = "default", threads: int = 0) -> Run:
    """Segment `images` in one process and look at what it took.

    Raises
    ------
    ResourceError
        On a system that does not say what a process took (Windows).
    HepaticaError
        If it fails, with what it said.
    """
    if not hasattr(os, "wait4"):
        raise ResourceError("This system does not say how much memory a process took.")
    words = ["segment", *map(str, images), "-o", str(out), "--bundle", bundle, "--overwrite", "-q"]
    words += ["--threads", str(threads)] if threads else []
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "hepatica", *words], stdout=said, stderr=said
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
            raise HepaticaError(f"hepatica segment failed: {text or child.returncode}")
    # Linux counts in kilobytes, macOS in bytes.
    peak_mb = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    case = io.case_name(images[-1])
    report = Report.from_json((out / case / "report.json").read_bytes())
    return Run(seconds, peak_mb, report.timing.shared_seconds | report.timing.seconds)


def scan(shape: Triple, seed: int = 1) -> Volume:
    """A synthetic patient with as many voxels as `shape` says, whole numbers as scanners have."""
    rng = np.random.default_rng(seed)
    drawn = patient.draw(rng, procedural_anatomy(rng), COHORT, "bench")
    volume, _ = patient.scan_patient(drawn)
    spacing = volume.geometry.extent_mm / shape
    affine = volume.geometry.affine.copy()
    affine[:3, :3] *= spacing / volume.geometry.spacing_mm
    affine[:3, 3] = volume.geometry.to_patient((spacing / volume.geometry.spacing_mm - 1) / 2)
    made = resample.onto(volume, Geometry(shape, affine))
    whole = np.rint(made.voxels * (1000 / max(float(made.voxels.max()), 1e-6)))
    return Volume(whole.astype(np.float32), made.geometry, made.source)


def machine_facts() -> dict[str, str]:
    """What the figures are worth nothing without."""
    from hepatica.benchmark.machine import cpu_name
    from hepatica.case import versions

    return {"processor": cpu_name(), "cores": str(cores())} | versions()


def to_json(found: object) -> bytes:
    """Indented JSON of what was measured."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
