"""Data sets as people have them, recognised by what is in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from hepatica.core.errors import InputError
from hepatica.dataset import declared, listing, pairs
from hepatica.dataset.entries import Dataset
from hepatica.dataset.labels import DEFAULT, given
from hepatica.io import checks

#: Which label is what, and which others count as background.
_Meaning: TypeAlias = tuple[dict[str, int], frozenset[int]]

_EVERY_OTHER = frozenset(range(1, 256))


def find(path: Path, labels: Mapping[str, int] | None = None) -> Dataset:
    """The data set at `path`; its files are listed, not read.

    - A CSV with columns ``image`` and ``label``, perhaps ``case``, ``patient``, ``scanner``.
    - A folder with ``dataset.json``: nnU-Net's raw folder or a task of the Medical
      Segmentation Decathlon. The file says what the labels mean.
    - A folder with ``images`` and ``labels``.
    - A folder with ``x.nii.gz`` and ``x_seg.nii.gz`` (or ``_segmentation``, ``_label``,
      ``_labels``, ``_mask``, ``_organs``, ``_corrected``, also after a ``-``), or with a
      sub-folder of that kind for each case.

    In a folder, ``patients.csv`` (case, patient, scanner) says whose the cases are.
    Without it, or without these columns, each case is a patient of its own, and its
    scanner is unknown. Hidden files are left out.

    Parameters
    ----------
    labels
        Which label is ``liver`` and which ``tumour``; all others are background. None
        takes what ``dataset.json`` says, else 1 and 2 with no others.

    Raises
    ------
    InputError
        If there is no case, or what is there contradicts itself.
    ConfigError
        If `labels` is not a meaning.
    """
    stated = None if labels is None else (given(labels), _EVERY_OTHER)
    if path.name == declared.DESCRIPTION:
        path = path.parent
    if not checks.is_folder(path):
        checks.require_file(path)
        return _table(path, stated)
    with checks.readable(path):
        return _folder(path, stated)


def _table(path: Path, stated: _Meaning | None) -> Dataset:
    if path.suffix.lower() not in listing.TABLES:
        raise InputError(
            f"{path.name} is not a data set.",
            "Give a folder, or a CSV file with columns image and label.",
        )
    entries = listing.entries(path)
    if not entries:
        raise InputError(f"{path.name} lists no case.", "Write one per line.")
    ordered = tuple(sorted(entries, key=lambda entry: entry.case))
    meaning, background = stated or (dict(DEFAULT), frozenset())
    return Dataset(path.stem, ordered, meaning, background)


def _folder(folder: Path, stated: _Meaning | None) -> Dataset:
    name = folder.resolve().name
    unlabelled: list[str] = []
    meaning, background = stated or (dict(DEFAULT), frozenset())
    if (folder / declared.DESCRIPTION).is_file():
        declaration = declared.read(folder)
        entries = declared.entries(folder, declaration)
        meaning, background = stated or declared.meaning(folder, declaration)
        name = declaration.name or name
    elif all(checks.is_folder(folder / part) for part in (pairs.IMAGES, pairs.LABELS)):
        entries, unlabelled = pairs.two_folders(folder)
    else:
        entries, unlabelled = pairs.side_by_side(folder)
    if not entries:
        raise InputError(
            f"{folder} holds no image with a label map.",
            "Give a folder with images and labels, x.nii.gz with x_seg.nii.gz, a dataset.json,"
            " or a CSV file with columns image and label.",
        )
    known = listing.with_patients(entries, folder)
    return Dataset(name, known, meaning, background, tuple(unlabelled))
