"""``batch.sqlite``: what became of each case of a folder of results.

One process writes it, the client that owns the folder (`hepatica.batch.lock`); others may
read at any time, which is what SQLite's write-ahead log is for. What was written before a
kill -9 is there after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from hepatica.core.errors import InputError, OutputError

MANIFEST = "batch.sqlite"
#: Of the table below; another number is another version's file.
SCHEMA = 1

#: ``failed`` is to be tried again, in this run or the next; ``quarantined`` is set aside.
State = Literal["queued", "running", "done", "failed", "quarantined"]
STATES: tuple[State, ...] = get_args(State)
#: Kinds of reasons: the image, memory, time, a worker that died, a disk that is full, a result
#: that cannot be written for another reason, and faults of ours.
Cause = Literal["input", "memory", "time", "worker", "disk", "output", "fault"]

_TABLE = f"""
CREATE TABLE cases (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN {STATES}),
    cause TEXT,
    reason TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    seconds REAL,
    worker TEXT,
    fingerprint TEXT,
    input_sha256 TEXT,
    bundle_sha256 TEXT,
    plan_sha256 TEXT,
    version TEXT,
    changed TEXT NOT NULL
) STRICT;
CREATE INDEX waiting ON cases (alone, tries, position) WHERE state IN ('queued', 'failed');
PRAGMA user_version = {SCHEMA};
"""


@dataclass(frozen=True)
class Entry:
    """One case.

    Parameters
    ----------
    position
        Its place in the order of the sources.
    cause, reason
        Why the last try failed, as a kind and as a sentence; None where none did.
    tries
        How often it began and ended, well or not.
    alone
        The next try is in a fresh process with nothing beside it, where workers are ours.
    seconds, worker
        Of the last try; None before there was one.
    fingerprint
        Of the source when the case was done; see `hepatica.batch.sources.fingerprint`.
    changed
        When the state last changed, UTC.
    """

    name: str
    position: int
    source: Path
    state: State
    cause: Cause | None
    reason: str | None
    tries: int
    alone: bool
    seconds: float | None
    worker: str | None
    fingerprint: str | None
    input_sha256: str | None
    bundle_sha256: str | None
    plan_sha256: str | None
    version: str | None
    changed: str


_COLUMNS = ", ".join(field.name for field in fields(Entry))


class Manifest:
    """The manifest of a folder, open for reading or for writing as well.

    Each method that writes is one transaction and raises OutputError where the disk refuses.
    """

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database, self.path = database, path

    @classmethod
    def write(cls, out: Path) -> Manifest:
        """Open that of `out`, which exists; made if it is missing. Raises OutputError."""
        path = out / MANIFEST
        with _refusals(path):
            database = sqlite3.connect(path, isolation_level=None, timeout=30)
            database.execute("PRAGMA journal_mode = WAL")
            # Survives a kill of this process; after a power cut the last lines may be missing,
            # and their cases are known by their finished folders.
            database.execute("PRAGMA synchronous = NORMAL")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                database.executescript(f"BEGIN; {_TABLE} COMMIT;")
        return cls._checked(database, path)

    @classmethod
    def read(cls, out: Path) -> Manifest:
        """Open that of `out` to look at; raises InputError if there is none."""
        path = out / MANIFEST
        if not path.is_file():
            raise InputError(f"{out} has no {MANIFEST}.", "Give a folder of hepatica batch.")
        with _refusals(path):
            database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        return cls._checked(database, path)

    @classmethod
    def _checked(cls, database: sqlite3.Connection, path: Path) -> Manifest:
        with _refusals(path):
            (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA:
            database.close()
            raise OutputError(
                f"{path} is of format {version}; this version of Hepatica has {SCHEMA}.",
                "Take the version that made it, or another folder with -o.",
            )
        return cls(database, path)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def add(self, cases: Iterable[tuple[str, Path]]) -> None:
        """Queue cases that are new; one whose source is another file now is queued again."""
        with self._writing() as database:
            (last,) = database.execute("SELECT coalesce(max(position), 0) FROM cases").fetchone()
            database.executemany(
                "INSERT INTO cases (name, position, source, state, changed)"
                " VALUES (?, ?, ?, 'queued', ?) ON CONFLICT (name) DO UPDATE SET"
                " source = excluded.source, state = 'queued', tries = 0, alone = 0,"
                " cause = NULL, reason = NULL, changed = excluded.changed"
                " WHERE source <> excluded.source",
                [(name, last + n, str(path), _now()) for n, (name, path) in enumerate(cases, 1)],
            )

    def release(self) -> None:
        """Queue what was running when a client ended."""
        self._set("state = 'queued'", "state = 'running'")

    def retry(self) -> int:
        """Queue what failed or was set aside, as if it had never been tried; how many."""
        what = "state = 'queued', tries = 0, alone = 0, cause = NULL, reason = NULL"
        return self._set(what, "state IN ('failed', 'quarantined')")

    def again(self, name: str) -> None:
        """Queue a case again whose try does not count, or whose result is not good any more."""
        self._set("state = 'queued'", "name = ?", name)

    def begin(self, name: str, worker: str) -> None:
        """A worker has begun with it."""
        self._set("state = 'running', worker = ?", "name = ?", worker, name)

    def finish(
        self, name: str, *, seconds: float, worker: str, fingerprint: str, hashes: Hashes
    ) -> None:
        """It is done."""
        self._set(
            "state = 'done', tries = tries + 1, alone = 0, cause = NULL, reason = NULL,"
            " seconds = ?, worker = ?, fingerprint = ?, input_sha256 = ?, bundle_sha256 = ?,"
            " plan_sha256 = ?, version = ?",
            "name = ?",
            *(seconds, worker, fingerprint, hashes.input, hashes.bundle, hashes.plan),
            *(hashes.version, name),
        )

    def fail(
        self, name: str, state: State, cause: Cause, reason: str, *, counts: bool, alone: bool
    ) -> None:
        """A try of it failed: it is ``failed`` or ``quarantined`` now.

        `counts` is whether this was one of its tries; `alone` is for the next one.
        """
        self._set(
            "state = ?, cause = ?, reason = ?, tries = tries + ?, alone = ?",
            "name = ?",
            *(state, cause, reason, counts, alone, name),
        )

    def next(self, limit: int, alone: bool | None = None) -> list[Entry]:
        """The first that are to be done: new ones, then those that failed, then those alone.

        Only those to be tried alone, or none of these; None takes both.
        """
        which = "" if alone is None else f" AND alone = {alone:d}"
        waiting = f"state IN ('queued', 'failed'){which} ORDER BY alone, tries, position LIMIT ?"
        return list(self._select(waiting, limit))

    def entry(self, name: str) -> Entry:
        """One case; raises KeyError if there is none of that name."""
        for found in self._select("name = ?", name):
            return found
        raise KeyError(name)

    def entries(self, *states: State) -> Iterator[Entry]:
        """All cases in these states, in order; it may be written to meanwhile."""
        marks = ", ".join("?" * len(states))
        last = 0
        while page := list(
            self._select(
                f"state IN ({marks}) AND position > ? ORDER BY position LIMIT 500", *states, last
            )
        ):
            yield from page
            last = page[-1].position

    def counts(self) -> dict[State, int]:
        """How many cases are in each state."""
        with _refusals(self.path):
            rows = self._database.execute("SELECT state, count(*) FROM cases GROUP BY state")
            found = dict(rows.fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def causes(self) -> dict[Cause, int]:
        """How many failed or quarantined cases have each cause, the most first."""
        with _refusals(self.path):
            rows = self._database.execute(
                "SELECT cause, count(*) FROM cases WHERE state IN ('failed', 'quarantined')"
                " GROUP BY cause ORDER BY count(*) DESC, cause"
            )
            return dict(rows.fetchall())

    def _select(self, where: str, *values: object) -> Iterator[Entry]:
        with (
            _refusals(self.path),
            closing(self._database.cursor()) as cursor,
        ):
            rows = cursor.execute(f"SELECT {_COLUMNS} FROM cases WHERE {where}", values).fetchall()
        for name, position, source, state, cause, reason, tries, alone, *rest in rows:
            yield Entry(
                name, position, Path(source), state, cause, reason, tries, bool(alone), *rest
            )

    def _set(self, what: str, where: str, *values: object) -> int:
        with self._writing() as database:
            done = database.execute(
                f"UPDATE cases SET changed = ?, {what} WHERE {where}", (_now(), *values)
            )
            return done.rowcount

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with _refusals(self.path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


@dataclass(frozen=True)
class Hashes:
    """What a result was made from: SHA-256 of image, bundle and plan; and by which version."""

    input: str | None
    bundle: str
    plan: str
    version: str


class DiskFull(OutputError):
    """The manifest cannot be written until there is room again."""


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise DiskFull(f"{path} cannot be written: {error}.", "Free some space.") from error
        raise OutputError(
            f"{path} cannot be used: {error}.", "Move it away, or choose another folder with -o."
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
