"""How a split came out: patients and cases of each scanner in each subset."""

from __future__ import annotations

from collections.abc import Sequence

from hepatica.dataset.entries import Dataset, Entry
from hepatica.dataset.splits import Split

_UNKNOWN = "not stated"


def table(split: Split, dataset: Dataset) -> str:
    """Patients (cases) of each scanner in each subset or fold, and of all together."""
    groups = {name: _entries(dataset, cases) for name, cases in split.groups.items()}
    columns = [*groups.values(), list(dataset.entries)]
    scanners = sorted({entry.scanner or _UNKNOWN for entry in dataset.entries})
    rows = [["patients (cases)", *groups, "all"]]
    for scanner in scanners if len(scanners) > 1 else ():
        of_it = ([e for e in column if (e.scanner or _UNKNOWN) == scanner] for column in columns)
        rows.append([scanner, *map(_count, of_it)])
    rows.append(["all", *map(_count, columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def remarks(split: Split, dataset: Dataset) -> list[str]:
    """What a reader of the split's results should know; empty when all is as asked for.

    Said are scanners that a subset lacks, subsets more than one patient off their share,
    and what nobody stated: scanners, or that two cases are of one patient.
    """
    found = []
    groups = {name: _entries(dataset, cases) for name, cases in split.groups.items()}
    everybody = [entry for entries in groups.values() for entry in entries]
    for scanner in sorted({e.scanner for e in everybody if e.scanner}):
        n = len({e.patient for e in everybody if e.scanner == scanner})
        lacking = [
            name for name, entries in groups.items() if scanner not in {e.scanner for e in entries}
        ]
        if lacking:
            patients = "1 patient" if n == 1 else f"{n} patients"
            found.append(f"Scanner {scanner} ({patients}) is not in {', '.join(lacking)}.")
    n = len({e.patient for e in everybody})
    for name, part in split.parts.items():
        share = n * part / sum(split.parts.values())
        has = len({e.patient for e in groups.get(name, ())})
        if abs(has - share) > 1:
            found.append(
                f"{name} has {has} patients where its part is {share:.1f}: every subset needs a"
                " patient, and of every scanner if it has enough."
            )
    if without := sum(e.scanner is None for e in everybody):
        who = "No case" if without == len(everybody) else f"{without} of {len(everybody)} cases"
        found.append(f"{who} {'states its' if without == len(everybody) else 'state no'} scanner.")
    if n == len(everybody):
        found.append("Every case counts as a patient of its own.")
    return found


def _entries(dataset: Dataset, cases: Sequence[str]) -> list[Entry]:
    wanted = set(cases)
    return [entry for entry in dataset.entries if entry.case in wanted]


def _count(entries: Sequence[Entry]) -> str:
    return f"{len({e.patient for e in entries})} ({len(entries)})"
