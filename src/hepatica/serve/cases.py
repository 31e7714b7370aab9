"""The folder of a case in the workspace, and the label maps in it.

::

    <id>/<name>/…                 what `run_case` wrote; never changed
    <id>/image.nii.gz, facts.json the input on its own grid, and what is known of it
    <id>/correction/record.json   the correction in force: its revision, record, and ...
    <id>/correction/labels-….nii.gz   ... the name of its label map
    <id>/correction.before-<n>/   a correction that was given up, by its revision
    <id>/reference.nii.gz         perhaps an expert's
    <id>/exports/                 what was exported last
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from hepatica.core.errors import InputError
from hepatica.serve import facts
from hepatica.serve.records import Kept
from hepatica.serve.refusal import Refusal
from hepatica.serve.settings import Settings
from hepatica.serve.store import Job, Store

Which = Literal["ai", "corrected", "reference"]

CORRECTION, BEFORE, REFERENCE = "correction", "correction.before-", "reference.nii.gz"
RECORD = "record.json"
#: Names in a case's folder that a case may not have itself.
_TAKEN = {CORRECTION, REFERENCE, facts.IMAGE, facts.FACTS, "exports"}


def folder_name(name: str) -> str:
    """The name of a case as that of its folder, beside the other things of a case."""
    taken = name in _TAKEN or name.startswith((".", BEFORE))
    return f"case_{name}" if taken else name


@dataclass(frozen=True)
class Case:
    """A done job, and where its files are.

    `lock` is held while the correction is replaced or read.
    """

    job: Job
    folder: Path
    lock: threading.RLock

    @property
    def name(self) -> str:
        """Of the case and its folder."""
        return self.job.name

    @property
    def correction(self) -> Path:
        """The folder of the correction in force; it may not be there."""
        return self.folder / CORRECTION

    @property
    def facts(self) -> facts.Facts:
        """What is known of its image; raises an InputError if that is not whole any more."""
        return facts.read(self.folder)

    def report(self) -> dict[str, Any]:
        """What `run_case` said: ``report.json`` as it is."""
        try:
            found = msgspec.json.decode((self.folder / self.facts.report).read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(
                f"The report of {self.name} cannot be read any more.",
                "Remove the case, and add its image again.",
            ) from error
        assert isinstance(found, dict)
        return found

    def path(self, which: Which) -> Path:
        """Where a label map is, or would be."""
        if which == "ai":
            return self.folder / self.facts.labels
        if which == "reference":
            return self.folder / REFERENCE
        kept = self.kept
        return self.correction / ("none" if kept is None else kept.labels)

    @property
    def kept(self) -> Kept | None:
        """The correction in force; None where there is none."""
        with self.lock:
            try:
                return msgspec.json.decode((self.correction / RECORD).read_bytes(), type=Kept)
            except FileNotFoundError:
                return None
            except msgspec.DecodeError as error:
                raise InputError(
                    f"The record of {self.name}'s correction cannot be read any more.",
                    f"It is {self.correction / RECORD}; the label maps are beside it.",
                ) from error

    def has(self, which: Which) -> bool:
        """Whether there is such a label map."""
        return self.path(which).is_file()

    def labels(self, which: Which) -> bytes:
        """The file of a label map; raises a Refusal (404) if there is none."""
        with self.lock:
            try:
                return self.path(which).read_bytes()
            except FileNotFoundError:
                raise Refusal(404, f"{self.name} has no such label map: {which}.") from None

    @property
    def revision(self) -> int:
        """How often the correction was saved or given up; 0 for neither."""
        with self.lock:
            given_up = [
                int(found[1])
                for path in self.folder.glob(f"{BEFORE}*")
                if (found := re.fullmatch(rf"{re.escape(BEFORE)}(\d+)", path.name))
            ]
            kept = self.kept
        return max(-1 if kept is None else kept.revision, max(given_up, default=-1) + 1)


class Cases:
    """All done jobs as cases."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def folder(self, identity: str) -> Path:
        """Where the files of a job are, or would be."""
        return self._settings.cases / identity

    def get(self, identity: str) -> Case:
        """The case of a done job; raises a Refusal (404) if there is none."""
        return self.of(self._store.get(identity))

    def of(self, job: Job) -> Case:
        """The case of `job`; raises a Refusal (404) if it is not done."""
        if job.state != "done":
            raise Refusal(404, f"{job.name} is {job.state}: there is no case yet.")
        return Case(job, self.folder(job.id), self._locks[job.id])

    def all(self) -> list[Case]:
        """Every case, in the order in which they came."""
        return [self.of(job) for job in self._store.all() if job.state == "done"]

    def clean(self, identity: str) -> None:
        """Remove what a process that was ended has left half-made in a case's folder."""
        clear_hidden(self.folder(identity))

    def remove(self, identity: str) -> None:
        """Remove everything of a job but its image elsewhere.

        Raises
        ------
        OSError
            If the disk refuses; all of it is still there then.
        """
        gone = self._settings.cases / f".{identity}-{secrets.token_hex(6)}"
        with self._locks[identity]:
            try:
                # In one step: what works on it now finds all or nothing.
                self.folder(identity).rename(gone)
            except FileNotFoundError:
                return
        shutil.rmtree(gone, ignore_errors=True)


def clear_hidden(folder: Path) -> None:
    """Remove all in a folder whose name starts with a dot: what nobody has finished."""
    for path in folder.glob(".*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
