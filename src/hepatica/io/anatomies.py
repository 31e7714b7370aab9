"""Data sets of real anatomies: which labels are which tissues, in a small JSON file.

The package brings mappings for a few public sets; a folder may hold its own as
``anatomies.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import ConfigError, InputError
from hepatica.core.volume import LabelMap
from hepatica.io import read, read_labelmap
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
        What the images are: a CT lends texture, an MRI is used as it is.
    source
        Where the data come from, for the model card.
    """

    labels: str
    label_suffix: str
    image_suffix: str
    tissues: dict[int, str]
    overlay_suffix: str = ""
    overlay_tissues: dict[int, str] = {}
    modality: Literal["ct", "mr"] = "ct"
    source: str = ""

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
        for labels in sorted(folder.glob(self.labels)):
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
            If the two are not on the same grid.
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
        return LabelMap(tissue, labels.geometry)


def find(folder: Path) -> Collection:
    """The mapping that fits `folder`: its own, or a known one whose pattern matches.

    Raises
    ------
    InputError
        If there is none.
    """
    own = folder / OWN_MAPPING
    if own.is_file():
        return _parse(own.read_bytes(), str(own))
    for known in sorted((resources.files("hepatica.io") / "mappings").iterdir(), key=str):
        collection = _parse(known.read_bytes(), known.name)
        if any(folder.glob(collection.labels)):
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
        yield with_body(from_labels(case.name, tissues, image, itself, collection.modality))


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


def _parse(text: bytes, name: str) -> Collection:
    try:
        return msgspec.json.decode(text, type=Collection)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name} is not a valid mapping: {error}.") from error
