"""The queue: adding by path and by upload, watching, cancelling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from hepatica.serve import arrivals, places, uploads
from hepatica.serve.answers import answer
from hepatica.serve.refusal import Refusal
from hepatica.serve.routes import Served
from hepatica.serve.service import Service

router = APIRouter(prefix="/api")


class Wanted(BaseModel):
    """An image, or a folder of them, below the roots; which series of a DICOM study."""

    path: str
    series: str | None = None


class Again(BaseModel):
    """Another series, if that is what was wrong."""

    series: str | None = None


@router.get("/jobs")
def jobs(service: Served) -> Response:
    """All jobs, in the order in which they came."""
    return answer({"jobs": service.jobs.views()})


@router.post("/jobs")
def add(service: Served, wanted: Wanted) -> Response:
    """Queue what a path stands for."""
    path = places.inside(wanted.path, service.settings.roots)
    with arrivals.arriving(service.settings.uploads) as folder:
        return _queued(service, path, service.settings.roots, folder, wanted.series)


@router.post("/uploads")
async def upload(service: Served, request: Request) -> Response:
    """Take dropped files, folders and zips; they are on the disk before this answers."""
    settings, limits = service.settings, service.settings.limits
    divider = uploads.boundary(request.headers.get("content-type", ""))
    with arrivals.arriving(settings.uploads) as folder:
        dropped = folder / uploads.LOOSE
        dropped.mkdir(parents=True)
        receiver = uploads.Receiver(dropped, divider, limits.upload_bytes, limits.upload_files)
        try:
            async for block in request.stream():
                await run_in_threadpool(receiver.write, block)
        except ClientDisconnect:
            raise Refusal(400, "The upload was given up.") from None
        finally:
            receiver.close()
        receiver.finish()
        start = uploads.start_of(dropped)
        return await run_in_threadpool(_queued, service, start, [dropped], folder)


def _queued(
    service: Service, path: Path, roots: Sequence[Path], folder: Path, series: str | None = None
) -> Response:
    """Queue what is at `path` and below `roots`; `folder` takes what has to be unpacked."""
    found = service.ask(
        "find", path=str(path), roots=[str(root) for root in roots], folder=str(folder)
    )
    added = service.jobs.add(found, folder, series)
    return answer({"jobs": [service.jobs.view(job) for job in added]}, 201)


@router.get("/jobs/{identity}")
def job(service: Served, identity: str) -> Response:
    """One job."""
    return answer(service.jobs.view(service.store.get(identity)))


@router.post("/jobs/{identity}/cancel")
def cancel(service: Served, identity: str) -> Response:
    """End a job; the work on it ends at once."""
    return answer(service.jobs.view(service.jobs.cancel(identity)))


@router.post("/jobs/{identity}/retry")
def retry(service: Served, identity: str, again: Again | None = None) -> Response:
    """Queue a job that failed or was cancelled, perhaps with another series."""
    series = None if again is None else again.series
    return answer(service.jobs.view(service.jobs.retry(identity, series)))


@router.delete("/jobs/{identity}")
def remove(service: Served, identity: str) -> Response:
    """Remove a job and its case."""
    service.jobs.remove(identity)
    return answer({"removed": identity})


@router.get("/events")
async def events(service: Served) -> Response:
    """Each job as it changes, as server-sent events."""
    stream = service.events.listen(service.jobs.views)
    return StreamingResponse(stream, media_type="text/event-stream")
