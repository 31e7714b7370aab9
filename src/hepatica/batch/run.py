"""The client: hands cases to the crew, a bounded number at a time, and writes down what came of it.

Which worker does what is Dask's affair. The client decides what a failure means: whose fault
a dead worker was, what is tried again, and what is set aside.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import msgspec

import hepatica
from hepatica.batch import leftovers, messages, work
from hepatica.batch.cluster import Crew
from hepatica.batch.manifest import Cause, DiskFull, Entry, Manifest
from hepatica.batch.messages import TOPIC, Began, Done, Failed, Outcome, Recipe, Task, Unable
from hepatica.batch.readahead import SOURCE
from hepatica.batch.sources import fingerprint
from hepatica.core.errors import HepaticaError, OutputError, ResourceError

if TYPE_CHECKING:
    from distributed import Future

#: After so many tries a case is set aside.
TRIES = 2
#: Cases in hand for each worker: one that runs, one that waits there.
AHEAD = 2
#: A worker may die without having begun a case that waited for it; that is not the case's
#: fault, but for ever is too often.
INNOCENT = 20
_TICK_S = 1.0
#: Before a disk that was full is tried again with one case: first, and at most.
_DISK_S = (2.0, 60.0)

Tell = Callable[[str], None]
Do = Callable[[bytes], bytes]


@dataclass
class _InHand:
    """A try that was given to the crew."""

    entry: Entry
    future: Future
    began: float | None = None


@dataclass
class _Full:
    """A disk that was full: since when, and when one case is tried again.

    There may be room for a small one, so that only a try tells.
    """

    since: float
    delay_s: float = _DISK_S[0]
    next_try: float = 0.0

    def wait(self) -> None:
        if (now := time.monotonic()) < self.next_try:
            return  # one of those that were under way
        self.next_try = now + self.delay_s
        self.delay_s = min(2 * self.delay_s, _DISK_S[1])


class Lost(ResourceError):
    """The scheduler is gone; what it had is done again by the next run."""


class Run:
    """One run over what a manifest has waiting.

    Parameters
    ----------
    out
        The folder of results, owned by this process.
    do
        What a worker does with a task.
    alone
        Only cases that are to be tried alone, or none of these; None takes both.
    patience_s
        How long to wait for room on a disk that is full.
    tell
        Called with a sentence for the user, when something happens that they should know.
    tick
        Called about once a second.
    """

    def __init__(
        self,
        out: Path,
        manifest: Manifest,
        crew: Crew,
        recipe: Recipe,
        *,
        do: Do = work.do,
        alone: bool | None = None,
        patience_s: float = 600.0,
        tell: Tell = lambda sentence: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.out, self.manifest, self.crew, self.recipe = out.absolute(), manifest, crew, recipe
        self.do, self.alone = do, alone
        self.patience_s, self.tell, self.tick = patience_s, tell, tick
        self._in_hand: dict[str, _InHand] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._innocent: dict[str, int] = {}
        self._number, self._ticked = 0, 0.0
        self._full: _Full | None = None

    def all(self) -> None:
        """Do everything that waits; then each case is done, set aside, or (where the disk
        stayed full, or it is to be tried alone and this run has none of these) failed.

        Raises
        ------
        HepaticaError
            If no worker can do any case, the scheduler is lost, or the manifest cannot be
            written. Cases that were running are queued again.
        """
        from distributed.comm import CommClosedError

        client = self.crew.client
        client.subscribe_topic(TOPIC, self._heard)
        try:
            while self._fill() or self._in_hand:
                self._next_message()
                if (now := time.monotonic()) - self._ticked >= _TICK_S:
                    self._ticked = now
                    self.tick()
        except CommClosedError as error:
            raise _lost() from error
        finally:
            if client.status == "running":
                client.unsubscribe_topic(TOPIC)
                client.cancel([held.future for held in self._in_hand.values()], force=True)
            self._in_hand.clear()

    # Giving out

    def _fill(self) -> bool:
        """Hand out as much as the crew should hold; whether anything is left to be done."""
        now = time.monotonic()
        if self._full is not None and now - self._full.since >= self.patience_s:
            return False
        if self._full is not None and (now < self._full.next_try or self._in_hand):
            return True
        names = {held.entry.name for held in self._in_hand.values()}
        window = 1 if self._full else AHEAD * max(self.crew.size(), 1)
        first = self.manifest.next(window + len(names), self.alone)
        waiting = [entry for entry in first if entry.name not in names]
        for entry in waiting[: max(window - len(names), 0)]:
            self._submit(entry)
        return bool(waiting)

    def _submit(self, entry: Entry) -> None:
        self._number += 1
        key = f"case-{self._number}-{time.time_ns():x}"
        task = Task(
            key=key,
            case=entry.name,
            source=str(entry.source),
            out=str(self.out),
            recipe=self.recipe,
            version=hepatica.__version__,
        )
        with dask.annotate(**{SOURCE: str(entry.source)}):
            future = self.crew.client.submit(
                self.do,
                msgspec.json.encode(task),
                key=key,
                pure=False,
                resources={"GPU": 1} if self.recipe.gpu else None,
            )
        self._in_hand[key] = _InHand(entry, future)
        future.add_done_callback(lambda done: self._inbox.put(("ended", done.key)))

    # Taking in

    def _heard(self, event: tuple[float, Any]) -> None:
        """Called in Dask's thread; the loop below takes it up in order."""
        self._inbox.put(("began", event[1]))

    def _next_message(self) -> None:
        try:
            kind, content = self._inbox.get(timeout=_TICK_S)
        except queue.Empty:
            if self.crew.client.status != "running":
                raise _lost() from None
            return
        if kind == "began":
            began = msgspec.convert(content, Began)
            begun = self._in_hand.get(began.key)
            if begun is None:
                return  # of another client's task
            begun.began, name = time.monotonic(), begun.entry.name
            self._write(lambda: self.manifest.begin(name, began.place))
        elif held := self._in_hand.pop(content, None):
            self._ended(held)

    def _ended(self, held: _InHand) -> None:
        future, name = held.future, held.entry.name
        status = future.status
        result: Outcome | None
        if status == "finished":
            result = messages.outcome(future.result())
        elif status == "error":
            result = self._died(held, future.exception())
        else:
            raise _lost()
        future.release()
        if isinstance(result, Unable):
            raise ResourceError(result.reason, result.hint)
        if isinstance(result, Done):
            self._full = None
            worker = self.manifest.entry(name).worker or ""
            seen = fingerprint(held.entry.source)
            self._write(
                lambda: self.manifest.finish(
                    name,
                    seconds=result.seconds,
                    worker=worker,
                    fingerprint=seen,
                    hashes=result.hashes,
                )
            )
        elif isinstance(result, Failed):
            self._failed(held, result)

    def _died(self, held: _InHand, error: BaseException) -> Failed | None:
        """What it means that Dask has no result: a worker that died, as a rule."""
        from distributed import KilledWorker

        name = held.entry.name
        if not isinstance(error, KilledWorker):
            return Failed(cause="fault", reason=f"{name}: {type(error).__name__}: {error}")
        leftovers.remove(self.out, name)
        if held.began is None:
            # It only waited for its turn there. The try does not count.
            self._innocent[name] = self._innocent.get(name, 0) + 1
            if self._innocent[name] < INNOCENT:
                return None
        limit = self.recipe.limit_s
        if held.began is not None and time.monotonic() - held.began >= 0.9 * limit:
            words = f"{name} took longer than {limit:g} s and was ended."
            return Failed(cause="time", reason=words)
        return Failed(
            cause="worker",
            reason=f"{name}: the worker process that had it was killed; it may have needed more"
            " memory than the machine has.",
        )

    def _failed(self, held: _InHand, why: Failed) -> None:
        name = held.entry.name
        if why.cause == "disk":
            if self._full is None:
                self._full = _Full(time.monotonic())
                self.tell(f"The disk of {self.out} is full; waiting for room.")
            self._full.wait()
            self._set_back(name, why.cause, why.reason, counts=False, alone=held.entry.alone)
            return
        last = held.entry.tries + 1 >= TRIES
        if last:
            self.tell(f"{name} is set aside: {why.reason}")
            self._write(
                lambda: self.manifest.fail(
                    name, "quarantined", why.cause, why.reason, counts=True, alone=False
                )
            )
        else:
            alone = why.cause in ("memory", "worker")
            self._set_back(name, why.cause, why.reason, counts=True, alone=alone)

    def _set_back(self, name: str, cause: Cause, reason: str, *, counts: bool, alone: bool) -> None:
        self._write(
            lambda: self.manifest.fail(name, "failed", cause, reason, counts=counts, alone=alone)
        )

    def _write(self, change: Callable[[], object]) -> None:
        """Write to the manifest, which may lie on the disk that is full."""
        began = time.monotonic()
        while True:
            try:
                change()
                return
            except DiskFull:
                if time.monotonic() - began >= self.patience_s:
                    raise
                time.sleep(_DISK_S[0])


def reconcile(out: Path, manifest: Manifest, bundle_sha256: str, recipe: Recipe) -> int:
    """Queue again what is not done any more; how many.

    A case stays done if its source has not changed since, and its folder holds a complete
    result of the same image, bundle and version.
    """
    from hepatica import case

    again = []
    for entry in manifest.entries("done"):
        good = (
            entry.bundle_sha256 == bundle_sha256
            and entry.version == hepatica.__version__
            and entry.fingerprint == fingerprint(entry.source)
        )
        if good:
            try:
                report = case.earlier(
                    out / entry.name,
                    entry.input_sha256,
                    bundle_sha256,
                    recipe.wanted,
                )
                good = report.hepatica == hepatica.__version__
            except OutputError:
                good = False
        if not good:
            again.append(entry.name)
    for name in again:
        manifest.again(name)
    return len(again)


def _lost() -> HepaticaError:
    return Lost(
        "The connection to the scheduler is lost.",
        "Start it again and run the same command: what is done stays done.",
    )
