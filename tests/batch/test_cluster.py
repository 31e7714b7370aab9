"""Who may listen and who may talk; schedulers that run already; SLURM's jobs; GPUs."""

from __future__ import annotations

import os

import msgspec
import pytest

from hepatica.batch import cluster, security
from hepatica.batch.cluster import Local, Remote
from hepatica.batch.messages import Recipe
from hepatica.batch.security import Tls
from hepatica.batch.slurm import Slurm
from hepatica.core.errors import ConfigError, ResourceError
from tests.batch.conftest import NAMES, labels

CREDENTIALS = Tls("ca.pem", "cert.pem", "key.pem")


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "127.0.0.1:1", "localhost:2", "[::1]:3"]
)
def test_this_machine_alone_needs_no_credentials(address):
    security.require_safe(address, None)


@pytest.mark.parametrize(
    "address",
    ["tcp://10.0.0.3:8786", "node7:8786", "0.0.0.0:8786", "ws://127.0.0.1:1", "ucx://127.0.0.1:1"],
)
def test_other_machines_are_refused_without_tls(address):
    for credentials in (None, CREDENTIALS):
        with pytest.raises(ConfigError, match="neither TLS nor this machine alone"):
            security.require_safe(address, credentials)


def test_tls_without_credentials_is_refused():
    with pytest.raises(ConfigError, match="needs credentials"):
        security.require_safe("tls://node7:8786", None)
    security.require_safe("tls://node7:8786", CREDENTIALS)


def test_a_missing_credential_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"ca\.pem is not there"):
        Tls(str(tmp_path / "ca.pem"), "b", "c").security()


def test_the_command_line_refuses_with_the_code_of_wrong_use(batch, archive):
    code, _, err = batch.run(archive, "--scheduler", "tcp://192.0.2.7:8786")
    assert code == 2
    assert err.startswith("Error: tcp://192.0.2.7:8786 is neither TLS nor this machine alone")


def test_a_scheduler_that_listens_to_the_network_is_refused(scheduler, monkeypatch):
    # Reached by the loopback, it says itself where else it listens.
    from distributed import Client

    told = Client.scheduler_info
    monkeypatch.setattr(
        Client, "scheduler_info", lambda *a, **k: told(*a, **k) | {"address": "tcp://192.0.2.7:1"}
    )
    with (
        pytest.raises(ConfigError, match=r"tcp://192\.0\.2\.7:1 is neither"),
        Remote(scheduler.address).opened(),
    ):
        pass


def test_nobody_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with (
        pytest.raises(ResourceError, match=r"No scheduler answers at tcp://127\.0\.0\.1:1\."),
        Remote("tcp://127.0.0.1:1").opened(),
    ):
        pass


def test_a_scheduler_with_tls_and_a_worker_for_gpus(batch, archive, serial, tmp_path, tls):
    from tests.batch.conftest import Scheduler

    files = ("--tls-ca-file", tls.ca, "--tls-cert", tls.cert, "--tls-key", tls.key)
    running = Scheduler(tmp_path, "--protocol", "tls", *files)
    try:
        assert running.address.startswith("tls://")
        running.worker("--name", "plain")
        running.worker("--name", "gpu", "--resources", "GPU=1")
        options = ("--tls-ca", tls.ca, "--tls-cert", tls.cert, "--tls-key", tls.key)
        code, _, err = batch.run(archive, "--scheduler", running.address, *options, "--gpu")
        assert (code, err) == (0, "")
        assert {n: labels(batch.out, n) for n in NAMES} == serial
        workers = {entry.worker for entry in batch.entries().values()}
        assert {str(worker).split("@")[0] for worker in workers} == {"gpu"}
        # The same scheduler takes nobody without the credentials.
        with (
            pytest.raises(ConfigError, match="needs credentials"),
            Remote(running.address).opened(),
        ):
            pass
    finally:
        running.close()


def test_one_way_to_have_workers():
    with pytest.raises(ConfigError, match="Take one of"):
        cluster.where(2, None, "127.0.0.1:1", None, None, False)


def test_workers_share_cores_and_memory(monkeypatch):
    monkeypatch.setattr(cluster, "available_bytes", lambda: 10 * 10**9)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert Local().planned() == (3, 10 * 10**9 // 3)
    assert Local().threads() == 2
    assert Local(2).planned() == (2, 5 * 10**9)
    assert Local(2, 10**9).alone() == Local(1, 2 * 10**9)
    monkeypatch.setattr(cluster, "available_bytes", lambda: 10**9)
    assert Local().planned() == (1, 10**9)


def slurm(folder, tls: Tls, **other) -> Slurm:
    told = {
        "jobs": 4,
        "cores": 8,
        "workers_per_job": 2,
        "memory": "32GB",
        "walltime": "08:00:00",
        "queue": "night",
        "account": "liver",
        "directives": ["--gres=gpu:1"],
        "prologue": ["module load python"],
        "gpu": True,
        "tls": {"ca": tls.ca, "cert": tls.cert, "key": tls.key},
    }
    path = folder / "slurm.json"
    path.write_bytes(msgspec.json.encode(told | other))
    return Slurm.load(path)


def test_the_script_of_a_slurm_job(tmp_path, tls):
    config = slurm(tmp_path, tls)
    assert config.threads == 4
    with cluster.settings(), config.cluster() as made:
        script = made.job_script()
        address = made.scheduler_address
    lines = script.splitlines()
    for line in (
        "#SBATCH -p night",
        "#SBATCH -A liver",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=30G",
        "#SBATCH -t 08:00:00",
        "#SBATCH --gres=gpu:1",
        "module load python",
    ):
        assert line in lines
    assert address.startswith("tls://")
    (command,) = [line for line in lines if "dask_worker" in line or "dask worker" in line]
    for words in (
        address,
        "--nthreads 1",
        "--nworkers 2",
        "--memory-limit 14.90GiB",
        "--nanny",
        "--resources GPU=1",
        f"--tls-ca-file {tls.ca}",
        f"--tls-cert {tls.cert}",
        f"--tls-key {tls.key}",
    ):
        assert words in command


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"workers_per_job": 9}, "9 workers on 8 cores"),
        ({"corse": 8}, '"corse" means nothing'),
    ],
)
def test_a_wrong_file_for_slurm_is_explained(tmp_path, tls, other, words):
    with pytest.raises(ConfigError, match=words):
        slurm(tmp_path, tls, **other)


def test_slurm_without_tls_is_refused(tmp_path):
    path = tmp_path / "slurm.json"
    path.write_text('{"jobs": 1, "cores": 1, "memory": "4GB", "walltime": "1:00"}')
    with pytest.raises(ConfigError, match='"tls" is missing'):
        Slurm.load(path)


def test_recipes_are_the_same_or_not():
    assert Recipe() == Recipe()
    assert hash(Recipe(threads=2)) != hash(Recipe(threads=1))
