"""`run_case`: read, segment, measure, write. The one door to the pipeline from outside.

The command line, the app's worker, a cluster worker and a DICOM node all call it;
none has a pipeline of its own.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import hepatica
from hepatica import io
from hepatica.core.errors import OutputError
from hepatica.core.volume import Volume
from hepatica.io import models
from hepatica.io.dicom import formats
from hepatica.io.models import ModelOptions, unsound
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Asked, Engine, EngineName
from hepatica.pipeline.cascade import Segmentation, Segmenter
from hepatica.results.casepage import case_page
from hepatica.results.cohortpage import cohort_page
from hepatica.results.measure import Measurements, measure
from hepatica.results.model import Part
from hepatica.results.pdf import pdf_bytes
from hepatica.results.preview import preview
from hepatica.results.report import (
    BundleRecord,
    CaseRow,
    EngineRecord,
    InputRecord,
    Provenance,
    Report,
    Timing,
    cases_csv,
    lesions_csv,
    merged,
)

if TYPE_CHECKING:
    from hepatica.io.dicom.destination import Destination

REPORT, LESIONS, PREVIEW, CASES = "report.json", "lesions.csv", "preview.png", "cases.csv"
PAGE, PRINTED, COHORT = "report.html", "report.pdf", "cases.html"
#: After the name of the case.
LABELS, CHANCES = "_seg.nii.gz", "_tumour_probability.nii.gz"

#: What `run_case` writes beside the label map.
EXPORTS = (*models.EXPORTS, *formats.FORMATS)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Model:
    """A checked bundle, loaded into an engine: what all cases of a run share.

    `seconds` says what that cost: from the import of Hepatica to the loading, and that.
    """

    bundle: Bundle
    engine: Engine
    segmenter: Segmenter
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        bundle: str = "default",
        engine: EngineName = "auto",
        *,
        device: str = "auto",
        threads: int = 0,
        precision: Asked = "auto",
    ) -> Model:
        """Load a bundle by name or folder; raises as `bundle.load` and `engines.load` do."""
        began = time.perf_counter()
        checked = bundles.load(bundle)
        loaded = engines.load(checked, engine, device=device, threads=threads, precision=precision)
        seconds = {
            "start": round(began - hepatica.STARTED, 4),
            "load model": round(time.perf_counter() - began, 4),
        }
        return cls(checked, loaded, Segmenter(checked.plan, loaded), seconds)


def run_case(
    source: str | Path,
    out: str | Path,
    model: Model,
    *,
    case: str | None = None,
    series: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    save_probabilities: bool = False,
    exports: Collection[str] = (),
    model_options: ModelOptions = models.PLAIN,
    pdf: bool = False,
    progress: Progress = lambda step: None,
) -> Report:
    """Segment one image into the folder ``out/<case>``, which appears whole or not at all.

    It then holds ``<case>_seg.nii.gz``, ``lesions.csv``, ``report.json``, ``report.html``
    and ``preview.png``; if asked for, ``<case>_tumour_probability.nii.gz``, ``report.pdf``
    and what `exports` names.

    Parameters
    ----------
    case
        Name of the case; that of the file or folder by default.
    series
        Which volume of a DICOM study, as :func:`hepatica.io.read` takes it.
    overwrite
        Replace an earlier result.
    resume
        Keep an earlier result and return its report, if it is complete and of the same
        input and bundle; anything else that is there is an error.
    exports
        Of :data:`EXPORTS`: further files for other tools.
    model_options
        How surfaces are made; see `hepatica.io.models`.
    pdf
        Write ``report.pdf`` as well.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing of this case is written then.
    """
    exports = models.require_exports(exports, EXPORTS)
    case = case or io.case_name(source)
    folder = Path(out) / case
    _require_room(folder, Path(source), overwrite, resume)
    began = time.perf_counter()
    progress("read")
    volume = io.read(source, series=series)
    seconds = {"read": time.perf_counter() - began}
    if resume and not overwrite and folder.exists():
        return _earlier(folder, volume, model, save_probabilities, exports, pdf)
    # What cannot be exported is known before the networks run.
    destination = _destination(volume, model, exports)
    segmentation = model.segmenter(volume, progress=progress)
    seconds |= segmentation.seconds
    began = time.perf_counter()
    progress("measure")
    measurements = measure(segmentation.labelmap, volume, segmentation.tumour_probability)
    seconds["measure"] = time.perf_counter() - began
    with io.folder_atomically(folder) as temporary:
        began = time.perf_counter()
        progress("write")
        name = temporary / f"{case}{LABELS}"
        io.write_labelmap(name, segmentation.labelmap, volume.source.header)
        if save_probabilities:
            chance = Volume(segmentation.tumour_probability, volume.geometry)
            io.write_volume(temporary / f"{case}{CHANCES}", chance)
        (temporary / LESIONS).write_text(lesions_csv(measurements), encoding="utf-8")
        seconds["write"] = time.perf_counter() - began
        if destination is not None:
            from hepatica.io.dicom import export

            began = time.perf_counter()
            progress("export")
            export.write(temporary, case, segmentation.labelmap, measurements, destination, exports)
            seconds["export"] = time.perf_counter() - began
        began = time.perf_counter()
        progress("preview")
        preview(volume, segmentation.labelmap, measurements, case).save(temporary / PREVIEW)
        seconds["preview"] = time.perf_counter() - began
        parts: tuple[Part, ...] = ()
        wanted = [name for name in exports if name in models.EXPORTS]
        if wanted:
            began = time.perf_counter()
            progress("models")
            parts = models.write_models(
                temporary,
                case,
                segmentation.labelmap,
                wanted,
                image=volume,
                options=model_options,
            )
            seconds["models"] = time.perf_counter() - began
        began = time.perf_counter()
        progress("page")
        report = _report(case, volume, segmentation, measurements, model, seconds)
        if parts:
            report = msgspec.structs.replace(report, warnings=report.warnings + unsound(parts))
        html = case_page(report, segmentation.labelmap, volume, parts or None)
        (temporary / PAGE).write_text(html, encoding="utf-8")
        if pdf:
            (temporary / PRINTED).write_bytes(pdf_bytes(html))
        report.timing.seconds["page"] = round(time.perf_counter() - began, 4)
        (temporary / REPORT).write_bytes(report.to_json())
    return report


def _destination(volume: Volume, model: Model, exports: Collection[str]) -> Destination | None:
    """Where DICOM results go; None if none are wanted. Raises InputError if nowhere."""
    if not set(exports) & set(formats.FORMATS):
        return None
    from hepatica.io.dicom.destination import Destination

    return Destination.of(volume, f"Hepatica {model.bundle.name} {model.bundle.sha256[:12]}")


def _require_room(folder: Path, source: Path, overwrite: bool, resume: bool) -> None:
    """Refuse to write where it would cost the user something; raises OutputError."""
    if not folder.exists():
        return
    inside = source.resolve()
    if folder.resolve() in (inside, *inside.parents):
        raise OutputError(
            f"{folder} holds the input itself; the result would replace it.",
            "Choose another folder with -o.",
        )
    if not (overwrite or resume):
        raise OutputError(
            f"{folder} exists already.", "Use --overwrite to replace it, or --resume to keep it."
        )
    if not (folder / REPORT).is_file():
        raise OutputError(
            f"{folder} is not a result of Hepatica, so it is not replaced.",
            "Choose another folder with -o, or move it away.",
        )
    own = {REPORT, LESIONS, PREVIEW, PAGE, PRINTED}
    own |= {f"{folder.name}{e}" for e in (LABELS, CHANCES)}
    exported = (models.is_model_file, formats.is_dicom_export)
    added = sorted(
        p.name
        for p in folder.iterdir()
        if p.name not in own and not any(known(p.name, folder.name) for known in exported)
    )
    if overwrite and added:
        raise OutputError(
            f"{folder} holds {added[0]}, which Hepatica did not write, so it is not replaced.",
            "Move it away, or choose another folder with -o.",
        )


def _earlier(
    folder: Path,
    volume: Volume,
    model: Model,
    probabilities: bool,
    exports: Collection[str],
    pdf: bool,
) -> Report:
    """The report in `folder`; raises OutputError if it is not what this run would make."""
    wanted = [f"{folder.name}{LABELS}", LESIONS, PREVIEW, PAGE]
    wanted += [f"{folder.name}{CHANCES}"] if probabilities else []
    wanted += [PRINTED] if pdf else []
    reason = ""
    try:
        report = Report.from_json((folder / REPORT).read_bytes())
    except (msgspec.DecodeError, OSError):
        reason = "its report cannot be read"
    else:
        liver = report.measurements.liver_ml > 0
        wanted += models.expected(folder.name, exports, liver)
        drawn = [name for name in exports if liver or name != formats.STL]
        wanted += formats.names(folder.name, drawn, 0)
        missing = [name for name in wanted if not (folder / name).is_file()]
        reason = f"{missing[0]} is missing" if missing else ""
        bundle = report.provenance.bundle
        if report.provenance.input.sha256 != volume.source.sha256:
            reason = "it was made from another image"
        elif bundle is None or bundle.sha256 != model.bundle.sha256:
            reason = "it was made with another model"
    if reason:
        raise OutputError(
            f"{folder} cannot be kept: {reason}.",
            "Use --overwrite to replace it, or choose another folder with -o.",
        )
    return report


def _report(
    case: str,
    volume: Volume,
    segmentation: Segmentation,
    measurements: Measurements,
    model: Model,
    seconds: dict[str, float],
) -> Report:
    engine = model.engine
    return Report(
        hepatica=hepatica.__version__,
        case=case,
        warnings=volume.source.warnings + segmentation.warnings,
        measurements=measurements,
        provenance=Provenance(
            input=InputRecord.of(volume.source, volume.geometry),
            bundle=BundleRecord(name=model.bundle.name, sha256=model.bundle.sha256),
            plan=model.bundle.plan,
            engine=EngineRecord(
                name=engine.name,
                precision=engine.precision,
                device=engine.device,
                threads=engine.threads,
            ),
            versions=versions(),
        ),
        timing=Timing(
            seconds={step: round(s, 4) for step, s in seconds.items()},
            shared_seconds=model.seconds,
            peak_memory_mb=peak_memory_mb(),
        ),
    )


def versions() -> dict[str, str]:
    """Versions of what computes a voxel."""
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for package in ("numpy", "scipy", "SimpleITK", "nibabel", "openvino", "torch", "monai"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far; None where it is not known."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes.
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def done_row(report: Report) -> CaseRow:
    """The line of ``cases.csv`` for a case that was segmented, now or earlier."""
    return CaseRow(
        case=report.case,
        status="done",
        measurements=report.measurements,
        seconds=round(sum(report.timing.seconds.values()), 3),
        warnings=report.warnings,
    )


def failed_row(case: str, sentence: str) -> CaseRow:
    """The line of ``cases.csv`` for a case that could not be."""
    return CaseRow(case=case, status="failed", error=sentence)


def write_cases(out: str | Path, rows: Sequence[CaseRow]) -> None:
    """Write ``out/cases.csv``; lines of other cases that it holds stay, before the new ones.

    Raises
    ------
    OutputError
        If it cannot be written, or is another table.
    """
    io.make_folder(out)
    path = Path(out) / CASES
    # A case that was refused because its result is there keeps the line of that result.
    new = [r for r in rows if r.status == "done" or not (Path(out) / r.case / REPORT).is_file()]
    table = cases_csv(new)
    if path.is_file():
        table = merged(path.read_text(encoding="utf-8", errors="replace"), table)
    io.write_text(path, table)


def write_cohort_page(out: str | Path) -> Path:
    """Write ``out/cases.html`` from ``out/cases.csv``; its path.

    Raises
    ------
    OutputError
        If there is no such table, or the page cannot be written.
    """
    table = Path(out) / CASES
    if not table.is_file():
        raise OutputError(
            f"{table} is not there.", "Take a folder that hepatica segment has written."
        )
    title = f"Cases in {Path(out).resolve().name}"
    page = cohort_page(table.read_text(encoding="utf-8", errors="replace"), title, PAGE)
    io.write_text(Path(out) / COHORT, page)
    return Path(out) / COHORT
