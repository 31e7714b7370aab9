"""Corrections and edits: whole label maps come and go, gzip, one byte a voxel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Response, UploadFile

from hepatica.serve import corrections, editing
from hepatica.serve.answers import answer
from hepatica.serve.cases import Case
from hepatica.serve.refusal import Refusal
from hepatica.serve.routes import Served
from hepatica.serve.store import UNCHECKED
from hepatica.serve.voxels import most_bytes

router = APIRouter(prefix="/api/cases/{identity}")
_Voxels = Annotated[UploadFile, File()]
_IfMatch = Annotated[str | None, Header()]


@router.put("/correction")
def save(
    service: Served,
    identity: str,
    voxels: _Voxels,
    record: Annotated[str, Form()],
    if_match: _IfMatch = None,
) -> Response:
    """Keep a label map as the revision after the one that it was made from.

    What was decided of another label map does not hold of this one; its note stays.
    """
    case = service.cases.get(identity)
    expected = corrections.if_match(if_match)
    packed = _packed(voxels, case)
    with case.lock:
        outlived = case.job.status != UNCHECKED and corrections.differs(case, packed)
        revision = corrections.save(case, expected, packed, record)
        if outlived:
            service.jobs.changed(identity, status=UNCHECKED)
    service.refresh(case)
    status = UNCHECKED if outlived else case.job.status
    return answer({"revision": revision, "status": status}, ETag=f'"{revision}"')


@router.delete("/correction")
def give_up(service: Served, identity: str, if_match: _IfMatch = None) -> Response:
    """Go back to the AI's label map; the correction is kept aside."""
    case = service.cases.get(identity)
    revision = corrections.give_up(case, corrections.if_match(if_match))
    service.jobs.changed(identity, status=UNCHECKED)
    service.refresh(case, case.report()["measurements"])
    return answer({"revision": revision}, ETag=f'"{revision}"')


@router.post("/edits")
def edit(service: Served, identity: str, voxels: _Voxels, edit: Annotated[str, Form()]) -> Response:
    """The label map after one of the tools that need the image or three dimensions."""
    case = service.cases.get(identity)
    editing.require_inside(editing.parse(edit), case.facts.shape)
    packed = _packed(voxels, case)
    made = service.ask("edit", folder=str(case.folder), packed=packed, wanted=edit.encode())
    headers = {"X-Changed-Voxels": str(made["changed"])}
    return Response(made["voxels"], headers=headers, media_type="application/octet-stream")


def _packed(voxels: UploadFile, case: Case) -> bytes:
    """What was sent, which waits on the disk; no more of it is read than a label map can take."""
    most = most_bytes(case.facts.shape)
    packed = voxels.file.read(most + 1)
    if len(packed) > most:
        raise Refusal(413, "That is too large for a label map of the case.", "Reload the page.")
    return packed
