"""The next case's files are read while the last one computes, so that slow storage costs no time.

They are read into the system's own cache and nothing is kept here: what does not fit is
dropped by the system, and no worker ever holds a second volume.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from hepatica.batch.extra import needs_cluster
from hepatica.batch.sources import files_of
from hepatica.io.memory import available_bytes

with needs_cluster():
    from distributed import WorkerPlugin

#: The annotation of a task that says which source it will read.
SOURCE = "hepatica-source"
_BLOCK = 1 << 20


class ReadAhead(WorkerPlugin):  # type: ignore[misc]  # Dask is Any to us
    """On each worker: reads the source of a case that waits there while another one runs."""

    name = "hepatica-read-ahead"

    def setup(self, worker: Any) -> None:
        """Called by Dask on the worker."""
        self.worker = worker

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """Called by Dask when a task changes its state."""
        state = self.worker.state
        beside = finish == "ready" and any(other.key != key for other in state.executing)
        if not beside:
            return
        source = (state.tasks[key].annotations or {}).get(SOURCE)
        if source:
            threading.Thread(target=read_through, args=(Path(source),), daemon=True).start()


def read_through(source: Path) -> int:
    """Read the files of a source once; the bytes read. What cannot be read is left to the case.

    No more than half of the free memory, since the cache would drop the first parts again.
    """
    left, done = available_bytes() // 2, 0
    with suppress(OSError):
        for file in files_of(source):
            with file.open("rb") as stream:
                while done < left and (block := stream.read(_BLOCK)):
                    done += len(block)
    return done
