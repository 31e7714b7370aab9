"""News of jobs to every open window, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

BEAT_S = 15.0
#: A window that has not listened for so many is sent away; it connects again by itself.
_MOST_WAITING = 5000


class Events:
    """Published from any thread; heard by coroutines of one loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._closed = False

    def begin(self) -> None:
        """Take the loop that runs now as the one that listeners live in."""
        self._loop, self._closed = asyncio.get_running_loop(), False

    def publish(self, job: dict[str, Any]) -> None:
        """Tell everyone about a job."""
        self._call(self._put, event("job", job))

    def close(self) -> None:
        """End all streams, so that the server can end."""
        self._closed = True
        self._call(self._put, None)

    def _call(self, tell: Callable[[bytes | None], None], message: bytes | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell, message)

    def _put(self, message: bytes | None) -> None:
        for queue in list(self._listeners):
            if queue.qsize() < _MOST_WAITING:
                queue.put_nowait(message)
            else:
                self._listeners.discard(queue)
                queue.put_nowait(None)

    async def listen(
        self, first: Callable[[], Iterable[dict[str, Any]]], beat_s: float = BEAT_S
    ) -> AsyncIterator[bytes]:
        """Every job once, then each that changes, and a beat where nothing does."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            for job in first():
                yield event("job", job)
            while not self._closed:
                try:
                    message = await asyncio.wait_for(queue.get(), beat_s)
                except TimeoutError:
                    message = event("beat", {})
                if message is None:
                    return
                yield message
        finally:
            self._listeners.discard(queue)


def event(name: str, data: Any) -> bytes:
    """One event in the form of the stream."""
    return b"event: %s\ndata: %s\n\n" % (name.encode("ascii"), msgspec.json.encode(data))
