"""A child process that does one task after the other, and can be ended in the middle of one.

What goes through the pipe is MessagePack, not pickle: a child that an image has broken into
must not be able to tell this process what to run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import msgspec

from hepatica.core.errors import (
    BundleError,
    ConfigError,
    HepaticaError,
    InputError,
    OutputError,
    ResourceError,
)
from hepatica.io.memory import limit_memory

Task = Callable[..., Any]
Step = Callable[[str], None]

_TICK_S = 1.0
#: Errors by the names under which a child tells of them.
_KINDS = {
    kind.__name__: kind
    for kind in (HepaticaError, InputError, OutputError, BundleError, ConfigError, ResourceError)
}


class Ended(Exception):
    """The process was ended by :meth:`Worker.kill` while it worked."""


class Worker:
    """One child; started when it is first needed, and again after it has ended.

    Parameters
    ----------
    prepare
        ``module:function`` that the child calls with `arguments` for the table of its tasks;
        imported there, so that this process stays light.
    memory_bytes
        Address space that tasks may take; None for all memory of the machine.
    """

    def __init__(
        self, prepare: str, arguments: Mapping[str, Any], memory_bytes: int | None = None
    ) -> None:
        self._prepare, self._arguments = prepare, dict(arguments)
        self._memory_bytes = memory_bytes
        self._turn, self._state = threading.Lock(), threading.RLock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._killed = False

    @property
    def pid(self) -> int | None:
        """Of the child; None where none runs."""
        with self._state:
            return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child, if none runs."""
        with self._state:
            if self._process is not None and self._process.is_alive():
                return
            self._let_go()
            context = get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=_work,
                args=(theirs, self._prepare, self._arguments, self._memory_bytes),
                daemon=True,
            )
            self._process.start()
            theirs.close()

    def kill(self) -> None:
        """End the child at once; what it was doing raises :class:`Ended`."""
        with self._state:
            self._killed = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def close(self) -> None:
        """End the child for good."""
        self.kill()
        with self._turn, self._state:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._connection = self._process = None

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        *,
        seconds: float,
        step: Step = lambda name: None,
        tick: Callable[[], None] = lambda: None,
    ) -> Any:
        """What the child's `task` gives for `arguments`; waits for tasks before it.

        Parameters
        ----------
        seconds
            After which the child is ended.
        step
            Called with the name of each step that the task tells of.
        tick
            Called about once a second.

        Raises
        ------
        HepaticaError
            That of the task; a ResourceError if it took too long or the child died of it.
        Ended
            If :meth:`kill` was called.
        """
        with self._turn:
            with self._state:
                self._killed = False
                self.start()
                connection = self._connection
            assert connection is not None
            deadline = time.monotonic() + seconds
            try:
                connection.send_bytes(msgspec.msgpack.encode([task, dict(arguments)]))
                while True:
                    left = deadline - time.monotonic()
                    if connection.poll(min(_TICK_S, max(left, 0.0))):
                        pass
                    elif left > 0:
                        tick()
                        continue
                    else:
                        self.kill()
                        raise ResourceError(
                            f"That took longer than {seconds:.0f} s and was ended.",
                            "Crop or resample the image, or try again.",
                        )
                    kind, *content = msgspec.msgpack.decode(connection.recv_bytes())
                    if kind == "step":
                        step(content[0])
                    elif kind == "done":
                        return content[0]
                    else:
                        name, message, hint, more = content
                        error = _KINDS.get(name, HepaticaError)(message, hint)
                        error.__dict__.update(more)
                        raise error
            except (EOFError, OSError) as error:
                if self._killed:
                    raise Ended from None
                raise ResourceError(
                    "The process that worked on it ended without an answer.",
                    "It may have needed more memory than there is.",
                ) from error


def _work(
    connection: Connection, prepare: str, arguments: dict[str, Any], memory_bytes: int | None
) -> None:
    """The child: prepare once, then answer one message after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
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

    def tell(*message: Any) -> None:
        with sending:
            connection.send_bytes(msgspec.msgpack.encode(message))

    while True:
        try:
            task, given = msgspec.msgpack.decode(connection.recv_bytes())
        except EOFError:
            return
        try:
            if wrong is not None:
                raise wrong
            result = tasks[task](lambda name: tell("step", name), **given)
        except HepaticaError as error:
            more = {"choices": error.choices} if hasattr(error, "choices") else {}
            if isinstance(error.__cause__, OSError):
                more["errno"] = error.__cause__.errno
            tell("error", type(error).__name__, error.message, error.hint, more)
        except MemoryError:
            hint = "Crop or resample the image, or use a machine with more memory."
            tell("error", "ResourceError", "That needs more memory than it may take.", hint, {})
        except Exception as error:
            # A fault of ours in one task must not cost the others theirs.
            words = f"Unexpected {type(error).__name__}: {error}"
            tell("error", "HepaticaError", words, "", {})
        else:
            tell("done", result)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
