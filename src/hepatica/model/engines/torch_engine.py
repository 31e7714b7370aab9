"""Inference with PyTorch, for GPUs and as the reference that other engines are held to."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from hepatica.core.errors import BundleError, ConfigError, ResourceError
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Asked, Engine, Network
from hepatica.model.networks import Probabilities, build, layout
from hepatica.model.precision import Precision


def load(
    bundle: Bundle, device: str = "auto", threads: int = 0, precision: Asked = "auto"
) -> Engine:
    """Load both stages on `device` (``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``)."""
    if threads:
        torch.set_num_threads(threads)
    where = available(device)
    chosen = choose(bundle, precision, has_bfloat16(where))
    first, second = (_network(bundle, stage, where, chosen) for stage in (0, 1))
    return Engine("torch", chosen, str(where), torch.get_num_threads(), (first, second))


def choose(bundle: Bundle, asked: Asked, bfloat16: bool) -> Precision:
    """The precision to run in, on a device with or without `bfloat16`.

    Raises
    ------
    ConfigError
        If the one that is asked for is not to be had.
    """
    possible: dict[Precision, bool] = {"int8": False, "bf16": bfloat16, "fp32": True}
    if asked == "auto":
        return next(p for p in bundle.precisions if possible[p])
    if not possible[asked]:
        why = (
            "The torch engine has no int8."
            if asked == "int8"
            else "This device has no instructions for bf16."
        )
        raise ConfigError(why, "Use --precision auto.")
    return asked


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself; emulated, it is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    instructions = ("avx512_bf16", "amx_bf16", "bf16")
    return device.type == "cpu" and any(found.get(name) for name in instructions)


def available(device: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU if there is one.

    Raises
    ------
    ResourceError
        If it is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        where = torch.device(device)
        torch.zeros(1, device=where)
    except (RuntimeError, AssertionError) as error:
        raise ResourceError(
            f"The device {device!r} is not available to PyTorch.", "Use --device cpu."
        ) from error
    return where


def _network(bundle: Bundle, stage: int, device: torch.device, precision: Precision) -> Network:
    network = build(bundle.plan.stages[stage])
    path = bundle.weights(stage)
    try:
        network.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"{path.name} does not hold the weights that the plan needs.",
            "Export the bundle again, with this version.",
        ) from error
    model = Probabilities(network).eval().to(device)
    lies = layout(network)
    model.to(memory_format=lies)  # type: ignore[call-overload]
    half = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    @torch.inference_mode()
    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        tensor = torch.from_numpy(np.array(image))[None, None].to(device, memory_format=lies)
        with half:
            return np.asarray(model(tensor)[0].float().cpu().numpy())

    return run
