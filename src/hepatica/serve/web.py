"""The application: the door, the interface, and the front end as it was built."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

import hepatica
from hepatica.serve import answers
from hepatica.serve.guard import Guard
from hepatica.serve.routes import cases, corrections, exports, jobs, session
from hepatica.serve.service import Service

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

#: Paths that end so take images and label maps.
LARGE = ("/uploads", "/reference", "/correction", "/edits")

#: FastAPI would trace requests, and errors with what they hold, wherever the process or its
#: environment names a receiver. Nothing here is reported to anybody.
SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

_NOT_BUILT = (
    "<!doctype html><html lang='en'><title>Hepatica</title><h1>The app's pages are not built</h1>"
    "<p>The server runs; its interface is <a href='/api/openapi.json'>described here</a>. To build"
    " the pages: <code>pip install .</code> in Hepatica's folder, or <code>npm ci</code> and"
    " <code>npm run build</code> in its folder <code>web</code>.</p></html>"
)


def static() -> Path:
    """Where the front end is, if it was built."""
    return Path(str(resources.files("hepatica"))) / "serve" / "static"


def make(service: Service, hosts: Iterable[str], token: str, scheme: str = "http") -> ASGIApp:
    """The application.

    Parameters
    ----------
    hosts
        What the Host header may be.
    token
        What opens a session.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.begin()
        yield
        await run_in_threadpool(service.end)

    app = FastAPI(
        title="Hepatica",
        version=hepatica.__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=SILENT,
    )
    app.state.service = service
    answers.install(app)
    for routes in (session, jobs, cases, corrections, exports):
        app.include_router(routes.router)
    _pages(app, static())
    limit = service.settings.limits.upload_bytes
    return Guard(
        app,
        hosts=hosts,
        token=token,
        large=limit + 2**20,
        large_paths=LARGE,
        scheme=scheme,
    )


def _pages(app: FastAPI, folder: Path) -> None:
    @app.get("/", include_in_schema=False)
    def index() -> Response:
        page = folder / "index.html"
        return FileResponse(page) if page.is_file() else HTMLResponse(_NOT_BUILT)

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response(status_code=204)

    if (folder / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=folder / "assets"))
