"""The verbs about how long things take on this machine: bench synth."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from hepatica.cli.console import Anatomies, Exclude, Json, app, console, plain

bench = typer.Typer(
    name="bench", help="How long things take on this machine.", no_args_is_help=True
)
app.add_typer(bench)


@bench.command()
def synth(
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many patients of each sort.")] = 40,
    as_json: Json = False,
) -> None:
    """Time the making of synthetic patients, on one core.

    Example: hepatica bench synth -n 40
    """
    from hepatica import benchmark

    work = benchmark.Work(n, tuple(anatomies or ()), tuple(exclude or ()))
    found = benchmark.synthesis(work)
    if as_json:
        console.print_json(json.dumps(asdict(found) | {"verdict": benchmark.verdict(found)}))
    else:
        plain(benchmark.table(found))
