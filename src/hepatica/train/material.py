"""What there is to learn from: anatomies for synthetic patients, and the cases of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hepatica.core.errors import ConfigError
from hepatica.dataset import formats, splits
from hepatica.dataset.entries import Dataset, read_entry
from hepatica.io import anatomies
from hepatica.synth.anatomy import Anatomy
from hepatica.train.cohort import Labelled

SPLIT = "split.json"


@dataclass(frozen=True, eq=False)
class Material:
    """Anatomies, the cases of a data set to learn from, and those to validate on.

    Parameters
    ----------
    meaning
        Of the data set's labels.
    """

    anatomies: Sequence[Anatomy] = ()
    cases: Sequence[Labelled] = ()
    validation: Sequence[Labelled] = ()
    meaning: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All that a run learns from and ends by, for the fingerprint."""
        return (
            *(a.name for a in self.anatomies),
            *(c.name for c in self.cases),
            *(f"validation {c.name}" for c in self.validation),
            *(f"{name} is {number}" for name, number in self.meaning.items()),
        )


def gather(
    folders: Sequence[Path] = (),
    exclude: Sequence[str] = (),
    data: Path | None = None,
    labels: dict[str, int] | None = None,
    split: Path | None = None,
    fold: int | None = None,
    run: Path | None = None,
    keep: bool = True,
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
        without one it is the split in `run`, and without that a new one, which is written
        there if `keep`.

    Raises
    ------
    ConfigError
        If something is said of a data set, and there is none.
    """
    if data is None and (labels is not None or split is not None or fold is not None):
        raise ConfigError("Labels, split and fold are a data set's.", "Give --data as well.")
    real = anatomies.gather(folders, exclude)
    if data is None:
        return Material(real)
    dataset = formats.find(data, labels)
    chosen = split or (run / SPLIT if run is not None and (run / SPLIT).exists() else None)
    if chosen is not None:
        drawn = splits.load_split(chosen, dataset)
    else:
        drawn = splits.draw(dataset)
        if run is not None and keep:
            splits.write(run / SPLIT, drawn)
    return Material(
        real,
        _labelled(dataset, drawn.cases("train", fold)),
        _labelled(dataset, drawn.cases("validation", fold)),
        dataset.meaning,
    )


def _labelled(dataset: Dataset, cases: Sequence[str]) -> list[Labelled]:
    return [
        Labelled(entry.case, partial(read_entry, dataset, entry), dataset.knows_tumour)
        for entry in dataset.select(cases).entries
    ]
