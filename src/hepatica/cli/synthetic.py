"""The verbs about synthetic patients: synth, realism."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepatica.cli.console import FAILED, SOME_FAILED, Anatomies, Exclude, app, errors, plain

if TYPE_CHECKING:
    from hepatica.io.implants import Host, Task

#: As `hepatica.synth.signal` has them; to import it takes longer than to show help.
PHASES = "pre, late_arterial, portal_venous, delayed, hepatobiliary or t2"
RANDOM_PHASE = (
    "lesions get the contrast of a phase drawn at random for each image; if you know its phase,"
    " say so, for example --phase portal_venous."
)


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
    overwrite: Annotated[bool, typer.Option(help="Replace the cohort that is there.")] = False,
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
        str | None, typer.Option(help=f"Phase of all images: {PHASES}; else one at random.")
    ] = None,
    lesions: Annotated[
        int | None, typer.Option(min=0, max=100, help="Metastases of each; else drawn.")
    ] = None,
) -> None:
    """Make synthetic T1CE patients with exact labels, or put lesions into real images.

    Example: hepatica synth -n 4 -o synthetic --seed 1
    """
    from dataclasses import replace

    from hepatica.io import anatomies as collections
    from hepatica.io import patients
    from hepatica.synth.recipe import COHORT

    if (into is None) != (livers is None):
        raise typer.BadParameter("--into names images, and --livers their label maps; give both.")
    if into is None and liver_label is not None:
        raise typer.BadParameter("--liver-label is about the label maps of --livers.")
    recipe = replace(COHORT if phase is None else COHORT.in_phase(phase), lesion_count=lesions)
    patterns = tuple(exclude or ())
    real = collections.gather(anatomies or (), patterns)
    if into is not None and livers is not None:
        from hepatica.io import implants

        shapes = real[0].shapes if real else ()  # each has those of all
        task = implants.Task(n or 1, seed, recipe, liver_label, shapes)
        hosts, alone = implants.pair(into, livers, patterns)
        for name in alone:
            plain(f"{name} has no label map and is left out.")
        if phase is None:
            errors.print(f"Note: {RANDOM_PHASE}", markup=False)
        _put(out, hosts, task, overwrite=overwrite, workers=workers, sheet=sheet)
        return
    n = n if n is not None else 0 if sheet else 1
    images = []
    if n:
        made = patients.write_cohort(
            out, n, seed, real, recipe, overwrite=overwrite, workers=workers
        )
        images = list(_printed(made))
    if sheet:
        from hepatica import gallery

        for path in gallery.write_sheets(out, seed, real, images):
            plain(str(path))


def _printed(paths: Iterable[Path]) -> Iterator[Path]:
    """The same paths, each printed as soon as it is there."""
    for path in paths:
        plain(str(path))
        yield path


def _put(
    out: Path, hosts: Sequence[Host], task: Task, *, overwrite: bool, workers: int, sheet: bool
) -> None:
    """Put lesions into the images that can be used, and name the others at the end."""
    from hepatica.io import implants

    failures: list[implants.Failure] = []
    made = implants.write_implants(
        out, hosts, task, overwrite=overwrite, workers=workers, failures=failures
    )
    images = list(_printed(made))
    if sheet and images:
        from hepatica import gallery

        plain(str(gallery.write_cohort(out, images)))
    for failure in failures:
        errors.print(f"Error: {failure.sentence}", style="red", markup=False)
    if failures and len(hosts) > 1:
        plain(f"{len(hosts) - len(failures)} done, {len(failures)} failed")
    if failures:
        raise typer.Exit(SOME_FAILED if len(hosts) > 1 else FAILED)


@app.command()
def realism(
    folder: Annotated[Path, typer.Argument(help="Real volumes with organ labels.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for table and picture.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many synthetic patients.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic patients.")] = 1,
    phase: Annotated[
        str, typer.Option(help=f"Their phase, which should be the real one: {PHASES}.")
    ] = "t2",
    anatomies: Anatomies = None,
    exclude: Exclude = None,
    volumes: Annotated[bool, typer.Option(help="Compare the organs' volumes too.")] = True,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier comparison.")] = False,
) -> None:
    """Measure how real synthetic patients look.

    Example: hepatica realism mri_folder -o realism --phase t2 --no-volumes
    """
    from hepatica.evaluate import realism
    from hepatica.io import anatomies as collections

    patterns = tuple(exclude or ())
    asked = realism.Question(folder, n, seed, phase, tuple(anatomies or ()), patterns, volumes)
    drawn = realism.recipe(phase)
    realism.require_new(out, overwrite)
    pool = collections.gather(asked.anatomies, patterns)
    samples = [*realism.real(folder, patterns), *realism.synthetic(n, seed, drawn, pool)]
    compared = realism.compare(samples, asked.measures)
    realism.write(out, asked, samples, compared, pool)
    plain(realism.table(compared))
