"""A description on disk: tables for spreadsheets, JSON for machines, a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from hepatica import io
from hepatica.core.errors import OutputError
from hepatica.dataset import histograms
from hepatica.dataset.describe import Description, Spread, number
from hepatica.dataset.examine import CaseRecord, Lesion
from hepatica.results.tables import Cell, table

CASES, LESIONS = "cases.csv", "lesions.csv"
JSON, PAGE, PICTURE = "description.json", "description.md", "histograms.png"

#: Numbers of a case as they are in its record; shape, spacing and lesions have their own columns.
_NUMBERS = (
    "liver_ml",
    "parenchyma_ml",
    "tumour_ml",
    "burden_percent",
    "liver_share_of_volume_percent",
    "volume_ml",
    "axes",
    "slice_spacing_mm",
    "in_plane_spacing_mm",
    "intensity_min",
    "intensity_p1",
    "intensity_median",
    "intensity_p99",
    "intensity_max",
    "liver_intensity_median",
)
CASE_COLUMNS = (
    "case",
    "patient",
    "scanner",
    "lesions",
    *_NUMBERS,
    *(
        f"{what}_{axis}{unit}"
        for what, unit in (("shape", ""), ("spacing", "_mm"))
        for axis in "ijk"
    ),
    "problems",
)
LESION_COLUMNS = ("case", "patient", "scanner", *Lesion.__struct_fields__)

#: A smaller deviation, relative to the mean, is that of headers in single precision.
_ROUNDING = 1e-6

_ROWS = (
    ("Lesions per case", "lesions_per_case"),
    ("Lesion volume, ml", "lesion_volume_ml"),
    ("Lesion diameter, axial, mm", "lesion_diameter_axial_mm"),
    ("Lesion diameter, 3D, mm", "lesion_diameter_3d_mm"),
    ("Lesion volume, % of the liver", "lesion_share_of_liver_percent"),
    ("Lesion volume, % of the MRI volume", "lesion_share_of_volume_percent"),
    ("All lesions of a case, ml", "tumour_ml"),
    ("All lesions of a case, % of the liver", "burden_percent"),
    ("Liver volume, ml", "liver_ml"),
    ("Liver volume, % of the MRI volume", "liver_share_of_volume_percent"),
    ("Slice spacing, mm", "slice_spacing_mm"),
    ("In-plane spacing, mm", "in_plane_spacing_mm"),
    ("Intensity, lowest", "intensity_min"),
    ("Intensity, median", "intensity_median"),
    ("Intensity, highest", "intensity_max"),
    ("Intensity, median in the liver", "liver_intensity_median"),
)


def prepare(out: Path) -> None:
    """Make the folder `out`, if a description can be written there.

    Raises
    ------
    OutputError
        If it cannot be made, or a table of the same name there is not a description's.
    """
    io.make_folder(out)
    for name, columns in ((CASES, CASE_COLUMNS), (LESIONS, LESION_COLUMNS)):
        path = out / name
        if path.is_file() and not path.read_bytes().startswith(",".join(columns).encode()):
            raise OutputError(
                f"{path} is another table.", "Choose another folder for the description with -o."
            )


def write(out: Path, description: Description) -> None:
    """Write all five files to the folder `out`, each atomically.

    Raises
    ------
    OutputError
        As :func:`prepare`, or if a file cannot be written.
    ResourceError
        If the picture's package is not installed; the other files are there then.
    """
    prepare(out)
    io.write_text(out / CASES, cases_csv(description.cases))
    io.write_text(out / LESIONS, lesions_csv(description.cases))
    text = msgspec.json.format(msgspec.json.encode(description), indent=2)
    io.write_bytes(out / JSON, text + b"\n")
    io.write_text(out / PAGE, page(description))
    io.write_bytes(out / PICTURE, histograms.draw(description))


def cases_csv(cases: Sequence[CaseRecord]) -> str:
    """A line per case; what is unknown is empty, as are all numbers of an unusable case."""
    return table(CASE_COLUMNS, (_case_cells(case) for case in cases))


def lesions_csv(cases: Sequence[CaseRecord]) -> str:
    """A line per lesion, by case and size; only the head where there is none."""
    return table(
        LESION_COLUMNS,
        (
            (case.case, case.patient, case.scanner, *msgspec.structs.astuple(lesion))
            for case in cases
            if case.numbers is not None
            for lesion in case.numbers.lesions or ()
        ),
    )


def _case_cells(case: CaseRecord) -> Sequence[Cell]:
    n = case.numbers
    numbers: Sequence[Cell] = (None,) * (1 + len(_NUMBERS) + 6)
    if n is not None:
        lesions = None if n.lesions is None else len(n.lesions)
        numbers = (lesions, *(getattr(n, name) for name in _NUMBERS), *n.shape, *n.spacing_mm)
    problems = " ".join(problem.text for problem in case.problems)
    return (case.case, case.patient, case.scanner, *numbers, problems)


def page(description: Description) -> str:
    """The description in Markdown that is as readable in a terminal."""
    d = description
    lines = [f"# {d.name}", "", _counts(d), ""]
    if d.scanners:
        counts = [f"{name} {n}" for name, n in d.scanners.items()]
        counts += [f"not stated {d.without_scanner}"] if d.without_scanner else []
        lines += [f"Cases per scanner: {', '.join(counts)}.", ""]
    if paragraph := as_the_paper(d):
        lines += [paragraph, ""]
    rows = [("", "mean ± SD", "median", "range", "n")]
    rows += [(title, *_cells(getattr(d.statistics, name))) for title, name in _ROWS]
    lines += [*_markdown(rows), ""]
    if d.flawed:
        lines += ["## Problems", ""]
        lines += [f"- {c.case}: {' '.join(p.text for p in c.problems)}" for c in d.flawed]
        lines.append("")
    if d.unlabelled:
        lines += [f"Images without a label map, left out: {', '.join(d.unlabelled)}.", ""]
    return "\n".join([*lines, *d.rules, "", d.notice, ""])


def as_the_paper(description: Description) -> str:
    """The sentences of the paper's section 3.1 with this set's numbers; "" if one is unknown."""
    s = description.statistics
    per_case, size, part = s.lesions_per_case, s.lesion_volume_ml, s.lesion_share_of_liver_percent
    liver, largest = s.liver_share_of_volume_percent, s.lesion_share_of_volume_percent
    if not (size.n and part.n and liver.n):
        return ""
    return (
        f"There was an average of {number(per_case.mean)} lesions per case, with a median size"
        f" of {number(size.median)} ± {number(size.sd)} mL (range {_range(size)}). The smallest"
        f" and largest lesion volumes corresponded to {number(part.low)}% and"
        f" {number(part.high)}% of the total liver volume, respectively. The liver occupies, on"
        f" average, {number(liver.mean)} ± {number(liver.sd)}%, with the largest tumor of"
        f" {number(largest.high)}% of the total MRI volume."
    )


def _counts(d: Description) -> str:
    cases = _plural(len(d.cases), "case")
    text = f"{cases} of {_plural(d.patients, 'patient')}"
    text += "" if d.lesions is None else f" with {_plural(d.lesions, 'lesion')}"
    unusable = len(d.cases) - d.usable
    text += f"; {unusable} cannot be used" if unusable else ""
    labels = ", ".join(f"{name} {number}" for name, number in d.meaning.items())
    return f"{text}. Labels: {labels}."


def _cells(spread: Spread) -> tuple[str, str, str, str]:
    mean, sd = spread.mean, spread.sd
    if mean is not None and sd is not None and sd < _ROUNDING * abs(mean):
        sd = 0.0
    both = "-" if mean is None else f"{number(mean)} ± {number(sd)}"
    return both, number(spread.median), _range(spread), str(spread.n)


def _range(spread: Spread) -> str:
    return f"{number(spread.low)}–{number(spread.high)}" if spread.n else "-"


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose columns also line up as they are; the first is text, the others numbers."""
    # Markdown wants two signs at least in the rule of a column: a dash and a colon.
    widths = [max(2, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}"]
        cells += [f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    rules = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], f"| {' | '.join(rules)} |", *lines[1:]]
