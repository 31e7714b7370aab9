"""Training: synthetic patients in, a bundle out. Needs the extra ``train``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hepatica.core.errors import ConfigError, ResourceError
from hepatica.synth.anatomy import Anatomy
from hepatica.train.config import preset

_UNITS_S = {"s": 1, "min": 60, "h": 3600}


def start(
    name: str,
    anatomies: Sequence[Anatomy],
    run: Path,
    *,
    budget: str = "",
    resume: bool = False,
    report: Callable[[str], None] = print,
) -> Path:
    """Train the preset `name`; returns the bundle's folder.

    Raises
    ------
    ConfigError
        For an unknown preset, or a budget that is not like ``90min`` or ``2h``.
    ResourceError
        If torch or MONAI is not installed.
    """
    training = preset(name)
    seconds = budget_s(budget)
    try:
        from hepatica.train.cascade import train
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"Training needs the package {error.name}.",
            "pip install '.[train]' in Hepatica's folder",
        ) from error
    bundle = train(training, anatomies, run, budget_s=seconds, resume=resume, report=report)
    return bundle.folder


def budget_s(text: str) -> float:
    """``90min``, ``2h`` or ``600s`` in seconds; without end for an empty text."""
    if not text:
        return math.inf
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)", text)
    if match is None:
        raise ConfigError(f"{text!r} is not a budget.", "Write it like 90min or 2h.")
    return float(match[1]) * _UNITS_S[match[2]]
