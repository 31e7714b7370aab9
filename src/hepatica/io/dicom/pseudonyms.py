"""New names and UIDs for old ones, always the same under one key; the key leads back.

They are keyed hashes (HMAC-SHA256), so that files, runs and machines that share the key
agree without talking to each other, and nobody without it can test a guess.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hepatica.core.errors import InputError, OutputError
from hepatica.io import checks
from hepatica.io.atomic import atomically, make_folder

_FORMAT = "hepatica de-identification key 1"
_NOTE = "Keep this apart from the data: whoever has both knows the patients."
#: Dates go back by at least a month and less than ten years.
_SHIFT_DAYS = (30, 3650)


class Patient(msgspec.Struct, frozen=True):
    """Who hides behind a pseudonym."""

    id: str
    name: str
    days: int


class _File(msgspec.Struct, frozen=True):
    format: str
    note: str
    secret: str
    uids: dict[str, str]
    patients: dict[str, Patient]


@dataclass
class Key:
    """The secret, and what was replaced by what so far (new to old)."""

    secret: bytes = field(repr=False)
    uids: dict[str, str] = field(default_factory=dict, repr=False)
    patients: dict[str, Patient] = field(default_factory=dict, repr=False)

    @classmethod
    def new(cls) -> Key:
        """A key that nobody has had."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def load(cls, path: Path) -> Key:
        """Read a key that :meth:`save` wrote.

        Raises
        ------
        InputError
            If it is not one, or others may read it.
        """
        checks.require_file(path)
        with checks.readable(path):
            content = path.read_bytes()
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise InputError(
                    f"{path.name} may be read by others, and it names patients.",
                    f"Run chmod 600 {path}, and find out who has read it.",
                )
        try:
            known = msgspec.json.decode(content, type=_File)
            secret = bytes.fromhex(known.secret)
        except (msgspec.DecodeError, ValueError) as error:
            raise InputError(f"{path.name} is no key of Hepatica.", "Choose another.") from error
        if known.format != _FORMAT or len(secret) < 16:
            raise InputError(f"{path.name} is no key of Hepatica.", "Choose another.")
        return cls(secret, dict(known.uids), dict(known.patients))

    def save(self, path: Path) -> None:
        """Write it so that only this user can read it; raises OutputError."""
        make_folder(path.parent)
        content = _File(_FORMAT, _NOTE, self.secret.hex(), self.uids, self.patients)
        data = msgspec.json.format(msgspec.json.encode(content), indent=2)
        with atomically(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data + b"\n")

    def uid(self, old: str) -> str:
        """The UID that takes the place of `old`: 2.25 and 128 bits (PS3.5 B.2)."""
        digest = bytearray(self._hash("uid", old)[:16])
        # Version and variant of a random UUID.
        digest[6] = digest[6] & 0x0F | 0x40
        digest[8] = digest[8] & 0x3F | 0x80
        new = f"2.25.{int.from_bytes(digest)}"
        self.uids[new] = old
        return new

    def patient(self, identity: Mapping[str, str]) -> str:
        """The pseudonym of a patient, whose identity has `id`, `name` and what tells it apart."""
        words = "\0".join(f"{k}={v}" for k, v in sorted(identity.items()))
        digest = self._hash("patient", words)
        pseudonym = "P-" + base64.b32encode(digest[:5]).decode("ascii")
        low, high = _SHIFT_DAYS
        days = -(low + int.from_bytes(digest[8:12]) % (high - low))
        self.patients[pseudonym] = Patient(identity["id"], identity["name"], days)
        return pseudonym

    def _hash(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.secret, f"{kind}\0{text}".encode(), "sha256")


def require_apart(key: Path, out: Path) -> None:
    """Refuse a key inside the folder of the data that it opens; raises OutputError."""
    if out.resolve() in (key.resolve(), *key.resolve().parents):
        raise OutputError(
            f"{key} would lie in {out}, beside the data that it opens.",
            "Choose another place with --key.",
        )
