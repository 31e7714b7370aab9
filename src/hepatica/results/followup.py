"""Two dates of one patient: which lesions are new, gone, grown, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from hepatica.core.volume import LabelMap, Volume
from hepatica.results.alignment import Alignment, align
from hepatica.results.measure import Finding, Measurements, measure
from hepatica.results.tables import Cell, table

Status = Literal["new", "gone", "grown", "shrunk", "stable"]

#: RECIST 1.1's thresholds, of a single lesion's longest axial diameter: grown by so many
#: percent and mm at the least, shrunk by so many percent.
GROWN_PERCENT, GROWN_MM, SHRUNK_PERCENT = 20.0, 5.0, 30.0

#: Centres of one lesion are at the most this far apart after alignment, ...
REACH_MM = 14.0
#: ... and so many of its radii more, for one that grew on one side.
REACH_RADII = 0.5
#: So many mm does a change of the radius by a factor of e count as, when lesions compete.
SIZE_MM = 6.0

#: A liver that overlaps less after alignment is not the same, or cut.
LEAST_DICE = 0.85

RULE = (
    f"Grown: the longest axial diameter is {GROWN_PERCENT:g} % and {GROWN_MM:g} mm longer or"
    f" more; shrunk: {SHRUNK_PERCENT:g} % shorter or more (RECIST 1.1's thresholds, for each"
    " lesion); else stable."
)


@dataclass(frozen=True)
class Change:
    """One lesion on one or both dates; changes are None where it is on one alone.

    Parameters
    ----------
    apart_mm
        Between its centres after alignment.
    """

    status: Status
    earlier: Finding | None
    later: Finding | None
    apart_mm: float | None = None

    @property
    def volume_change_ml(self) -> float | None:
        """Later minus earlier."""
        if self.earlier is None or self.later is None:
            return None
        return self.later.volume_ml - self.earlier.volume_ml

    @property
    def volume_change_percent(self) -> float | None:
        """Of the earlier volume."""
        change = self.volume_change_ml
        if change is None or self.earlier is None:
            return None
        return change / self.earlier.volume_ml * 100

    @property
    def diameter_change_mm(self) -> float | None:
        """Of the longest axial diameter."""
        if self.earlier is None or self.later is None:
            return None
        return self.later.diameter_axial_mm - self.earlier.diameter_axial_mm


@dataclass(frozen=True)
class FollowUp:
    """What two dates say.

    Parameters
    ----------
    changes
        Lesions on both dates by their later id, then new ones, then those that are gone.
    liver_dice
        Overlap of the livers after alignment.
    """

    earlier: Measurements
    later: Measurements
    changes: tuple[Change, ...]
    liver_dice: float
    warnings: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        """How many lesions changed that way."""
        return sum(change.status == status for change in self.changes)


def compare_timepoints(
    earlier: LabelMap,
    later: LabelMap,
    images: tuple[Volume | None, Volume | None] = (None, None),
) -> FollowUp:
    """Match the lesions of two dates in aligned livers.

    Each pair's centres are near each other; of all ways to pair lesions, the one that
    matches most of them with the least distance is taken (Hungarian method).

    Raises
    ------
    InputError
        If one date has no liver.
    """
    first, second = measure(earlier, images[0]), measure(later, images[1])
    alignment = align(earlier, later)
    pairs = match(first.findings, second.findings, alignment)
    matched = [
        Change(status_of(a.diameter_axial_mm, b.diameter_axial_mm), a, b, apart)
        for a, b, apart in pairs
    ]
    before = {a.id for a, _, _ in pairs}
    after = {b.id for _, b, _ in pairs}
    new = [Change("new", None, b) for b in second.findings if b.id not in after]
    gone = [Change("gone", a, None) for a in first.findings if a.id not in before]
    return FollowUp(
        first,
        second,
        (*matched, *new, *gone),
        alignment.dice,
        _warnings(first, second, alignment),
    )


def match(
    earlier: Sequence[Finding], later: Sequence[Finding], alignment: Alignment
) -> list[tuple[Finding, Finding, float]]:
    """Pairs of the same lesion and the mm between their centres, by the later id."""
    if not earlier or not later:
        return []
    moved = alignment([f.centre_mm for f in earlier])
    centres = np.array([f.centre_mm for f in later])
    apart = np.linalg.norm(moved[:, None] - centres[None], axis=-1)
    before, after = (np.array([_radius_mm(f) for f in found]) for found in (earlier, later))
    reach = REACH_MM + REACH_RADII * np.maximum(before[:, None], after[None])
    cost = apart + SIZE_MM * np.abs(np.log(before[:, None] / after[None]))
    # More than any pair costs, so that no pair is given up for a nearer one.
    impossible = 1e3 + float(cost.max()) * min(cost.shape)
    rows, columns = linear_sum_assignment(np.where(apart <= reach, cost, impossible))
    found = [
        (earlier[a], later[b], float(apart[a, b]))
        for a, b in zip(rows, columns, strict=True)
        if apart[a, b] <= reach[a, b]
    ]
    return sorted(found, key=lambda pair: pair[1].id)


def _radius_mm(finding: Finding) -> float:
    """Of the ball of its volume."""
    return float((finding.volume_ml * 750 / np.pi) ** (1 / 3))


def status_of(earlier_mm: float, later_mm: float) -> Status:
    """How a lesion changed, by its longest axial diameters on both dates."""
    longer = later_mm - earlier_mm
    percent = longer / earlier_mm * 100
    if percent >= GROWN_PERCENT and longer >= GROWN_MM:
        return "grown"
    return "shrunk" if percent <= -SHRUNK_PERCENT else "stable"


def _warnings(first: Measurements, second: Measurements, alignment: Alignment) -> tuple[str, ...]:
    found = []
    if alignment.dice < LEAST_DICE:
        found.append(
            f"The livers overlap poorly after alignment (Dice {alignment.dice:.2f}): pairs of"
            " lesions may be wrong."
        )
    for date, m in (("earlier", first), ("later", second)):
        if m.liver_touches_border:
            found.append(f"The field of view cuts the liver on the {date} date.")
    return tuple(found)


TIMEPOINT_COLUMNS = (
    "status",
    "earlier_id",
    "later_id",
    "earlier_ml",
    "later_ml",
    "change_ml",
    "change_percent",
    "earlier_diameter_axial_mm",
    "later_diameter_axial_mm",
    "change_diameter_mm",
    "apart_mm",
)


def timepoints_csv(followup: FollowUp) -> str:
    """A table with one line per lesion; only the header when neither date has any."""
    return table(TIMEPOINT_COLUMNS, map(_cells, followup.changes))


def _cells(change: Change) -> Sequence[Cell]:
    a, b = change.earlier, change.later
    return (
        change.status,
        a.id if a else None,
        b.id if b else None,
        a.volume_ml if a else None,
        b.volume_ml if b else None,
        change.volume_change_ml,
        change.volume_change_percent,
        a.diameter_axial_mm if a else None,
        b.diameter_axial_mm if b else None,
        change.diameter_change_mm,
        change.apart_mm,
    )


def sum_of_diameters_mm(findings: Sequence[Finding]) -> float:
    """Longest axial diameters together; 0 without lesions. All lesions count, not five."""
    return float(sum(f.diameter_axial_mm for f in findings))
