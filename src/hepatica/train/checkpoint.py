"""The state of a run in one safetensors file: no pickle, written atomically.

Samples depend on their number alone, so there is no random state to keep.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hepatica.core.errors import ConfigError
from hepatica.io.atomic import atomically


@dataclass(frozen=True)
class Progress:
    """How far a stage is: steps done, seconds that they took, and whether it is over."""

    step: int = 0
    elapsed_s: float = 0.0
    finished: bool = False


def save(
    path: Path,
    progress: Progress,
    fingerprint: str,
    network: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write everything that `restore` needs to go on as if nothing had happened."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    with atomically(path) as temporary:
        state = json.dumps(asdict(progress))
        save_file(tensors, temporary, {"progress": state, "fingerprint": fingerprint})


def restore(
    path: Path,
    fingerprint: str,
    network: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Load a checkpoint into its parts; returns how far it is.

    Raises
    ------
    ConfigError
        If it belongs to another plan or training configuration, or cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} is not a readable checkpoint: {error}.") from error
    if metadata.get("fingerprint") != fingerprint:
        raise ConfigError(
            f"{path} was made with another plan, other training settings or other anatomies.",
            "Resume with the same ones, or train into another folder.",
        )
    network.load_state_dict(_part(tensors, "network."))
    average.update(_part(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return Progress(**json.loads(metadata["progress"]))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
