"""The state of a run in one safetensors file: no pickle, written atomically.

Samples and dropout depend on the number of a step alone, so there is no random state to keep.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hepatica.core.errors import ConfigError
from hepatica.io.atomic import atomically
from hepatica.train.learner import Learner


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a stage is.

    Parameters
    ----------
    step, elapsed_s
        Steps done, and the seconds that they took, over all sittings.
    finished
        Whether the stage is over.
    best_loss, stale
        Lowest validation loss so far, and the epochs since.
    losses
        Losses of the steps since the last validation.
    """

    step: int = 0
    elapsed_s: float = 0.0
    finished: bool = False
    best_loss: float | None = None
    stale: int = 0
    losses: tuple[float, ...] = ()


def save(path: Path, progress: Progress, fingerprint: str, learner: Learner) -> None:
    """Write everything that `restore` needs to go on as if nothing had happened."""
    tensors = {f"network.{k}": v for k, v in learner.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in learner.average.items()}
    tensors |= {f"best.{k}": v for k, v in learner.best.items()}
    for index, state in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    text = msgspec.json.encode(progress).decode()
    with atomically(path) as temporary:
        save_file(tensors, temporary, {"progress": text, "fingerprint": fingerprint})


def restore(path: Path, fingerprint: str, learner: Learner) -> Progress:
    """Load a checkpoint into `learner`; returns how far it is.

    Raises
    ------
    ConfigError
        If it belongs to another plan or training configuration, or cannot be read.
    """
    tensors, metadata = _read(path)
    device = learner.world.device
    if metadata.get("fingerprint") != fingerprint:
        raise ConfigError(
            f"{path} was made with another plan, other training settings or other data.",
            "Resume with the same ones, or train into another folder.",
        )
    learner.network.load_state_dict(_part(tensors, "network."))
    learner.average = {k: v.to(device) for k, v in _part(tensors, "average.").items()}
    learner.best = {k: v.to(device) for k, v in _part(tensors, "best.").items()}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimiser.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    learner.optimiser.load_state_dict({**learner.optimiser.state_dict(), "state": state})
    return msgspec.json.decode(metadata["progress"], type=Progress)


def kept_weights(path: Path) -> dict[str, Tensor]:
    """What a bundle would be made of: the best epoch's weights, else the running mean's."""
    tensors, _ = _read(path)
    return _part(tensors, "best.") or _part(tensors, "average.")


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} is not a readable checkpoint: {error}.") from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
