"""Data sets that are plain folders: label maps that are named after their images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hepatica.core.errors import InputError
from hepatica.dataset.entries import Entry, first
from hepatica.io import case_name, checks, is_image

IMAGES, LABELS = "images", "labels"

#: How the name of a label map goes on after its image's; or the whole of it.
_ENDING = re.compile(
    r"(?:(?<=.)[_-]|^)(?:seg|segmentation|labels?|mask|organs|corrected)$", re.IGNORECASE
)

Found = tuple[list[Entry], list[str]]


def two_folders(folder: Path) -> Found:
    """Cases of ``images`` and ``labels`` in `folder`, and the images without a label map.

    A label map is called like its image, or goes on with ``_seg`` or the like.

    Raises
    ------
    InputError
        If a case is there twice, or a label map has no image.
    """
    images = _unique((case_name(path), path) for path in _files(folder / IMAGES))
    # Only what names no image loses its ending: a case may itself be called liver_mask.
    labels = _unique(
        (name if (name := case_name(path)) in images else _stem(name), path)
        for path in _files(folder / LABELS)
    )
    return _paired(images, labels)


def side_by_side(folder: Path) -> Found:
    """Cases of a folder with ``x.nii.gz`` and ``x_seg.nii.gz``, or of its sub-folders.

    Sub-folders count if the folder itself holds no image. Each is one case, called like
    the folder: a label map, and the image of its name or the only one.

    Raises
    ------
    InputError
        If a case is there twice, or a label map has no image.
    """
    if any(is_image(path) for path in folder.iterdir()):
        return _beside(folder)
    found: list[Entry] = []
    unlabelled: list[str] = []
    for inside in sorted(p for p in folder.iterdir() if checks.is_folder(p)):
        if inside.name.startswith("."):
            continue
        entries, alone = _beside(inside)
        if len(entries) > 1:
            raise InputError(
                f"{inside} holds {len(entries)} label maps.",
                "Leave one in each folder, or list them in a CSV file with columns image and"
                " label.",
            )
        for entry in entries:
            found.append(Entry(inside.name, entry.image, entry.label, inside.name))
        if not entries:
            unlabelled += [f"{inside.name}/{name}" for name in alone]
    return found, unlabelled


def _beside(folder: Path) -> Found:
    files = _files(folder)
    drawn = [path for path in files if _ENDING.search(case_name(path))]
    images = _unique((case_name(path), path) for path in files if path not in drawn)
    if len(images) == len(drawn) == 1:
        # image.nii.gz with seg.nii.gz, or t1ce.nii.gz with p1_seg.nii.gz
        (name,) = images
        return _paired(images, {name: drawn[0]})
    return _paired(images, _unique((_stem(case_name(path)), path) for path in drawn))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if is_image(path)]


def _stem(name: str) -> str:
    """`name` without the endings of label maps, such as ``_seg`` or ``_seg_corrected``."""
    while found := _ENDING.search(name):
        name = name[: found.start()]
    return name


def _unique(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in named:
        if name in found:
            raise InputError(
                f"{found[name].name} and {path.name} in {path.parent} are both the case"
                f" {name or path.parent.name}.",
                "Move one away.",
            )
        found[name] = path
    return found


def _paired(images: dict[str, Path], labels: dict[str, Path]) -> Found:
    if lonely := [path.name for name, path in labels.items() if name not in images]:
        where = next(iter(labels.values())).parent
        raise InputError(
            f"{first(lonely)} in {where} {'has' if len(lonely) == 1 else 'have'} no image of the"
            " same name.",
            "Name label maps like their images, or list both in a CSV file with columns image"
            " and label.",
        )
    names = [name for name in images if name in labels]
    entries = [Entry(name, images[name], labels[name], name) for name in sorted(names)]
    return entries, sorted(images.keys() - labels.keys())
