"""The verbs about synthetic patients: synth, realism."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import Anatomies, Exclude, app, plain


@app.command()
def synth(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")] = Path("out/synthetic"),
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, help="How many patients; 1, or none for a sheet alone."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cohort.")] = 1,
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    overwrite: Annotated[bool, typer.Option(help="Write into a cohort that is there.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that make patients.")] = 1,
    sheet: Annotated[
        bool, typer.Option("--sheet", help="Draw all phases and lesions, and the patients, if any.")
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(help="Real image, or folder of them, that gets lesions; -n variants of each."),
    ] = None,
    livers: Annotated[
        Path | None, typer.Option(help="Its label map, or a folder of them, named like the images.")
    ] = None,
    liver_label: Annotated[
        int | None, typer.Option(min=1, max=255, help="Which label is the liver, if not 1.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(help="Phase of the real images; else a phase at random.")
    ] = None,
) -> None:
    """Make synthetic T1CE patients with exact labels, or put lesions into real images.

    Example: hepatica synth -n 4 -o synthetic --seed 1
    """
    from hepatica.io import anatomies as collections
    from hepatica.io import patients

    if (into is None) != (livers is None):
        raise typer.BadParameter("--into names images, and --livers their label maps; give both.")
    if into is None and (liver_label is not None or phase is not None):
        raise typer.BadParameter("--liver-label and --phase are about the images of --into.")
    patterns = tuple(exclude or ())
    real = [a for f in anatomies or () for a in collections.anatomies(f, patterns)]
    n = n if n is not None else 0 if sheet and into is None else 1
    images = []
    if n:
        if into is not None and livers is not None:
            from hepatica.io import implants
            from hepatica.synth.patient import COHORT

            hosts, alone = implants.pair(into, livers, patterns)
            for name in alone:
                plain(f"{name} has no label map and is left out.")
            recipe = COHORT if phase is None else COHORT.in_phase(phase)
            shapes = tuple(s for anatomy in real for s in anatomy.shapes)
            task = implants.Task(n, seed, recipe, liver_label, shapes)
            made = implants.write_implants(out, hosts, task, overwrite=overwrite, workers=workers)
        else:
            made = patients.write_cohort(out, n, seed, real, overwrite=overwrite, workers=workers)
        for path in made:
            plain(str(path))
            images.append(path)
    if sheet:
        from hepatica import gallery

        for path in gallery.write_sheets(out, seed, real, images):
            plain(str(path))


@app.command()
def realism(
    folder: Annotated[Path, typer.Argument(help="Real volumes with organ labels.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for table and picture.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many synthetic patients.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic patients.")] = 1,
    phase: Annotated[str, typer.Option(help="Their phase, which should be the real one.")] = "t2",
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    volumes: Annotated[bool, typer.Option(help="Compare the organs' volumes too.")] = True,
) -> None:
    """Measure how real synthetic patients look.

    Example: hepatica realism mri_folder -o realism --phase t2 --no-volumes
    """
    from hepatica.evaluate import realism
    from hepatica.io import anatomies as collections

    drawn = realism.recipe(phase)
    patterns = tuple(exclude or ())
    pool = [a for f in anatomies or () for a in collections.anatomies(f, patterns)]
    samples = [*realism.real(folder, patterns), *realism.synthetic(n, seed, drawn, pool)]
    measures = [m for m in realism.MEASURES if volumes or m not in realism.VOLUMES]
    compared = realism.compare(samples, measures)
    realism.write(out, samples, compared)
    plain(realism.table(compared))
