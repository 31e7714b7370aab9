"""A data set: its cases with their files, and reading one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.core.volume import Label, LabelMap, Volume

#: Label maps whose grids are this close to their image's are on it; headers round.
TOLERANCE_MM = 0.1
_FOREIGN = 255


@dataclass(frozen=True)
class Entry:
    """One case: an image, what was drawn on it, whose it is, and where it was made.

    Parameters
    ----------
    patient
        The case's own name where nobody said whose it is.
    scanner
        None where nobody said.
    """

    case: str
    image: Path
    label: Path
    patient: str
    scanner: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Cases in order of their names, and what the numbers in their label maps mean.

    Parameters
    ----------
    meaning
        Which label is ``liver`` and, if the set has it, which ``tumour``.
    background
        Other labels that may occur and count as background; 0 always does.
    unlabelled
        Names of images without a label map, which are no entries.
    """

    name: str
    entries: tuple[Entry, ...]
    meaning: dict[str, int]
    background: frozenset[int] = frozenset()
    unlabelled: tuple[str, ...] = ()

    @property
    def knows_tumour(self) -> bool:
        """Whether lesions were drawn; if not, label 1 is the whole liver."""
        return "tumour" in self.meaning

    def select(self, cases: Iterable[str]) -> Dataset:
        """The data set of these cases alone.

        Raises
        ------
        InputError
            If it does not have one of them.
        """
        wanted = set(cases)
        if unknown := sorted(wanted - {entry.case for entry in self.entries}):
            raise InputError(
                f"{self.name} has no case {first(unknown)}.",
                "Give the data set that the split was made of.",
            )
        kept = tuple(entry for entry in self.entries if entry.case in wanted)
        return replace(self, entries=kept, unlabelled=())


def read_entry(dataset: Dataset, entry: Entry) -> tuple[Volume, LabelMap]:
    """A case's image, and on the same grid its labels as Hepatica's 0, 1 and 2.

    Raises
    ------
    InputError, ResourceError
        As :func:`hepatica.io.read`; and InputError if the grids differ, or if a label is
        none that the data set has.
    """
    volume, drawn = io.read(entry.image), io.read_labelmap(entry.label)
    require_one_grid(entry, volume, drawn)
    return volume, in_our_labels(dataset, entry, volume, drawn)


def require_one_grid(entry: Entry, volume: Volume, drawn: LabelMap) -> None:
    """Refuse a label map that is not on its image's grid."""
    if drawn.geometry.matches(volume.geometry, TOLERANCE_MM):
        return
    hint = "Give the image that it was drawn on, or resample it."
    ours, theirs = volume.geometry, drawn.geometry
    if ours.shape != theirs.shape:
        a, b = (" x ".join(map(str, g.shape)) for g in (ours, theirs))
        raise InputError(f"{entry.label.name} has {b} voxels, its image {a}.", hint)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in ours.shape])).reshape(3, -1).T
    apart_mm = np.linalg.norm(ours.to_patient(corners) - theirs.to_patient(corners), axis=1).max()
    raise InputError(
        f"{entry.label.name} lies elsewhere in the patient than its image,"
        f" by up to {apart_mm:.3g} mm.",
        hint,
    )


def in_our_labels(dataset: Dataset, entry: Entry, volume: Volume, drawn: LabelMap) -> LabelMap:
    """The labels `drawn` in the file as 0, 1 and 2, on the grid of `volume`.

    Raises
    ------
    InputError
        For labels that are neither in the data set's meaning nor in its background.
    """
    table = np.full(256, _FOREIGN, np.uint8)
    table[[0, *dataset.background]] = Label.BACKGROUND
    table[dataset.meaning["liver"]] = Label.PARENCHYMA
    if dataset.knows_tumour:
        table[dataset.meaning["tumour"]] = Label.TUMOUR
    labels = table[drawn.labels]
    if (labels == _FOREIGN).any():
        foreign = np.unique(drawn.labels[labels == _FOREIGN]).tolist()
        meant = ", ".join(f"{name} ({number})" for name, number in dataset.meaning.items())
        raise InputError(
            f"{entry.label.name} has labels {first(foreign)} besides {meant}.",
            "If they are background, say which ones are not: --labels liver=1,tumour=2.",
        )
    return LabelMap(labels, volume.geometry)


def first(names: Sequence[object], most: int = 5) -> str:
    """Some names for a sentence, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
