"""Who sits here, what this server is, and which files it may read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, StringConstraints

import hepatica
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.serve import offers, places
from hepatica.serve.answers import answer
from hepatica.serve.jobs import ENGINE
from hepatica.serve.routes import Served

router = APIRouter(prefix="/api")
_USER = "user"


class User(BaseModel):
    """Initials of who corrects; None forgets them."""

    user: Annotated[str, StringConstraints(strip_whitespace=True, max_length=16)] | None


@router.get("/session")
def session(service: Served) -> Response:
    """What this server is, and what it can do."""
    settings = service.settings
    limits = settings.limits
    engine = {"name": settings.engine} | (service.store.note(ENGINE) or {})
    return answer(
        {
            "version": hepatica.__version__,
            "notice": RESEARCH_ONLY,
            "bundle": service.bundle,
            "engine": engine,
            "roots": [str(root) for root in settings.roots],
            "limits": {"upload_bytes": limits.upload_bytes, "voxels": limits.voxels},
            "exports": offers.available(),
            "user": service.store.note(_USER),
        }
    )


@router.put("/session")
def set_user(service: Served, given: User) -> Response:
    """Say who corrects."""
    service.store.remember(_USER, given.user or None)
    return answer({"user": given.user or None})


@router.get("/files")
def files(service: Served, path: str | None = None) -> Response:
    """A folder of this computer, below the roots."""
    return answer(places.listing(path or None, service.settings.roots))
