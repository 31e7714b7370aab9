"""Answers, and errors in the words of the command line."""

from __future__ import annotations

import errno
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hepatica.core.errors import ConfigError, HepaticaError
from hepatica.serve.refusal import Refusal

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FREE = "The disk is full: free some space."


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """`value` as JSON; records of msgspec and dataclasses included."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def refused(error: HepaticaError) -> Response:
    """The answer to an error of the family."""
    said = {"error": error.message, "hint": error.hint or None}
    if isinstance(error, Refusal):
        return answer(said | error.more, error.status)
    # A child tells the number of the system's error, as it cannot send the error itself.
    if getattr(error.__cause__ or error, "errno", None) in _FULL:
        return answer(said | {"hint": error.hint or _FREE}, 507)
    return answer(said, 422 if isinstance(error, ConfigError) else 400)


def install(app: FastAPI) -> None:
    """Let every failure of `app` end as an answer of that shape."""
    app.add_exception_handler(HepaticaError, _ours)
    app.add_exception_handler(HTTPException, _theirs)
    app.add_exception_handler(RequestValidationError, _arguments)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, HepaticaError)
    return refused(error)


async def _theirs(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "There is no such page.", 405: "That cannot be done here."}
    return answer(
        {"error": words.get(error.status_code, str(error.detail)), "hint": None},
        error.status_code,
    )


async def _arguments(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "The request"
    return answer({"error": f"{where}: {first['msg']}.", "hint": None}, 422)


async def _system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    full = error.errno in _FULL
    hint = _FREE if full else None
    words = f"The disk refused: {error.strerror or type(error).__name__}."
    return answer({"error": words, "hint": hint}, 507 if full else 400)


async def _unexpected(request: Request, error: Exception) -> Response:
    words = f"Unexpected {type(error).__name__} in the server."
    return answer({"error": words, "hint": "It goes on; try again."}, 500)
