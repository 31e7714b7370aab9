"""What the numbers in a data set's label maps mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from hepatica.core.errors import ConfigError, InputError

#: What a label is called to the numbers it covers: one, or several for a region.
Declared: TypeAlias = Mapping[str, Sequence[int]]

#: What holds where a data set says nothing: Hepatica's own labels.
DEFAULT = {"liver": 1, "tumour": 2}
HINT = "Say which labels they are, for example --labels liver=1,tumour=2."

_LIVER = {"liver", "whole liver", "liver parenchyma", "parenchyma", "hepatic", "hepatic parenchyma"}
_TUMOUR = {"tumour", "tumor", "cancer", "lesion", "metastasis", "metastases", "mets"}
#: nnU-Net's mark for voxels that nobody drew: neither liver nor background.
_UNDRAWN = "ignore"


def given(labels: Mapping[str, int]) -> dict[str, int]:
    """The meaning that a user states, checked.

    Raises
    ------
    ConfigError
        If it names no liver, anything but liver and tumour, or a number that is not one
        of 1 to 255 or stands for both.
    """
    meaning = dict(labels)
    if "liver" not in meaning or not meaning.keys() <= {"liver", "tumour"}:
        named = ", ".join(meaning) or "nothing"
        raise ConfigError(
            f"The labels to name are liver and, if there is one, tumour; not {named}.", HINT
        )
    numbers = list(meaning.values())
    if not all(1 <= n <= 255 for n in numbers) or len(set(numbers)) < len(numbers):
        raise ConfigError("Labels are different numbers from 1 to 255.", HINT)
    return meaning


def declared(name: str, labels: Declared) -> tuple[dict[str, int], frozenset[int]]:
    """The meaning that `labels` of the file `name` declare, and the numbers of all others.

    Case, ``_`` and ``-`` do not count, nor a leading ``liver`` or ``hepatic`` of a
    tumour. Of overlapping regions, liver is what is no tumour. nnU-Net's label
    ``ignore`` marks what nobody drew, so it is not among the others.

    Raises
    ------
    InputError
        If none is the liver, or if liver or tumour is not exactly one number.
    """
    liver = _numbers(labels, _is_liver)
    tumour = _numbers(labels, _is_tumour)
    liver -= tumour
    if len(liver) != 1 or len(tumour) > 1:
        what = "liver" if len(liver) != 1 else "tumour"
        found = sorted(liver if what == "liver" else tumour)
        stated = f"the labels {found}" if found else "no label"
        raise InputError(f"{name} gives the {what} {stated}, not one: {', '.join(labels)}.", HINT)
    meaning = {"liver": liver.pop()} | ({"tumour": tumour.pop()} if tumour else {})
    drawn = {n for label, numbers in labels.items() if _plain(label) != _UNDRAWN for n in numbers}
    return meaning, frozenset(drawn - set(meaning.values()) - {0})


def _numbers(labels: Declared, fits: Callable[[str], bool]) -> set[int]:
    """The numbers, but for 0, of every label whose plain name `fits`."""
    return {n for label, numbers in labels.items() if fits(_plain(label)) for n in numbers} - {0}


def _plain(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())


def _is_liver(label: str) -> bool:
    return label in _LIVER


def _is_tumour(label: str) -> bool:
    bare = label.removeprefix("liver ").removeprefix("hepatic ")
    return bare in _TUMOUR or bare.removesuffix("s") in _TUMOUR
