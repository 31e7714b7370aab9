"""Training settings: what changes the weights. They end in the model card, not in the plan.

A preset is a JSON file with the fields in which it differs from the defaults of
:class:`Training`; those that ship lie in ``presets/``, and a file of one's own is used alike.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from hepatica.core.errors import ConfigError


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one cascade is trained; shares and chances are between 0 and 1.

    Parameters
    ----------
    plan
        Name of a plan in `hepatica.model.plan`, or a JSON file of one; None takes that of the
        bundle from which a run starts.
    epochs
        Most epochs of stage 1 and of stage 2; a budget or `patience` may end them earlier.
    epoch_steps
        Optimiser steps of an epoch; None: as many as it takes to see every case of the
        data set once.
    batch
        Samples of a step, in each process.
    optimiser, rate, weight_decay, clip
        The optimiser, its first rate, and the largest norm of a gradient (None: any).
    warm_up, power, decay
        The rate rises over `warm_up` steps and falls as (1 - progress) ** `power`, anew at
        every step or, as in the paper's equation 6, every epoch.
    loss
        ``"dice_focal"`` is the paper's; ``"dice_entropy"`` is ours.
    lesion_weight
        In our loss, how much each lesion's own Dice counts beside that of all together.
    ema
        Decay of the running mean of the weights, which is what is kept; 0 keeps the weights.
    precision
        ``"bf16"`` computes in bfloat16 where that is exact enough and the device has
        instructions for it, else like ``"fp32"``.
    stage2_from
        What the weights of stage 2 start from.
    box_margin_voxels
        Margin about the true liver in stage 2's crops, in voxels of the case (the paper: 10);
        None takes the plan's.
    box_jitter_mm
        The sides of these crops are off by up to this much, as stage 1's are.
    augment
        Chance of each of the paper's augmentations, for real volumes.
    curve
        Share of real volumes whose intensities are bent by a random curve.
    implant
        Share of real volumes into which synthetic lesions are put, where lesions are labelled.
    cohort
        Share of samples from a data set of one's own, if there is one.
    procedural, mri
        Share of the synthetic patients that come from procedural anatomies, and from real
        MRI if there is any.
    procedural_pool
        Procedural anatomies made for a run; each patient deforms one of them anew.
    patience
        Epochs without a lower validation loss after which a stage ends, with the weights of
        its best epoch; None: never.
    validation, native
        Synthetic patients, or at most as many cases of a data set, that are looked at after
        every epoch on the network's grid, and at the end on their own.
    recalibrate
        Samples from which batch norm takes its statistics anew at the end.
    """

    plan: str | None
    epochs: tuple[int, int]
    epoch_steps: int | None = 500
    batch: int = 1
    optimiser: Literal["adamw", "adam"] = "adamw"
    rate: float = 1e-3
    weight_decay: float = 1e-5
    clip: float | None = 1.0
    warm_up: int = 100
    power: float = 0.9
    decay: Literal["step", "epoch"] = "step"
    loss: Literal["dice_entropy", "dice_focal"] = "dice_entropy"
    lesion_weight: float = 1.0
    ema: float = 0.998
    precision: Literal["bf16", "fp32"] = "bf16"
    stage2_from: Literal["stage1", "scratch"] = "stage1"
    box_margin_voxels: int | None = None
    box_jitter_mm: float = 12.0
    augment: float = 0.0
    curve: float = 0.5
    implant: float = 0.3
    cohort: float = 0.5
    procedural: float = 0.15
    mri: float = 0.3
    procedural_pool: int = 24
    patience: int | None = None
    validation: int = 16
    native: int = 4
    recalibrate: int = 100
    checkpoint_every_s: float = 180.0
    seed: int = 1

    def __post_init__(self) -> None:
        shares = ("augment", "curve", "implant", "cohort", "procedural", "mri", "ema")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is not between 0 and 1")
        if self.procedural + self.mri > 1:
            raise ValueError("procedural and mri add up to more than 1")
        if self.rate <= 0 or self.power < 0:
            raise ValueError("rate and power are positive")
        counts = ("weight_decay", "warm_up", "validation", "native", "recalibrate", "seed")
        for name in (*counts, "box_jitter_mm", "box_margin_voxels", "lesion_weight"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} {getattr(self, name)} is less than 0")
        for name in ("clip", "patience", "procedural_pool"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name} {getattr(self, name)} is not more than 0")
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation to look at")
        least = (self.batch, *self.epochs, 1 if self.epoch_steps is None else self.epoch_steps)
        if min(least) < 1:
            raise ValueError("batch, epochs and epoch_steps are at least 1")


def presets() -> tuple[str, ...]:
    """Names of the presets that ship."""
    folder = resources.files("hepatica.train") / "presets"
    return tuple(sorted(f.name.removesuffix(".json") for f in folder.iterdir()))


def preset(name: str) -> Training:
    """A preset by name, or from a JSON file.

    Raises
    ------
    ConfigError
        If there is none of that name, or the file is no training configuration.
    """
    if name in presets():
        file = resources.files("hepatica.train") / "presets" / f"{name}.json"
        return _parse(file.read_bytes(), file.name)
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return _parse(path.read_bytes(), path.name)
    raise ConfigError(
        f"There is no training preset {name!r}.",
        f"Use a .json file or one of {', '.join(presets())}.",
    )


def _parse(text: bytes, name: str) -> Training:
    try:
        return msgspec.json.decode(text, type=Training)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} is not a valid training configuration: {error}.") from error
