"""The interface under ``/api``: what each address does is in the service, not here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from hepatica.serve.service import Service


def _service(request: Request) -> Service:
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


#: The service, as an argument of a route.
Served = Annotated[Service, Depends(_service)]

__all__ = ["APIRouter", "Served"]
