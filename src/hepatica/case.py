"""`run_case`: read, segment, measure, write. The one door to the pipeline from outside.

The command line, the app's worker, a cluster worker and a DICOM node all call it;
none has a pipeline of its own.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import msgspec

import hepatica
from hepatica import io
from hepatica.core.errors import OutputError
from hepatica.core.volume import Volume
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Engine, EngineName
from hepatica.pipeline.cascade import Segmentation, Segmenter
from hepatica.results.measure import Measurements, measure
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

REPORT, LESIONS, PREVIEW, CASES = "report.json", "lesions.csv", "preview.png", "cases.csv"

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
    ) -> Model:
        """Load a bundle by name or folder; raises as `bundle.load` and `engines.load` do."""
        began = time.perf_counter()
        checked = bundles.load(bundle)
        loaded = engines.load(checked, engine, device=device, threads=threads)
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
    overwrite: bool = False,
    resume: bool = False,
    save_probabilities: bool = False,
    progress: Progress = lambda step: None,
) -> Report:
    """Segment one image into the folder ``out/<case>``, which appears whole or not at all.

    It then holds ``<case>_seg.nii.gz``, ``lesions.csv``, ``report.json`` and
    ``preview.png``, and ``<case>_tumour_probability.nii.gz`` if asked for.

    Parameters
    ----------
    overwrite
        Replace an earlier result.
    resume
        Keep an earlier result of the same input and bundle, and return its report.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing of this case is written then.
    """
    case = io.case_name(source)
    folder = Path(out) / case
    _require_room(folder, Path(source), overwrite or resume)
    began = time.perf_counter()
    progress("read")
    volume = io.read(source)
    seconds = {"read": time.perf_counter() - began}
    if resume and (earlier := _earlier(folder, volume, model)) is not None:
        return earlier
    segmentation = model.segmenter(volume, progress=progress)
    seconds |= segmentation.seconds
    began = time.perf_counter()
    progress("measure")
    measurements = measure(segmentation.labelmap, volume, segmentation.tumour_probability)
    seconds["measure"] = time.perf_counter() - began
    with io.folder_atomically(folder) as temporary:
        began = time.perf_counter()
        progress("write")
        name = temporary / f"{case}_seg.nii.gz"
        io.write_labelmap(name, segmentation.labelmap, volume.source.header)
        if save_probabilities:
            chance = Volume(segmentation.tumour_probability, volume.geometry)
            io.write_volume(temporary / f"{case}_tumour_probability.nii.gz", chance)
        (temporary / LESIONS).write_text(lesions_csv(measurements), encoding="utf-8")
        seconds["write"] = time.perf_counter() - began
        began = time.perf_counter()
        progress("preview")
        preview(volume, segmentation.labelmap, measurements, case).save(temporary / PREVIEW)
        seconds["preview"] = time.perf_counter() - began
        report = _report(case, volume, segmentation, measurements, model, seconds)
        (temporary / REPORT).write_bytes(report.to_json())
    return report


def _require_room(folder: Path, source: Path, replace: bool) -> None:
    """Refuse to write where it would cost the user something; raises OutputError."""
    if not folder.exists():
        return
    inside = source.resolve()
    if folder.resolve() in (inside, *inside.parents):
        raise OutputError(
            f"{folder} holds the input itself; the result would replace it.",
            "Choose another folder with -o.",
        )
    if not replace:
        raise OutputError(
            f"{folder} exists already.", "Use --overwrite to replace it, or --resume to keep it."
        )
    if not (folder / REPORT).is_file():
        raise OutputError(
            f"{folder} is not a result of Hepatica, so it is not replaced.",
            "Choose another folder with -o, or move it away.",
        )


def _earlier(folder: Path, volume: Volume, model: Model) -> Report | None:
    """The report in `folder`, if it is of this input and bundle."""
    path = folder / REPORT
    if not path.is_file():
        return None
    try:
        report = Report.from_json(path.read_bytes())
    except msgspec.DecodeError:
        return None  # of another version, or damaged: made again
    bundle = report.provenance.bundle
    same_input = report.provenance.input.sha256 == volume.source.sha256
    same_bundle = bundle is not None and bundle.sha256 == model.bundle.sha256
    return report if same_input and same_bundle else None


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


def done_row(report: Report, seconds: float) -> CaseRow:
    """The line of ``cases.csv`` for a case that was segmented."""
    return CaseRow(
        case=report.case,
        status="done",
        measurements=report.measurements,
        seconds=round(seconds, 3),
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
    table = cases_csv(rows)
    if path.is_file():
        table = merged(path.read_text(encoding="utf-8"), table)
    io.write_text(path, table)
