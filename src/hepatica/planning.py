"""From a label map, whoever made it, to what surgeons plan with: models, report, follow-up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

import hepatica
from hepatica import case, io
from hepatica.core.errors import InputError
from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.io import models
from hepatica.io.models import PLAIN, ModelOptions
from hepatica.io.replacing import require_room
from hepatica.results.casepage import case_page
from hepatica.results.followup import FollowUp, compare_timepoints, timepoints_csv
from hepatica.results.followuppage import followup_page
from hepatica.results.measure import Measurements, measure
from hepatica.results.model import Part
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.pdf import pdf_bytes
from hepatica.results.preview import preview
from hepatica.results.report import InputRecord, Provenance, Report, Timing, lesions_csv

#: Names of what a comparison of dates writes.
CHANGES, CHANGES_JSON, CHANGES_PAGE = "timepoints.csv", "timepoints.json", "timepoints.html"
CHANGES_PRINTED = "timepoints.pdf"
_FOLLOWUP = (CHANGES, CHANGES_JSON, CHANGES_PAGE, CHANGES_PRINTED)

#: Names of what a report of a label map writes.
_REPORT = (case.REPORT, case.PAGE, case.PRINTED, case.LESIONS, case.PREVIEW)

#: After the name of the case, in the name of its label map.
LABELS = "_seg"


def case_of(labelmap: Path) -> str:
    """The case that a label map is of: the file's name without extension and ``_seg``."""
    return io.case_name(labelmap).removesuffix(LABELS)


def read(labelmap: Path, image: Path | None = None) -> tuple[LabelMap, Source, Volume | None]:
    """A label map of Hepatica's labels, its source, and the image it was made from.

    The image is on the same grid.

    Raises
    ------
    InputError
        If a file cannot be used, has labels other than 0, 1 and 2, or the grids differ.
    """
    labels, source = io.read_labelmap_source(labelmap)
    highest = int(labels.labels.max())
    if highest > 2:
        raise InputError(
            f"{labelmap.name} has a label {highest}; known are 1 liver parenchyma and 2 tumour.",
            "Change the labels, or export these two alone.",
        )
    volume = None if image is None else io.read(image)
    if volume is not None and not volume.geometry.matches(labels.geometry):
        raise InputError(
            f"{labelmap.name} is not on the grid of {volume.source.name}.",
            "Take the image that the label map was made from.",
        )
    return labels, source, volume


def write_models(
    labelmap: Path,
    out: Path,
    exports: Sequence[str],
    *,
    image: Path | None = None,
    options: ModelOptions = PLAIN,
    overwrite: bool = False,
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Write the model of a label map into the folder `out`, whole or not at all.

    Returns
    -------
    parts, warnings
        The surfaces, and what a reader of the label map has to know, such as that its
        orientation is not stated.

    Raises
    ------
    HepaticaError
        InputError, ConfigError, ResourceError or OutputError; nothing is written then.
    """
    models.require_exports(exports)
    name = case_of(labelmap)
    require_room(
        out,
        (labelmap, image),
        models.CHECKS,
        lambda file: models.is_model_file(file, name),
        overwrite,
    )
    labels, source, volume = read(labelmap, image)
    with io.folder_atomically(out) as temporary:
        parts = models.write_models(temporary, name, labels, exports, image=volume, options=options)
    return parts, source.warnings


def write_report(
    labelmap: Path,
    out: Path,
    *,
    image: Path | None = None,
    pdf: bool = False,
    overwrite: bool = False,
    measurements: Measurements | None = None,
    remarks: tuple[str, ...] = (),
) -> Report:
    """Measure a label map and write its report into the folder `out`, whole or not at all.

    ``report.html``, ``report.json`` and ``lesions.csv``; with an image ``preview.png``;
    ``report.pdf`` if asked for.

    Parameters
    ----------
    measurements
        Those of the label map, where they were made already.
    remarks
        What the report shall say first, with its warnings.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing is written then.
    """
    require_room(out, (labelmap, image), case.REPORT, _REPORT.__contains__, overwrite)
    began = time.perf_counter()
    labels, given, volume = read(labelmap, image)
    name = case_of(labelmap)
    if measurements is None:
        measurements = measure(labels, volume)
    found: tuple[str, ...] = ()
    if not measurements.liver_ml:
        found = ("There is no liver in the label map.",)
    if measurements.liver_touches_border:
        found = ("The field of view cuts the liver; its volume is a lower bound.",)
    source = given if volume is None else volume.source
    # What the readers of both say is said once.
    found = tuple(dict.fromkeys((*remarks, *source.warnings, *given.warnings, *found)))
    report = Report(
        hepatica=hepatica.__version__,
        case=name,
        warnings=found,
        measurements=measurements,
        provenance=Provenance(
            input=InputRecord.of(source, labels.geometry),
            bundle=None,
            plan=None,
            engine=None,
            versions=case.versions(),
            labelmap=InputRecord.of(given, labels.geometry),
        ),
        timing=Timing(
            seconds={"measure": round(time.perf_counter() - began, 4)},
            peak_memory_mb=case.peak_memory_mb(),
        ),
    )
    with io.folder_atomically(out) as temporary:
        page = case_page(report, labels, volume)
        (temporary / case.PAGE).write_text(page, encoding="utf-8")
        (temporary / case.LESIONS).write_text(lesions_csv(measurements), encoding="utf-8")
        if volume is not None:
            preview(volume, labels, measurements, name).save(temporary / case.PREVIEW)
        if pdf:
            (temporary / case.PRINTED).write_bytes(pdf_bytes(page))
        (temporary / case.REPORT).write_bytes(report.to_json())
    return report


def write_followup(
    earlier: Path, later: Path, out: Path, *, pdf: bool = False, overwrite: bool = False
) -> FollowUp:
    """Compare two dates and write what changed into the folder `out`.

    Parameters
    ----------
    earlier, later
        A label map each, or the folder of a case that Hepatica has segmented.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing is written then.
    """
    maps = [labelmap_in(path) for path in (earlier, later)]
    require_room(out, maps, CHANGES, _FOLLOWUP.__contains__, overwrite)
    (first, one, _), (second, two, _) = (read(path) for path in maps)
    followup = compare_timepoints(first, second)
    said = [
        f"The {date} date: {w}"
        for date, s in (("earlier", one), ("later", two))
        for w in s.warnings
    ]
    followup = replace(followup, warnings=(*said, *followup.warnings))
    names = (case_of(maps[0]), case_of(maps[1]))
    if names[0] == names[1]:
        names = (f"{names[0]} (earlier)", f"{names[1]} (later)")
    with io.folder_atomically(out) as temporary:
        page = followup_page(followup, names)
        (temporary / CHANGES_PAGE).write_text(page, encoding="utf-8")
        (temporary / CHANGES).write_text(timepoints_csv(followup), encoding="utf-8")
        known = {"notice": RESEARCH_ONLY, "earlier_case": names[0], "later_case": names[1]}
        data = msgspec.json.encode(known | {"followup": followup})
        (temporary / CHANGES_JSON).write_bytes(msgspec.json.format(data, indent=2) + b"\n")
        if pdf:
            (temporary / CHANGES_PRINTED).write_bytes(pdf_bytes(page))
    return followup


def labelmap_in(path: Path) -> Path:
    """The label map that a path is, or that is in the folder of a case.

    Raises
    ------
    InputError
        If it is a folder without exactly one label map.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob(f"*{case.LABELS}"))
    if len(found) != 1:
        raise InputError(
            f"{path} holds {len(found)} label maps that end in {case.LABELS}, not one.",
            "Name the label map itself.",
        )
    return found[0]
