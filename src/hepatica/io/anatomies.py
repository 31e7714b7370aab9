"""Data sets of real anatomies: which labels are which tissues, in a small JSON file.

The package brings mappings for a few public sets; a folder may hold its own as
``anatomies.json``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import ConfigError, InputError
from hepatica.core.volume import LabelMap
from hepatica.io import checks, mistakes, read, read_labelmap
from hepatica.synth.anatomy import Anatomy, from_labels
from hepatica.synth.tissues import LIVER_TISSUES, Tissue
from hepatica.synth.transplant import with_body

OWN_MAPPING = "anatomies.json"


@dataclass(frozen=True)
class Case:
    """A patient's files; `image` is None in a data set of labels alone.

    `overlay` is a second label map to be laid over the first, if the data set has such.
    """

    name: str
    labels: Path
    image: Path | None
    overlay: Path | None = None


class Collection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a data set's organ labels become tissues.

    Parameters
    ----------
    labels
        File pattern of the label maps.
    label_suffix, image_suffix
        Endings that turn a label map's name into its image's; no image if empty.
    tissues
        Label number to tissue name. `lesion` is liver again, but gives its shape to
        synthetic ones.
    overlay_suffix, overlay_tissues
        The same for a second label map, which is laid over the first; none if empty.
    modality
        What the images are: a CT lends texture, an MRI (``mr`` or ``mri``) is used as it is.
    source
        Where the data come from, for the model card.
    """

    labels: str
    label_suffix: str
    image_suffix: str
    tissues: dict[int, str]
    overlay_suffix: str = ""
    overlay_tissues: dict[int, str] = {}
    modality: Literal["ct", "mr", "mri"] = "ct"
    source: str = ""

    @property
    def kind(self) -> Literal["ct", "mr"]:
        """The modality, called the same however it was written."""
        return "ct" if self.modality == "ct" else "mr"

    def table(self) -> NDArray[np.uint8]:
        """Label number to :class:`Tissue`; what is not listed stays AIR."""
        return _table(self.tissues)

    def cases(self, folder: Path, exclude: tuple[str, ...] = ()) -> list[Case]:
        """The files in `folder` in order of name, but for label maps that match `exclude`.

        Raises
        ------
        InputError
            If none is left: who names a folder wants what is in it.
        """
        found = []
        for labels in _matching(folder, self):
            if any(fnmatch(labels.name, pattern) for pattern in exclude):
                continue
            name = labels.name.removesuffix(self.label_suffix)
            image, overlay = (
                labels.with_name(name + suffix) if suffix else None
                for suffix in (self.image_suffix, self.overlay_suffix)
            )
            found.append(Case(name, labels, image, overlay))
        if not found:
            raise InputError(
                f"{folder} has no label map like {self.labels} that is not excluded.",
                "Check the path and --exclude.",
            )
        return found

    def tissues_of(self, case: Case) -> LabelMap:
        """A patient's label maps as one, of :class:`Tissue` values.

        Raises
        ------
        InputError
            If the two are not on the same grid, or none has a liver.
        """
        labels = read_labelmap(case.labels)
        tissue = self.table()[labels.labels]
        if case.overlay is not None:
            second = read_labelmap(case.overlay)
            if not second.geometry.matches(labels.geometry, tolerance_mm=0.1):
                raise InputError(
                    f"{case.labels.name} and {case.overlay.name} are not on the same grid.",
                    "Resample the one onto the other's.",
                )
            over = _table(self.overlay_tissues)[second.labels]
            # The liver's vessels run on beyond it, where they are no part of it.
            beyond = (over == Tissue.LIVER_VESSEL) & ~np.isin(tissue, LIVER_TISSUES)
            over[beyond] = Tissue.VEIN
            tissue = np.where(over != Tissue.AIR, over, tissue)
        if not np.isin(tissue, (*LIVER_TISSUES, Tissue.LESION)).any():
            raise self._without_liver(case.labels.name, labels)
        return LabelMap(tissue, labels.geometry)

    def _without_liver(self, name: str, labels: LabelMap) -> InputError:
        there = [str(n) for n in np.unique(labels.labels) if n]
        liver = Tissue.LIVER.name.lower()
        meanings = [*self.tissues.items(), *self.overlay_tissues.items()]
        meant = [str(n) for n, tissue in meanings if tissue.lower() == liver]
        return InputError(
            f"{name} has no liver.",
            f"Its labels are {', '.join(there) or 'all 0'}, and the mapping calls"
            f" {', '.join(meant) or 'none'} liver: correct the mapping, or leave it out with"
            " --exclude.",
        )


def find(folder: Path) -> Collection:
    """The mapping that fits `folder`: its own, or a known one whose pattern matches.

    Raises
    ------
    InputError
        If there is none, or no such folder.
    ConfigError
        If its own is not valid.
    """
    if not checks.is_folder(folder):
        checks.require_file(folder)
        raise InputError(f"{folder} is a file, not a folder.", "Give the folder that it is in.")
    own = folder / OWN_MAPPING
    if own.is_file():
        with checks.readable(own):
            content = own.read_bytes()
        return _parse(content, str(own))
    for known in sorted((resources.files("hepatica.io") / "mappings").iterdir(), key=str):
        collection = _parse(known.read_bytes(), known.name)
        if _matching(folder, collection):
            return collection
    raise InputError(
        f"{folder} holds no label maps of a known data set.",
        f"Describe its labels in {own.name}; the documentation shows how.",
    )


def anatomies(folder: Path, exclude: tuple[str, ...] = ()) -> Iterator[Anatomy]:
    """The anatomies of a folder in order of name, but for those whose file matches `exclude`.

    A liver of which nothing else is known comes in a procedural body.

    Raises
    ------
    InputError
        If none is left, or a file cannot be read.
    """
    collection = find(folder)
    itself = np.arange(256, dtype=np.uint8)
    for case in collection.cases(folder, exclude):
        image = None if case.image is None else read(case.image)
        tissues = collection.tissues_of(case)
        yield with_body(from_labels(case.name, tissues, image, itself, collection.kind))


def gather(folders: Sequence[Path], exclude: Sequence[str] = ()) -> list[Anatomy]:
    """The anatomies of several folders; the forms of real tumours that any has, all lend.

    Raises
    ------
    InputError
        As :func:`anatomies`.
    """
    found = [a for folder in folders for a in anatomies(folder, tuple(exclude))]
    shapes = tuple(shape for anatomy in found for shape in anatomy.shapes)
    return [replace(anatomy, shapes=shapes) for anatomy in found]


#: What a label may mean; the other tissues are drawn for a patient.
_NAMES = tuple(t.name for t in Tissue if t <= Tissue.LESION)


def _table(tissues: dict[int, str]) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for label, name in tissues.items():
        if not 0 <= label <= 255:
            raise ConfigError(f"{label} is not a label.", "Labels are from 0 to 255.")
        if name.upper() not in _NAMES:
            raise ConfigError(
                f"{name!r}, the meaning of label {label}, is not a tissue.",
                f"There are {', '.join(_NAMES).lower()}.",
            )
        table[label] = Tissue[name.upper()]
    return table


def _matching(folder: Path, collection: Collection) -> list[Path]:
    """The label maps in `folder`, in order of name."""
    try:
        with checks.readable(folder):
            return sorted(folder.glob(collection.labels))
    except (ValueError, IndexError) as error:
        raise _not_a_pattern(str(folder), collection.labels) from error


def _not_a_pattern(name: str, pattern: str) -> ConfigError:
    return ConfigError(
        f'{name}: "labels" cannot be {pattern!r}.',
        "Give a pattern of files in this folder, such as *_organs.nii.gz.",
    )


def _parse(content: bytes, name: str) -> Collection:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        collection = msgspec.json.decode(content, type=Collection)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        wrong, hint = mistakes.told(error, content)
        raise ConfigError(f"{name} is not a valid mapping: {wrong}.", hint) from error
    _require_inside(collection, name)
    return collection


def _require_inside(collection: Collection, name: str) -> None:
    """Refuse a pattern that matches nothing or leads out of the folder, and endings with folders.

    Raises
    ------
    ConfigError
        If it is so; `name` is the mapping's.
    """
    pattern = collection.labels.strip()
    posix, windows = PurePosixPath(pattern), PureWindowsPath(pattern)
    leads_out = posix.is_absolute() or windows.anchor or ".." in (*posix.parts, *windows.parts)
    if leads_out or not posix.parts:
        raise _not_a_pattern(name, collection.labels)
    for key in ("label_suffix", "image_suffix", "overlay_suffix"):
        ending = getattr(collection, key)
        if "/" in ending or "\\" in ending:
            raise ConfigError(
                f'{name}: "{key}" cannot be {ending!r}.',
                "It is the end of a file's name; images lie beside their label maps.",
            )
