"""What a finished bundle is measured on: synthetic patients, and perhaps a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from hepatica.dataset import formats
from hepatica.dataset.entries import Dataset, read_entry
from hepatica.io import anatomies as collections
from hepatica.model.plan import Plan
from hepatica.synth.anatomy import Anatomy
from hepatica.train.config import preset
from hepatica.train.samples import Case
from hepatica.train.synthetic import Synthetic

#: Procedural bodies from which the synthetic patients are deformed.
POOL = 6


@dataclass(frozen=True)
class Sets:
    """Synthetic patients as a cohort has them, and all cases of a data set, if there is one."""

    patients: int
    seed: int
    anatomies: tuple[Anatomy, ...] = ()
    dataset: Dataset | None = None

    def stream(self, plan: Plan, stage: int) -> Synthetic:
        """Synthetic patients as a stage sees them in training."""
        training = msgspec.structs.replace(preset("cpu"), seed=self.seed, procedural_pool=POOL)
        return Synthetic(training, plan, stage, self.anatomies)

    def named(self, plan: Plan) -> dict[str, Callable[[], Iterator[Case]]]:
        """Whole cases by the name of their set; each set can be asked for anew."""
        found: dict[str, Callable[[], Iterator[Case]]] = {
            f"{self.patients} synthetic patients, seed {self.seed}": partial(self._made, plan)
        }
        if self.dataset is not None:
            name = f"{len(self.dataset.entries)} cases of {self.dataset.name}"
            found[name] = self._read
        return found

    def _made(self, plan: Plan) -> Iterator[Case]:
        stream = self.stream(plan, 1)
        return (stream.case(number) for number in range(self.patients))

    def _read(self) -> Iterator[Case]:
        assert self.dataset is not None
        for entry in self.dataset.entries:
            yield Case(entry.case, *read_entry(self.dataset, entry), self.dataset.knows_tumour)


def sets(
    patients: int,
    seed: int,
    folders: Sequence[Path] = (),
    exclude: Sequence[str] = (),
    data: Path | None = None,
    labels: Mapping[str, int] | None = None,
) -> Sets:
    """Read the anatomies of `folders`, and find the data set `data`.

    Raises
    ------
    HepaticaError
        If one of them cannot be used.
    """
    found = tuple(collections.gather(folders, exclude))
    return Sets(patients, seed, found, None if data is None else formats.find(data, labels))
