"""The queue on disk: jobs and what people said of their cases, in SQLite.

A row is written before its job begins and after it ends, so that a server that is killed
finds out at its next start what it was doing.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from hepatica.core.errors import OutputError
from hepatica.serve.refusal import Refusal

State = Literal["queued", "running", "done", "failed", "cancelled"]
UNCHECKED = "unchecked"
STATUSES = (UNCHECKED, "accepted", "rejected", "second look")
#: Times that a job is begun before it is given up.
MOST_STARTS = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, record BLOB NOT NULL, state TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
_VERSION = 1
#: For a server that is just ending.
_PATIENCE_S = 2.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One image on its way to a case, and what became of it.

    Parameters
    ----------
    source
        The image; below the uploads if `uploaded`.
    starts
        How often it was begun and not ended.
    result
        Numbers of the label map in force; None until there is one.
    """

    id: str
    name: str
    source: str
    created: str
    uploaded: bool = False
    series: str | None = None
    state: State = "queued"
    starts: int = 0
    seconds: float | None = None
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    status: str = UNCHECKED
    note: str = ""


def now() -> str:
    """The time in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Store:
    """All jobs, in the order in which they came. Safe to use from several threads.

    What changes something raises an OutputError, and has changed nothing, if the disk refuses.

    Raises
    ------
    OutputError
        If the workspace is of a newer version or in use by another server, or the file is
        damaged.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=_PATIENCE_S
        )
        try:
            self._open(path)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise OutputError(
                f"{path.parent} is in use by another server, or cannot be written.",
                "End the other one, or choose another --workspace.",
            ) from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise OutputError(
                f"{path} is damaged: {error}.",
                "Put it elsewhere, or choose another --workspace; the cases' files are beside it.",
            ) from error
        except BaseException:
            self._database.close()
            raise

    def _open(self, path: Path) -> None:
        # Nobody else while this runs; the system lets go of it when the process ends.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise OutputError(
                f"{path} was written by a newer version of Hepatica.",
                "Update Hepatica, or choose another --workspace.",
            )
        self._database.executescript(_SCHEMA)
        self._database.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.OperationalError as error:
                full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                raise OutputError(
                    f"The queue cannot be written: {error}.",
                    "The disk is full: free some space." if full else "Check the disk.",
                ) from (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else error)
            finally:
                # Also a COMMIT that failed; the next one could not begin otherwise.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def add(self, jobs: list[Job]) -> None:
        """Put new jobs at the end, all or none."""
        with self._writing() as database:
            (last,) = database.execute("SELECT coalesce(max(number), 0) FROM jobs").fetchone()
            rows = [
                (job.id, last + n, msgspec.json.encode(job), job.state)
                for n, job in enumerate(jobs, 1)
            ]
            database.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?)", rows)

    def all(self) -> list[Job]:
        """Every job."""
        with self._lock:
            rows = self._database.execute("SELECT record FROM jobs ORDER BY number").fetchall()
        return [msgspec.json.decode(record, type=Job) for (record,) in rows]

    def get(self, identity: str) -> Job:
        """The job of that identity; raises a Refusal (404) if there is none."""
        with self._lock:
            row = self._database.execute(
                "SELECT record FROM jobs WHERE id = ?", (identity,)
            ).fetchone()
        if row is None:
            raise Refusal(404, "There is no such case.", "It may have been removed.")
        return msgspec.json.decode(row[0], type=Job)

    def next(self) -> Job | None:
        """The first that is queued."""
        with self._lock:
            row = self._database.execute(
                "SELECT record FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Job)

    def change(
        self, identity: str, expected: State | tuple[State, ...] | None = None, **changes: Any
    ) -> Job:
        """Replace members of a job; raises a Refusal (409) if it is in no `expected` state."""
        with self._writing() as database:
            job = self.get(identity)
            states = (expected,) if isinstance(expected, str) else expected
            if states is not None and job.state not in states:
                raise Refusal(409, f"{job.name} is {job.state}, so that cannot be done now.")
            job = msgspec.structs.replace(job, **changes)
            database.execute(
                "UPDATE jobs SET record = ?, state = ? WHERE id = ?",
                (msgspec.json.encode(job), job.state, identity),
            )
        return job

    def remove(self, identity: str) -> None:
        """Forget a job."""
        with self._writing() as database:
            database.execute("DELETE FROM jobs WHERE id = ?", (identity,))

    def note(self, name: str, default: Any = None) -> Any:
        """A remembered value."""
        with self._lock:
            row = self._database.execute(
                "SELECT value FROM notes WHERE name = ?", (name,)
            ).fetchone()
        return default if row is None else msgspec.json.decode(row[0])

    def remember(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        with self._writing() as database:
            database.execute(
                "INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, msgspec.json.encode(value))
            )

    def recover(self) -> None:
        """After a server that did not end well: what it was doing is queued again, once."""
        for job in self.all():
            if job.state != "running":
                continue
            if job.starts < MOST_STARTS:
                self.change(job.id, state="queued")
            else:
                error = {
                    "error": f"The server ended twice while it worked on {job.name}.",
                    "hint": "It may need more memory than there is; Retry starts it again.",
                }
                self.change(job.id, state="failed", error=error)
