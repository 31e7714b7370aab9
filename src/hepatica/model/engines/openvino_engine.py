"""Inference with OpenVINO: no torch, and the fastest there is on a CPU."""

from __future__ import annotations

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import BundleError, ConfigError
from hepatica.core.geometry import Triple
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Asked, Engine, Network, cache
from hepatica.model.engines.quiet_openvino import openvino
from hepatica.model.precision import Precision

_AGAIN = "Export the bundle again, with this version."


def load(bundle: Bundle, threads: int = 0, precision: Asked = "auto") -> Engine:
    """Compile both stages for the CPU, in a thread: images can be read meanwhile."""
    core = openvino.Core()
    able = abilities()
    chosen = choose(bundle, precision, able)
    # What is not in whole numbers in an int8 model runs in the best that there is.
    rest = "bf16" if chosen != "fp32" and "BF16" in able else "f32"
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": rest, "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    if (kept := cache.folder()) is not None:
        settings["CACHE_DIR"] = str(kept)
    compiler = ThreadPoolExecutor(1, "compile")
    first, second = (
        _network(
            core,
            bundle.openvino(stage, chosen),
            bundle.plan.stages[stage].size,
            settings,
            compiler,
        )
        for stage in (0, 1)
    )
    compiler.shutdown(wait=False)  # the wait is in each network's first run
    return Engine("openvino", chosen, "cpu", threads or os.cpu_count() or 1, (first, second))


def abilities() -> tuple[str, ...]:
    """What OpenVINO says that this processor computes in, such as ``"BF16"``."""
    return tuple(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def choose(bundle: Bundle, asked: Asked, able: Collection[str]) -> Precision:
    """The precision to run in, on a processor that OpenVINO says is `able` to do so.

    Raises
    ------
    ConfigError
        If the one that is asked for is not to be had.
    """
    possible: dict[Precision, bool] = {
        "int8": "INT8" in able and all(bundle.openvino(n, "int8").is_file() for n in (0, 1)),
        "bf16": "BF16" in able,
        "fp32": True,
    }
    if asked == "auto":
        return next(p for p in bundle.precisions if possible[p])
    if not possible[asked]:
        why = (
            "This processor has no bf16."
            if asked == "bf16"
            else f"Bundle {bundle.name!r} has no int8 models, or this processor cannot run them."
        )
        raise ConfigError(why, "Use --precision auto.")
    return asked


def _network(
    core: openvino.Core,
    path: Path,
    size: Triple,
    settings: dict[str, object],
    compiler: ThreadPoolExecutor,
) -> Network:
    try:
        model = core.read_model(path)
        shape = tuple(model.input(0).shape)
    except RuntimeError as error:
        raise BundleError(f"{path.name} is not a model that OpenVINO can run.", _AGAIN) from error
    if shape != (1, 1, *size):
        raise BundleError(f"{path.name} takes {shape[2:]}, the plan says {size}.", _AGAIN)
    compiling = compiler.submit(core.compile_model, model, "CPU", settings)

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            compiled = compiling.result()
        except RuntimeError as error:
            raise BundleError(
                f"{path.name} is not a model that OpenVINO can run.", _AGAIN
            ) from error
        result = compiled(np.ascontiguousarray(image)[None, None], share_outputs=False)
        return np.asarray(result[0][0], np.float32)

    return run
