"""The crew: workers of this machine, of a scheduler that runs, or of SLURM; Dask's all of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepatica.batch.extra import needs_cluster
from hepatica.batch.readahead import ReadAhead
from hepatica.batch.security import Tls, require_safe
from hepatica.core.errors import ConfigError, ResourceError
from hepatica.io.memory import available_bytes

if TYPE_CHECKING:
    from distributed import Client

    from hepatica.batch.slurm import Slurm

#: What a worker needs beside a volume: Python, libraries, a model.
WORKER_BYTES = 10**9
#: What an ordinary case needs; as many workers are started as have it.
CASE_BYTES = 2 * 10**9
CONNECT_S = 30

#: Dask's settings for work like this: few long tasks, each of which may kill its process.
SETTINGS: dict[str, Any] = {
    # A death is told at once, and counted by the client, which knows whose it was.
    "distributed.scheduler.allowed-failures": 0,
    # One case that runs and one that waits, whose files are read ahead.
    "distributed.scheduler.worker-saturation": 1.1,
    "distributed.scheduler.worker-ttl": "10 minutes",
    # Cases have limits of their own; a worker that pauses for memory which its libraries keep
    # would pause for ever, and nothing is there to spill.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    # No pages, no profiles, no long logs of tasks: they cost memory, and pages are a door.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.low-level-log-length": 100,
    # Threads are the engine's alone.
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_TRIM_THRESHOLD_": 65536,
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": 1,
    },
}


@dataclass(frozen=True)
class Crew:
    """Workers, reached through a client.

    Parameters
    ----------
    workers
        How many there are; None asks the scheduler, as they may come and go.
    """

    client: Client
    workers: int | None

    def size(self) -> int:
        """How many workers there are now; 0 if none is connected."""
        if self.workers is not None:
            return self.workers
        return len(self.client.nthreads())


@dataclass(frozen=True)
class Local:
    """Workers on this machine, each a process with one thread of Dask.

    Parameters
    ----------
    workers
        None starts one per core, as far as the memory goes.
    memory_bytes
        Of each worker; None divides what is available.
    gpu
        Whether a worker is one for cases on a GPU.
    """

    workers: int | None = None
    memory_bytes: int | None = None
    gpu: bool = False

    def planned(self) -> tuple[int, int]:
        """How many workers, and the memory of each in bytes."""
        available = available_bytes()
        number = self.workers
        if number is None:
            share = self.memory_bytes or WORKER_BYTES + CASE_BYTES
            number = max(1, min(os.cpu_count() or 1, available // share))
        return number, self.memory_bytes or available // number

    def threads(self) -> int:
        """Of each worker's engine, so that all cores are used and none twice."""
        return max(1, (os.cpu_count() or 1) // self.planned()[0])

    def alone(self) -> Local:
        """One worker that has the memory of all."""
        number, share = self.planned()
        return Local(1, number * share, self.gpu)

    @contextmanager
    def opened(self) -> Iterator[Crew]:
        """Start them; they end with the block, and if this process is killed.

        They talk by TLS with keys that are made for this run and never written: on a machine
        with several users a loopback port alone is open to all of them.
        """
        with needs_cluster():
            import cryptography  # noqa: F401  (Dask says less clearly that it is missing)
            from distributed import Client, LocalCluster
            from distributed.security import Security
        number, share = self.planned()
        with ExitStack() as stack:
            stack.enter_context(settings())
            security = Security.temporary()
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=number,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    protocol="tls://",
                    security=security,
                    memory_limit=share,
                    silence_logs=logging.CRITICAL,
                    dashboard_address=None,
                    # Port 0, as another scheduler may have Dask's own.
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    resources={"GPU": 1} if self.gpu else None,
                )
            )
            client = stack.enter_context(Client(cluster, security=security))
            client.register_plugin(ReadAhead())
            yield Crew(client, number)


@dataclass(frozen=True)
class Remote:
    """Workers of a scheduler that runs already, at `address`."""

    address: str
    tls: Tls | None = None

    def threads(self) -> int:
        """Of each worker's engine: one, as nothing is known of the machines."""
        return 1

    def alone(self) -> None:
        """Its workers are not ours to stop."""

    @contextmanager
    def opened(self) -> Iterator[Crew]:
        """Connect to it.

        Raises
        ------
        ConfigError
            If it, or one of its workers, could be reached by strangers.
        ResourceError
            If nobody answers.
        """
        require_safe(self.address, self.tls)
        with needs_cluster():
            from distributed import Client
        security = None if self.tls is None else self.tls.security()
        with ExitStack() as stack:
            stack.enter_context(settings())
            try:
                client = stack.enter_context(
                    Client(self.address, security=security, timeout=CONNECT_S)
                )
            except (OSError, ValueError) as error:
                raise ResourceError(
                    f"No scheduler answers at {self.address}.", "Start it, or correct the address."
                ) from error
            told = client.scheduler_info(n_workers=-1)
            # It may listen more widely than the address by which we reached it.
            for listening in (told["address"], *told["workers"]):
                require_safe(listening, self.tls)
            client.register_plugin(ReadAhead())
            yield Crew(client, None)


@dataclass(frozen=True)
class Jobs:
    """Workers that SLURM starts as jobs, for as long as the run lasts."""

    config: Slurm

    def threads(self) -> int:
        """Of each worker's engine."""
        return self.config.threads

    def alone(self) -> None:
        """A job's worker has its memory to itself already."""

    @contextmanager
    def opened(self) -> Iterator[Crew]:
        """Submit the jobs; a worker that its job's end takes away is replaced by another."""
        with needs_cluster():
            from distributed import Client
        with ExitStack() as stack:
            stack.enter_context(settings())
            cluster = stack.enter_context(self.config.cluster())
            client = stack.enter_context(Client(cluster, security=cluster.security))
            client.register_plugin(ReadAhead())
            number = self.config.jobs * self.config.workers_per_job
            cluster.adapt(minimum=number, maximum=number)
            yield Crew(client, None)


Where = Local | Remote | Jobs


def where(
    workers: int | None,
    memory_bytes: int | None,
    scheduler: str,
    slurm: Path | None,
    tls: Tls | None,
    gpu: bool,
) -> Where:
    """Which workers the options of the command line mean; raises ConfigError."""
    from hepatica.batch.slurm import Slurm

    if bool(scheduler) + bool(slurm) + (workers is not None) > 1:
        raise ConfigError("Take one of --workers, --scheduler and --slurm.")
    if scheduler:
        return Remote(scheduler, tls)
    if slurm is not None:
        return Jobs(Slurm.load(slurm))
    return Local(workers, memory_bytes, gpu)


@contextmanager
def settings() -> Iterator[None]:
    """Dask with `SETTINGS`, and silent, in the block."""
    import dask
    import distributed  # noqa: F401  (it sets levels of its own for several of its loggers)

    names = [n for n in logging.root.manager.loggerDict if n.partition(".")[0] == "distributed"]
    before = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    # What Dask logs of a death or a lost connection is told by the client in its own sentence.
    for logger in before:
        logger.setLevel(logging.CRITICAL)
    try:
        with dask.config.set(SETTINGS):
            yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
