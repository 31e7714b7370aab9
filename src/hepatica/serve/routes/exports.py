"""What goes out: files of a case, the record of all, data to train with."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from hepatica.serve import places, study
from hepatica.serve.answers import answer
from hepatica.serve.cases import Case
from hepatica.serve.refusal import Refusal
from hepatica.serve.routes import Served

router = APIRouter(prefix="/api")


class Chosen(BaseModel):
    """Names of exports, and of which label map."""

    names: list[str]
    labels: Literal["ai", "corrected"] = "ai"


class Place(BaseModel):
    """A folder below the roots; one in the workspace where none is given."""

    path: str | None = None


@router.post("/cases/{identity}/exports")
def export(service: Served, identity: str, chosen: Chosen) -> Response:
    """Write files of a case, in place of those that were written before."""
    case = service.cases.get(identity)
    bundle = service.bundle
    written = service.ask(
        "export",
        folder=str(case.folder),
        name=case.name,
        names=list(dict.fromkeys(chosen.names)),
        labels=case.labels(chosen.labels),
        corrected=chosen.labels == "corrected",
        source=case.job.source,
        series=case.job.series,
        algorithm=f"Hepatica {bundle.name} {bundle.sha256[:12]}",
        remarks=_remarks(case),
    )
    base = f"/api/cases/{identity}/exports"
    files = [{"name": n, "bytes": size, "url": f"{base}/{quote(n)}"} for n, size in written]
    return answer({"files": files})


@router.get("/cases/{identity}/exports/{file:path}")
def exported(service: Served, identity: str, file: str) -> Response:
    """A file that was written, to be saved and not shown."""
    folder = (service.cases.get(identity).folder / "exports").resolve()
    path = (folder / file).resolve() if "\0" not in file else folder
    name = service.cases.get(identity).name
    if not path.is_relative_to(folder) or not path.is_file():
        raise Refusal(404, "There is no such file.", "Write it first.")
    return FileResponse(
        path,
        media_type="application/octet-stream",
        # Beside those of other cases it must still be known whose it is.
        filename=path.name if path.name.startswith(name) else f"{name}_{path.name}",
        content_disposition_type="attachment",
    )


@router.get("/cases/{identity}/exports.zip")
def exports_zip(service: Served, identity: str) -> Response:
    """All of them."""
    case = service.cases.get(identity)
    folder = case.folder / "exports"
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    if not paths:
        raise Refusal(404, "Nothing was written yet.", "Write files first.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for path in paths:
            archive.write(path, path.relative_to(folder).as_posix())
    return Response(
        packed.getvalue(), media_type="application/zip", headers=_attachment(f"{case.name}.zip")
    )


@router.get("/record.csv")
def record(service: Served) -> Response:
    """All corrections with their times, for `hepatica evaluate --corrections`."""
    table = study.record_csv(service.cases.all())
    return Response(table, media_type="text/csv", headers=_attachment("record.csv"))


@router.post("/training-folder")
def training_folder(service: Served, place: Place) -> Response:
    """All corrected cases, for `hepatica train --data` and `hepatica evaluate --corrections`."""
    path: Path = service.settings.workspace / "corrected"
    if place.path is not None:
        path = places.inside(place.path, service.settings.roots)
    folder, cases = study.training_folder(service.cases.all(), path)
    return answer({"path": str(folder), "cases": cases})


def _remarks(case: Case) -> list[str]:
    """What a report says of a correction that was made by people."""
    kept, job = case.kept, case.job
    if kept is None:
        return []
    by = f" by {kept.record.user}" if kept.record.user else ""
    said = {"unchecked": "not checked yet", "second look": "a second look is asked for"}
    words = f"Corrected by hand{by}, revision {kept.revision}; {said.get(job.status, job.status)}."
    return [words, *([f"Note: {job.note}"] if job.note else [])]


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
