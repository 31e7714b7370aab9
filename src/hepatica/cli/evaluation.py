"""The verbs about how good it is: evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepatica.cli.console import FAILED, SOME_FAILED, app, errors, meaning, plain
from hepatica.core.errors import ResourceError

if TYPE_CHECKING:
    from hepatica.evaluate.pairs import Lonely, Pair
    from hepatica.evaluate.report import Read


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    references: Annotated[Path, typer.Argument(help="Label map, or folder of them.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for tables and report.")],
    reference_labels: Annotated[
        str, typer.Option(help="Meaning of the references' labels, such as liver=5,tumour=7.")
    ] = "",
    prediction_labels: Annotated[
        str, typer.Option(help="The same for the predictions, where they are not liver=1,tumour=2.")
    ] = "",
    resample: Annotated[
        bool, typer.Option("--resample", help="Bring predictions onto the references' grids.")
    ] = False,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, to be seen under the contours.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that score.")] = 1,
    method: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: predictions of another method, to compare with."),
    ] = None,
    name: Annotated[str, typer.Option(help="What the first method is called.")] = "ours",
    published: Annotated[
        bool, typer.Option("--published", help="Show what the paper reports beside it.")
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="The references are corrections of the predictions: CSV of case and minutes."
        ),
    ] = None,
) -> None:
    """Score predictions against references: tables, figures and a page to read.

    Example: hepatica evaluate out references --images images -o scores
    """
    from hepatica.evaluate import methods, pairs, report, tables
    from hepatica.evaluate.corrections import read_minutes
    from hepatica.evaluate.report import figures, sections
    from hepatica.evaluate.study import Failure, Study
    from hepatica.evaluate.study import evaluate as score

    meant, predicted = meaning(reference_labels), meaning(prediction_labels)
    folders = {name: predictions} | _methods(method or (), name)
    minutes = None if corrections is None else read_minutes(corrections)
    found = {called: _paired(folder, references) for called, folder in folders.items()}
    first = {one.case: one for one in found[name][0]}
    shown = {} if images is None else pairs.images(images, first)
    tables.require_own(out)
    studies = {}
    for called, (paired, lonely) in found.items():
        failures: list[Failure] = []
        scores = score(
            paired, meant, predicted, resampled=resample, workers=workers, failures=failures
        )
        studies[called] = Study(tuple(scores), lonely, tuple(failures))
    failed = [(called, one) for called, s in studies.items() for one in s.failures]
    for called, failure in failed:
        errors.print(f"Error: {called}, {failure.case}: {failure.error}", style="red", markup=False)
    study = studies[name]
    if not study.cases:
        raise typer.Exit(FAILED)
    tables.write(out, study, minutes)
    plain(tables.text(study))
    extra = [] if minutes is None else [("Corrections", sections.corrected(study, minutes))]
    if len(studies) > 1 or published:
        compared, left_out = methods.shared(studies)
        rows, lesions = methods.compare(compared), methods.detection(compared)
        methods.write(out, rows, lesions, left_out, published)
        plain(methods.markdown(rows, published))
        plain(methods.detection_markdown(lesions))
        if left_out:
            plain(f"Not with all methods: {', '.join(left_out)}")
        extra.insert(0, ("Methods", sections.compared(rows, lesions, left_out, published)))
    try:
        drawn = figures.draw(study)
    except ResourceError as error:
        # The tables are what counts; the page can do without.
        plain(f"No figures: {error}")
        drawn = {}
    title = f"{name}: {predictions.resolve().name} against {references.resolve().name}"
    report.write(out, study, title, _reader(first, shown, meant, predicted, resample), extra, drawn)
    if images is not None and (bare := sorted(first.keys() - shown.keys())):
        plain(f"Without image: {', '.join(bare)}")
    if minutes is not None and (strange := sorted(minutes.keys() - first.keys())):
        plain(f"Minutes of no case: {', '.join(strange)}")
    plain(f"Report: {out / report.PAGE}")
    if failed:
        raise typer.Exit(SOME_FAILED)


def _paired(predictions: Path, references: Path) -> tuple[list[Pair], Lonely]:
    """The pairs of a method and what has no partner; ends the program if there is no pair."""
    from hepatica import io
    from hepatica.evaluate import pairs

    found, lonely = pairs.pair(predictions, references)
    if not found:
        names = ", ".join(lonely.in_words[:8]) + (" ..." if len(lonely) > 8 else "")
        errors.print(
            f"Error: no prediction has a reference of the same name: {names}.",
            style="red",
            markup=False,
        )
        raise typer.Exit(FAILED)
    for one in found:
        if io.case_name(one.prediction).removesuffix("_seg") != io.case_name(one.reference):
            plain(f"{one.prediction.name} against {one.reference.name}")
    return found, lonely


def _reader(
    paired: Mapping[str, Pair],
    images: Mapping[str, Path],
    meant: Mapping[str, int] | None,
    predicted: Mapping[str, int] | None,
    resampled: bool,
) -> Read:
    """What reads a case again for its picture."""
    from hepatica import io
    from hepatica.core.volume import LabelMap, Volume
    from hepatica.evaluate.pairs import read_pair

    def read(case: str) -> tuple[LabelMap, LabelMap, Volume | None]:
        prediction, reference = read_pair(paired[case], meant, predicted, resampled=resampled)
        return prediction, reference, io.read(images[case]) if case in images else None

    return read


def _methods(given: Sequence[str], first: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given:
        called, equals, folder = text.partition("=")
        if not called or not equals or not folder or called == first or called in found:
            raise typer.BadParameter(f"--method {text!r} is not NAME=FOLDER, each name once.")
        found[called] = Path(folder)
    return found
