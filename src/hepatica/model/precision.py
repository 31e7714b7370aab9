"""Which precisions a bundle may be run in: those whose loss was measured and is small enough.

A bundle's ``precisions.json`` holds what `hepatica quantize` has measured. A bundle without it
runs in fp32.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from hepatica.core.errors import BundleError

Precision: TypeAlias = Literal["int8", "bf16", "fp32"]
#: Fastest first.
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

#: A precision is let through where mean Dice falls by no more than this below that of fp32.
LIVER_LOSS, LESION_LOSS = 0.002, 0.005


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mean Dice of one precision over the cases of one set; None where nothing defines it."""

    cases: str
    precision: Precision
    liver: float | None
    lesions: float | None


class Precisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content of ``precisions.json``."""

    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> tuple[Precision, ...]:
        """Those that lose little enough on every set, fastest first; fp32 always."""
        return tuple(p for p in PRECISIONS if p == "fp32" or self._holds(p))

    def _holds(self, precision: Precision) -> bool:
        by = {(c.cases, c.precision): c for c in self.checks}
        sets = {c.cases for c in self.checks}
        pairs = [(by.get((s, "fp32")), by.get((s, precision))) for s in sorted(sets)]
        return bool(pairs) and all(
            full is not None
            and less is not None
            and _close(full.liver, less.liver, LIVER_LOSS)
            and _close(full.lesions, less.lesions, LESION_LOSS)
            for full, less in pairs
        )

    def to_json(self) -> bytes:
        """Indented UTF-8 JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Precisions:
        """Read it.

        Raises
        ------
        BundleError
            For anything missing, unknown or of another type.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"precisions.json cannot be read: {error}.") from error


def _close(full: float | None, less: float | None, loss: float) -> bool:
    """Whether `less` falls by no more than `loss`; what is undefined must be so in both."""
    if full is None or less is None:
        return full is less
    # Dice of four digits: a loss of exactly the limit must not fail by rounding.
    return full - less <= loss + 1e-9
