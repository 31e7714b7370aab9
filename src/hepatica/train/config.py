"""Training settings: what changes the weights. They end in the model card, not in the plan."""

from __future__ import annotations

import msgspec

from hepatica.core.errors import ConfigError


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one cascade is trained.

    Parameters
    ----------
    plan
        Name of the plan in `hepatica.model.plan`.
    steps
        Optimiser steps of stage 1 and stage 2, one patient each.
    rate, warm_up, power
        AdamW's rate after `warm_up` steps, falling to 0 as (1 - progress) ** power.
    ema
        Decay of the running mean of the weights, which is what is kept.
    tumour_weight
        Weight of lesion voxels in the cross entropy.
    procedural, mri
        Share of patients from procedural anatomies, and from real MRI if there is any.
    procedural_pool
        Procedural anatomies made for a run; each patient deforms one of them anew.
    box_jitter_mm
        Stage 2 sees boxes whose sides are off by up to this much, as stage 1's are.
    """

    plan: str
    steps: tuple[int, int]
    rate: float = 1e-3
    warm_up: int = 100
    power: float = 0.9
    weight_decay: float = 1e-5
    clip: float = 1.0
    ema: float = 0.998
    tumour_weight: float = 2.0
    procedural: float = 0.15
    procedural_pool: int = 24
    mri: float = 0.3
    box_jitter_mm: float = 12.0
    validation: int = 16
    validate_every: int = 500
    checkpoint_every_s: float = 180.0
    seed: int = 1


PRESETS = {
    "cpu": Training(plan="default", steps=(6000, 9000)),
    "smoke": Training(
        plan="default",
        steps=(2, 2),
        validation=1,
        validate_every=2,
        warm_up=1,
        procedural=1.0,
        procedural_pool=1,
    ),
}


def preset(name: str) -> Training:
    """A preset by name.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"There is no training preset {name!r}.", f"Use one of {', '.join(PRESETS)}."
        )
    return PRESETS[name]
