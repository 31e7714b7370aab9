"""The verbs about synthetic patients: synth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import Anatomies, Exclude, app, console


@app.command()
def synth(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many patients.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the cohort.")] = 1,
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    overwrite: Annotated[bool, typer.Option(help="Write into a cohort that is there.")] = False,
) -> None:
    """Make synthetic T1CE patients with exact labels.

    Example: hepatica synth -n 4 -o synthetic --seed 1
    """
    from hepatica.io import anatomies as collections
    from hepatica.io import patients

    real = [a for f in anatomies or () for a in collections.anatomies(f, tuple(exclude or ()))]
    for path in patients.write_cohort(out, n, seed, real, overwrite=overwrite):
        console.print(str(path), markup=False)
