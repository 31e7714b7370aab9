"""A case: its image, its label maps, its numbers, and what people say of it."""

from __future__ import annotations

import secrets
import shutil
from pathlib import PurePath
from typing import Annotated, Literal

from fastapi import APIRouter, File, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints

from hepatica.serve import facts, uploads
from hepatica.serve.answers import answer
from hepatica.serve.cases import Which
from hepatica.serve.routes import Served

router = APIRouter(prefix="/api/cases/{identity}")
_GZIP = "application/gzip"


class Said(BaseModel):
    """What a person decided."""

    status: Literal["unchecked", "accepted", "rejected", "second look"]
    note: Annotated[str, StringConstraints(max_length=4000)] = ""


@router.get("")
def case(service: Served, identity: str) -> Response:
    """What is known of a case."""
    found = service.cases.get(identity)
    known, report = found.facts, found.report()
    with found.lock:
        kept, revision = found.kept, found.revision
    return answer(
        {
            "id": identity,
            "name": found.name,
            "shape": known.shape,
            "affine": known.affine,
            "spacing_mm": known.spacing_mm,
            "warnings": report["warnings"],
            "provenance": report["provenance"],
            "has": {
                "correction": kept is not None,
                "reference": found.has("reference"),
                "probability": known.probability,
            },
            "revision": revision,
            "status": found.job.status,
            "note": found.job.note,
            "user": None if kept is None else kept.record.user,
            "record": None if kept is None else kept.record,
            "percentiles": known.percentiles,
        }
    )


@router.get("/image.nii.gz")
def image(service: Served, identity: str) -> Response:
    """The input on its own grid."""
    found = service.cases.get(identity)
    path = found.folder / facts.IMAGE
    if not path.is_file():
        raise facts.not_whole()
    return FileResponse(path, media_type=_GZIP)


@router.get("/labels/{which}.nii.gz")
def labels(service: Served, identity: str, which: Which) -> Response:
    """A label map on the grid of the input."""
    found = service.cases.get(identity)
    with found.lock:
        content, revision = found.labels(which), found.revision
    return Response(content, headers={"ETag": f'"{revision}"'}, media_type=_GZIP)


@router.get("/findings")
def findings(service: Served, identity: str, labels: Which = "ai") -> Response:
    """Measurements, as in ``report.json``."""
    return answer(service.findings(service.cases.get(identity), labels))


@router.get("/compare")
def compare(service: Served, identity: str, a: Which = "ai", b: Which = "corrected") -> Response:
    """Overlap of two label maps."""
    found = service.cases.get(identity)
    with found.lock:
        one, other = found.labels(a), found.labels(b)
    return answer(service.ask("compare", a=one, b=other))


@router.put("/reference")
def reference(service: Served, identity: str, file: Annotated[UploadFile, File()]) -> Response:
    """Keep an expert's label map beside the case."""
    found = service.cases.get(identity)
    name = uploads.safe_path(PurePath(file.filename or "reference.nii.gz").name).name
    # A name with a dot in front is cleared away by the next start, should this one end here.
    folder = found.folder / f".reference-{secrets.token_hex(6)}"
    folder.mkdir()
    try:
        with (folder / name).open("wb") as out:
            while block := file.file.read(2**20):
                out.write(block)
        service.ask("reference", folder=str(found.folder), path=str(folder / name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return answer({"reference": True})


@router.put("/status")
def status(service: Served, identity: str, said: Said) -> Response:
    """Accept, reject, or ask for a second look."""
    service.cases.get(identity)
    service.jobs.changed(identity, status=said.status, note=said.note)
    return answer({"status": said.status, "note": said.note})
