"""`run_case`: read and segment; then measure and write."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import hepatica
from hepatica import io
from hepatica.case.folder import (
    CHANCES,
    LABELS,
    LESIONS,
    PAGE,
    PLAIN,
    PREVIEW,
    PRINTED,
    REPORT,
    Wanted,
    earlier,
    is_case_file,
)
from hepatica.case.machine import peak_memory_mb, versions
from hepatica.core.volume import Volume
from hepatica.io import models
from hepatica.io.dicom import formats
from hepatica.io.models import unsound
from hepatica.io.replacing import require_room
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.bundle import Bundle
from hepatica.model.engines import Asked, Engine, EngineName
from hepatica.pipeline.cascade import Segmentation, Segmenter
from hepatica.results.casepage import case_page
from hepatica.results.measure import Measurements, measure
from hepatica.results.model import Part
from hepatica.results.pdf import pdf_bytes
from hepatica.results.preview import preview
from hepatica.results.report import (
    BundleRecord,
    EngineRecord,
    InputRecord,
    Provenance,
    Report,
    Timing,
    lesions_csv,
)

if TYPE_CHECKING:
    from hepatica.io.dicom.destination import Destination

#: What `run_case` writes beside the label map.
EXPORTS = (*models.EXPORTS, *formats.FORMATS)

Progress = Callable[[str], None]
#: Fills the folder of a case that was segmented.
Finish = Callable[[Progress], Report]


def silent(step: str) -> None:
    """Tell nobody which step begins."""


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
    image: Volume | None = None,
    overwrite: bool = False,
    resume: bool = False,
    wanted: Wanted = PLAIN,
    available_bytes: int | None = None,
    progress: Progress = silent,
) -> Report:
    """Segment one image into the folder ``out/<case>``, which appears whole or not at all.

    It then holds ``<case>_seg.nii.gz``, ``lesions.csv``, ``report.json``, ``report.html``
    and ``preview.png``, and what else is `wanted`.

    Parameters
    ----------
    case
        Name of the case; that of the file or folder by default.
    series
        Which volume of a DICOM study, as :func:`hepatica.io.read` takes it.
    image
        What `source` holds, where it was read already; its time is not in the report then.
    overwrite
        Replace an earlier result.
    resume
        Keep an earlier result and return its report, if it is complete and of the same
        input and bundle; anything else that is there is an error.
    available_bytes
        Memory that the case may use, known to be enough before a voxel is read; None asks
        the machine.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing of this case is written then.
    """
    finish = segment_case(
        source,
        out,
        model,
        case=case,
        series=series,
        image=image,
        overwrite=overwrite,
        resume=resume,
        wanted=wanted,
        available_bytes=available_bytes,
        progress=progress,
    )
    return finish(progress)


def segment_case(
    source: str | Path,
    out: str | Path,
    model: Model,
    *,
    case: str | None = None,
    series: str | None = None,
    image: Volume | None = None,
    overwrite: bool = False,
    resume: bool = False,
    wanted: Wanted = PLAIN,
    available_bytes: int | None = None,
    progress: Progress = silent,
) -> Finish:
    """The first half of :func:`run_case`, up to the networks; the second is what it returns.

    While the folder of one case is filled, the networks can see the next one.
    """
    wanted = replace(wanted, exports=models.require_exports(wanted.exports, EXPORTS))
    case = case or io.case_name(source)
    folder = Path(out) / case
    there = require_room(
        folder,
        (Path(source),),
        REPORT,
        lambda file: is_case_file(file, case),
        overwrite,
        resume=resume,
    )
    seconds: dict[str, float] = {}
    if image is None:
        began = time.perf_counter()
        progress("read")
        image = io.read(source, series=series, available_bytes=available_bytes)
        seconds["read"] = time.perf_counter() - began
    if there and not overwrite:
        kept = earlier(folder, image.source.sha256, model.bundle.sha256, wanted)
        return lambda progress: kept
    # What cannot be exported is known before the networks run.
    destination = _destination(image, model, wanted.exports)
    segmentation = model.segmenter(image, progress=progress)
    seconds |= segmentation.seconds
    return partial(_fill, folder, image, segmentation, model, destination, wanted, seconds)


def _fill(
    folder: Path,
    volume: Volume,
    segmentation: Segmentation,
    model: Model,
    destination: Destination | None,
    wanted: Wanted,
    seconds: dict[str, float],
    progress: Progress,
) -> Report:
    """Measure a segmentation and write the folder of its case."""
    case, labelmap = folder.name, segmentation.labelmap

    @contextmanager
    def step(name: str) -> Iterator[None]:
        progress(name)
        began = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - began

    with step("measure"):
        trust = model.bundle.plan.postprocessing.trust
        measurements = measure(labelmap, volume, segmentation.tumour_probability, trust)
    with io.folder_atomically(folder) as temporary:
        with step("write"):
            io.write_labelmap(temporary / f"{case}{LABELS}", labelmap, volume.source.header)
            if wanted.probabilities:
                chance = Volume(segmentation.tumour_probability, volume.geometry)
                io.write_volume(temporary / f"{case}{CHANCES}", chance)
            (temporary / LESIONS).write_text(lesions_csv(measurements), encoding="utf-8")
        if destination is not None:
            from hepatica.io.dicom import export

            with step("export"):
                export.write(temporary, case, labelmap, measurements, destination, wanted.exports)
        with step("preview"):
            preview(volume, labelmap, measurements, case).save(temporary / PREVIEW)
        parts: tuple[Part, ...] = ()
        if meshes := [name for name in wanted.exports if name in models.EXPORTS]:
            with step("models"):
                parts = models.write_models(
                    temporary, case, labelmap, meshes, image=volume, options=wanted.models
                )
        began = time.perf_counter()
        progress("page")
        report = _report(case, volume, segmentation, measurements, model, seconds)
        if parts:
            report = msgspec.structs.replace(report, warnings=report.warnings + unsound(parts))
        html = case_page(report, labelmap, volume, parts or None)
        (temporary / PAGE).write_text(html, encoding="utf-8")
        if wanted.pdf:
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
        quality=segmentation.quality,
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
