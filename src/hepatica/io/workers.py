"""Work in other processes: results in order, a thread for each, and none left behind."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from hepatica.core.errors import ResourceError

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Tasks that are under way or waiting for each worker, so that none stands idle.
AHEAD = 2

#: Where libraries look for their number of threads.
_THREADS = (
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Generator[Result]:
    """What `work` makes of each task, in the tasks' order; nothing for no tasks.

    Parameters
    ----------
    work
        A function of a module, or a method of what can be sent to a process; it is sent
        once to each.
    tasks
        May be without end: results are made a few ahead of those that are asked for.
    workers
        1 works here. More are processes of their own, each of which computes on one
        thread; they are spawned and not forked, for a fork of a process that has threads
        may hang, and not every system can.

    Raises
    ------
    HepaticaError
        That of the first task that raises one, after the results before it.
    ResourceError
        If a process was ended from outside.

    Notes
    -----
    After an error or Ctrl-C, what is being made is finished, nothing else is begun, and
    the processes end. They also end when this one is killed.
    """
    if workers <= 1:
        yield from map(work, tasks)
    else:
        yield from _spawned(work, tasks, workers)


def apart(work: Callable[[Task], Result], task: Task) -> Result:
    """What `work` makes of one task in a process of its own, on one thread."""
    (result,) = _spawned(work, [task], 1)
    return result


def _spawned(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[Result]:
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (work,))
    ahead: deque[Future[Any]] = deque()
    try:
        for task in tasks:
            with _one_thread():  # it may start a process
                ahead.append(pool.submit(_do, task))
            if len(ahead) >= AHEAD * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except BrokenProcessPool as error:
        raise ResourceError(
            "A worker process was ended from outside.",
            "There may not have been enough memory: use fewer --workers.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started in this block compute on one thread.

    Libraries read it when they are imported; for this process it comes too late.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_work: Callable[[Any], Any]


def _begin(work: Callable[[Any], Any]) -> None:
    """Leave Ctrl-C to the parent, end when it does, and keep what every task needs."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _do(task: Any) -> Any:
    return _work(task)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
