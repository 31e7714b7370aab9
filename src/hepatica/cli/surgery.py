"""The verbs for planning and follow-up, from label maps: mesh, report, compare-timepoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import FAILED, Quiet, app, errors, plain
from hepatica.results.notice import RESEARCH_ONLY

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]
Image = Annotated[
    Path | None, typer.Option(help="The image that the label map was made from, on its grid.")
]
Margins = Annotated[
    str, typer.Option(help="Also surfaces at these distances around lesions, mm: 5,10.")
]
Decimate = Annotated[
    float | None,
    typer.Option(help="Fewer triangles, nowhere further off than this, mm (extra mesh)."),
]
Printable = Annotated[str, typer.Option(help="Also parts for a 3D printer: solid or hollow (STL).")]
Wall = Annotated[float, typer.Option(help="Wall of a hollow liver, mm.")]


def words(text: str) -> tuple[str, ...]:
    """What stands between the commas of an option; () for an empty one."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def millimetres(text: str) -> tuple[float, ...]:
    """Numbers between commas.

    Raises
    ------
    typer.BadParameter
        If one is not a number.
    """
    try:
        return tuple(float(word) for word in words(text))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} are not numbers with commas between.") from error


@app.command()
def mesh(
    labelmap: Annotated[Path, typer.Argument(help="Label map: 1 liver parenchyma, 2 tumour.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    export: Annotated[
        str, typer.Option(help="stl, obj, ply, glb, 3mf, seg-nrrd, itk-snap, scene; with commas.")
    ] = "stl",
    image: Image = None,
    margins: Margins = "",
    decimate: Decimate = None,
    printable: Printable = "",
    wall: Wall = 2.0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Surfaces of liver and lesions, and files for 3D Slicer and ITK-SNAP.

    Example: hepatica mesh out/p1/p1_seg.nii.gz -o model --export stl,glb --margins 5,10
    """
    from hepatica import planning
    from hepatica.io.models import ModelOptions, unsound

    if printable not in ("", "solid", "hollow"):
        raise typer.BadParameter(f"--printable {printable!r} is neither solid nor hollow.")
    options = ModelOptions(
        margins_mm=millimetres(margins),
        decimate_mm=decimate,
        printable=bool(printable),
        wall_mm=wall if printable == "hollow" else None,
    )
    parts, warnings = planning.write_models(
        labelmap, out, words(export), image=image, options=options, overwrite=overwrite
    )
    if not quiet:
        for part in parts:
            s = part.soundness
            error = "" if s.error_percent is None else f", {s.error_percent:+.2f} % of its voxels"
            plain(f"{part.title}: {s.volume_ml:.2f} ml{error}, {s.triangles} triangles")
        if not parts and "seg-nrrd" not in export:
            plain("No liver in the label map, so there is no surface.")
        for warning in warnings:
            plain(f"  {warning}")
        plain(f"-> {out}")
        plain(RESEARCH_ONLY)
    bad = unsound(parts)
    for sentence in bad:
        errors.print(f"Error: {sentence}", style="red", markup=False)
    if bad:
        raise typer.Exit(FAILED)


@app.command()
def report(
    source: Annotated[
        Path, typer.Argument(help="Label map; or a folder of cases, for the cohort's page.")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for a label map's report.")
    ] = None,
    image: Image = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also as PDF (extra pdf).")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure a label map and write its report; or the page of a cohort.

    Example: hepatica report label_map.nii.gz --image patient.nii.gz -o report
    """
    from hepatica import case, planning

    if source.is_dir() and (source / case.CASES).is_file():
        if out is not None or image is not None or pdf:
            raise typer.BadParameter("The page of a cohort takes no other options.")
        page = case.write_cohort_page(source)
    else:
        if out is None and source.is_dir():
            raise typer.BadParameter(f"{source} holds no {case.CASES}, so there is no cohort.")
        if out is None:
            raise typer.BadParameter("A label map's report needs a folder: -o FOLDER.")
        made = planning.write_report(source, out, image=image, pdf=pdf, overwrite=overwrite)
        page = out / case.PAGE
        for warning in made.warnings:
            plain(f"  {warning}")
    if not quiet:
        plain(f"-> {page}")
        plain(RESEARCH_ONLY)


@app.command("compare-timepoints")
def compare_timepoints(
    earlier: Annotated[Path, typer.Argument(help="Label map, or folder of a segmented case.")],
    later: Annotated[Path, typer.Argument(help="The same of a later date.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the comparison.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Also as PDF (extra pdf).")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Which lesions are new, gone or grown between two dates of a patient.

    Example: hepatica compare-timepoints out/2024 out/2025 -o changes
    """
    from hepatica import planning

    found = planning.write_followup(earlier, later, out, pdf=pdf, overwrite=overwrite)
    if not quiet:
        for change in found.changes:
            a, b = change.earlier, change.later
            name = f"{a.id if a else '-'} -> {b.id if b else '-'}"
            sizes = " to ".join(f"{x.volume_ml:.2f} ml" if x else "none" for x in (a, b))
            plain(f"{name}: {change.status}, {sizes}")
        for warning in found.warnings:
            plain(f"  {warning}")
        plain(f"-> {out / planning.CHANGES_PAGE}")
        plain(RESEARCH_ONLY)
