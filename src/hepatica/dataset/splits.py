"""Who is learned from and who is tested on: by patient, with every scanner in every part.

As in the paper (section 3.1): no patient is in two subsets, and the scanners are spread
over all of them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from hepatica import io
from hepatica.core.errors import ConfigError, InputError, ResourceError
from hepatica.dataset import allocate
from hepatica.dataset.entries import Dataset, first
from hepatica.io import checks

#: The paper's: of 80 volumes, 60 for training, 10 for validation, 10 for the test.
PARTS = {"train": 60.0, "validation": 10.0, "test": 10.0}

_Groups = dict[str, tuple[str, ...]]


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cases of each subset, or those of each fold of a cross-validation.

    Parameters
    ----------
    name
        Of the data set.
    parts
        What was asked for; empty for folds.
    subsets
        Cases of ``train``, ``validation`` and ``test``; empty for folds.
    folds
        Cases of ``train`` and ``validation`` for each fold; empty for subsets.
    patients
        The patient of each case.
    """

    name: str
    seed: int
    parts: dict[str, float] = {}
    subsets: _Groups = {}
    folds: tuple[_Groups, ...] = ()
    patients: dict[str, str]

    @property
    def groups(self) -> _Groups:
        """Cases that are kept apart from each other: the subsets, or what each fold validates."""
        if self.subsets:
            return self.subsets
        return {f"fold {n}": fold["validation"] for n, fold in enumerate(self.folds, 1)}

    def cases(self, subset: str, fold: int | None = None) -> tuple[str, ...]:
        """The cases of a subset; `fold` counts from 1.

        Raises
        ------
        ConfigError
            If there is no such subset or fold, or if `fold` is given without folds.
        """
        if (fold is None) == bool(self.folds):
            kind = f"{len(self.folds)} folds" if self.folds else "subsets, not folds"
            raise ConfigError(f"The split of {self.name} has {kind}.", "Name a fold, or none.")
        if fold is not None and not 1 <= fold <= len(self.folds):
            raise ConfigError(f"There is no fold {fold}.", f"Folds are 1 to {len(self.folds)}.")
        groups = self.subsets if fold is None else self.folds[fold - 1]
        if subset not in groups:
            raise ConfigError(f"There is no subset {subset!r}.", f"Take {', '.join(groups)}.")
        return groups[subset]


def draw(dataset: Dataset, parts: Mapping[str, float] = PARTS, seed: int = 0) -> Split:
    """Split the patients into `parts`, those of each scanner in the same proportions.

    Every subset gets a patient, and every scanner with as many patients as there are
    subsets is in each of them, even where a part then exceeds its share. Else parts are
    within one patient of their share. A patient of several scanners counts for the one
    that has the fewest patients.

    Parameters
    ----------
    parts
        Subset to its share, in any unit; a subset without a share is left out.

    Raises
    ------
    ConfigError
        If fewer than two parts are positive, one is negative, or there are more of them
        than patients.
    """
    shares = {name: float(part) for name, part in parts.items() if part != 0}
    if len(shares) < 2 or not all(0 < part < np.inf for part in shares.values()):
        raise ConfigError("A split needs two parts that are positive.", "Such as 60/10/10.")
    strata = _strata(dataset)
    n = sum(map(len, strata.values()))
    if n < len(shares):
        raise ConfigError(
            f"{dataset.name} has too few patients ({n}) for {len(shares)} subsets.",
            "Take fewer parts.",
        )
    rows = [len(patients) for patients in strata.values()]
    # What is called "" is no scanner, and need not be everywhere.
    spread = [int(name != "" and k >= len(shares)) for name, k in zip(strata, rows, strict=True)]
    least = np.repeat(np.array(spread, np.int64)[:, None], len(shares), axis=1)
    sizes = allocate.totals(n, list(shares.values()), np.maximum(least.sum(axis=0), 1))
    counts = allocate.table(rows, sizes, least)
    rng = np.random.default_rng(seed)
    where: dict[str, str] = {}
    for patients, row in zip(strata.values(), counts, strict=True):
        order = rng.permutation(len(patients))
        subset = np.repeat(list(shares), row)
        where |= {patients[int(p)]: str(s) for p, s in zip(order, subset, strict=True)}
    subsets = {
        name: tuple(e.case for e in dataset.entries if where[e.patient] == name) for name in shares
    }
    return Split(
        name=dataset.name, seed=seed, parts=shares, subsets=subsets, patients=_patients(dataset)
    )


def cross_validation(dataset: Dataset, k: int, seed: int = 0) -> Split:
    """`k` folds by patient, with the scanners spread over them; each case is validated once.

    Raises
    ------
    ConfigError
        If `k` is less than 2, or more than there are patients.
    ResourceError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"Folds need the package {error.name}.",
            "pip install '.[study]' in Hepatica's folder, or split with --parts.",
        ) from error
    entries = dataset.entries
    patients = [entry.patient for entry in entries]
    if not 2 <= k <= len(set(patients)):
        raise ConfigError(
            f"{dataset.name} has {len(set(patients))} patients, which do not make {k} folds.",
            "Take from 2 folds to as many as there are patients.",
        )
    often = Counter(entry.scanner for entry in entries)
    # scikit-learn refuses classes that are all smaller than k; together these are not.
    scanners = [entry.scanner or "" if often[entry.scanner] >= k else "" for entry in entries]
    splitter = StratifiedGroupKFold(n_splits=k, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A scanner in too few cases is said by `balance.remarks`, by name.
        warnings.simplefilter("ignore", UserWarning)
        found = list(splitter.split(np.zeros(len(entries)), scanners, patients))
    folds = tuple(
        {
            "train": tuple(entries[i].case for i in sorted(learned)),
            "validation": tuple(entries[i].case for i in sorted(validated)),
        }
        for learned, validated in found
    )
    if not all(fold["validation"] for fold in folds):
        raise ConfigError(f"{dataset.name} leaves one of {k} folds empty.", "Take fewer folds.")
    return Split(name=dataset.name, seed=seed, folds=folds, patients=_patients(dataset))


def write(path: Path, split: Split) -> None:
    """Write a split as JSON, atomically; raises OutputError."""
    io.make_folder(path.parent)
    io.write_bytes(path, msgspec.json.format(msgspec.json.encode(split), indent=2) + b"\n")


def load_split(path: Path, dataset: Dataset | None = None) -> Split:
    """Read a split, which may have been edited by hand.

    Parameters
    ----------
    dataset
        If given, it has to have every case of the split, and its patients count, too.

    Raises
    ------
    InputError
        If it is not a split; if a case is unknown or in two subsets; if cases of one
        patient are in two subsets.
    """
    with checks.readable(path):
        content = path.read_bytes()
    try:
        split = msgspec.json.decode(content, type=Split)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} is not a split: {error}.", "Make one with hepatica dataset split."
        ) from error
    if bool(split.subsets) == bool(split.folds):
        raise InputError(f"{path.name} needs either subsets or folds.", "Draw it again.")
    known = [split.patients] if dataset is None else [split.patients, _patients(dataset)]
    for patients in known:
        for groups in split.folds or (split.subsets,):
            _require_apart(path.name, groups, patients)
    return split


def _require_apart(name: str, groups: _Groups, patients: Mapping[str, str]) -> None:
    cases: dict[str, str] = {}
    owners: dict[str, str] = {}
    for group, members in groups.items():
        if unknown := [case for case in members if case not in patients]:
            raise InputError(
                f"{name} has the case {first(unknown)}, which the data set does not have.",
                "Correct its name, or draw the split again.",
            )
        for case in members:
            if case in cases:
                where = f"{cases[case]} and {group}" if cases[case] != group else f"{group} twice"
                raise InputError(f"{name} has the case {case} in {where}.", "Remove one.")
            cases[case] = group
            patient = patients[case]
            if owners.setdefault(patient, group) != group:
                raise InputError(
                    f"{name} has cases of patient {patient} in {owners[patient]} and {group}.",
                    "A test on somebody who was learned from says nothing: move them together.",
                )


def _patients(dataset: Dataset) -> dict[str, str]:
    return {entry.case: entry.patient for entry in dataset.entries}


def _strata(dataset: Dataset) -> dict[str, list[str]]:
    """The patients of each scanner in order of name, each patient once; "" is no scanner."""
    of: dict[str, set[str]] = {}
    for entry in dataset.entries:
        of.setdefault(entry.patient, set()).update([entry.scanner] if entry.scanner else [])
    size = Counter(scanner for scanners in of.values() for scanner in scanners)
    strata: dict[str, list[str]] = {}
    for patient in sorted(of):
        rarest = min(of[patient], key=lambda scanner: (size[scanner], scanner), default="")
        strata.setdefault(rarest, []).append(patient)
    return dict(sorted(strata.items()))
