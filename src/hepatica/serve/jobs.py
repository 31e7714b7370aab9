"""The queue: one job after the other in the heavy child, and the news of it."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hepatica.core.errors import HepaticaError, OutputError
from hepatica.serve import arrivals
from hepatica.serve.cases import Cases, clear_hidden, folder_name
from hepatica.serve.events import Events
from hepatica.serve.process import Ended, Worker
from hepatica.serve.progress import NAMES, Progress
from hepatica.serve.refusal import Refusal
from hepatica.serve.settings import Settings
from hepatica.serve.store import Job, State, Store, now

#: Remembered: seconds by step of the last job, and what ran it.
PACE, ENGINE = "pace", "engine"
#: A job that was cancelled a moment ago is still being cleared away for at most so long.
_CLEARING_S = 10.0
#: Until a change that the disk refused is tried again.
_AGAIN_S = 5.0


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
        for folder in (self._settings.cases, self._settings.uploads):
            clear_hidden(folder)
        self._store.recover()
        for job in self._store.all():
            if job.state == "done":
                self._cases.clean(job.id)
            else:
                self._cases.remove(job.id)
        self._thread.start()

    def end(self) -> None:
        """Stop; a job that runs waits for the next server."""
        with self._wake:
            self._ending = True
            self._wake.notify_all()
        self._worker.close()
        if self._thread.is_alive():
            self._thread.join()

    # What people ask for

    def add(self, found: arrivals.Found, arrived: Path, series: str | None = None) -> list[Job]:
        """Queue a job for each name and path; `arrived`, if it is there, is kept for them."""
        most = self._settings.limits.jobs
        if len(found) > most:
            raise Refusal(400, f"There are {len(found)} images.", f"Add at most {most} at a time.")
        with arrivals.kept(arrived, found) as places:
            jobs = [
                Job(
                    id=secrets.token_hex(8),
                    name=folder_name(name),
                    source=path,
                    created=now(),
                    uploaded=Path(path).is_relative_to(self._settings.uploads),
                    series=series,
                )
                for name, path in places
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
        self._cases.remove(identity)
        self._store.remove(identity)
        if job.uploaded:
            others = [Path(other.source) for other in self._store.all()]
            arrivals.remove(self._settings.uploads, Path(job.source), others)

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
            "from": self._from(job),
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

    def _from(self, job: Job) -> str:
        """The folders of its image, which tell namesakes apart; empty if it was dropped alone."""
        folder = Path(job.source).parent
        if not job.uploaded:
            return str(folder)
        # Below the name of the upload and of what holds it.
        return "/".join(folder.relative_to(self._settings.uploads).parts[2:])

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
            job = self._change(job.id, "queued", state="running", starts=job.starts + 1)
            self._tell(job)
            began = time.monotonic()
            changes = self._outcome(job, progress)
            changes |= {"seconds": round(time.monotonic() - began, 1), "starts": 0}
            if changes["state"] != "done":
                self._discard(job)  # first, as a full disk may need the room to say so
            job = self._change(job.id, "running", **changes)
        except (Refusal, Ended):
            # Cancelled, perhaps just when the child had finished; or the server ends, and
            # cannot even say so.
            self._discard(job)
            return
        finally:
            with self._wake:
                self._running = None
                self._wake.notify_all()
        self._tell(job)

    def _discard(self, job: Job) -> None:
        with suppress(OSError):  # the next start tries again
            self._cases.remove(job.id)

    def _change(self, identity: str, expected: State, **changes: Any) -> Job:
        """Change a job; waits while the disk refuses, so that a full one stops nothing for good.

        Raises
        ------
        Refusal
            As the store.
        Ended
            If the server ends meanwhile.
        """
        while True:
            try:
                return self._store.change(identity, expected, **changes)
            except OutputError as error:
                with self._wake:
                    if self._ending or self._wake.wait_for(lambda: self._ending, _AGAIN_S):
                        raise Ended from error

    def _outcome(self, job: Job, progress: Progress) -> dict[str, Any]:
        """Do a job; how it ended, as members of its record."""
        try:
            result = self._segment(job, progress)
            self._cases.clean(job.id)
        except HepaticaError as error:
            told: dict[str, Any] = {"error": error.message, "hint": error.hint or None}
            if hasattr(error, "choices"):
                told["choices"] = error.choices
            return {"state": "failed", "error": told}
        except Ended:
            # Cancelled, which the store knows; or ended for another job, and begun anew.
            return {"state": "queued"}
        except Exception as error:
            # A fault of ours in one job must not stop the queue.
            words = f"Unexpected {type(error).__name__} in the server."
            return {"state": "failed", "error": {"error": words, "hint": "The others go on."}}
        engine = result.pop("engine")
        with suppress(OutputError):  # without them the next forecast is a worse one, no more
            self._store.remember(PACE, progress.seconds())
            self._store.remember(ENGINE, engine)
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
