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

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from hepatica.cli.console import SOME_FAILED, Json, Quiet, app, console, errors, plain
from hepatica.results.notice import RESEARCH_ONLY

Source = Annotated[Path, typer.Argument(help="Folder, zip or DICOMDIR with DICOM files.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")]
Overwrite = Annotated[bool, typer.Option(help="Replace an earlier result of this command.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="File of the key that leads back; beside the results by default."),
]


@app.command()
def convert(
    source: Source,
    out: Out,
    index: Annotated[bool, typer.Option(help="Also write index.csv, a line per study.")] = False,
    anonymize: Annotated[
        bool, typer.Option(help="Write nothing that identifies the patient, and search for it.")
    ] = False,
    key: KeyFile = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write every volume of a DICOM study as NIfTI, and say what each is.

    Example: hepatica convert study/ -o volumes
    """
    if key is not None and not anonymize:
        raise typer.BadParameter("a key is for --anonymize.", param_hint="--key")
    from hepatica.io.dicom import conversion

    with _spinner(quiet or as_json) as progress:
        made = conversion.run(
            source,
            out,
            index=index,
            overwrite=overwrite,
            anonymize=anonymize,
            key=key,
            progress=progress,
        )
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


@app.command()
def anonymize(
    source: Source,
    out: Out,
    retain_device: Annotated[bool, typer.Option(help="Keep which scanner it was.")] = False,
    retain_patient: Annotated[bool, typer.Option(help="Keep age, sex, size and weight.")] = False,
    shift_dates: Annotated[
        bool, typer.Option(help="Shift dates by days of each patient's own; else remove them.")
    ] = False,
    key: KeyFile = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """De-identify DICOM images to a profile of the standard, and audit what was written.

    Example: hepatica anonymize study/ -o shared
    """
    from hepatica.io.dicom import anonymization
    from hepatica.io.dicom.profile import Options

    options = Options(retain_device, retain_patient, shift_dates)
    with _spinner(quiet or as_json) as progress:
        made = anonymization.run(
            source, out, options=options, key=key, overwrite=overwrite, progress=progress
        )
    report = made.report
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    elif not quiet:
        plain(f"{report.files_written} files de-identified to {report.profile} -> {out}")
        plain(f"Audit: {out / anonymization.AUDIT}, {out / anonymization.AUDIT_TABLE}")
        plain(f"Key:   {made.key} (keep it apart from the data)")
        for warning in report.warnings:
            plain(f"  {warning}")
        plain(report.caution)
    for left in report.files_left_out:
        errors.print(f"Left out: file {left.number}, as {left.reason}.", markup=False)
    if report.leaks or any("damaged" in left.reason for left in report.files_left_out):
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
