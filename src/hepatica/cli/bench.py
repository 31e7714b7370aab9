"""The verbs about how long things take on this machine: bench synth, segment, network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import Anatomies, Bundle, Exclude, Json, app, console, needs_torch, plain

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
    from hepatica.benchmark import synthesis

    work = synthesis.Work(n, tuple(anatomies or ()), tuple(exclude or ()))
    found = synthesis.synthesis(work)
    if as_json:
        console.print_json(json.dumps(asdict(found) | {"verdict": synthesis.verdict(found)}))
    else:
        plain(synthesis.table(found))


@bench.command()
def segment(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for bench.json and bench.md.")],
    bundle: Bundle = "default",
    repeats: Annotated[int, typer.Option(min=1, help="Rounds whose ratios are taken.")] = 3,
) -> None:
    """Time whole cases beside a peer's network and the arithmetic limit; twenty minutes.

    Example: hepatica bench segment -o speed
    """
    with needs_torch():
        from hepatica.benchmark import segmentation, tables
    from hepatica import io
    from hepatica.benchmark.process import to_json

    found = segmentation.measure(bundle, repeats, plain)
    io.make_folder(out)
    io.write_bytes(out / "bench.json", to_json(found))
    io.write_text(out / "bench.md", tables.segmentation(found) + "\n")
    plain(tables.segmentation(found))
    plain(tables.headline(found))


@bench.command()
def network(
    plan: Annotated[str, typer.Argument(help="A plan's name or JSON file.")] = "paper-highresnet",
    as_json: Json = False,
) -> None:
    """Time a plan's networks, with random weights, beside PyTorch and the arithmetic limit.

    Example: hepatica bench network paper-highresnet
    """
    with needs_torch():
        from hepatica.benchmark import segmentation, tables
    from hepatica.benchmark.process import to_json
    from hepatica.model.plan import named_plan

    found = segmentation.stages(named_plan(plan))
    console.print_json(to_json(found).decode()) if as_json else plain(tables.speeds(found))
