"""Where the DICOM files of a study lie: a folder, a zip, a DICOMDIR, one file.

An archive is unpacked by hand into a folder that only this user can enter, under names
of our own, so that no name in it ever touches a path; its size is counted while it is
unpacked, whatever it claims.
"""

from __future__ import annotations

import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.dicom import parse
from hepatica.io.inputs import is_dicom, is_dicomdir, is_zip

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
_HEAD = 132


@dataclass(frozen=True)
class Files:
    """The DICOM files of a source.

    Parameters
    ----------
    paths
        Where they can be read now.
    names
        What they are called in the source, for sentences; as long as `paths`.
    notes
        What was odd, such as files that a DICOMDIR names and that are not there.
    """

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@contextmanager
def opened(source: str | Path) -> Iterator[Files]:
    """The DICOM files in a folder and all below it, a zip, a DICOMDIR, or one file.

    Those of an archive are gone when the block ends. Links to folders are not followed;
    what is no DICOM file is left out.

    Raises
    ------
    InputError
        If the source is none of these, may not be read, or is larger than the caps of
        this module; if a DICOMDIR points outside its folder.
    """
    path = Path(source)
    if checks.is_folder(path):
        yield _in_folder(path)
    elif is_zip(path):
        checks.require_file(path)
        with tempfile.TemporaryDirectory(prefix="hepatica-") as temporary:
            yield _unpacked(path, Path(temporary))
    elif is_dicomdir(path):
        yield _listed(path)
    elif is_dicom(path):
        yield Files((path,), (path.name,))
    else:
        checks.require_file(path)
        raise InputError(
            f"{path.name} is no DICOM folder, zip, DICOMDIR or file.", "Give one of these."
        )


@contextmanager
def nameless(files: Files) -> Iterator[Files]:
    """The same files under numbers, so that no sentence about them repeats a name."""
    with tempfile.TemporaryDirectory(prefix="hepatica-") as temporary:
        paths = []
        for number, path in enumerate(files.paths, 1):
            link = Path(temporary) / f"file_{number:06d}"
            link.symlink_to(path.resolve())
            paths.append(link)
        yield Files(tuple(paths), tuple(p.name for p in paths), files.notes)


def _in_folder(folder: Path) -> Files:
    found: list[Path] = []
    with checks.readable(folder):
        for here, folders, names in os.walk(folder, onerror=_raise):
            folders.sort()
            found += filter(is_dicom, (Path(here) / n for n in sorted(names)))
            if len(found) > MAX_FILES:
                raise _too_many(folder.name)
    return Files(tuple(found), tuple(str(p.relative_to(folder)) for p in found))


def _raise(error: OSError) -> None:
    raise error


def _too_many(name: str) -> InputError:
    return InputError(f"{name} holds more than {MAX_FILES:,} files.", "Give one study at a time.")


def _unpacked(path: Path, into: Path) -> Files:
    try:
        with checks.readable(path), zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > MAX_FILES:
                raise _too_many(path.name)
            found, names, left = [], [], MAX_UNPACKED_BYTES
            limit = max(_SMALL_BYTES, MAX_RATIO * path.stat().st_size)
            for number, member in enumerate(members):
                if member.flag_bits & 1:
                    raise InputError(
                        f"{path.name} is protected by a password.",
                        "Unpack it and give the folder.",
                    )
                target = into / f"{number:06d}"
                taken = _member(archive, member, target, min(left, limit))
                if taken is None:
                    raise InputError(
                        f"{path.name} unpacks to more than is plausible.",
                        "It may be made to fill the disk. If you trust it, unpack it and"
                        " give the folder.",
                    )
                left, limit = left - taken, limit - taken
                if taken:
                    found.append(target)
                    names.append(member.filename)
    except _DAMAGED as error:
        raise checks.damaged(path.name) from error
    return Files(tuple(found), tuple(names))


def _member(archive: zipfile.ZipFile, member: Any, target: Path, limit: int) -> int | None:
    """Bytes written to `target`; 0 for what is no DICOM file, None for more than `limit`."""
    with archive.open(member) as stream:
        block = stream.read(_BLOCK)
        # A DICOMDIR adds nothing to the files themselves.
        if block[128:_HEAD] != b"DICM" or PurePosixPath(member.filename).name == "DICOMDIR":
            return 0
        taken = 0
        with target.open("xb") as out:
            while block:
                taken += len(block)
                if taken > limit:
                    return None
                out.write(block)
                block = stream.read(_BLOCK)
    return taken


def _listed(path: Path) -> Files:
    """The files that a DICOMDIR names (PS3.3 F.3); none outside its folder."""
    directory = parse.header(path, ["DirectoryRecordSequence"])
    root = path.parent.resolve()
    found: dict[Path, str] = {}
    missing = 0
    with parse.damaged(path):
        named = [
            r.ReferencedFileID
            for r in directory.get("DirectoryRecordSequence") or []
            if r.get("ReferencedFileID")
        ]
    for file_id in named[: MAX_FILES + 1]:
        parts = [file_id] if isinstance(file_id, str) else [str(part) for part in file_id]
        inside = root.joinpath(*parts).resolve() if all(map(_plain, parts)) else None
        if inside is None or root not in inside.parents:
            raise InputError(
                f"{path.name} names a file outside its folder.", "Do not use this medium."
            )
        if is_dicom(inside):
            found[inside] = "/".join(parts)
        else:
            missing += 1
    if len(found) > MAX_FILES:
        raise _too_many(path.name)
    notes = (f"{missing} files that the DICOMDIR names are not there.",) if missing else ()
    return Files(tuple(found), tuple(found.values()), notes)


def _plain(part: str) -> bool:
    """Whether it is the name of a file or folder, and no way out of here."""
    return part not in ("", ".", "..") and not set(part) & set("/\\:\0")
