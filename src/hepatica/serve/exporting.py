"""Files of a case for other programs, by the rooms that the command line uses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hepatica import case as cases
from hepatica import io, planning
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import models
from hepatica.io.dicom import formats
from hepatica.results.pdf import pdf_bytes
from hepatica.results.report import Report
from hepatica.serve import facts, offers
from hepatica.serve.child import Step
from hepatica.serve.measuring import measured

#: Exports that a case has anyway, or that are made of its report.
_PAPERS = {"csv": cases.LESIONS, "json": cases.REPORT, "report": cases.PAGE, "pdf": cases.PRINTED}
#: After the name of a case, in the name of its correction.
CORRECTED = "_corrected"


def export(
    step: Step,
    folder: str,
    name: str,
    names: list[str],
    labels: bytes,
    corrected: bool,
    source: str,
    series: str | None,
    algorithm: str,
    remarks: list[str],
) -> list[list[str | int]]:
    """Write what `names` says into ``exports`` of the case, in place of what was there.

    Parameters
    ----------
    labels
        The bytes of the label map's file.
    source, series
        What the case was made from, for DICOM results.
    algorithm
        How DICOM results name the model.
    remarks
        What the report of a correction says of it: by whom, and what was decided.

    Returns
    -------
    list
        Path below ``exports`` and bytes of each file.

    Raises
    ------
    HepaticaError
        As the rooms that write them do; the earlier exports stay then.
    """
    known = offers.available()
    for wanted in names:
        if wanted not in known:
            raise ConfigError(f"{wanted!r} cannot be exported.", f"Choose from {', '.join(known)}.")
    root = Path(folder)
    with tempfile.TemporaryDirectory(prefix="hepatica-") as temporary:
        end = CORRECTED if corrected else planning.LABELS
        file = Path(temporary) / f"{name}{end}.nii.gz"
        file.write_bytes(labels)
        with io.folder_atomically(root / "exports") as out:
            if "nifti" in names:
                shutil.copy(file, out / file.name)
            papers = [wanted for wanted in names if wanted in _PAPERS]
            if papers and corrected:
                made = Path(temporary) / "report"
                planning.write_report(
                    file,
                    made,
                    image=root / facts.IMAGE,
                    pdf="pdf" in papers,
                    measurements=measured(root, name, io.read_labelmap(file)),
                    remarks=tuple(remarks),
                )
                _copy(papers, made, out)
            elif papers:
                _copy([p for p in papers if p != "pdf"], root / name, out)
                if "pdf" in papers:
                    page = (root / name / cases.PAGE).read_text(encoding="utf-8")
                    (out / cases.PRINTED).write_bytes(pdf_bytes(page))
            _files(root, out, name, names, io.read_labelmap(file), Path(source), series, algorithm)
        written = sorted(p for p in (root / "exports").rglob("*") if p.is_file())
    return [[p.relative_to(root / "exports").as_posix(), p.stat().st_size] for p in written]


def _copy(papers: Sequence[str], made: Path, out: Path) -> None:
    for paper in papers:
        shutil.copy(made / _PAPERS[paper], out / _PAPERS[paper])


def _files(
    root: Path,
    out: Path,
    name: str,
    names: Sequence[str],
    labels: LabelMap,
    source: Path,
    series: str | None,
    algorithm: str,
) -> None:
    """Surfaces, files of viewers, and DICOM objects."""
    drawn = [wanted for wanted in names if wanted in models.EXPORTS]
    if drawn:
        models.write_models(out, name, labels, drawn, image=io.read(root / facts.IMAGE))
    objects = [wanted for wanted in names if wanted in formats.FORMATS]
    if objects:
        from hepatica.io.dicom import export as dicom
        from hepatica.io.dicom.destination import Destination

        volume = io.read(source, series=series)
        _require_same(volume, root / name / cases.REPORT)
        destination = Destination.of(volume, algorithm)
        dicom.write(out, name, labels, measured(root, name, labels, volume), destination, objects)


def _require_same(volume: Volume, report: Path) -> None:
    """Refuse a study that is not what the case was made from: it may be another patient's."""
    made_from = Report.from_json(report.read_bytes()).provenance.input.sha256
    if volume.source.sha256 != made_from:
        raise InputError(
            "The DICOM study is not the one that the case was made from any more.",
            "Put it back, or add it as a case of its own.",
        )
