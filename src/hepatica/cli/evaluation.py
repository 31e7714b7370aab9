"""The verbs about how good it is: evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import FAILED, app, errors, meaning, plain


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
    method: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: predictions of another method, to compare with."),
    ] = None,
    name: Annotated[str, typer.Option(help="What the first method is called.")] = "ours",
    published: Annotated[
        bool, typer.Option("--published", help="Show what the paper reports beside it.")
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="The references are corrections of the predictions: CSV of case and minutes."
        ),
    ] = None,
) -> None:
    """Score predictions against references.

    Example: hepatica evaluate out references -o scores
    """
    from hepatica import io
    from hepatica.evaluate import methods, pairs, tables
    from hepatica.evaluate.corrections import read_minutes
    from hepatica.evaluate.study import Study
    from hepatica.evaluate.study import evaluate as score

    folders = {name: predictions} | _methods(method or (), name)
    minutes = None if corrections is None else read_minutes(corrections)
    studies: dict[str, Study] = {}
    for called, folder in folders.items():
        found, lonely = pairs.pair(folder, references)
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
                plain(f"{one.prediction.name} against {one.reference.name}")
        scores = score(found, meaning(reference_labels), resampled=resample, workers=workers)
        studies[called] = Study(tuple(scores), tuple(lonely))
    tables.write(out, studies[name], minutes)
    plain(tables.text(studies[name]))
    if len(studies) > 1 or published:
        compared, left_out = methods.shared(studies)
        rows = methods.compare(compared)
        methods.write(out, rows, left_out, published)
        plain(methods.markdown(rows, published))


def _methods(given: Sequence[str], first: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given:
        called, equals, folder = text.partition("=")
        if not called or not equals or not folder or called == first or called in found:
            raise typer.BadParameter(f"--method {text!r} is not NAME=FOLDER, each name once.")
        found[called] = Path(folder)
    return found
