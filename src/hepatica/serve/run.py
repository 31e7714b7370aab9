"""Start the server: the door it has, the port it takes, the address it prints."""

from __future__ import annotations

import secrets
import signal
import socket
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from hepatica.core.errors import ConfigError
from hepatica.serve import web
from hepatica.serve.service import Service
from hepatica.serve.settings import LOOPBACK, Settings

_SHORTEST_PASSWORD = 12
#: For answers that are under way when the server is told to end.
_PATIENCE_S = 3


@dataclass(frozen=True)
class Door:
    """How one gets in: a token in the address, and TLS where others can listen."""

    token: str
    certificate: Path | None = None
    key: Path | None = None
    secret_is_known: bool = False

    @classmethod
    def of(
        cls, host: str, certificate: Path | None, key: Path | None, password_file: Path | None
    ) -> Door:
        """The door for a host.

        Raises
        ------
        ConfigError
            If another host than this machine is given without TLS and a password, or one of
            these without the others.
        """
        given = [option is not None for option in (certificate, key, password_file)]
        if not any(given) and host in LOOPBACK:
            return cls(secrets.token_urlsafe(32))
        if not all(given):
            raise ConfigError(
                f"Others could reach the app at {host}.",
                "Leave out --host, or give --certificate, --key and --password-file.",
            )
        assert certificate
        assert key
        assert password_file
        for path in (certificate, key, password_file):
            if not path.is_file():
                raise ConfigError(f"There is no file {path}.")
        password = password_file.read_text(encoding="utf-8").strip()
        if len(password) < _SHORTEST_PASSWORD:
            raise ConfigError(
                f"The password in {password_file} is too short.",
                f"Take {_SHORTEST_PASSWORD} characters or more.",
            )
        return cls(password, certificate, key, True)

    @property
    def scheme(self) -> str:
        """Of the address."""
        return "http" if self.certificate is None else "https"


class _Server(uvicorn.Server):
    """Ends the streams of events as soon as it is told to end; they would keep it up."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.service.events.close()
        super().handle_exit(sig, frame)


def serve(
    settings: Settings, door: Door, *, browser: bool, say: Callable[[str], None] = print
) -> None:
    """Serve until Ctrl-C; `say` is told the address, once, when it answers.

    Raises
    ------
    ConfigError
        If the port is taken, or the address not of this machine.
    HepaticaError
        As :class:`hepatica.serve.service.Service`.
    """
    listening = _listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    service = Service(settings)
    app = web.make(service, _hosts(settings.host, port, door.scheme), door.token, door.scheme)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,  # it would hold the token, and names of patients
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
        ssl_certfile=door.certificate,
        ssl_keyfile=door.key,
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{door.scheme}://{host}:{port}/"
    # The socket listens already: who comes early waits.
    address += "" if door.secret_is_known else f"?token={door.token}"
    say(address)
    if browser:
        webbrowser.open(address)
    try:
        _Server(config, service).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # the usual way to end it
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"Port {port} of {host} cannot be taken: {error.strerror}.",
            "Choose another --port, or leave it out.",
        ) from error
    listening.listen(128)
    return listening


def _hosts(host: str, port: int, scheme: str) -> list[str]:
    names = ["127.0.0.1", "localhost", "[::1]"] if host in LOOPBACK else [host, f"[{host}]"]
    usual = {"http": 80, "https": 443}[scheme]
    return [f"{name}:{port}" for name in names] + (names if port == usual else [])
