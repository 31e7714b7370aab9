"""Training: synthetic patients and real volumes in, a bundle out. Needs the extra ``train``."""

from __future__ import annotations

import math
import re

from hepatica.core.errors import ConfigError

_UNITS_S = {"s": 1, "min": 60, "h": 3600}


def budget_s(text: str) -> float:
    """``90min``, ``2h`` or ``600s`` in seconds; without end for an empty text."""
    if not text:
        return math.inf
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h)", text)
    if match is None:
        raise ConfigError(f"{text!r} is not a budget.", "Write it like 90min or 2h.")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if not seconds:
        raise ConfigError("A budget of no time trains nothing.", "Write it like 90min or 2h.")
    return seconds
