"""What the heavy child does: the model loaded once, one image after the other into a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hepatica import io
from hepatica.case import CHANCES, LABELS, REPORT, Model, Wanted, run_case
from hepatica.core.errors import InputError
from hepatica.core.volume import Volume
from hepatica.io.memory import BYTES_PER_VOXEL, available_bytes
from hepatica.serve import facts
from hepatica.serve.child import Step, Task


def prepare(bundle: str, engine: str) -> dict[str, Task]:
    """Load the model; the table of tasks."""
    model = Model.load(bundle, engine)  # type: ignore[arg-type]

    def segment(step: Step, **arguments: Any) -> Any:
        return _segment(step, model, **arguments)

    return {"segment": segment}


def _segment(
    step: Step, model: Model, source: str, folder: str, case: str, series: str | None, voxels: int
) -> dict[str, Any]:
    """Make the case of `source` in `folder`; what the worklist shows of it."""
    path, out = Path(source), Path(folder)
    step("read")
    volume = _read(path, series, voxels)
    io.make_folder(out)
    io.write_volume(out / facts.IMAGE, volume)
    report = run_case(
        path,
        out,
        model,
        case=case,
        series=series,
        image=volume,
        overwrite=True,
        wanted=Wanted(probabilities=True),
        progress=step,
    )
    step("open")
    paths = (f"{case}/{case}{LABELS}", f"{case}/{REPORT}")
    labels = io.read_labelmap(out / paths[0])
    facts.write(out, volume, labels, paths, (out / case / f"{case}{CHANCES}").is_file())
    m = report.measurements
    return {
        "liver_ml": m.liver_ml,
        "lesion_count": len(m.findings),
        "tumour_ml": m.tumour_ml,
        "burden_percent": m.burden_percent,
        "warnings": list(report.warnings),
        "engine": {"name": model.engine.name, "precision": model.engine.precision},
    }


def _read(path: Path, series: str | None, voxels: int) -> Volume:
    most = min(available_bytes(), voxels * BYTES_PER_VOXEL)
    try:
        return io.read(path, series=series, available_bytes=most)
    except InputError as error:
        if found := choices(path):
            told = InputError(error.message, "Choose one of its series.")
            told.choices = found  # type: ignore[attr-defined]
            raise told from error
        raise


def choices(path: Path) -> list[dict[str, str]]:
    """The series to choose from, where `path` is a study that holds several."""
    if not (path.is_dir() or path.suffix.lower() == ".zip" or path.name.upper() == "DICOMDIR"):
        return []
    from hepatica.io.dicom import files, study

    try:
        with files.opened(path) as opened:
            found = study.scan(path.name, opened)
    except InputError:
        return []  # the first error says it better
    usable = [volume for volume in found.volumes if volume.problem is None]
    if len(usable) < 2 or len(found.studies) > 1 or found.damaged:
        return []
    return [{"id": volume.key, "description": volume.title} for volume in usable]
