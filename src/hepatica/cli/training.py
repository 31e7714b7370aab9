"""The verbs about training: train, compare, quantize."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import (
    Anatomies,
    Device,
    Exclude,
    app,
    console,
    meaning,
    needs_torch,
    plain,
)

Preset = Annotated[str, typer.Option(help="A preset that ships, or a JSON file of one's own.")]
Data = Annotated[
    Path | None, typer.Option(help="Data set: nnU-Net, Decathlon, folder of pairs, or CSV.")
]
Labels = Annotated[
    str, typer.Option(help="Meaning of the data set's labels, such as liver=1,tumour=2.")
]
Split = Annotated[Path | None, typer.Option(help="Split of the data set; else one is drawn.")]
Fold = Annotated[int, typer.Option(min=0, help="Which fold of the split, from 1.")]
Budget = Annotated[str, typer.Option(help="Such as 90min or 2h; else by steps.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that make samples; 1: this one.")]


@app.command()
def train(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    preset: Preset = "cpu",
    data: Data = None,
    labels: Labels = "",
    split: Split = None,
    fold: Fold = 0,
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    budget: Budget = "",
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    start: Annotated[
        str, typer.Option("--from", help="Bundle whose weights to start from: fine-tuning.")
    ] = "",
    stage: Annotated[
        int, typer.Option(min=0, max=2, help="1 or 2: only that one, the other is --from's.")
    ] = 0,
    workers: Workers = 1,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option(help="Say what it would cost, and stop.")] = False,
    snapshot: Annotated[
        bool, typer.Option(help="Export what the run has kept so far to OUT/snapshot.")
    ] = False,
) -> None:
    """Train both stages and export a bundle to OUT/bundle.

    Without --data it learns from synthetic patients alone, so it runs anywhere.

    Example: hepatica train --preset cpu --budget 90min -o run
    """
    with needs_torch():
        from hepatica.train import budget_s, cascade, config, estimate, material, signals
    from hepatica.model import bundle as bundles

    training = config.preset(preset)
    seconds = budget_s(budget)
    begin = bundles.load(start) if start else None
    if snapshot:
        # By what the run itself was told, whatever the preset says.
        made = cascade.snapshot(cascade.told(out), out, begin)
        console.print(f"Bundle: {made.folder}", markup=False)
        return
    found = material.gather(
        anatomies or (), exclude or (), data, meaning(labels), split, fold or None, out, not dry_run
    )
    if dry_run:
        for line in estimate.report(training, found, begin, device, seconds):
            plain(line)
        return
    with signals.asked_to_stop() as stop:
        settings = cascade.Settings(
            budget_s=seconds,
            resume=resume,
            start=begin,
            stage=stage - 1 if stage else None,
            workers=workers,
            device=device,
            stop=stop,
            report=plain,
        )
        bundle = cascade.train(training, found, out, settings)
    if bundle is not None:
        console.print(f"Bundle: {bundle.folder}", markup=False)


@app.command()
def compare(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the runs and the table.")],
    preset: Preset = "compare",
    network: Annotated[
        list[str] | None, typer.Option(help="One of the paper's four; all if not given.")
    ] = None,
    data: Data = None,
    labels: Labels = "",
    split: Split = None,
    fold: Fold = 0,
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    budget: Budget = "",
    resume: Annotated[bool, typer.Option(help="Go on; what is finished is kept.")] = False,
    workers: Workers = 1,
    device: Device = "auto",
) -> None:
    """Train the paper's four networks alike and print its Table 1.

    The preset's plan is a family: `small` (a grid for CPUs) or `paper`.

    Example: hepatica compare --budget 10min -o comparison
    """
    with needs_torch():
        from hepatica.train import budget_s, cascade, compare, config, material, signals

    chosen = network or list(compare.NETWORKS)
    if unknown := sorted(set(chosen) - set(compare.NETWORKS)):
        known = ", ".join(compare.NETWORKS)
        raise typer.BadParameter(f"{', '.join(unknown)}: not one of {known}.")
    training = config.preset(preset)
    seconds = budget_s(budget)
    found = material.gather(
        anatomies or (), exclude or (), data, meaning(labels), split, fold or None, out
    )
    with signals.asked_to_stop() as stop:
        settings = cascade.Settings(
            budget_s=seconds,
            resume=resume,
            workers=workers,
            device=device,
            stop=stop,
            report=plain,
        )
        rows = compare.compare(training, found, out, settings, chosen)  # type: ignore[arg-type]
    plain(compare.table(rows))


@app.command()
def quantize(
    bundle: Annotated[str, typer.Argument(help="Bundle: a name or a folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the new bundle.")],
    data: Data = None,
    labels: Labels = "",
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Synthetic patients to measure on.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is other patients.")] = 700,
) -> None:
    """Add int8 models to a bundle, and measure what each precision costs in Dice.

    `hepatica segment` then takes the fastest precision that loses little enough on synthetic
    patients and on all cases of --data.

    Example: hepatica quantize run/bundle -o faster
    """
    with needs_torch():
        from hepatica.train import quantize as quantization
        from hepatica.train.sets import sets
    from hepatica.model import bundle as bundles

    chosen = sets(n, seed, anatomies or (), exclude or (), data, meaning(labels))
    made = quantization.quantize(bundles.load(bundle), out, chosen, plain)
    console.print(f"Bundle: {made.folder}", markup=False)


@app.command()
def calibrate(
    bundle: Annotated[str, typer.Argument(help="Bundle: a name or a folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the new bundle.")],
    data: Data = None,
    labels: Labels = "",
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Synthetic patients to learn from.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is other patients.")] = 750,
    least: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Confidence of a lesion; by default for the best F1."),
    ] = None,
) -> None:
    """Learn how far a bundle's lesions can be believed, and leave out those that cannot.

    Example: hepatica calibrate run/bundle -o believed
    """
    with needs_torch():
        from hepatica.train import calibrate as calibration
        from hepatica.train.sets import sets
    from hepatica.model import bundle as bundles

    chosen = sets(n, seed, anatomies or (), exclude or (), data, meaning(labels))
    made = calibration.calibrate(bundles.load(bundle), out, chosen, least, plain)
    console.print(f"Bundle: {made.folder}", markup=False)
