"""What there is to learn from: anatomies for synthetic patients, and the cases of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hepatica.dataset import formats, splits
from hepatica.dataset.entries import Dataset, read_entry
from hepatica.io import anatomies
from hepatica.synth.anatomy import Anatomy
from hepatica.train.cohort import Labelled

SPLIT = "split.json"


@dataclass(frozen=True, eq=False)
class Material:
    """Anatomies, the cases of a data set to learn from, and those to validate on."""

    anatomies: Sequence[Anatomy] = ()
    cases: Sequence[Labelled] = ()
    validation: Sequence[Labelled] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of everything, for the card and the fingerprint."""
        return (*(a.name for a in self.anatomies), *(c.name for c in self.cases))


def gather(
    folders: Sequence[Path] = (),
    exclude: Sequence[str] = (),
    data: Path | None = None,
    labels: dict[str, int] | None = None,
    split: Path | None = None,
    fold: int | None = None,
    run: Path | None = None,
) -> Material:
    """Read the anatomies of `folders` and find the data set `data`.

    Parameters
    ----------
    exclude
        Patterns of label files of anatomies to leave out.
    labels
        Meaning of the data set's labels.
    split
        Which cases (of its `fold`, from 1) are for training and which for validation;
        without one it is the split in `run`, and without that a new one, written there.
    """
    real = anatomies.gather(folders, exclude)
    if data is None:
        return Material(real)
    dataset = formats.find(data, labels)
    chosen = split or (run / SPLIT if run is not None and (run / SPLIT).exists() else None)
    if chosen is not None:
        drawn = splits.load_split(chosen, dataset)
    else:
        drawn = splits.draw(dataset)
        if run is not None:
            splits.write(run / SPLIT, drawn)
    return Material(
        real,
        _labelled(dataset, drawn.cases("train", fold)),
        _labelled(dataset, drawn.cases("validation", fold)),
    )


def _labelled(dataset: Dataset, cases: Sequence[str]) -> list[Labelled]:
    return [
        Labelled(entry.case, partial(read_entry, dataset, entry), dataset.knows_tumour)
        for entry in dataset.select(cases).entries
    ]
