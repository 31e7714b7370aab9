"""Other processes: the same bytes in the same order, errors as here, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from operator import neg
from pathlib import Path

import numpy as np
import pytest

from hepatica.core.errors import OutputError, ResourceError
from hepatica.io import patients
from hepatica.io.workers import apart, in_order
from hepatica.synth.procedural import procedural_anatomy


def written(folder, **options):
    images = list(patients.write_cohort(folder, 2, seed=3, **options))
    assert [p.name for p in images] == ["patient_0001.nii.gz", "patient_0002.nii.gz"]
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


@pytest.mark.parametrize("real", [0, 2])
def test_a_cohort_has_the_same_bytes_for_any_number_of_workers(tmp_path, real):
    pool = [procedural_anatomy(np.random.default_rng(n), f"a{n}") for n in range(real)]
    one = written(tmp_path / "one", anatomies=pool)
    two = written(tmp_path / "two", anatomies=pool, workers=2)
    assert len(one) == 7
    assert one == two


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_no_tasks_give_none(workers):
    assert list(in_order(neg, range(20), workers)) == [-n for n in range(20)]
    assert list(in_order(neg, [], workers)) == []


def test_an_error_in_a_worker_is_the_error_here(tmp_path):
    (tmp_path / "labels").write_text("in the way")
    with pytest.raises(OutputError, match="labels cannot be written") as caught:
        list(patients.write_cohort(tmp_path, 2, seed=1, workers=2))
    assert "choose another" in caught.value.hint


def test_a_worker_that_is_killed_is_said():
    with pytest.raises(ResourceError, match="ended from outside"):
        list(in_order(os._exit, [1, 1], 2))


def test_workers_compute_on_one_thread_and_the_environment_stays(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert list(in_order(os.getenv, ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], 2)) == ["1", "1"]
    assert apart(os.getenv, "OPENBLAS_NUM_THREADS") == "1"
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def processes_of(group: int) -> list[int]:
    """Living processes of a process group, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, its_group = (
                    entry.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
                )
            except OSError:
                continue
            if int(its_group) == group and state != "Z":
                found.append(int(entry.name))
    return found


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(("stop", "code"), [("SIGINT", 130), ("SIGKILL", -9)])
def test_no_process_is_left_behind(tmp_path, stop, code):
    arguments = ["synth", "-n", "50", "-o", str(tmp_path / "c"), "--workers", "2"]
    started = subprocess.Popen(
        [sys.executable, "-m", "hepatica", *arguments],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "patient_0001" in started.stdout.readline()
    assert len(processes_of(started.pid)) >= 3
    if stop == "SIGINT":
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to all of them
    else:
        started.kill()
    _, err = started.communicate(timeout=60)
    assert started.returncode == code
    until(lambda: not processes_of(started.pid))
    assert "Traceback" not in err
    if stop == "SIGINT":
        assert [p.name for p in (tmp_path / "c").rglob(".*")] == []
        assert len(list((tmp_path / "c" / "images").glob("*.gz"))) < 10
