"""The queue: one job after the other in the heavy child, and the news of it."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hepatica.core.errors import HepaticaError
from hepatica.serve.cases import Cases, folder_name
from hepatica.serve.events import Events
from hepatica.serve.process import Ended, Worker
from hepatica.serve.progress import NAMES, Progress
from hepatica.serve.refusal import Refusal
from hepatica.serve.settings import Settings
from hepatica.serve.store import Job, Store, now

#: Remembered: seconds by step of the last job, and what ran it.
PACE, ENGINE = "pace", "engine"
#: A job that was cancelled a moment ago is still being cleared away for at most so long.
_CLEARING_S = 10.0


class Jobs:
    """Adds, runs, cancels and removes jobs; what a window is told of each."""

    def __init__(
        self, settings: Settings, store: Store, cases: Cases, events: Events, worker: Worker
    ) -> None:
        self._settings, self._store, self._cases = settings, store, cases
        self._events, self._worker = events, worker
        self._wake = threading.Condition()
        self._ending = False
        self._running: tuple[str, Progress] | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def begin(self) -> None:
        """Take up what an earlier server left, and go on."""
        for job in self._store.all():
            self._cases.clean(job.id)
        self._store.recover()
        self._thread.start()

    def end(self) -> None:
        """Stop; a job that runs is queued again by the next server."""
        with self._wake:
            self._ending = True
            self._wake.notify_all()
        self._worker.close()
        if self._thread.is_alive():
            self._thread.join()

    # What people ask for

    def add(
        self, found: Sequence[Sequence[str]], series: str | None = None, uploaded: bool = False
    ) -> list[Job]:
        """Queue a job for each name and path."""
        most = self._settings.limits.jobs
        if len(found) > most:
            raise Refusal(400, f"There are {len(found)} images.", f"Add at most {most} at a time.")
        jobs = [
            Job(
                id=secrets.token_hex(8),
                name=folder_name(name),
                source=path,
                created=now(),
                uploaded=uploaded,
                series=series,
            )
            for name, path in found
        ]
        self._store.add(jobs)
        for job in jobs:
            self._tell(job)
        self._rouse()
        return jobs

    def cancel(self, identity: str) -> Job:
        """End a job that waits or runs; raises a Refusal (409) for one that has ended."""
        job = self._store.change(identity, ("queued", "running"), state="cancelled", starts=0)
        self._tell(job)
        if self._runs(identity):
            self._worker.kill()
        return job

    def retry(self, identity: str, series: str | None) -> Job:
        """Queue a job again that failed or was cancelled."""
        more = {} if series is None else {"series": series}
        job = self._store.change(
            identity, ("failed", "cancelled"), state="queued", error=None, starts=0, **more
        )
        self._tell(job)
        self._rouse()
        return job

    def remove(self, identity: str) -> None:
        """Remove a job, its case and what was uploaded for it; a Refusal (409) while it runs."""
        job = self._store.get(identity)
        if job.state != "running":
            with self._wake:
                self._wake.wait_for(lambda: not self._runs(identity), _CLEARING_S)
        if job.state == "running" or self._runs(identity):
            raise Refusal(409, f"{job.name} is running.", "Cancel it first.")
        self._store.remove(identity)
        self._cases.remove(identity)
        if job.uploaded:
            self._remove_upload(Path(job.source))

    def _remove_upload(self, source: Path) -> None:
        uploads = self._settings.uploads
        if not source.is_relative_to(uploads) or source == uploads:
            return
        if any(Path(job.source).is_relative_to(source) for job in self._store.all()):
            return  # another job is made of a part of it
        if source.is_dir():
            shutil.rmtree(source, ignore_errors=True)
        else:
            source.unlink(missing_ok=True)
        for folder in source.parents:
            if folder == uploads or any(folder.iterdir()):
                return
            folder.rmdir()

    def changed(self, identity: str, **changes: Any) -> Job:
        """Change what is known of a job, and tell."""
        job = self._store.change(identity, **changes)
        self._tell(job)
        return job

    def view(self, job: Job) -> dict[str, Any]:
        """A job as windows are told of it."""
        running = self._running
        on = job.state == "running" and running is not None and running[0] == job.id
        progress = running[1] if on and running is not None else Progress()
        done = job.state == "done" and job.result is not None
        return {
            "id": job.id,
            "name": job.name,
            "state": job.state,
            "step": progress.step,
            "steps": NAMES,
            "fraction": 1.0 if done else progress.fraction,
            "seconds_left": progress.seconds_left,
            "created": job.created,
            "seconds": job.seconds,
            "error": job.error,
            "result": (job.result or {}) | {"status": job.status} if done else None,
        }

    def views(self) -> list[dict[str, Any]]:
        """All jobs, in the order in which they came."""
        return [self.view(job) for job in self._store.all()]

    def _tell(self, job: Job) -> None:
        self._events.publish(self.view(job))

    # The thread

    def _runs(self, identity: str) -> bool:
        running = self._running
        return running is not None and running[0] == identity

    def _rouse(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._ending and (job := self._store.next()) is None:
                    self._wake.wait()
                if self._ending:
                    return
            assert job is not None
            self._run(job, Progress(self._store.note(PACE)))

    def _run(self, job: Job, progress: Progress) -> None:
        self._running = (job.id, progress)
        try:
            job = self._store.change(job.id, "queued", state="running", starts=job.starts + 1)
            self._tell(job)
            began = time.monotonic()
            changes = self._outcome(job, progress)
            if self._ending:
                return  # the next server takes it up
            seconds = round(time.monotonic() - began, 1)
            self._cases.clean(job.id)
            try:
                job = self._store.change(job.id, "running", seconds=seconds, starts=0, **changes)
            except Refusal:
                # Cancelled; the child may have finished before it was told.
                self._cases.remove(job.id)
                return
        except Refusal:
            return  # cancelled between being found and being begun
        finally:
            with self._wake:
                self._running = None
                self._wake.notify_all()
        self._tell(job)

    def _outcome(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Do a job; how it ended, as members of its record."""
        try:
            result = self._segment(job, progress)
        except HepaticaError as error:
            told: dict[str, Any] = {"error": error.message, "hint": error.hint or None}
            if hasattr(error, "choices"):
                told["choices"] = error.choices
            return {"state": "failed", "error": told}
        except Ended:
            # Cancelled, which the store knows; or ended for another job, and begun anew.
            return {"state": "queued"}
        self._store.remember(PACE, progress.seconds())
        self._store.remember(ENGINE, result.pop("engine"))
        result |= {"corrected": False, "minutes": None}
        return {"state": "done", "result": result, "status": "unchecked", "note": ""}

    def _segment(self, job: Job, progress: Progress) -> dict[str, Any]:
        def step(name: str) -> None:
            if progress.begin(name):
                self._tell(job)

        def tick() -> None:
            if self._store.get(job.id).state == "running":
                self._tell(job)
            else:
                self._worker.kill()

        arguments = {
            "source": job.source,
            "folder": str(self._cases.folder(job.id)),
            "case": job.name,
            "series": job.series,
            "voxels": self._settings.limits.voxels,
        }
        seconds = self._settings.limits.job_seconds
        found = self._worker.run("segment", arguments, seconds=seconds, step=step, tick=tick)
        assert isinstance(found, dict)
        return found
