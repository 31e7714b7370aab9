"""What runs in a worker's process: one case after the other through `run_case`, one loaded model.

A case can end this process: by its time limit, which fires even where compiled code does not
let Python run, or by being killed. The nanny starts another, and the client is told by Dask.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import hepatica
from hepatica import case
from hepatica.batch.manifest import Cause, Hashes
from hepatica.batch.messages import TOPIC, Began, Done, Failed, Outcome, Recipe, Task, Unable
from hepatica.core.errors import HepaticaError, InputError, OutputError, ResourceError
from hepatica.io.memory import available_bytes, limit_memory, resident_bytes
from hepatica.model import bundle as bundles

#: To load a model, which may come from slow storage; a case's own limit begins after it.
LOADING_S = 600.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: How compiled libraries say that there is no memory: ITK, OpenVINO, torch.
_NO_MEMORY = re.compile(r"bad_alloc|alloc\w* (?:\w+ )?memory|out of memory", re.IGNORECASE)

_loaded: dict[Recipe, case.Model] = {}


def do(task: bytes) -> bytes:
    """Do one `Task`, encoded; its `Outcome`, encoded. Never raises an error of a case."""
    from distributed import get_worker

    asked = msgspec.json.decode(task, type=Task)
    worker = get_worker()
    began = Began(key=asked.key, place=f"{worker.name}@{worker.address}")
    worker.log_event(TOPIC, msgspec.to_builtins(began))
    limit = worker.memory_manager.memory_limit or None
    return msgspec.json.encode(attempt(asked, limit))


def attempt(task: Task, memory_bytes: int | None) -> Outcome:
    """Do one task in this process, which may use `memory_bytes` in all; None is no limit."""
    if task.version != hepatica.__version__:
        return Unable(
            reason=f"A worker has Hepatica {hepatica.__version__}, this is {task.version}.",
            hint="Install the same version everywhere.",
        )
    try:
        with ended_after(LOADING_S):
            model = _model(task.recipe)
    except HepaticaError as error:
        return Unable(reason=f"A worker cannot load the model: {error.message}", hint=error.hint)
    began = time.perf_counter()
    try:
        with ended_after(task.recipe.limit_s), limited(memory_bytes) as left:
            hashes, kept = _run(task, model, left)
    except (HepaticaError, OSError) as error:
        return Failed(cause=_cause(error), reason=str(error))
    except MemoryError as error:
        return _without_memory(task, error)
    except Exception as error:
        if isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)):
            return _without_memory(task, error)
        # A fault of ours in one case must not cost the others their result.
        words = f"{task.case}: unexpected {type(error).__name__}: {error}"
        return Failed(cause="fault", reason=words)
    seconds = time.perf_counter() - began
    return Done(seconds=round(seconds, 4), hashes=hashes, kept=kept)


def _model(recipe: Recipe) -> case.Model:
    if recipe not in _loaded:
        _loaded.clear()
        _loaded[recipe] = case.Model.load(
            recipe.bundle,
            recipe.engine,
            device=recipe.device,
            threads=recipe.threads,
            precision=recipe.precision,
        )
    return _loaded[recipe]


def _run(task: Task, model: case.Model, available: int | None) -> tuple[Hashes, bool]:
    """Do it, or keep a folder of the same image, model and version that is there."""

    def result(resume: bool = False, overwrite: bool = False) -> Hashes:
        report = case.run_case(
            task.source,
            task.out,
            model,
            case=task.case,
            wanted=task.recipe.wanted,
            available_bytes=available,
            resume=resume,
            overwrite=overwrite,
        )
        return Hashes(
            input=report.provenance.input.sha256,
            bundle=model.bundle.sha256,
            plan=bundles.sha256_of(model.bundle.folder / bundles.PLAN),
            version=report.hepatica,
        )

    folder = Path(task.out) / task.case
    if (folder / case.REPORT).is_file():
        # Of a client that was killed before it could write down that this was done.
        try:
            kept = result(resume=True)
        except OutputError:
            pass  # made from another image or model, or not whole
        else:
            if kept.version == hepatica.__version__:
                return kept, True
        return result(overwrite=True), False
    return result(), False


def _cause(error: HepaticaError | OSError) -> Cause:
    found = error if isinstance(error, OSError) else error.__cause__
    if isinstance(found, OSError) and found.errno in _FULL:
        return "disk"
    kinds: dict[type[HepaticaError], Cause] = {
        InputError: "input",
        ResourceError: "memory",
        OutputError: "output",
    }
    return next((kinds[kind] for kind in kinds if isinstance(error, kind)), "fault")


def _without_memory(task: Task, error: Exception) -> Failed:
    # The engine may be left in the middle of something; the next case loads it again.
    _loaded.clear()
    words = f"{task.case} needs more memory than a worker may use"
    return Failed(cause="memory", reason=f"{words}: {error}." if str(error) else f"{words}.")


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """End this process, if the block takes longer.

    The watching thread is not Python's: it needs no lock of the interpreter, which code that
    hangs may hold.
    """
    with Path(os.devnull).open("w", encoding="ascii") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def limited(memory_bytes: int | None) -> Iterator[int | None]:
    """Let this process use no more memory than that in the block, where the system can.

    Gives what is left of it, or of the machine's, if that is less: what a volume is held
    against before it is read. None asks the machine alone.
    """
    if memory_bytes is None:
        yield None
        return
    left = max(memory_bytes - resident_bytes(), 0)
    before = None
    if sys.platform == "linux":
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
    limit_memory(left)
    try:
        yield min(left, available_bytes())
    finally:
        if before is not None:
            resource.setrlimit(resource.RLIMIT_AS, before)
