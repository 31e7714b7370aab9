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
) -> None:
    """Score predictions against references.

    Example: hepatica evaluate out references -o scores
    """
    from hepatica import io
    from hepatica.evaluate import study

    pairs, lonely = study.pair(predictions, references)
    if not pairs:
        names = ", ".join(lonely[:8]) + (" ..." if len(lonely) > 8 else "")
        errors.print(
            f"Error: no prediction has a reference of the same name: {names}.",
            style="red",
            markup=False,
        )
        raise typer.Exit(FAILED)
    for one in pairs:
        if io.case_name(one.prediction).removesuffix("_seg") != io.case_name(one.reference):
            console.print(f"{one.prediction.name} against {one.reference.name}", markup=False)
    scores = study.score(pairs, meaning(reference_labels))
    study.write(out, scores, lonely)
    console.print(study.table(scores, lonely), markup=False)
