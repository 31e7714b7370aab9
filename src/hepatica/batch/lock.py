"""One client per folder of results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hepatica import io
from hepatica.batch.extra import needs_cluster
from hepatica.core.errors import OutputError

LOCK = ".batch.lock"


@contextmanager
def owned(out: Path) -> Iterator[None]:
    """Keep `out`, which is made if it is missing, to this process alone.

    The lock is the operating system's, on an open file: it ends with the process, however
    that ends, so that nobody has to remove anything after a kill -9 or a power cut.

    Raises
    ------
    OutputError
        If another process has it, or it cannot be written.
    """
    with needs_cluster():
        from filelock import FileLock, Timeout

    io.make_folder(out)
    lock = FileLock(out / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"Another hepatica batch is working on {out}.",
            "Wait for it, look with hepatica batch --status, or choose another folder with -o.",
        ) from error
    except OSError as error:
        raise OutputError(
            f"{out} cannot be locked: {error.strerror or error}.",
            "Choose a folder that you may write to, on a disk that knows locks.",
        ) from error
    try:
        yield
    finally:
        lock.release()
