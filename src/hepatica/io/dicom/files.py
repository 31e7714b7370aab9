"""Where the DICOM files of a study lie: a folder, a zip, a DICOMDIR, one file.

An archive is unpacked by hand into a folder that only this user can enter, under names
of our own, so that no name in it ever touches a path.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from hepatica.core.errors import InputError
from hepatica.io import archive, checks
from hepatica.io.dicom import parse
from hepatica.io.inputs import is_dicom, is_dicomdir, is_zip

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
        :mod:`hepatica.io.archive`; if a DICOMDIR points outside its folder.
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
            if len(found) > archive.MAX_FILES:
                raise archive.too_many(folder.name)
    return Files(tuple(found), tuple(str(p.relative_to(folder)) for p in found))


def _raise(error: OSError) -> None:
    raise error


def _unpacked(path: Path, into: Path) -> Files:
    numbers = count()

    def place(name: str, head: bytes) -> Path | None:
        # A DICOMDIR adds nothing to the files themselves.
        wanted = head[128:_HEAD] == b"DICM" and PurePosixPath(name).name != "DICOMDIR"
        return into / f"{next(numbers):06d}" if wanted else None

    found = archive.unpack(path, place)
    return Files(tuple(found), tuple(found.values()))


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
    for file_id in named[: archive.MAX_FILES + 1]:
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
    if len(found) > archive.MAX_FILES:
        raise archive.too_many(path.name)
    notes = (f"{missing} files that the DICOMDIR names are not there.",) if missing else ()
    return Files(tuple(found), tuple(found.values()), notes)


def _plain(part: str) -> bool:
    """Whether it is the name of a file or folder, and no way out of here."""
    return part not in ("", ".", "..") and not set(part) & set("/\\:\0")
