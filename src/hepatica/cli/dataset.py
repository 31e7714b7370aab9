"""The verbs about data sets: dataset describe, dataset split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import SOME_FAILED, app, console, errors, meaning, plain
from hepatica.core.errors import OutputError

verbs = typer.Typer(no_args_is_help=True, help="Describe a data set, or split it by patient.")
app.add_typer(verbs, name="dataset")

Source = Annotated[
    Path,
    typer.Argument(help="nnU-Net or Decathlon folder, folder of images with labels, or CSV."),
]
Labels = Annotated[
    str, typer.Option(help="Meaning of its labels, such as liver=1,tumour=2; others: background.")
]


@verbs.command()
def describe(
    source: Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for tables and picture.")],
    labels: Labels = "",
    strict: Annotated[bool, typer.Option(help="Exit with 3 if a case has a problem.")] = False,
) -> None:
    """The paper's numbers of a data set, and what is wrong with its cases.

    Example: hepatica dataset describe cohort -o description
    """
    from hepatica.dataset import describe as described
    from hepatica.dataset import find, pages

    dataset = find(source, meaning(labels))
    pages.prepare(out)  # a folder that cannot be written is known before any work
    with console.status("Reading ...") as status:
        n = len(dataset.entries)
        description = described.describe(
            dataset, lambda number, case: status.update(f"[{number}/{n}] {case}")
        )
    plain(pages.page(description).rstrip("\n"))
    pages.write(out, description)
    plain(f"Tables and picture: {out}")
    if strict and description.flawed:
        raise typer.Exit(SOME_FAILED)


@verbs.command()
def split(
    source: Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="JSON file for the split.")],
    parts: Annotated[
        str, typer.Option(help="Shares of training, validation and test, or of the first two.")
    ] = "",
    folds: Annotated[int, typer.Option(min=0, help="So many folds instead of parts.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another is another split.")] = 0,
    labels: Labels = "",
    overwrite: Annotated[bool, typer.Option(help="Replace a split that is there.")] = False,
) -> None:
    """Split a data set by patient, with every scanner in every part; 60/10/10 as in the paper.

    Example: hepatica dataset split cohort -o split.json --parts 60/10/10
    """
    from hepatica.dataset import balance, find, splits

    if parts and folds:
        raise typer.BadParameter("--parts and --folds are two ways to split; take one.")
    asked = _shares(parts) if parts else splits.PARTS
    if out.exists() and not overwrite:
        raise OutputError(
            f"{out} exists already, and results may depend on it.",
            "Choose another name, or use --overwrite.",
        )
    dataset = find(source, meaning(labels))
    if folds:
        drawn = splits.cross_validation(dataset, folds, seed)
    else:
        drawn = splits.draw(dataset, asked, seed)
    splits.write(out, drawn)
    plain(balance.table(drawn, dataset))
    for remark in balance.remarks(drawn, dataset):
        errors.print(f"Note: {remark}", markup=False)
    plain(f"Split: {out}")


def _shares(text: str) -> dict[str, float]:
    """The parts that ``60/10/10`` or ``80/20`` names."""
    words = text.split("/")
    try:
        shares = [float(word) for word in words]
    except ValueError:
        shares = []
    if not 2 <= len(shares) <= 3 or not all(0 <= share < 1e9 for share in shares):
        raise typer.BadParameter(f"{text!r} is not like 60/10/10 or 80/20.")
    return dict(zip(("train", "validation", "test"), shares, strict=False))
