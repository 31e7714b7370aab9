"""What runs in a child process, and what it may say.

What goes through the pipe is MessagePack, not pickle, and of three known forms: a child that
an image has broken into must not be able to tell its parent what to run.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from hepatica.core.errors import (
    BundleError,
    ConfigError,
    HepaticaError,
    InputError,
    OutputError,
    ResourceError,
)

Task = Callable[..., Any]
Step = Callable[[str], None]

#: Errors by the names under which a child tells of them.
_KINDS = {
    kind.__name__: kind
    for kind in (HepaticaError, InputError, OutputError, BundleError, ConfigError, ResourceError)
}


class Begun(msgspec.Struct, array_like=True, tag="step"):
    """A step of the task begins."""

    name: str


class Done(msgspec.Struct, array_like=True, tag="done"):
    """The task is over."""

    result: Any


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """An error; `errno` is the system's number of what caused it."""

    kind: str
    message: str
    hint: str = ""
    choices: list[dict[str, str]] | None = None
    errno: int | None = None


Told: TypeAlias = Begun | Done | Failed


def error_of(told: Failed) -> HepaticaError:
    """The error that a child tells of."""
    error = _KINDS.get(told.kind, HepaticaError)(told.message, told.hint)
    if told.choices is not None:
        error.choices = told.choices  # type: ignore[attr-defined]
    if told.errno is not None:
        error.errno = told.errno  # type: ignore[attr-defined]
    return error


def work(
    connection: Connection,
    prepare: str,
    arguments: dict[str, Any],
    memory_bytes: int | None,
    scratch: str | None,
) -> None:
    """The child: prepare once, then answer one message after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    tempfile.tempdir = scratch
    threading.Thread(target=_end_with_parent, daemon=True).start()
    wrong: HepaticaError | None = None
    tasks: dict[str, Task] = {}
    try:
        module, _, function = prepare.partition(":")
        __import__(module)
        tasks = getattr(sys.modules[module], function)(**arguments)
    except HepaticaError as error:
        wrong = error
    limit_memory(memory_bytes)
    sending = threading.Lock()

    def tell(told: Told) -> None:
        with sending:
            connection.send_bytes(msgspec.msgpack.encode(told))

    while True:
        try:
            task, given = msgspec.msgpack.decode(connection.recv_bytes())
        except EOFError:
            return
        try:
            if wrong is not None:
                raise wrong
            result = tasks[task](lambda name: tell(Begun(name)), **given)
        except Exception as error:
            # A fault of ours in one task must not cost the others theirs.
            tell(_failed(error))
        else:
            tell(Done(result))


def _failed(error: BaseException) -> Failed:
    """What is told of an error."""
    if isinstance(error, HepaticaError):
        cause = error.__cause__
        return Failed(
            type(error).__name__,
            _text(error.message),
            _text(error.hint),
            getattr(error, "choices", None),
            cause.errno if isinstance(cause, OSError) else None,
        )
    if isinstance(error, MemoryError):
        hint = "Crop or resample the image, or use a machine with more memory."
        return Failed("ResourceError", "That needs more memory than it may take.", hint)
    if isinstance(error, OSError):
        words = f"The disk refused: {error.strerror or type(error).__name__}."
        return Failed("HepaticaError", words, errno=error.errno)
    return Failed("HepaticaError", _text(f"Unexpected {type(error).__name__}: {error}"))


def _text(words: str) -> str:
    """`words` as they can be sent: names of files need not be text."""
    return words.encode("utf-8", "replace").decode("utf-8")


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def limit_memory(more_bytes: int | None) -> None:
    """Let this process map no more than `more_bytes` beyond what it has mapped already.

    None is all memory of the machine. Where the system has no such limit nothing happens.
    """
    if sys.platform != "linux":
        return
    import resource

    page = os.sysconf("SC_PAGE_SIZE")
    if more_bytes is None:
        more_bytes = os.sysconf("SC_PHYS_PAGES") * page
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * page
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + more_bytes
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
