"""Data sets in tables: a CSV of images and label maps, and whose the cases of a folder are."""

from __future__ import annotations

import csv
import io as text
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hepatica.core.errors import InputError
from hepatica.dataset.entries import Entry, first
from hepatica.io import case_name, checks

TABLES = (".csv", ".tsv")
#: Beside the cases of a folder: columns case, patient, scanner.
PATIENTS = "patients.csv"

_CASE = ("case", "id")


@dataclass(frozen=True)
class Row:
    """A line of a table: its number in the file, and its cells by column; "" where empty."""

    line: int
    cells: dict[str, str]

    def get(self, *columns: str) -> str:
        """The cell in the first of `columns` that the table has; "" if it has none."""
        return next((self.cells[c] for c in columns if c in self.cells), "")


def rows(path: Path, needed: Sequence[str]) -> list[Row]:
    """The lines of a table with a head, separated by commas, semicolons or tabs.

    Column names are in lower case; empty lines and comments (#) do not count. The list
    is empty if there is only the head.

    Raises
    ------
    InputError
        If it is not UTF-8, lacks a column of `needed`, names a column twice, or if a
        line has more cells than the head.
    """
    with checks.readable(path):
        try:
            content = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name} is not UTF-8 text.", "Save it as UTF-8.") from error
    lines = _lines(path, content)
    head = [cell.lower() for cell in lines[0][1]] if lines else []
    for column in needed:
        if column not in head:
            named = first([column for column in head if column], 8) or "no columns"
            raise InputError(
                f"{path.name} has no column {column!r}; it has {named}.",
                "Write the columns' names into its first line.",
            )
    if twice := [column for column in head if column and head.count(column) > 1]:
        raise InputError(f"{path.name} has two columns {twice[0]!r}.", "Remove or rename one.")
    found = []
    for line, cells in lines[1:]:
        if any(cells[len(head) :]):
            raise InputError(
                f"{path.name} has {len(cells)} cells in line {line} and {len(head)} columns.",
                'Put a path that contains the separator between quotes (").',
            )
        filled = [*cells, *[""] * len(head)]
        found.append(Row(line, dict(zip(head, filled, strict=False))))
    return found


def _lines(path: Path, content: str) -> list[tuple[int, list[str]]]:
    """Number and stripped cells of every line that is not empty or a comment."""
    start = next((line for line in content.splitlines() if _counts([line])), "")
    delimiter = max(",;\t", key=start.count)
    reader = csv.reader(
        text.StringIO(content, newline=""), delimiter=delimiter, skipinitialspace=True
    )
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise InputError(
            f"{path.name} is not a table: line {reader.line_num}: {error}.", "Export it again."
        ) from error
    return [(number, cells) for number, cells in lines if _counts(cells)]


def _counts(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#")


def entries(path: Path) -> tuple[Entry, ...]:
    """The cases of a table with columns ``image`` and ``label``, in its order.

    Further columns may be ``case`` (or ``id``; else the image's name), ``patient``
    (else the case's) and ``scanner``. Relative paths start at the table's folder.

    Raises
    ------
    InputError
        As :func:`rows`; and, with the line, for a cell that is empty, a file that does
        not exist, and a case or a file that was there before.
    """
    found: list[Entry] = []
    lines: dict[str, int] = {}
    for row in rows(path, ("image", "label")):
        where = f"{path.name}, line {row.line}"
        image, label = (_existing(path, row, column, where) for column in ("image", "label"))
        case = row.get(*_CASE) or case_name(image)
        for what in (f"case {case}", f"file {image}", f"file {label}"):
            if what in lines:
                raise InputError(
                    f"{where}: the {what} is already in line {lines[what]}.",
                    "Remove one of the lines, or tell equal names apart in a column 'case'.",
                )
            lines[what] = row.line
        patient = row.get("patient") or case
        found.append(Entry(case, image, label, patient, row.get("scanner") or None))
    return tuple(found)


def _existing(path: Path, row: Row, column: str, where: str) -> Path:
    cell = row.get(column)
    if not cell:
        raise InputError(f"{where}: the {column} is missing.", "Fill the cell or remove the line.")
    file = path.parent / cell
    if not file.exists():
        file = path.parent / cell.replace("\\", "/")  # written on Windows
    # An image may be a folder with a DICOM series.
    if not (file.is_file() or (column == "image" and checks.is_folder(file))):
        raise InputError(
            f"{where}: {cell} does not exist.", f"Paths start at {path.parent.resolve()}."
        )
    return file


def with_patients(found: Sequence[Entry], folder: Path) -> tuple[Entry, ...]:
    """The entries with the patients and scanners that ``patients.csv`` in `folder` states.

    Without that file they stay as they are. It may name further cases.

    Raises
    ------
    InputError
        As :func:`rows`; and if it names a case twice or lacks one.
    """
    path = folder / PATIENTS
    if not path.is_file():
        return tuple(found)
    known: dict[str, Row] = {}
    for row in rows(path, ("case",)):
        case = row.get("case")
        if case in known:
            raise InputError(
                f"{path.name}, line {row.line}: the case {case} is already in line"
                f" {known[case].line}.",
                "Remove one of the lines.",
            )
        known[case] = row
    if missing := [entry.case for entry in found if entry.case not in known]:
        raise InputError(
            f"{path.name} does not name the case {first(missing)}.",
            "Write a line for every case, or remove the file.",
        )
    return tuple(
        replace(
            entry,
            patient=known[entry.case].get("patient") or entry.case,
            scanner=known[entry.case].get("scanner") or None,
        )
        for entry in found
    )
