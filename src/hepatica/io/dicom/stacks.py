"""Which frames make one volume, and where does it lie?

A series is not a volume: one may hold both echoes, all phases of a dynamic study, or a
localizer in three planes. What makes a volume is one matrix, one orientation, one
spacing, and each place taken once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.dicom.frames import TELLING, Frame
from hepatica.io.lps import swap_lps_ras

#: Positions closer than this are the same place.
SAME_MM = 0.01
#: Direction cosines that differ by less are parallel.
PARALLEL = 1e-3


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames that belong together, in their order along the normal, and what is odd of them.

    Parameters
    ----------
    told_by
        What told it from the other volumes of its series, such as
        ``{"EchoTime": "2.3"}``; empty if it is the only one.
    copies
        How many further files held the same images.
    notes
        Sentences for the reader.
    """

    frames: tuple[Frame, ...]
    told_by: dict[str, str]
    copies: int = 0
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Frame:
        """The frame lowest along the normal."""
        return self.frames[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(columns, rows, slices): the sizes along i, j, k."""
        rows, columns = self.first.size
        return (columns, rows, len(self.frames))

    def affine(self, name: str) -> NDArray[np.float64]:
        """The affine (4, 4) to RAS+ mm: i along the rows, j down the columns, k along the normal.

        Slices that are shifted along their own plane (gantry tilt) give a sheared affine,
        which is exact.

        Raises
        ------
        InputError
            If there are too few slices, or they are not evenly spaced.
        """
        frames = self.frames
        if len(frames) < checks.MIN_SLICES:
            raise InputError(
                f"{name} has only {len(frames)} slices; at least {checks.MIN_SLICES} are needed.",
                "Give the folder with the whole series.",
            )
        _require_even(name, frames)
        first, last = frames[0], frames[-1]
        affine = np.eye(4)
        affine[:3, 0] = first.along_row * first.spacing_mm[0]
        affine[:3, 1] = first.along_column * first.spacing_mm[1]
        affine[:3, 2] = (last.position - first.position) / (len(frames) - 1)
        affine[:3, 3] = first.position
        return swap_lps_ras(affine)


def stacks(frames: Iterable[Frame]) -> list[Stack]:
    """All volumes that the frames make, in the order of series and time; copies left out."""
    found: list[Stack] = []
    for alike in _alike(frames):
        distinct, copies = _without_copies(alike)
        parts, notes = _told_apart(distinct, {})
        for part, told_by in parts:
            ordered = sorted(part, key=lambda f: float(f.position @ part[0].normal))
            own = tuple(_notes(copies, told_by)) + notes
            found.append(Stack(tuple(ordered), told_by, copies, own))
    return sorted(found, key=_place_in_study)


def _place_in_study(stack: Stack) -> tuple[float, str, float, float]:
    first = stack.first
    number = float(first.series_number) if first.series_number.isdecimal() else np.inf
    return (
        number,
        first.series,
        float(np.median([f.instance for f in stack.frames])),
        float(first.position @ first.normal),
    )


def _notes(copies: int, told_by: dict[str, str]) -> Iterable[str]:
    if copies:
        yield f"{copies} copies of slices were left out."
    if "InstanceNumber" in told_by:
        yield "It was told from the other volumes of its series by instance numbers alone."


def _alike(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Frames of one series, matrix, spacing and orientation, in groups."""
    groups: dict[Hashable, list[list[Frame]]] = defaultdict(list)
    for frame in frames:
        key = (frame.study, frame.series, frame.size, frame.kind)
        for group in groups[key]:
            if _parallel(group[0], frame):
                group.append(frame)
                break
        else:
            groups[key].append([frame])
    return [group for key in groups for group in groups[key]]


def _parallel(one: Frame, other: Frame) -> bool:
    turned = max(
        np.abs(other.along_row - one.along_row).max(),
        np.abs(other.along_column - one.along_column).max(),
    )
    return bool(turned <= PARALLEL and np.allclose(other.spacing_mm, one.spacing_mm, rtol=1e-3))


def _without_copies(frames: Sequence[Frame]) -> tuple[list[Frame], int]:
    """Each image once: the same instance UID at the same place, whatever the file's name."""
    seen: dict[Hashable, Frame] = {}
    for frame in sorted(frames, key=lambda f: (f.path.name, f.number)):
        # What has no UID is known by its file alone; some tools give one UID to many images.
        place, told = tuple(frame.position), tuple(frame.telling.values())
        seen.setdefault((frame.uid or frame.path, frame.number, place, told), frame)
    return list(seen.values()), len(frames) - len(seen)


_Parts = list[tuple[list[Frame], dict[str, str]]]


def _told_apart(frames: list[Frame], told_by: dict[str, str]) -> tuple[_Parts, tuple[str, ...]]:
    """Split frames until no place is taken twice; notes say what could not be told apart."""
    places = _places(frames)
    most = int(np.bincount(places).max())
    if most == 1:
        # Echoes whose slices lie between each other's are no volume, however even the steps.
        echoes = _by(frames, lambda f: f.telling["EchoTime"])
        if len(echoes) > 1 and all(len(part) >= checks.MIN_SLICES for part in echoes.values()):
            return _each(echoes, "EchoTime", told_by)
        return [(frames, told_by)], ()
    for tag in TELLING:
        parts = _by(frames, lambda f: f.telling[tag])  # noqa: B023  (used before the next turn)
        # As many values as slices (a counter, for example) tells nothing.
        if 1 < len(parts) <= max(2, most) and _fewer(parts.values(), most):
            return _each(parts, tag, told_by)
    ranks = _ranks(frames, places)
    if ranks is not None:
        return _each(ranks, "InstanceNumber", told_by)
    return [(frames, told_by)], ()


def _each(
    parts: dict[str, list[Frame]], tag: str, told_by: dict[str, str]
) -> tuple[_Parts, tuple[str, ...]]:
    found: _Parts = []
    notes: tuple[str, ...] = ()
    for value, part in parts.items():
        inner, more = _told_apart(part, told_by | {tag: value})
        found += inner
        notes += more
    return found, notes


def _by(frames: Iterable[Frame], key: Callable[[Frame], str]) -> dict[str, list[Frame]]:
    parts: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        parts[key(frame)].append(frame)
    return dict(parts)


def _fewer(parts: Iterable[list[Frame]], most: int) -> bool:
    """Whether places are taken less often in every part than in the whole."""
    return all(int(np.bincount(_places(part)).max()) < most for part in parts)


def _places(frames: Sequence[Frame]) -> NDArray[np.int64]:
    """The number of each frame's place along the normal, from 0."""
    height = np.array([f.position @ frames[0].normal for f in frames])
    order = np.argsort(height, kind="stable")
    steps = np.diff(height[order], prepend=height[order[0]]) > SAME_MM
    places = np.empty(len(frames), np.int64)
    places[order] = np.cumsum(steps)
    return places


def _ranks(frames: Sequence[Frame], places: NDArray[np.int64]) -> dict[str, list[Frame]] | None:
    """Volumes by the order of instance numbers at each place, if all are taken equally often.

    Dynamic series without any tag of time are numbered through, one volume after the
    other. None where that does not hold.
    """
    times = set(np.bincount(places).tolist())
    if len(times) != 1 or len({(f.path, f.instance, f.number) for f in frames}) < len(frames):
        return None
    at: dict[int, list[Frame]] = defaultdict(list)
    for frame, place in zip(frames, places.tolist(), strict=True):
        at[place].append(frame)
    ranks: dict[str, list[Frame]] = defaultdict(list)
    for here in at.values():
        here.sort(key=lambda f: (f.instance, f.number))
        if len({(f.instance, f.number) for f in here}) < len(here):
            return None
        for rank, frame in enumerate(here, 1):
            ranks[str(rank)].append(frame)
    return dict(ranks)


def _require_even(name: str, frames: Sequence[Frame]) -> None:
    """All steps from slice to slice are the same, but for 1 % or 0.1 mm."""
    height = np.array([f.position @ frames[0].normal for f in frames])
    places = 1 + int((np.diff(height) > SAME_MM).sum())
    if places < len(frames):
        raise _mixed(name, frames, places)
    steps = np.diff([f.position for f in frames], axis=0)
    usual = np.median(steps, axis=0)
    tolerance = max(0.01 * float(np.linalg.norm(usual)), 0.1)
    off = np.linalg.norm(steps - usual, axis=1) > tolerance
    if not off.any():
        return
    k = int(np.argmax(off))
    gap, normal_gap = height[k + 1] - height[k], float(np.median(np.diff(height)))
    between = f"between {frames[k].path.name} and {frames[k + 1].path.name}"
    if abs(gap - normal_gap) > tolerance:
        raise InputError(
            f"{name} has a gap of {gap:.2f} mm {between}, where others are {normal_gap:.2f} mm:"
            " a slice is missing, or slices of several volumes are mixed.",
            "Export the whole series again.",
        )
    raise InputError(
        f"{name} has slices that are shifted sideways {between}.", "Export the series again."
    )


def _mixed(name: str, frames: Sequence[Frame], places: int) -> InputError:
    found = f"{name} holds several volumes: {len(frames)} slices at {places} places"
    differ = [
        f"{words} ({len(values)} values)"
        for tag, words in TELLING.items()
        if len(values := Counter(f.telling[tag] for f in frames)) > 1
    ]
    more = f", which differ in {', '.join(differ)}" if differ else ""
    return InputError(
        f"{found}{more}, and nothing says which slice belongs to which.",
        "Put the slices of each volume into a folder of its own, and give one of them.",
    )
