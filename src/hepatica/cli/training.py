"""The verbs about training: train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import Anatomies, Exclude, app, console, plain


@app.command()
def train(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    preset: Annotated[str, typer.Option(help="Training preset.")] = "cpu",
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    budget: Annotated[str, typer.Option(help="Such as 90min or 2h; else by steps.")] = "",
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train both stages and export a bundle to OUT/bundle.

    Example: hepatica train --preset cpu --budget 90min -o run
    """
    from hepatica.io import anatomies as collections
    from hepatica.train import start

    real = [a for f in anatomies or () for a in collections.anatomies(f, tuple(exclude or ()))]
    bundle = start(preset, real, out, budget=budget, resume=resume, report=plain)
    console.print(f"Bundle: {bundle}", markup=False)
