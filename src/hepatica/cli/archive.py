"""The verb for archives: batch."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.status import Status

from hepatica.cli.console import (
    SOME_FAILED,
    Bundle,
    Device,
    EngineOption,
    Json,
    PrecisionOption,
    Quiet,
    app,
    console,
)
from hepatica.cli.surgery import words
from hepatica.results.notice import RESEARCH_ONLY

#: Without a terminal, a line of progress every so often.
_LINE_S = 60.0


@app.command()
def batch(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folder tree, list, or index.csv of hepatica convert; none: go on."),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("out"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine; one per core by default.")
    ] = None,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler that runs.")] = "",
    slurm: Annotated[Path | None, typer.Option(help="JSON file: workers as SLURM jobs.")] = None,
    tls_ca: Annotated[str, typer.Option(help="PEM file of who signs; for --scheduler.")] = "",
    tls_cert: Annotated[str, typer.Option(help="PEM file of our certificate.")] = "",
    tls_key: Annotated[str, typer.Option(help="PEM file of its key.")] = "",
    memory: Annotated[
        float | None, typer.Option(min=0.1, help="GB that each worker may use.")
    ] = None,
    limit: Annotated[float, typer.Option(min=1, help="Seconds that a case may take.")] = 1800.0,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for room on a full disk.")
    ] = 600.0,
    bundle: Bundle = "default",
    engine: EngineOption = "auto",
    precision: PrecisionOption = "auto",
    device: Device = "auto",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Only workers with GPU=1; so does --device cuda.")
    ] = False,
    threads: Annotated[
        int, typer.Option(min=0, help="Of each worker's engine; 0 divides the cores.")
    ] = 0,
    save_probabilities: Annotated[
        bool, typer.Option(help="Also write the lesion probability of every voxel.")
    ] = False,
    export: Annotated[str, typer.Option(help="As of hepatica segment.")] = "",
    status: Annotated[
        bool, typer.Option("--status", help="Say how far it is; do nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what was set aside.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment an archive on many workers; run it again to go on.

    Example: hepatica batch archive/ -o out
    """
    from hepatica import case
    from hepatica.batch import cluster
    from hepatica.batch.messages import Recipe
    from hepatica.batch.security import Tls
    from hepatica.batch.start import batch as run
    from hepatica.io import models

    if status:
        _status(out, as_json)
        return
    gpu = gpu or device.startswith("cuda")
    given = (tls_ca, tls_cert, tls_key)
    if any(given) and not all(given):
        raise typer.BadParameter("Give all of --tls-ca, --tls-cert and --tls-key.")
    place = cluster.where(
        workers,
        None if memory is None else int(memory * 1e9),
        scheduler,
        slurm,
        Tls(*given) if all(given) else None,
        gpu,
    )
    recipe = Recipe(
        bundle=str(Path(bundle).absolute()) if os.sep in bundle else bundle,
        engine=engine,  # type: ignore[arg-type]
        device=device,
        precision=precision,  # type: ignore[arg-type]
        threads=threads or place.threads(),
        save_probabilities=save_probabilities,
        exports=tuple(models.require_exports(words(export), case.EXPORTS)),
        limit_s=limit,
        gpu=gpu,
    )
    show = _Progress(quiet or as_json)
    with show:
        counts = run(
            sources or [],
            out,
            place,
            recipe,
            retry_failed=retry_failed,
            patience_s=patience,
            tell=show.say,
            tick=show.tick,
        )
    _status(out, as_json, quiet)
    if counts["failed"] or counts["quarantined"]:
        raise typer.Exit(SOME_FAILED)


def _status(out: Path, as_json: bool, quiet: bool = False) -> None:
    """Say what became of the cases, and name the bad ones."""
    from hepatica.batch.manifest import Manifest

    manifest = Manifest.read(out)
    try:
        counts = manifest.counts()
        bad = [
            {k: getattr(e, k) for k in ("name", "state", "cause", "reason", "tries", "worker")}
            for e in manifest.entries("failed", "quarantined")
        ]
    finally:
        manifest.close()
    if as_json:
        told = {"cases": counts, "bad": bad, "notice": RESEARCH_ONLY}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    if quiet:
        return
    for entry in bad:
        console.print(f"{entry['name']}: {entry['state']}: {entry['reason']}", markup=False)
    told_counts = ", ".join(f"{n} {state}" for state, n in counts.items())
    console.print(f"{told_counts}: {out / 'batch.sqlite'}", markup=False)
    console.print(RESEARCH_ONLY)


class _Progress:
    """How far a run is: one line that changes on a terminal, now and then a line elsewhere."""

    def __init__(self, silent: bool) -> None:
        self.silent, self.began, self.before, self.last = silent, time.monotonic(), -1, 0.0
        self.status: Status | None = None

    def __enter__(self) -> None:
        if console.is_terminal and not self.silent:
            self.status = console.status("Starting workers")
            self.status.start()

    def __exit__(self, *error: Any) -> None:
        if self.status is not None:
            self.status.stop()

    def say(self, sentence: str) -> None:
        if not self.silent:
            console.print(sentence, markup=False)

    def tick(self, counts: dict[Any, int], workers: int) -> None:
        ended = counts["done"] + counts["quarantined"]
        if self.before < 0:
            self.before = ended
        now, total = time.monotonic(), sum(counts.values())
        rate = (ended - self.before) / max(now - self.began, 1e-9)
        left = f", about {(total - ended) / rate / 60:.0f} min left" if rate > 0 else ""
        line = (
            f"{ended}/{total} ({counts['running']} running on {workers} workers,"
            f" {counts['failed'] + counts['quarantined']} failed{left})"
        )
        if self.status is not None:
            self.status.update(line)
        elif now - self.last >= _LINE_S:
            self.last = now
            self.say(line)
