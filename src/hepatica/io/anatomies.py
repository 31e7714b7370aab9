"""Data sets of real anatomies: which labels are which tissues, in a small JSON file.

The package brings mappings for a few public sets; a folder may hold its own as
``anatomies.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import ConfigError, InputError
from hepatica.io import read, read_labelmap
from hepatica.synth.anatomy import Anatomy, from_labels
from hepatica.synth.tissues import Tissue

OWN_MAPPING = "anatomies.json"


class Collection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a data set's organ labels become tissues.

    Parameters
    ----------
    labels
        File pattern of the label maps.
    label_suffix, image_suffix
        Endings that turn a label map's name into its image's; no image if empty.
    tissues
        Label number to tissue name.
    modality
        What the images are: a CT lends texture, an MRI is used as it is.
    source
        Where the data come from, for the model card.
    """

    labels: str
    label_suffix: str
    image_suffix: str
    tissues: dict[int, str]
    modality: Literal["ct", "mr"] = "ct"
    source: str = ""

    def table(self) -> NDArray[np.uint8]:
        """Label number to :class:`Tissue`; what is not listed stays AIR."""
        table = np.zeros(256, np.uint8)
        for label, name in self.tissues.items():
            try:
                table[label] = Tissue[name.upper()]
            except (KeyError, IndexError) as error:
                raise ConfigError(f"{label}: {name!r} is not a label and a tissue.") from error
        return table


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
    """The anatomies of a folder in order of name, but for those whose file matches `exclude`."""
    collection = find(folder)
    table = collection.table()
    for path in sorted(folder.glob(collection.labels)):
        if any(fnmatch(path.name, pattern) for pattern in exclude):
            continue
        name = path.name.removesuffix(collection.label_suffix)
        image = None
        if collection.image_suffix:
            image = read(path.with_name(name + collection.image_suffix))
        yield from_labels(name, read_labelmap(path), image, table, collection.modality)


def _parse(text: bytes, name: str) -> Collection:
    try:
        return msgspec.json.decode(text, type=Collection)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name} is not a valid mapping: {error}.") from error
