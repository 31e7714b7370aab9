"""A child process that does one task after the other, and can be ended in the middle of one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec

from hepatica.core.errors import ResourceError
from hepatica.serve import child
from hepatica.serve.child import Step

_TICK_S = 1.0


class Ended(Exception):
    """The process was ended by :meth:`Worker.kill` or :meth:`Worker.close`."""


class Worker:
    """One child; started when it is first needed, and again after it has ended.

    Parameters
    ----------
    prepare
        ``module:function`` that the child calls with `arguments` for the table of its tasks;
        imported there, so that this process stays light.
    memory_bytes
        Address space that tasks may take; None for all memory of the machine.
    scratch
        A folder for what the child unpacks, of its own: cleared when it has ended, as a child
        that is killed cannot do that. None for the system's.
    """

    def __init__(
        self,
        prepare: str,
        arguments: Mapping[str, Any],
        memory_bytes: int | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._prepare, self._arguments = prepare, dict(arguments)
        self._memory_bytes, self._scratch = memory_bytes, scratch
        self._turn, self._state = threading.Lock(), threading.RLock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._killed = self._closed = False

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
            if self._scratch is not None:
                self._scratch.mkdir(parents=True)
            context = get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=child.work,
                args=(
                    theirs,
                    self._prepare,
                    self._arguments,
                    self._memory_bytes,
                    None if self._scratch is None else str(self._scratch),
                ),
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
            self._clear()

    def close(self) -> None:
        """End the child for good: none is started after this."""
        with self._state:
            self._closed = True
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
        self._clear()

    def _clear(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

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
            If :meth:`kill` was called, or :meth:`close`, also before.
        """
        with self._turn:
            with self._state:
                if self._closed:
                    raise Ended
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
                    told = self._heard(connection)
                    if isinstance(told, child.Begun):
                        step(told.name)
                    elif isinstance(told, child.Done):
                        return told.result
                    else:
                        raise child.error_of(told)
            except (EOFError, OSError) as error:
                if self._killed:
                    raise Ended from None
                raise ResourceError(
                    "The process that worked on it ended without an answer.",
                    "It may have needed more memory than there is.",
                ) from error

    def _heard(self, connection: Connection) -> child.Told:
        try:
            told: child.Told = msgspec.msgpack.decode(connection.recv_bytes(), type=child.Told)
            return told
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.kill()  # whatever it has become
            raise ResourceError(
                "The process that worked on it gave an answer that is none.",
                "Its image may be made to do harm.",
            ) from error
