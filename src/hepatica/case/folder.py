"""The folder of a case: what it holds, and whether an earlier one can be kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from hepatica.core.errors import OutputError
from hepatica.io import models
from hepatica.io.dicom import formats
from hepatica.io.models import ModelOptions
from hepatica.results.report import Report

REPORT, LESIONS, PREVIEW = "report.json", "lesions.csv", "preview.png"
PAGE, PRINTED = "report.html", "report.pdf"
#: After the name of the case.
LABELS, CHANCES = "_seg.nii.gz", "_tumour_probability.nii.gz"


@dataclass(frozen=True)
class Wanted:
    """What a case's folder holds beside the label map, the table, the picture and the page.

    Parameters
    ----------
    probabilities
        ``<case>_tumour_probability.nii.gz``.
    exports
        Of `hepatica.case.EXPORTS`: files for other tools.
    models
        How surfaces are made; see `hepatica.io.models`.
    pdf
        ``report.pdf``.
    """

    probabilities: bool = False
    exports: tuple[str, ...] = ()
    models: ModelOptions = models.PLAIN
    pdf: bool = False


PLAIN = Wanted()


def is_case_file(name: str, case: str) -> bool:
    """Whether a file of that path in a case's folder is one that a run writes."""
    own = {REPORT, LESIONS, PREVIEW, PAGE, PRINTED, f"{case}{LABELS}", f"{case}{CHANCES}"}
    return name in own or models.is_model_file(name, case) or formats.is_dicom_export(name, case)


def earlier(
    folder: Path,
    input_sha256: str | None,
    bundle_sha256: str,
    wanted: Wanted = PLAIN,
) -> Report:
    """The report in the folder of a case, which is kept.

    Parameters
    ----------
    input_sha256, bundle_sha256
        Of the image and of the bundle that it has to be made from.
    wanted
        What else has to be there.

    Raises
    ------
    OutputError
        If it is not what this run would make.
    """
    files = [f"{folder.name}{LABELS}", LESIONS, PREVIEW, PAGE]
    files += [f"{folder.name}{CHANCES}"] if wanted.probabilities else []
    files += [PRINTED] if wanted.pdf else []
    reason = ""
    try:
        report = Report.from_json((folder / REPORT).read_bytes())
    except (msgspec.DecodeError, OSError):
        reason = "its report cannot be read"
    else:
        liver = report.measurements.liver_ml > 0
        files += models.expected(folder.name, wanted.exports, liver)
        drawn = [name for name in wanted.exports if liver or name != formats.STL]
        files += formats.names(folder.name, drawn, 0)
        missing = [name for name in files if not (folder / name).is_file()]
        reason = f"{missing[0]} is missing" if missing else ""
        made_by = report.provenance.bundle
        if report.provenance.input.sha256 != input_sha256:
            reason = "it was made from another image"
        elif made_by is None or made_by.sha256 != bundle_sha256:
            reason = "it was made with another model"
    if reason:
        raise OutputError(
            f"{folder} cannot be kept: {reason}.",
            "Use --overwrite to replace it, or choose another folder with -o.",
        )
    return report
