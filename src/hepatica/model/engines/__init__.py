"""Engines run a bundle's networks. All keep one contract, and a test holds them to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import ConfigError, ResourceError
from hepatica.model.bundle import Bundle

EngineName = Literal["auto", "openvino", "torch"]
Asked = Literal["auto", "int8", "bf16", "fp32"]

#: A preprocessed image (i, j, k) to probabilities (3, i, j, k) of background, liver and
#: tumour, which sum to 1 in each voxel.
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Engine:
    """The two networks of a cascade, ready to run, and how they run."""

    name: str
    precision: str
    device: str
    threads: int
    stages: tuple[Network, Network]


def load(
    bundle: Bundle,
    name: EngineName = "auto",
    *,
    device: str = "auto",
    threads: int = 0,
    precision: Asked = "auto",
) -> Engine:
    """Load the networks of `bundle`.

    Parameters
    ----------
    name
        ``"auto"``: torch on a GPU where `device` asks for one, else OpenVINO.
    threads
        0 lets the engine use every core.
    precision
        ``"auto"``: the fastest that the processor has and the bundle's measurements allow.

    Raises
    ------
    ConfigError
        For an engine or a precision that does not exist, or is not to be had here.
    ResourceError
        If the engine's package or the device is not there.
    """
    if precision not in get_args(Asked):
        raise ConfigError(
            f"There is no precision {precision!r}.", f"Use {', '.join(get_args(Asked))}."
        )
    # Each engine's package is heavy; only the one that runs is imported.
    if name == "torch" or (name == "auto" and device not in ("auto", "cpu")):
        try:
            from hepatica.model.engines import torch_engine
        except ModuleNotFoundError as error:
            raise ResourceError(
                f"The torch engine needs the package {error.name}.",
                "pip install '.[torch]' in Hepatica's folder, or use --engine openvino.",
            ) from error
        return torch_engine.load(bundle, device, threads, precision)
    if name in ("auto", "openvino"):
        if device not in ("auto", "cpu"):
            raise ConfigError(
                f"The openvino engine runs on the CPU, not on {device!r}.", "Use --engine torch."
            )
        from hepatica.model.engines import openvino_engine

        return openvino_engine.load(bundle, threads, precision)
    raise ConfigError(f"There is no engine {name!r}.", "Use auto, openvino or torch.")
