"""The command line: arguments, progress and exit codes, and nothing else.

Exit codes: 0 all done, 1 failure, 2 wrong use, 3 finished but some cases failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from hepatica.core.errors import ConfigError, HepaticaError
from hepatica.results.notice import RESEARCH_ONLY

FAILED, WRONG_USE, SOME_FAILED = 1, 2, 3

app = typer.Typer(
    name="hepatica",
    help=f"The liver and its metastases from contrast-enhanced T1 MRI.\n\n{RESEARCH_ONLY}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; every expected error ends as one sentence and an exit code."""
    try:
        app()
    except HepaticaError as error:
        errors.print(f"Error: {error}", style="red", markup=False)
        sys.exit(WRONG_USE if isinstance(error, ConfigError) else FAILED)
    except (OSError, MemoryError) as error:
        # What no room has a better sentence for: a file that may not be read, and the like.
        errors.print(f"Error: {error or 'there is not enough memory.'}", style="red", markup=False)
        sys.exit(FAILED)


def _version(value: bool) -> None:
    if value:
        import hepatica

        console.print(hepatica.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    pass


Bundle = Annotated[str, typer.Option(help="Model bundle: a name that ships, or a folder.")]
EngineOption = Annotated[str, typer.Option(help="auto, openvino or torch.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps (torch engine).")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print tracebacks too.")]


@app.command()
def segment(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Image file, DICOM folder, folder of these, or .txt/.csv list."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    bundle: Bundle = "default",
    engine: EngineOption = "auto",
    device: Device = "auto",
    threads: Threads = 0,
    save_probabilities: Annotated[
        bool, typer.Option(help="Also write the lesion probability of every voxel.")
    ] = False,
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

    if resume and overwrite:
        raise typer.BadParameter("--resume keeps results and --overwrite replaces them; take one.")
    sources = io.expand_inputs(inputs)
    there = {name for name, _ in sources if (out / name).exists()}
    model = case.Model.load(bundle, engine, device=device, threads=threads)  # type: ignore[arg-type]
    show = _Show(as_json, quiet, verbose)
    rows: list[Any] = []
    case.write_cases(out, rows)  # a folder that cannot be written is known before any work
    for number, (name, source) in enumerate(sources, 1):
        try:
            with show.steps(f"[{number}/{len(sources)}] {name}") as progress:
                report = case.run_case(
                    source,
                    out,
                    model,
                    case=name,
                    overwrite=overwrite,
                    resume=resume,
                    save_probabilities=save_probabilities,
                    progress=progress,
                )
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
            rows.append(case.done_row(report))
            show.done(report, out / name, kept=resume and name in there)
        case.write_cases(out, rows)
    bad = sum(row.status == "failed" for row in rows)
    if len(sources) > 1:
        show.say(f"{len(rows) - bad} done, {bad} failed: {out / 'cases.csv'}")
    show.close()
    if bad:
        raise typer.Exit(SOME_FAILED if len(sources) > 1 else FAILED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Another seed is another patient.")] = 42,
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
    console.print(f"Report:    {folder / case.REPORT}")
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


@app.command()
def synth(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many patients.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the cohort.")] = 1,
    anatomies: Annotated[
        list[Path] | None, typer.Option(help="Folders of real anatomies; else procedural ones.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Patterns of label files to leave out.")
    ] = None,
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


@app.command()
def train(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    preset: Annotated[str, typer.Option(help="Training preset.")] = "cpu",
    anatomies: Annotated[
        list[Path] | None, typer.Option(help="Folders of real anatomies (CT or MRI with organs).")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Patterns of label files to leave out.")
    ] = None,
    budget: Annotated[str, typer.Option(help="Such as 90min or 2h; else by steps.")] = "",
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train both stages and export a bundle to OUT/bundle.

    Example: hepatica train --preset cpu --budget 90min -o run
    """
    from hepatica.io import anatomies as collections
    from hepatica.train import start

    real = [a for f in anatomies or () for a in collections.anatomies(f, tuple(exclude or ()))]
    bundle = start(preset, real, out, budget=budget, resume=resume, report=_plain)
    console.print(f"Bundle: {bundle}", markup=False)


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    references: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the tables.")],
    reference_labels: Annotated[
        str, typer.Option(help="Meaning of the references' labels, such as liver=5,tumour=7.")
    ] = "",
) -> None:
    """Score predictions against references.

    Example: hepatica evaluate out references -o scores
    """
    from hepatica import io
    from hepatica.evaluate import study

    pairs, lonely = study.pair(predictions, references)
    if not pairs:
        names = ", ".join(lonely[:8]) + (" ..." if len(lonely) > 8 else "")
        errors.print(
            f"Error: no prediction has a reference of the same name: {names}.",
            style="red",
            markup=False,
        )
        raise typer.Exit(FAILED)
    for one in pairs:
        if io.case_name(one.prediction).removesuffix("_seg") != io.case_name(one.reference):
            console.print(f"{one.prediction.name} against {one.reference.name}", markup=False)
    scores = study.score(pairs, _meaning(reference_labels))
    study.write(out, scores, lonely)
    console.print(study.table(scores, lonely), markup=False)


def _meaning(text: str) -> dict[str, int] | None:
    if not text:
        return None
    meaning: dict[str, int] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        number = int(value) if value.isascii() and value.isdecimal() else 0
        if name not in ("liver", "tumour") or name in meaning or not 1 <= number <= 255:
            raise typer.BadParameter(f"{part!r} is not liver=NUMBER or tumour=NUMBER, once each.")
        meaning[name] = number
    return meaning


def _finding(m: Any) -> str:
    """Liver and lesions in a few words."""
    n = len(m.findings)
    lesions = "1 lesion" if n == 1 else f"{n} lesions"
    return f"liver {m.liver_ml:.0f} ml, {lesions} ({m.tumour_ml:.2g} ml)"


def _plain(line: str) -> None:
    console.print(line, markup=False)


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
