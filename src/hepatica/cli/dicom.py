"""The verbs for DICOM studies: convert, anonymize."""

from __future__ import annotations

import csv
import io as text
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from hepatica.cli.console import SOME_FAILED, Json, Quiet, app, console, errors
from hepatica.results.notice import RESEARCH_ONLY

Source = Annotated[Path, typer.Argument(help="Folder, zip or DICOMDIR with DICOM files.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")]
Overwrite = Annotated[bool, typer.Option(help="Replace an earlier result of this command.")]


@app.command()
def convert(
    source: Source,
    out: Out,
    index: Annotated[bool, typer.Option(help="Also write index.csv, a line per study.")] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write every volume of a DICOM study as NIfTI, and say what each is.

    Example: hepatica convert study/ -o volumes
    """
    from hepatica.io.dicom import conversion

    with _spinner(quiet or as_json) as progress:
        made = conversion.run(source, out, index=index, overwrite=overwrite, progress=progress)
    rows = list(csv.DictReader(text.StringIO(made.series)))
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    elif not quiet:
        _show(rows)
        console.print(f"{made.written} volumes -> {out}. {RESEARCH_ONLY}", markup=False)
    for sentence in made.failures:
        errors.print(f"Error: {sentence}", style="red", markup=False)
    if made.failures:
        raise typer.Exit(SOME_FAILED)


@contextmanager
def _spinner(silent: bool) -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being done."""
    if silent or not console.is_terminal:
        yield lambda step: None
        return
    with console.status("reading") as status:
        yield lambda step: status.update(step)


def _show(rows: list[dict[str, str]]) -> None:
    """The volumes of a study, the T1CE marked."""
    shown = Table(box=None, pad_edge=False)
    for head in ("", "series", "description", "what", "grid", "file"):
        shown.add_column(head, overflow="fold")
    for row in rows:
        what = [row["kind"], "fat-saturated" if row["fat_saturated"] == "true" else ""]
        what += [f"{row['phase']} ({row['phase_confidence']})" if row["phase"] else ""]
        grid = " x ".join(row[n] for n in ("columns", "rows", "slices") if row[n])
        file = row["file"] or row["status"]
        mark = "T1CE" if row["t1ce"] == "true" else ""
        cells = (mark, row["series"], row["description"], ", ".join(filter(None, what)), grid, file)
        shown.add_row(*(Text(cell) for cell in cells))
    console.print(shown)
    if not any(row["t1ce"] == "true" for row in rows):
        console.print("None of them is clearly the contrast-enhanced T1.")
    for row in rows:
        if row["t1ce"] == "true":
            console.print(f"{row['series']} is taken as the T1CE: {row['why']}.", markup=False)
