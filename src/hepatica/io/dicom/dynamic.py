"""Dynamic runs: volumes of one name after each other, while the contrast agent passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hepatica.io.dicom.contrast import ORDER, Judgement, called, judge_alone, number
from hepatica.io.dicom.stacks import Stack

#: Volumes of one run follow each other within this.
_RUN_SECONDS = 1200.0
#: Fewer volumes of one name are no run.
_SHORTEST_RUN = 4
#: The portal venous phase begins and ends so long after the arterial one.
_AFTER_ARTERIAL_S = (25.0, 100.0)


def judge(stacks: Sequence[Stack]) -> list[Judgement]:
    """A judgement of each volume of one study; the order of dynamic runs is looked at, too."""
    found = [judge_alone(stack) for stack in stacks]
    runs: dict[tuple[str, ...], list[int]] = {}
    for n, (stack, own) in enumerate(zip(stacks, found, strict=True)):
        if own.kind == "T1" and not own.unsuitable:
            run = (stack.first.study, called(stack, phases=False), str(stack.shape))
            runs.setdefault(run, []).append(n)
    for members in runs.values():
        when = {n: _moment(stacks[n], found[n]) for n in members}
        members.sort(key=lambda n: when[n])
        seconds = [when[n][0] for n in members]
        known = any(found[n].phase for n in members)
        if len(members) < _SHORTEST_RUN or len(set(when.values())) < len(members) or known:
            continue
        if seconds[-1] - seconds[0] > _RUN_SECONDS:
            continue
        for place, (n, phase) in enumerate(zip(members, _by_order(seconds), strict=True)):
            reasons = (*found[n].reasons, f"volume {place + 1} of {len(members)} of a dynamic run")
            found[n] = replace(
                found[n], phase=phase, confidence="low", enhanced=place > 0, reasons=reasons
            )
    return found


def _moment(stack: Stack, own: Judgement) -> tuple[float, float]:
    """Seconds of the acquisition, trigger time included, and the number of the time point."""
    telling = stack.first.telling
    seconds = (own.seconds or 0.0) + (number(telling["TriggerTime"]) or 0.0) / 1000
    return seconds, number(telling["TemporalPositionIdentifier"]) or 0.0


def _by_order(seconds: Sequence[float]) -> list[str]:
    """The phases of a run: one before contrast, one arterial, then by the time after that.

    Where all times are the same, by their order alone.
    """
    timed = seconds[-1] > seconds[1]
    phases = [ORDER[0], ORDER[1]]
    for place, second in enumerate(seconds[2:], 2):
        if not timed:
            phases.append(ORDER[min(place, len(ORDER) - 1)])
            continue
        after = second - seconds[1]
        begin, late = _AFTER_ARTERIAL_S
        phases.append(ORDER[1] if after < begin else ORDER[2] if after < late else ORDER[3])
    return phases
