"""Everything that answers requests, in one place: made once, started and ended with the server."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from hepatica import io
from hepatica.model import bundle as bundles
from hepatica.serve.cases import Case, Cases, Which
from hepatica.serve.events import Events
from hepatica.serve.jobs import Jobs
from hepatica.serve.process import Ended, Worker
from hepatica.serve.refusal import Refusal
from hepatica.serve.settings import Settings
from hepatica.serve.store import Store

#: Measurements that are kept in memory.
_MOST_MEASURED = 200


@dataclass(frozen=True)
class Card:
    """The bundle, as people are told of it."""

    name: str
    sha256: str
    card: str


class Service:
    """The queue, the cases and the two children.

    Raises
    ------
    BundleError
        If the bundle is not there, or not whole.
    OutputError
        If the workspace cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        bundle = bundles.load(settings.bundle)
        card = (bundle.folder / bundles.CARD).read_text(encoding="utf-8")
        self.bundle = Card(bundle.name, bundle.sha256, card)
        self.settings = settings
        new = not settings.workspace.exists()
        for folder in (settings.workspace, settings.cases, settings.uploads):
            io.make_folder(folder)
        if new:
            settings.workspace.chmod(0o700)  # it will hold patients
        self.store = Store(settings.database)
        self.events = Events()
        self.cases = Cases(settings, self.store)
        memory = settings.limits.memory_bytes
        model = {"bundle": str(bundle.folder.resolve()), "engine": settings.engine}
        heavy, light = (settings.scratch / name for name in ("heavy", "light"))
        self.heavy = Worker("hepatica.serve.segmenting:prepare", model, memory, heavy)
        self.light = Worker("hepatica.serve.casework:prepare", {}, memory, light)
        self.jobs = Jobs(settings, self.store, self.cases, self.events, self.heavy)
        self._measured: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def begin(self) -> None:
        """Go on where an earlier server has stopped; inside the loop that will serve."""
        self.events.begin()
        self.jobs.begin()
        self.light.start()
        self.heavy.start()

    def end(self) -> None:
        """End the children, and let go of the workspace."""
        self.events.close()
        self.jobs.end()
        self.light.close()
        self.store.close()

    def ask(self, task: str, **arguments: Any) -> Any:
        """What the light child makes of a task; raises as the task does."""
        seconds = self.settings.limits.task_seconds
        try:
            return self.light.run(task, arguments, seconds=seconds)
        except Ended:
            raise Refusal(503, "The server is about to end.", "Start it again.") from None

    def findings(self, case: Case, which: Which) -> Any:
        """Measurements of a label map; those of the AI's are in its report."""
        if which == "ai":
            return case.report()["measurements"]
        with case.lock:
            revision, labels = case.revision, case.labels(which)
        key = (case.job.id, revision)
        if which == "corrected" and key in self._measured:
            return self._measured[key]
        found = self.ask("findings", folder=str(case.folder), name=case.name, labels=labels)
        if which == "corrected":
            self._measured[key] = found
            while len(self._measured) > _MOST_MEASURED:
                self._measured.popitem(last=False)
            with case.lock:
                if case.revision == revision:
                    self.refresh(case, found)
        return found

    def refresh(self, case: Case, measured: Any = None) -> None:
        """Let the worklist show the label map in force: its numbers if they are known, its time."""
        with case.lock:
            result = dict(self.store.get(case.job.id).result or {})
            kept = case.kept
            if measured is not None:
                result |= {n: measured[n] for n in ("liver_ml", "tumour_ml", "burden_percent")}
                result["lesion_count"] = len(measured["findings"])
            result["corrected"] = kept is not None
            result["minutes"] = None if kept is None else kept.record.active_seconds / 60
            self.jobs.changed(case.job.id, result=result)
