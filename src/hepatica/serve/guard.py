"""The door: who may speak to the server, and what a browser may do with its answers.

Other pages in the same browser, and names that are made to point at this machine, are kept
out by the Host and Origin as they came over the wire; other programs and users by a secret
that only the printed address holds.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Of the cookie, before the port.
COOKIE = "hepatica"
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "style-src 'self'",
        "connect-src 'self' blob:",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE = ("GET", "HEAD")
#: Bodies that are no image, label map or upload.
SMALL_BYTES = 2**20

_KEEP_OUT = (
    "<!doctype html><html lang='en'><title>Hepatica</title><h1>Hepatica</h1>"
    "<p>Open the address that <code>hepatica app</code> printed: it holds the key.</p>"
    "<form method='post' action='/'><label>Or type the key or password:"
    " <input type='password' name='token' required></label> <button>Open</button></form></html>"
)
#: After a wrong key, so that nobody tries many.
_WAIT_S = 1.0
_LONGEST_FORM = 4096


class Guard:
    """The outermost layer of the application.

    Parameters
    ----------
    hosts
        What the Host header may be, as ``127.0.0.1:8127``.
    token
        The secret of the opening address; exchanged for another one in a cookie.
    large
        Bytes that a body may have whose path ends in one of `large_paths`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        token: str,
        large: int,
        large_paths: tuple[str, ...],
        scheme: str = "http",
    ) -> None:
        self.app, self.token, self.scheme = app, token, scheme
        self.hosts = {host.lower() for host in hosts}
        self.session = secrets.token_urlsafe(32)
        self.large, self.large_paths = large, large_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, open the session, or hand on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets here
        path, method = scope["path"], scope["method"]
        send = _with_headers(send, path)
        if not self._known_host(scope):
            await _say(send, 403, "This server does not answer to that name.")
        elif method not in _SAFE and not self._own_origin(scope):
            await _say(send, 403, "Only the app's own page may change something.")
        elif path == "/" and method == "GET" and (given := _token(scope)) is not None:
            await self._open(scope, send, given)
        elif path == "/" and method == "POST":
            await self._open(scope, send, await _typed(receive))
        elif not self._has_session(scope):
            if path.startswith("/api/"):
                hint = "Open the address that `hepatica app` printed."
                await _say(send, 401, "This browser has no session.", hint)
            else:
                await _send(send, 401, _KEEP_OUT.encode(), b"text/html; charset=utf-8")
        else:
            most = self.large if path.endswith(self.large_paths) else SMALL_BYTES
            length = _one(scope, b"content-length") or "0"
            if not length.isdecimal() or int(length) > most:
                hint = f"At most {most / 2**20:,.0f} MB are taken here."
                await _say(send, 413, "That is too large.", hint)
            else:
                await self.app(scope, _counted(receive, most), send)

    def _known_host(self, scope: Scope) -> bool:
        host = _one(scope, b"host")
        return host is not None and host.lower() in self.hosts

    def _own_origin(self, scope: Scope) -> bool:
        origin = _one(scope, b"origin")
        host = _one(scope, b"host") or ""
        return origin is not None and origin.lower() == f"{self.scheme}://{host.lower()}"

    def _has_session(self, scope: Scope) -> bool:
        # By hand: Python's parser stops at the odd cookies that other programs here may set.
        pairs = (
            pair.strip().partition("=")
            for name, value in scope["headers"]
            if name == b"cookie"
            for pair in value.decode("latin-1").split(";")
        )
        return any(
            name == _cookie(scope) and _equal(value, self.session) for name, _, value in pairs
        )

    async def _open(self, scope: Scope, send: Send, given: str) -> None:
        if not _equal(given, self.token):
            await asyncio.sleep(_WAIT_S)
            await _send(send, 401, _KEEP_OUT.encode(), b"text/html; charset=utf-8")
            return
        secure = "; Secure" if self.scheme == "https" else ""
        cookie = f"{_cookie(scope)}={self.session}; HttpOnly; SameSite=Strict; Path=/{secure}"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode("ascii"))]
        await _send(send, 303, b"", b"text/plain", headers)


def _equal(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8"))


def _one(scope: Scope, wanted: bytes) -> str | None:
    """The only header of that name; None where there is none or several."""
    found: list[bytes] = [value for name, value in scope["headers"] if name == wanted]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _cookie(scope: Scope) -> str:
    """Name of the cookie; a browser gives those of a machine to all servers on it."""
    return f"{COOKIE}-{scope['server'][1]}"


def _token(scope: Scope) -> str | None:
    query = scope.get("query_string", b"").decode("latin-1")
    given: list[str | None] = [*parse_qs(query).get("token", []), None]
    return given[0]


async def _typed(receive: Receive) -> str:
    """The key in a posted form; empty if there is none."""
    body, more = b"", True
    while more and len(body) <= _LONGEST_FORM:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return parse_qs(body[:_LONGEST_FORM].decode("latin-1")).get("token", [""])[0]


def _counted(receive: Receive, most: int) -> Receive:
    """The same body, refused where it is longer than `most` in spite of its header."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, "That is too large.")
        return message

    return counting


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers[name] = value
            lasting = path.startswith("/assets/") and message["status"] == 200
            headers["Cache-Control"] = (
                "private, max-age=31536000, immutable" if lasting else "no-store"
            )
        await send(message)

    return sending


async def _say(send: Send, status: int, error: str, hint: str | None = None) -> None:
    body = msgspec.json.encode({"error": error, "hint": hint})
    await _send(send, status, body, b"application/json")


async def _send(
    send: Send,
    status: int,
    body: bytes,
    kind: bytes,
    more: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    length = str(len(body)).encode("ascii")
    headers = [(b"content-type", kind), (b"content-length", length), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
