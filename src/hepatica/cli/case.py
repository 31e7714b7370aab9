"""The verbs that segment: segment, demo, doctor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hepatica.cli.console import (
    FAILED,
    SOME_FAILED,
    Bundle,
    Device,
    EngineOption,
    Json,
    PrecisionOption,
    Quiet,
    Threads,
    Verbose,
    app,
    console,
    errors,
)
from hepatica.cli.surgery import Margins, millimetres, words
from hepatica.core.errors import HepaticaError
from hepatica.results.notice import RESEARCH_ONLY

if TYPE_CHECKING:
    from hepatica.io.inputs import Case


@app.command()
def segment(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Image file, DICOM folder or zip, folder of these, .txt/.csv list."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    bundle: Bundle = "default",
    engine: EngineOption = "auto",
    precision: PrecisionOption = "auto",
    device: Device = "auto",
    threads: Threads = 0,
    series: Annotated[
        str | None,
        typer.Option(help="Which volume of a DICOM study; see hepatica convert."),
    ] = None,
    save_probabilities: Annotated[
        bool, typer.Option(help="Also write the lesion probability of every voxel.")
    ] = False,
    export: Annotated[
        str,
        typer.Option(
            help="Also stl, obj, ply, glb, 3mf, seg-nrrd, itk-snap, scene, dicom-seg, dicom-sr,"
            " dicom-stl; with commas."
        ),
    ] = "",
    margins: Margins = "",
    report: Annotated[str, typer.Option(help="html, or pdf as well (extra pdf).")] = "html",
    resume: Annotated[bool, typer.Option(help="Keep results that are there already.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Segment liver and lesions.

    Example: hepatica segment patient.nii.gz -o out
    """
    from hepatica import case, io
    from hepatica.io import models

    if report not in ("html", "pdf"):
        raise typer.BadParameter(f"--report {report!r} is neither html nor pdf.")
    exports = models.require_exports(words(export), case.EXPORTS)
    wanted = case.Wanted(
        probabilities=save_probabilities,
        exports=exports,
        models=models.ModelOptions(margins_mm=millimetres(margins)),
        pdf=report == "pdf",
    )
    if resume and overwrite:
        raise typer.BadParameter("--resume keeps results and --overwrite replaces them; take one.")
    sources = io.expand_inputs(inputs)
    there = {name for name, _ in sources if (out / name).exists()}
    model = case.Model.load(
        bundle,
        engine,  # type: ignore[arg-type]
        device=device,
        threads=threads,
        precision=precision,  # type: ignore[arg-type]
    )
    show = _Show(as_json, quiet, verbose)
    rows: list[Any] = []
    case.write_cases(out, rows)  # a folder that cannot be written is known before any work

    def begin(numbered: tuple[int, Case]) -> case.Finish:
        number, (name, source) = numbered
        with show.steps(f"[{number}/{len(sources)}] {name}") as progress:
            return case.segment_case(
                source,
                out,
                model,
                case=name,
                series=series,
                overwrite=overwrite,
                resume=resume,
                wanted=wanted,
                progress=progress,
            )

    for (_, (name, _)), report_of in case.several(enumerate(sources, 1), begin):
        try:
            result = report_of.result()
        except (HepaticaError, MemoryError) as error:
            sentence = str(error) or f"{name} needs more memory than there is."
            rows.append(case.failed_row(name, sentence))
            show.failed(name, sentence)
        except Exception as error:
            # A fault of ours in one case must not cost the others their result.
            sentence = f"{name}: unexpected {type(error).__name__}: {error}"
            rows.append(case.failed_row(name, sentence))
            show.failed(name, sentence)
        else:
            rows.append(case.done_row(result))
            show.done(result, out / name, kept=resume and name in there)
        case.write_cases(out, rows)
    bad = sum(row.status == "failed" for row in rows)
    if len(sources) > 1:
        page = case.write_cohort_page(out)
        show.say(f"{len(rows) - bad} done, {bad} failed: {out / 'cases.csv'}, {page}")
    show.close()
    if bad:
        raise typer.Exit(SOME_FAILED if len(sources) > 1 else FAILED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another patient.")] = 42,
    bundle: Bundle = "default",
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier demo.")] = False,
) -> None:
    """Make a synthetic patient, segment it, and say where everything is.

    Example: hepatica demo -o demo
    """
    from hepatica import case, demonstration

    console.print("Making a synthetic patient (no real one is needed) ...")
    made = demonstration.make(out, seed)
    model = case.Model.load(bundle)
    report = case.run_case(made.image, out, model, overwrite=overwrite)
    folder = out / report.case
    m = report.measurements
    console.print(f"Found: {_finding(m)}.")
    for line in demonstration.verdict(made.truth, folder):
        console.print(line)
    console.print(f"Image:     {made.image}")
    console.print(f"Label map: {folder / (report.case + '_seg.nii.gz')}")
    console.print(f"Report:    {folder / case.PAGE}")
    console.print(f"Picture:   {folder / case.PREVIEW}")
    console.print(f"Took {sum(report.timing.seconds.values()):.1f} s. {RESEARCH_ONLY}")


@app.command()
def doctor(bundle: Bundle = "default", as_json: Json = False) -> None:
    """What is installed, what this machine can do, and what a case will cost.

    Example: hepatica doctor
    """
    from hepatica import diagnosis

    found = diagnosis.examine(bundle)
    if as_json:
        console.print_json(json.dumps(found.facts | {"problems": found.problems}))
    else:
        for name, value in found.facts.items():
            console.print(f"{name:<22} {value}", markup=False)
        for problem in found.problems:
            errors.print(f"Problem: {problem}", style="red", markup=False)
    if found.problems:
        raise typer.Exit(FAILED)


def _finding(m: Any) -> str:
    """Liver and lesions in a few words."""
    n = len(m.findings)
    lesions = "1 lesion" if n == 1 else f"{n} lesions"
    return f"liver {m.liver_ml:.0f} ml, {lesions} ({m.tumour_ml:.2g} ml)"


class _Show:
    """What a run tells its user: a spinner on a terminal, lines elsewhere, or JSON."""

    def __init__(self, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self.results: list[dict[str, Any]] = []

    @contextmanager
    def steps(self, title: str) -> Iterator[Callable[[str], None]]:
        if self.quiet or self.as_json or not console.is_terminal:
            yield lambda step: None
            return
        with console.status(title) as status:
            yield lambda step: status.update(f"{title}: {step}")

    def done(self, report: Any, folder: Path, kept: bool) -> None:
        m = report.measurements
        total = sum(report.timing.seconds.values())
        result = {"case": report.case, "status": "kept" if kept else "done", "folder": str(folder)}
        known = msgspec.to_builtins(report)
        self.results.append(result | {k: known[k] for k in ("measurements", "warnings")})
        time = "kept as it was" if kept else f"{total:.1f} s"
        self.say(f"{report.case}: {_finding(m)}, {time} -> {folder}")
        for warning in report.warnings:
            self.say(f"  {warning}")

    def failed(self, name: str, sentence: str) -> None:
        self.results.append({"case": name, "status": "failed", "error": sentence})
        if self.verbose:
            errors.print_exception()
        errors.print(f"Error: {sentence}", style="red", markup=False)

    def say(self, line: str) -> None:
        if not (self.quiet or self.as_json):
            console.print(line, markup=False)

    def close(self) -> None:
        if self.as_json:
            sys.stdout.write(json.dumps(self.results, indent=2) + "\n")
        else:
            self.say(RESEARCH_ONLY)
