"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hepatica.core.errors import OutputError

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space or choose another folder.",
    errno.EDQUOT: "Your quota is used up: free some space or choose another folder.",
    errno.EACCES: "You may not write there: choose another folder or change its permissions.",
    errno.EPERM: "You may not write there: choose another folder or change its permissions.",
    errno.EROFS: "The disk is read-only: choose another folder.",
    errno.ENOENT: "Make the folder first.",
    errno.EEXIST: "A file of that name is in the way: choose another name.",
    errno.ENOTDIR: "A part of the path is a file, not a folder: choose another path.",
    errno.EISDIR: "A folder of that name is in the way: choose another name.",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one.",
}


@contextmanager
def folder_atomically(path: str | Path) -> Iterator[Path]:
    """An empty temporary folder that becomes `path` when the block succeeds.

    It lies beside `path`, under a name that starts with a dot; the folders above are
    made. Its files are synced to the disk before it is renamed. An earlier folder
    `path` is replaced, or stays as it was if the block fails.

    Raises
    ------
    OutputError
        For whatever the operating system refuses, in the block or after it.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name[:80]}-{secrets.token_hex(6)}")
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("r+b") as stream:
                    os.fsync(stream.fileno())
        _take_place(temporary, path, path.with_name(f"{temporary.name}-old"))
        _sync_folder(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(new: Path, path: Path, aside: Path) -> None:
    """Rename `new` to `path`; what is there stays until that is done, whatever happens."""
    if not os.path.lexists(path):
        new.replace(path)
        return
    try:
        path.replace(aside)
        new.replace(path)
    except BaseException:  # an interrupt, too
        if os.path.lexists(aside) and not os.path.lexists(path):
            aside.replace(path)
        raise
    if aside.is_symlink():
        aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def atomically(path: str | Path) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block succeeds.

    It lies in the same folder and has the same extensions, so that writers recognise
    the format; its name starts with a dot. The block creates the file. It is synced to
    the disk and renamed, which replaces an older `path`. If the block fails, it is
    removed and an older `path` stays as it was.

    Raises
    ------
    OutputError
        For whatever the operating system refuses, in the block or after it.
    """
    path = Path(path)
    stem, dot, extension = path.name.partition(".")
    temporary = path.with_name(f".{stem[:80]}-{secrets.token_hex(6)}{dot}{extension}")
    try:
        yield temporary
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        # After a success there is nothing of that name any more.
        # If the folder is gone or read-only, the first error is the one to tell.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` atomically; raises OutputError."""
    with atomically(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8 with its line ends; raises OutputError."""
    write_bytes(path, text.encode("utf-8"))


def make_folder(path: str | Path) -> None:
    """Make the folder `path` and those above it, where they are missing; raises OutputError."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(Path(path), error) from error


def _not_written(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    hint = _HINTS.get(error.errno or 0, "Check the disk, or choose another folder.")
    return OutputError(f"{path} cannot be written: {reason}.", hint)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network drives cannot sync a folder; the file itself is safe.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
