"""Inference with OpenVINO: no torch, and the fastest there is on a CPU."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import BundleError
from hepatica.core.geometry import Triple
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Engine, Network
from hepatica.model.engines.quiet_openvino import openvino


def load(bundle: Bundle, threads: int = 0) -> Engine:
    """Compile both stages in fp32 for the CPU."""
    core = openvino.Core()
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    first, second = (
        _network(core, bundle.openvino(stage), bundle.plan.stages[stage].size, settings)
        for stage in (0, 1)
    )
    return Engine("openvino", "fp32", "cpu", threads or os.cpu_count() or 1, (first, second))


def _network(core: openvino.Core, path: Path, size: Triple, settings: dict[str, object]) -> Network:
    hint = "Export the bundle again, with this version."
    try:
        compiled = core.compile_model(path, "CPU", settings)
    except RuntimeError as error:
        raise BundleError(f"{path.name} is not a model that OpenVINO can run.", hint) from error
    shape = tuple(compiled.input(0).shape)
    if shape != (1, 1, *size):
        raise BundleError(f"{path.name} takes {shape[2:]}, the plan says {size}.", hint)

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        result = compiled(np.ascontiguousarray(image)[None, None], share_outputs=False)
        return np.asarray(result[0][0], np.float32)

    return run
