"""Samples in their order, made in this process or by workers ahead of their time."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count

from hepatica.train.samples import Sample, Samples

_samples: Samples | None = None


@contextmanager
def feed(samples: Samples, start: int, step: int, workers: int) -> Iterator[Iterator[Sample]]:
    """Samples `start`, `start` + `step`, … without end; the same ones for any `workers`.

    Without workers each is made when it is asked for. A thread that makes the next one
    meanwhile was measured on two cores: it takes more from the network than it saves.
    """
    numbers = count(start, step)
    if not workers:
        yield (samples.sample(number) for number in numbers)
        return
    # Not forked: torch's threads would not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (samples,)) as pool:
        ahead: deque[Future[Sample]] = deque()
        try:
            yield _ahead(pool, ahead, numbers, 2 * workers)
        finally:
            for future in ahead:
                future.cancel()


def _ahead(
    pool: ProcessPoolExecutor, ahead: deque[Future[Sample]], numbers: Iterator[int], depth: int
) -> Iterator[Sample]:
    while True:
        while len(ahead) < depth:
            ahead.append(pool.submit(_make, next(numbers)))
        yield ahead.popleft().result()


def _begin(samples: Samples) -> None:
    global _samples
    _samples = samples


def _make(number: int) -> Sample:
    assert _samples is not None
    return _samples.sample(number)
