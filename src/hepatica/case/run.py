"""`run_case`: read, segment, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
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
    PREVIEW,
    PRINTED,
    REPORT,
    earlier,
    is_case_file,
)
from hepatica.case.machine import peak_memory_mb, versions
from hepatica.core.volume import Volume
from hepatica.io import models
from hepatica.io.dicom import formats
from hepatica.io.models import ModelOptions, unsound
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
    save_probabilities: bool = False,
    exports: Collection[str] = (),
    model_options: ModelOptions = models.PLAIN,
    pdf: bool = False,
    available_bytes: int | None = None,
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
    image
        What `source` holds, where it was read already; its time is not in the report then.
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
    available_bytes
        Memory that the case may use, known to be enough before a voxel is read; None asks
        the machine.

    Raises
    ------
    HepaticaError
        InputError, ResourceError or OutputError; nothing of this case is written then.
    """
    exports = models.require_exports(exports, EXPORTS)
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
    volume = image
    if there and not overwrite:
        found = volume.source.sha256
        return earlier(folder, found, model.bundle.sha256, save_probabilities, exports, pdf)
    # What cannot be exported is known before the networks run.
    destination = _destination(volume, model, exports)
    segmentation = model.segmenter(volume, progress=progress)
    seconds |= segmentation.seconds
    began = time.perf_counter()
    progress("measure")
    measurements = measure(
        segmentation.labelmap,
        volume,
        segmentation.tumour_probability,
        model.bundle.plan.postprocessing.trust,
    )
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
