"""Several cases in one process: the networks see one while the folder of another is filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from hepatica.case.run import Finish, silent
from hepatica.results.report import Report

Source = TypeVar("Source")


def several(
    sources: Iterable[Source], begin: Callable[[Source], Finish]
) -> Iterator[tuple[Source, Future[Report]]]:
    """Each source, in order, with the report that it will have, or what went wrong.

    `begin` is the first half of a case, and runs here; the second runs in a thread. Of no more
    than two cases anything is held in memory: a case is begun when the one before the last
    has been asked for its report.
    """
    with ThreadPoolExecutor(1, "write") as writer:
        waiting: list[tuple[Source, Future[Report]]] = []
        for source in sources:
            future: Future[Report] = Future()
            try:
                finish = begin(source)
            except Exception as error:
                future.set_exception(error)
            else:
                future = writer.submit(finish, silent)
            yield from waiting
            waiting = [(source, future)]
        yield from waiting
