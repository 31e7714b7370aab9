"""Which label map belongs to which case, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hepatica.core.errors import InputError
from hepatica.io.inputs import case_name, is_image

#: How label maps are called, after the name of their case.
ENDINGS = ("_seg", "_organs", "_labels", "_label")


def named_as_labels(path: Path) -> bool:
    """Whether a file is called like a label map."""
    return case_name(path).endswith(ENDINGS)


def case_of(path: Path) -> str:
    """The case of a label map: that of ``p01_seg.nii.gz`` is ``p01``."""
    name = case_name(path)
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def label_files(path: Path) -> list[Path]:
    """Label maps in a folder, or in the case folders that `hepatica segment` wrote there.

    A file beside one that is called like a label map of the same case is its image. A file
    is itself; the list may be empty.
    """
    if path.is_file():
        return [path]
    inside = sorted(path.glob("*/*_seg.nii.gz"))
    inside = [p for p in inside if case_name(p) == f"{p.parent.name}_seg"]
    direct = [p for p in sorted(path.iterdir()) if is_image(p)]
    cases = {case_of(p) for p in direct if named_as_labels(p)}
    images = [
        p
        for p in direct
        if not named_as_labels(p)
        and (case_name(p) in cases or longest_beginning(case_name(p), cases))
    ]
    return inside or [p for p in direct if p not in images]


def by_case(files: Iterable[Path]) -> dict[str, Path]:
    """Label maps by their cases.

    Raises
    ------
    InputError
        If two are the same case.
    """
    found: dict[str, Path] = {}
    for file in files:
        case = case_of(file)
        if case in found:
            raise InputError(f"{found[case]} and {file} are both the case {case}.", "Remove one.")
        found[case] = file
    return found


def longest_beginning(case: str, names: Iterable[str]) -> str:
    """The longest of `names` that `case` goes on from with ``_`` and a word; else ""."""
    fits = [n for n in names if re.match(rf"{re.escape(n)}_[^\W\d_]", case)]
    return max(fits, key=len, default="")
