"""Tables for spreadsheets: CSV in which no cell breaks a line or runs as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None
_BLANKS = str.maketrans("\t\r\n\v\f", "     ")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV with a line of `columns` and one per row; unknown (None) is an empty cell.

    Numbers carry six significant digits.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return out.getvalue()


def _written(cell: Cell) -> str:
    """A cell as text on one line; what a spreadsheet would run as a formula gets a ' before it.

    Line ends and tabs become blanks: a bare carriage return would begin a new line,
    with a first cell of its own.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return format(cell, ".6g")
    if isinstance(cell, int):
        return str(cell)
    line = cell.translate(_BLANKS)
    return f"'{line}" if line.lstrip().startswith(("=", "+", "-", "@")) else line
