"""Zip archives, unpacked by hand: whatever one claims, its size is counted while it is unpacked."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from hepatica.core.errors import InputError
from hepatica.io import checks

MAX_FILES = 200_000
#: Of all that an archive unpacks to.
MAX_UNPACKED_BYTES = 32 * 2**30
#: An archive may unpack to so many times its size; MRI is packed to about a half.
MAX_RATIO = 200
#: Below this the ratio does not matter.
_SMALL_BYTES = 64 * 2**20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)
_BLOCK = 1 << 20


def unpack(path: Path, place: Callable[[str, bytes], Path | None]) -> dict[Path, str]:
    """Unpack what is wanted of a zip; where it lies now, and its name in the archive.

    Parameters
    ----------
    place
        Told the name and the first bytes of each member, says where it is to go: a new file in
        a folder that is there; None leaves it out.

    Raises
    ------
    InputError
        If the archive is damaged, protected, or larger than the caps of this module.
    """
    found: dict[Path, str] = {}
    try:
        with checks.readable(path), zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > MAX_FILES:
                raise too_many(path.name)
            limit = max(_SMALL_BYTES, MAX_RATIO * path.stat().st_size)
            left = min(MAX_UNPACKED_BYTES, limit)
            for member in members:
                if member.flag_bits & 1:
                    raise InputError(
                        f"{path.name} is protected by a password.",
                        "Unpack it and give the folder.",
                    )
                left -= _member(archive, member, place, left, found)
                if left < 0:
                    raise InputError(
                        f"{path.name} unpacks to more than is plausible.",
                        "It may be made to fill the disk. If you trust it, unpack it and"
                        " give the folder.",
                    )
    except _DAMAGED as error:
        raise checks.damaged(path.name) from error
    return found


def too_many(name: str) -> InputError:
    """The error for more files than a study can have."""
    return InputError(f"{name} holds more than {MAX_FILES:,} files.", "Give one study at a time.")


def _member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    place: Callable[[str, bytes], Path | None],
    limit: int,
    found: dict[Path, str],
) -> int:
    """Bytes that a member unpacks to, 0 if it is not wanted; ends above `limit`."""
    with archive.open(member) as stream:
        block = stream.read(_BLOCK)
        target = place(member.filename, block)
        if target is None:
            return 0
        taken = 0
        with target.open("xb") as out:
            found[target] = member.filename
            while block:
                taken += len(block)
                if taken > limit:
                    return taken
                out.write(block)
                block = stream.read(_BLOCK)
    return taken
