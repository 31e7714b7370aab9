"""Who may talk to a scheduler: this machine alone, or who has a certificate."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from hepatica.batch.extra import needs_cluster
from hepatica.core.errors import ConfigError

if TYPE_CHECKING:
    from distributed.security import Security

_TLS = "Give --tls-ca, --tls-cert and --tls-key, and an address that begins with tls://."


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files: who signs, our certificate, its key. All of one cluster share them."""

    ca: str
    cert: str
    key: str

    def security(self) -> Security:
        """For Dask: TLS both ways, with these; raises ConfigError if a file is missing."""
        with needs_cluster():
            from distributed.security import Security
        for file in (self.ca, self.cert, self.key):
            if not Path(file).is_file():
                raise ConfigError(f"The TLS file {file} is not there.", "Correct its path.")
        roles = ("client", "scheduler", "worker")
        return Security(
            require_encryption=True,
            tls_ca_file=self.ca,
            **{f"tls_{role}_cert": self.cert for role in roles},
            **{f"tls_{role}_key": self.key for role in roles},
        )


def require_safe(address: str, tls: Tls | None) -> None:
    """Refuse an address at which strangers could be listened to, before anything is sent.

    Raises
    ------
    ConfigError
        Unless it is ``tls://`` and `tls` is given, or ``tcp://`` on the loopback.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme == "tls" and tls is not None:
        return
    if parts.scheme == "tls":
        raise ConfigError(f"{address} needs credentials.", _TLS)
    if parts.scheme != "tcp" or not is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"{address} is neither TLS nor this machine alone: whoever reaches it could run"
            " code on all workers.",
            _TLS,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host of that name."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
