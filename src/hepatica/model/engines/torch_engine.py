"""Inference with PyTorch, for GPUs and as the reference that other engines are held to."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from hepatica.core.errors import BundleError, ResourceError
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Engine, Network
from hepatica.model.networks import Probabilities, build


def load(bundle: Bundle, device: str = "auto", threads: int = 0) -> Engine:
    """Load both stages in fp32 on `device` (``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``)."""
    if threads:
        torch.set_num_threads(threads)
    where = available(device)
    first, second = (_network(bundle, stage, where) for stage in (0, 1))
    return Engine("torch", "fp32", str(where), torch.get_num_threads(), (first, second))


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


def _network(bundle: Bundle, stage: int, device: torch.device) -> Network:
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

    @torch.inference_mode()
    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        tensor = torch.from_numpy(np.array(image)).to(device)[None, None]
        return np.asarray(model(tensor)[0].float().cpu().numpy())

    return run
