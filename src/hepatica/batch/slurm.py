"""Workers as jobs of SLURM, by dask-jobqueue, from one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hepatica.batch.extra import needs_cluster
from hepatica.batch.security import Tls
from hepatica.core.errors import ConfigError
from hepatica.io import checks
from hepatica.io.mistakes import told

if TYPE_CHECKING:
    from dask_jobqueue import SLURMCluster


class Slurm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file of ``--slurm`` says.

    Parameters
    ----------
    jobs
        How many jobs, each usually one node or a part of one.
    cores, memory, walltime, queue, account
        Of each job, as SLURM takes them: ``8``, ``"32GB"``, ``"08:00:00"``.
    workers_per_job
        Workers in a job: its cores and its memory are divided among them.
    tls
        Files that all nodes see. Without them nothing is started: a login node listens to
        the whole network.
    interface
        The network interface by which the nodes reach this one, such as ``"ib0"``.
    directives, prologue
        Further ``#SBATCH`` lines (``"--gres=gpu:1"``), and lines of shell before the worker.
    python
        On the nodes; this one's by default.
    gpu
        Workers are for cases on a GPU (``--device cuda``).
    logs
        Folder for the jobs' own output.
    """

    jobs: int
    cores: int
    memory: str
    walltime: str
    tls: Tls
    workers_per_job: int = 1
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    gpu: bool = False
    logs: str | None = None

    @classmethod
    def load(cls, path: Path) -> Slurm:
        """Read the file; raises ConfigError that says what is wrong with it."""
        checks.require_file(path)
        content = path.read_bytes()
        try:
            found = msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            words, hint = told(error, content)
            raise ConfigError(f"{path.name} cannot be used: {words}.", hint) from error
        if found.jobs < 1 or not 1 <= found.workers_per_job <= found.cores:
            raise ConfigError(
                f"{path.name} asks for {found.jobs} jobs of {found.workers_per_job} workers on"
                f" {found.cores} cores.",
                "Take at least one of each, and no more workers than cores.",
            )
        return found

    @property
    def threads(self) -> int:
        """Of each worker's engine."""
        return self.cores // self.workers_per_job

    def cluster(self) -> SLURMCluster:
        """The scheduler of such jobs, which listens by TLS; no job is submitted yet."""
        with needs_cluster():
            from dask_jobqueue import SLURMCluster
        return SLURMCluster(
            # Dask's "cores" are its threads, of which a worker has one; the job has them all.
            cores=self.workers_per_job,
            processes=self.workers_per_job,
            job_cpu=self.cores,
            memory=self.memory,
            walltime=self.walltime,
            queue=self.queue,
            account=self.account,
            interface=self.interface,
            protocol="tls://",
            security=self.tls.security(),
            scheduler_options={"dashboard_address": "127.0.0.1:0", "dashboard": False},
            job_extra_directives=list(self.directives),
            job_script_prologue=list(self.prologue),
            worker_extra_args=["--no-dashboard", *(["--resources", "GPU=1"] * self.gpu)],
            python=self.python,
            log_directory=self.logs,
            job_name="hepatica",
            silence_logs="critical",
        )
