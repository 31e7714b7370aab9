"""The verbs about how good it is: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import FAILED, app, console, errors, meaning


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    references: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tables.")],
    reference_labels: Annotated[
        str, typer.Option(help="Meaning of the references' labels, such as liver=5,tumour=7.")
    ] = "",
    resample: Annotated[
        bool, typer.Option("--resample", help="Bring predictions onto the references' grids.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that score.")] = 1,
) -> None:
    """Score predictions against references.

    Example: hepatica evaluate out references -o scores
    """
    from hepatica import io
    from hepatica.evaluate import pairs, study, tables

    found, lonely = pairs.pair(predictions, references)
    if not found:
        names = ", ".join(lonely[:8]) + (" ..." if len(lonely) > 8 else "")
        errors.print(
            f"Error: no prediction has a reference of the same name: {names}.",
            style="red",
            markup=False,
        )
        raise typer.Exit(FAILED)
    for one in found:
        if io.case_name(one.prediction).removesuffix("_seg") != io.case_name(one.reference):
            console.print(f"{one.prediction.name} against {one.reference.name}", markup=False)
    scores = study.evaluate(found, meaning(reference_labels), resampled=resample, workers=workers)
    made = study.Study(tuple(scores), tuple(lonely))
    tables.write(out, made)
    console.print(tables.text(made), markup=False)
