"""A data set in the numbers that the paper gives for its own (section 3.1), and its flaws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from hepatica.dataset.entries import Dataset, first
from hepatica.dataset.examine import CaseRecord, Fingerprint, Kind, Lesion, Problem, examine
from hepatica.results.notice import RESEARCH_ONLY

RULES = (
    "A lesion is a 26-connected component of the tumour label. The liver includes its lesions;"
    " the volume of an MRI is that of all its voxels. SD is the sample's (n - 1).",
    "Left out of the statistics: cases that cannot be used, and of the others what is unknown"
    " (lesions and liver of an empty label map, shares of a liver that is not there)."
    " Cases with other problems count.",
)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How `n` values are spread; all None where there is none, `sd` also where there is one."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """The spread of those values that are known."""
        known = np.array([v for v in values if v is not None], np.float64)
        if not known.size:
            return cls(n=0, mean=None, sd=None, median=None, low=None, high=None)
        return cls(
            n=known.size,
            mean=float(known.mean()),
            sd=float(known.std(ddof=1)) if known.size > 1 else None,
            median=float(np.median(known)),
            low=float(known.min()),
            high=float(known.max()),
        )


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The spread of each number: over the cases, or over all lesions of all cases.

    Over the lesions: `lesion_...`. Intensities are in the scanners' units.
    """

    lesions_per_case: Spread
    lesion_volume_ml: Spread
    lesion_diameter_axial_mm: Spread
    lesion_diameter_3d_mm: Spread
    lesion_share_of_liver_percent: Spread
    lesion_share_of_volume_percent: Spread
    tumour_ml: Spread
    burden_percent: Spread
    liver_ml: Spread
    liver_share_of_volume_percent: Spread
    slice_spacing_mm: Spread
    in_plane_spacing_mm: Spread
    intensity_min: Spread
    intensity_median: Spread
    intensity_max: Spread
    liver_intensity_median: Spread


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A data set, described.

    Parameters
    ----------
    meaning
        Which label is the liver and which, if any, the tumour.
    usable
        How many of the cases could be read and measured.
    lesions
        How many there are in all; None if the data set has no tumour label.
    scanners
        Cases of each scanner, in order of name; `without_scanner` is how many have none.
    unlabelled
        Images without a label map, which are no cases.
    """

    notice: str = RESEARCH_ONLY
    rules: tuple[str, ...] = RULES
    name: str
    meaning: dict[str, int]
    patients: int
    usable: int
    lesions: int | None
    scanners: dict[str, int]
    without_scanner: int
    unlabelled: tuple[str, ...]
    statistics: Statistics
    cases: tuple[CaseRecord, ...]

    @property
    def flawed(self) -> tuple[CaseRecord, ...]:
        """The cases with a problem."""
        return tuple(case for case in self.cases if case.problems)


def describe(
    dataset: Dataset, progress: Callable[[int, str], None] = lambda number, case: None
) -> Description:
    """Read every case, one after the other, and describe them all.

    A case that cannot be read or measured is in the description with its problem.

    Parameters
    ----------
    progress
        Called with the number (from 1) and the name of each case before it is read.
    """
    records: list[CaseRecord] = []
    marks: list[Fingerprint | None] = []
    for number, entry in enumerate(dataset.entries, 1):
        progress(number, entry.case)
        record, mark = examine(dataset, entry)
        records.append(record)
        marks.append(mark)
    cases = _with_duplicates(records, marks)
    scanners = Counter(c.scanner for c in cases if c.scanner is not None)
    return Description(
        name=dataset.name,
        meaning=dataset.meaning,
        patients=len({c.patient for c in cases}),
        usable=sum(c.numbers is not None for c in cases),
        lesions=len(lesions_of(cases)) if dataset.knows_tumour else None,
        scanners=dict(sorted(scanners.items())),
        without_scanner=sum(c.scanner is None for c in cases),
        unlabelled=dataset.unlabelled,
        statistics=statistics(cases),
        cases=cases,
    )


def statistics(cases: Sequence[CaseRecord]) -> Statistics:
    """The spreads over the cases that have numbers, and over their lesions."""
    usable = [c.numbers for c in cases if c.numbers is not None]
    lesions = lesions_of(cases)
    spreads = {
        name: Spread.of(getattr(n, name) for n in usable)
        for name in Statistics.__struct_fields__
        if not name.startswith("lesion")
    }
    spreads |= {
        f"lesion_{name}": Spread.of(getattr(x, name) for x in lesions)
        for name in Lesion.__struct_fields__
        if f"lesion_{name}" in Statistics.__struct_fields__
    }
    per_case = (None if n.lesions is None else len(n.lesions) for n in usable)
    return Statistics(lesions_per_case=Spread.of(per_case), **spreads)


def number(value: float | None) -> str:
    """For people: four significant digits, or all before the point; ``-`` for unknown."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def lesions_of(cases: Sequence[CaseRecord]) -> tuple[Lesion, ...]:
    """The lesions of all cases, in the cases' order."""
    return tuple(x for c in cases if c.numbers is not None for x in c.numbers.lesions or ())


def _with_duplicates(
    records: Sequence[CaseRecord], marks: Sequence[Fingerprint | None]
) -> tuple[CaseRecord, ...]:
    """The records, in which copies of one image or of one label map name each other."""
    names = [record.case for record in records]
    images = _same(names, [None if m is None else m.image for m in marks])
    labels = _same(names, [None if m is None else m.labels for m in marks])
    found = []
    for record in records:
        problems = list(record.problems)
        problems += _copies("duplicate_image", "image", images.get(record.case))
        problems += _copies("duplicate_labels", "label map", labels.get(record.case))
        found.append(msgspec.structs.replace(record, problems=tuple(problems)))
    return tuple(found)


def _same(names: Sequence[str], hashes: Sequence[str | None]) -> dict[str, list[str]]:
    """For each name whose hash others have, these others."""
    by: dict[str, list[str]] = {}
    for name, one in zip(names, hashes, strict=True):
        if one is not None:
            by.setdefault(one, []).append(name)
    return {name: [n for n in group if n != name] for group in by.values() for name in group}


def _copies(kind: Kind, what: str, others: Sequence[str] | None) -> list[Problem]:
    return [Problem(kind, f"Its {what} is that of {first(others)}.")] if others else []
