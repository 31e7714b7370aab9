"""All volumes of a study: found, named, judged, and the one that was meant taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.io import checks
from hepatica.io.dicom import contrast, dynamic, frames
from hepatica.io.dicom.contrast import Judgement
from hepatica.io.dicom.copies import without_equal_pixels
from hepatica.io.dicom.files import Files
from hepatica.io.dicom.frames import Frame
from hepatica.io.dicom.stacks import Stack, stacks

#: Of all files of a study together.
MAX_FRAMES = 500_000

#: How many volumes a sentence names.
_NAMED = 6


@dataclass(frozen=True, eq=False)
class Found:
    """One volume of a study.

    Parameters
    ----------
    key
        What ``--series`` calls it: the series number, with a dash and a counter where the
        series holds several volumes.
    geometry
        None if it cannot be used.
    problem
        Why not; None if it can.
    """

    key: str
    stack: Stack
    judgement: Judgement
    geometry: Geometry | None
    problem: InputError | None

    @property
    def title(self) -> str:
        """What a sentence calls it; the slices of several echoes are told by their times."""
        told = self.stack.told_by
        echo = f", echo time {told['EchoTime']} ms" if told.get("EchoTime") else ""
        return f"{self.key} ({self.stack.first.label}{echo}, {len(self.stack.frames)} slices)"


@dataclass(frozen=True, eq=False)
class Study:
    """What a source holds.

    Parameters
    ----------
    name
        That of the source.
    volumes
        All stacks of frames, those that cannot be used included.
    candidate
        Index of the volume that is taken to be the contrast-enhanced T1; None if there is
        none, or no single one.
    left_out
        Images that belong to no volume, such as screenshots, with the reason.
    damaged
        Files that cannot be read.
    others
        Reports, segmentations and other objects that are no images.
    """

    name: str
    volumes: tuple[Found, ...]
    candidate: int | None
    left_out: tuple[tuple[str, InputError], ...] = ()
    damaged: tuple[tuple[str, InputError], ...] = ()
    others: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    studies: tuple[str, ...] = field(default=(), repr=False)

    def split(self) -> list[Study]:
        """One for each study instance UID, each with a candidate of its own."""
        if len(self.studies) < 2:
            return [self]
        parts = []
        for uid in self.studies:
            volumes = tuple(v for v in self.volumes if v.stack.first.study == uid)
            parts.append(Study(self.name, volumes, _candidate(volumes), studies=(uid,)))
        return parts


def scan(name: str, files: Files) -> Study:
    """Read the headers of all files and sort them into volumes.

    Raises
    ------
    InputError
        If there is no DICOM object at all, or more than :data:`MAX_FRAMES` frames.
    """
    every: list[Frame] = []
    left_out: list[tuple[str, InputError]] = []
    damaged: list[tuple[str, InputError]] = []
    others: list[Path] = []
    for path, called in zip(files.paths, files.names, strict=True):
        try:
            found_in = frames.read(path)
            every += found_in
            others += [] if found_in else [path]
        except frames.NotAVolume as error:
            left_out.append((called, _renamed(error, path, called)))
        except InputError as error:
            damaged.append((called, _renamed(error, path, called)))
        if len(every) > MAX_FRAMES:
            raise InputError(
                f"{name} holds more than {MAX_FRAMES:,} frames.", "Give one study at a time."
            )
    if not every and not others:
        if errors := damaged or left_out:
            raise errors[0][1]
        raise InputError(
            f"{name} holds no DICOM image.",
            "Give the folder that holds the slices.",
        )
    found = [without_equal_pixels(stack) for stack in stacks(every)]
    judgements = dynamic.judge(found)
    volumes = tuple(
        _found(name, key, stack, own)
        for key, stack, own in zip(_keys(found), found, judgements, strict=True)
    )
    return Study(
        name=name,
        volumes=volumes,
        candidate=_candidate(volumes),
        left_out=tuple(left_out),
        damaged=tuple(damaged),
        others=tuple(others),
        notes=files.notes,
        studies=tuple(dict.fromkeys(f.study for f in every)),
    )


def _renamed(error: InputError, path: Path, called: str) -> InputError:
    """The sentence about a file, with what an archive calls it in place of our name."""
    name = "".join(c for c in PurePosixPath(called).name if c.isprintable())
    if not name or not error.message.startswith(path.name):
        return error
    return InputError(name + error.message[len(path.name) :], error.hint)


def _candidate(volumes: Sequence[Found]) -> int | None:
    good = [n for n, v in enumerate(volumes) if v.problem is None]
    chosen = contrast.best([volumes[n].judgement for n in good])
    return None if chosen is None else good[chosen]


def _found(name: str, key: str, stack: Stack, judgement: Judgement) -> Found:
    geometry, problem = None, None
    try:
        _require_no_mosaic(name, stack)
        columns, rows, slices = stack.shape
        affine = stack.affine(name)
        shape = checks.volume_shape(name, (columns, rows, slices))
        geometry = checks.grid(name, shape, affine)
    except InputError as error:
        problem = error
    return Found(key, stack, judgement, geometry, problem)


def _require_no_mosaic(name: str, stack: Stack) -> None:
    if "MOSAIC" in stack.first.telling["ImageType"].upper().split("\\"):
        raise InputError(
            f"{name} holds a Siemens mosaic: all slices as tiles of one picture.",
            "Mosaics are of functional or diffusion imaging; give the contrast-enhanced T1.",
        )


def _keys(found: Sequence[Stack]) -> list[str]:
    """Short names that are unique within the study."""
    bare = [
        (s.first.study, re.sub(r"[^0-9A-Za-z]", "", s.first.series_number) or "0") for s in found
    ]
    total, seen = Counter(bare), Counter[tuple[str, str]]()
    keys = []
    for study, name in bare:
        seen[study, name] += 1
        keys.append(name if total[study, name] == 1 else f"{name}-{seen[study, name]}")
    return keys


def choose(study: Study, series: str | None = None) -> tuple[Found, tuple[str, ...]]:
    """The volume that is meant, and what its reader should be told.

    Parameters
    ----------
    series
        The key of a volume, a series number, a series description or a series instance
        UID; None takes the only volume, or the contrast-enhanced T1.

    Raises
    ------
    InputError
        If a file is damaged; if no volume can be used, none or several fit, or the source
        holds several studies.
    """
    if study.damaged:
        raise study.damaged[0][1]
    if len(study.studies) > 1:
        raise InputError(
            f"{study.name} holds {len(study.studies)} studies.",
            "Give the folder of one; hepatica convert writes the volumes of all of them.",
        )
    if series is not None and study.volumes:
        taken = _named(study, series)
        return taken, _doubts(taken)
    whole = [v for v in study.volumes if _is_volume(v)]
    if len(whole) == 1:
        only = _usable(whole[0])
        others = len(study.volumes) - 1
        more = f"{others} localizers or thin slabs beside the volume were left out."
        return only, (more,) if others else ()
    if not whole:
        raise _problem(study)
    if study.candidate is None:
        raise InputError(
            f"{study.name} holds {len(whole)} volumes: {_listing(whole)};"
            " none of them is clearly the contrast-enhanced T1.",
            "Say which with --series, as in --series " + whole[0].key + ".",
        )
    taken = study.volumes[study.candidate]
    phase = taken.judgement.phase
    how = f", {phase} phase with {taken.judgement.confidence} confidence" if phase else ""
    return taken, (
        f"Of {len(whole)} volumes, {taken.key} was taken as the contrast-enhanced T1"
        f" ({'; '.join(taken.judgement.reasons)}{how}).",
    )


def _is_volume(found: Found) -> bool:
    """Whether it is more than a localizer or a thin slab."""
    return len(found.stack.frames) >= checks.MIN_SLICES and found.judgement.kind != "localizer"


def _usable(found: Found) -> Found:
    if found.problem is not None:
        raise found.problem
    return found


def _problem(study: Study) -> InputError:
    if not study.volumes:
        return InputError(
            f"{study.name} holds no DICOM image.",
            "Give the folder that holds the slices.",
        )
    largest = max(study.volumes, key=lambda v: len(v.stack.frames))
    return largest.problem or InputError(
        f"{study.name} holds localizers only.", "Give the folder of the whole study."
    )


def _doubts(taken: Found) -> tuple[str, ...]:
    """What speaks against a volume that a person chose: naming it clears no doubt."""
    judgement = taken.judgement
    if judgement.is_t1ce:
        return ()
    why = "; ".join(judgement.reasons) or "nothing says that it is"
    return (f"{taken.key} was asked for; it is not clearly the contrast-enhanced T1 ({why}).",)


def _named(study: Study, series: str) -> Found:
    wanted = series.strip().casefold()
    fitting = [v for v in study.volumes if v.key.casefold() == wanted]
    if not fitting:
        fitting = [
            v
            for v in study.volumes
            if wanted
            in (
                v.stack.first.series_number,
                v.stack.first.series,
                v.stack.first.facts["SeriesDescription"].strip().casefold(),
            )
        ]
    if len(fitting) == 1:
        return _usable(fitting[0])
    held = fitting or study.volumes
    raise InputError(
        f"{study.name} holds {len(fitting) or 'no'} volumes that --series {series} fits;"
        f" there are: {_listing(held)}.",
        f"Give one of these, as in --series {held[0].key}.",
    )


def _listing(volumes: Sequence[Found]) -> str:
    more = f", and {len(volumes) - _NAMED} more" if len(volumes) > _NAMED else ""
    return ", ".join(v.title for v in volumes[:_NAMED]) + more


def frame_order(found: Found) -> list[tuple[Path, list[int]]]:
    """The files of a volume in the order of k, each with its places k.

    Consecutive frames of one file stand together, so that it is opened once.
    """
    order: dict[Path, list[int]] = {}
    for k, frame in enumerate(found.stack.frames):
        order.setdefault(frame.path, []).append(k)
    return [(path, order[path]) for path in order]
