"""`hepatica doctor`: what is here, whether it works, and what a case will cost."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

import hepatica
from hepatica.case import Model, peak_memory_mb, versions
from hepatica.core import resample
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Geometry
from hepatica.io.memory import available_bytes
from hepatica.io.patients import patient
from hepatica.synth.patient import scan_patient

#: The size of volume that time and memory are given for.
TYPICAL = (320, 320, 100)


@dataclass
class Diagnosis:
    """Named facts, printable as they are, and sentences about what does not work."""

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def examine(bundle: str) -> Diagnosis:
    """Look at the machine, load `bundle` with every engine there is, and time one case.

    The time is measured on a synthetic patient of a typical size, without reading and
    writing; the memory is the peak of this process.
    """
    found = Diagnosis()
    facts = found.facts
    facts["hepatica"] = hepatica.__version__
    facts.update(versions())
    facts["cpu cores"] = os.cpu_count()
    facts["memory available"] = f"{available_bytes() / 1e9:.1f} GB"
    facts["gpu"] = _gpu()
    made, _ = scan_patient(patient(1, 1, ()))
    centre_mm = made.geometry.to_patient((np.asarray(made.geometry.shape) - 1) / 2)
    grid = Geometry.from_spacing(TYPICAL, made.geometry.extent_mm / TYPICAL, centre_mm)
    volume = resample.onto(made, grid)
    engines = ("openvino", "torch") if _has_torch() else ("openvino",)
    for name in engines:
        try:
            began = time.perf_counter()
            model = Model.load(bundle, name)  # type: ignore[arg-type]
            loaded = time.perf_counter()
            model.segmenter(volume)
        except HepaticaError as error:
            found.problems.append(f"{name}: {error}")
            continue
        took = time.perf_counter() - loaded
        facts.setdefault("peak memory", f"{peak_memory_mb()} MB")
        facts[f"{name} engine"] = f"loads in {loaded - began:.1f} s, {took:.1f} s a volume"
        facts["bundle"] = f"{model.bundle.name} {model.bundle.sha256[:12]}, hashes verified"
    if not _has_torch():
        facts["torch engine"] = "not installed (pip install '.[torch]' in Hepatica's folder)"
    size = "x".join(str(n) for n in TYPICAL)
    facts["volume"] = f"{size}, a synthetic patient; reading and writing come on top"
    return found


def _has_torch() -> bool:
    return find_spec("torch") is not None and find_spec("monai") is not None


def _gpu() -> str:
    if not _has_torch():
        return "not looked for (needs torch)"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
