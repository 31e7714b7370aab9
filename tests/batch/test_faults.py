"""Every fault that a batch survives, with the real engine: workers are processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess

import psutil
import pytest

from hepatica.batch.manifest import MANIFEST
from tests.batch.conftest import NAMES, end, labels, until, write
from tests.batch.faults import READ

OTHERS = NAMES[:3] + NAMES[4:]
BAD = NAMES[3]


def all_good(batch, serial, names=NAMES):
    """Each of these cases is done exactly once, with the bytes of a serial run."""
    entries = batch.entries()
    assert {name: entries[name].state for name in names} == dict.fromkeys(names, "done")
    assert {name: labels(batch.out, name) for name in names} == {n: serial[n] for n in names}
    folders = sorted(p.name for p in batch.out.iterdir() if p.is_dir())
    assert folders == sorted(names)
    assert batch.half_written() == []


def test_without_faults_it_equals_a_serial_run(batch, archive, serial, tmp_path):
    ahead = tmp_path / "ahead"
    code, out, err = batch.run(archive, "--workers", 2, faults={READ: str(ahead)})
    assert (code, err) == (0, "")
    assert "6 done" in out
    # The first case of each worker has nothing that it could be read beside.
    assert 1 <= len(set(ahead.read_text().split())) <= len(NAMES) - 2
    all_good(batch, serial)
    entries = batch.entries().values()
    assert {e.tries for e in entries} == {1}
    assert len({e.worker for e in entries}) == 2
    before = {name: (batch.out / name / "report.json").stat().st_mtime_ns for name in NAMES}
    code, out, _ = batch.run(archive, "--workers", 2)
    assert code == 0
    assert {n: (batch.out / n / "report.json").stat().st_mtime_ns for n in NAMES} == before
    assert {e.tries for e in batch.entries().values()} == {1}


def test_a_worker_that_is_killed_costs_one_try(batch, archive, serial, tmp_path):
    mark = tmp_path / "struck"
    faults = {BAD: f"once:kill:{mark}"}
    code, _, err = batch.run(archive, "--workers", 2, faults=faults)
    assert (code, err) == (0, "")
    assert mark.exists()
    all_good(batch, serial)
    tries = {name: entry.tries for name, entry in batch.entries().items()}
    assert tries == dict.fromkeys(OTHERS, 1) | {BAD: 2}


def test_a_case_that_always_kills_its_worker_is_set_aside(batch, archive, serial):
    code, out, _ = batch.run(archive, "--workers", 2, faults={BAD: "kill"})
    assert code == 3
    all_good(batch, serial, OTHERS)
    bad = batch.entries()[BAD]
    assert (bad.state, bad.cause, bad.tries) == ("quarantined", "worker", 2)
    assert f"{BAD}: quarantined: {BAD}: the worker process that had it was killed" in out
    # It is left alone until somebody asks for it.
    code, _, _ = batch.run(archive, "--workers", 2)
    assert code == 3
    assert batch.entries()[BAD].tries == 2
    code, _, _ = batch.run("--workers", 1, "--retry-failed")
    assert code == 0
    all_good(batch, serial)


def test_a_case_that_hangs_is_ended_and_its_neighbours_go_on(batch, archive, serial):
    code, out, _ = batch.run(archive, "--workers", 2, "--limit", 8, faults={BAD: "hang"})
    assert code == 3
    all_good(batch, serial, OTHERS)
    bad = batch.entries()[BAD]
    assert (bad.state, bad.cause, bad.tries) == ("quarantined", "time", 2)
    assert f"{BAD} took longer than 8 s" in out


def test_a_case_that_needs_more_memory_than_a_worker_has_is_tried_alone(batch, archive, serial):
    # 2 GB do not fit into a worker's 1.5, but into those of both.
    code, _, _ = batch.run(archive, "--workers", 2, "--memory", 1.5, faults={BAD: "eat:2"})
    assert code == 0
    all_good(batch, serial)
    tries = {name: entry.tries for name, entry in batch.entries().items()}
    assert tries == dict.fromkeys(OTHERS, 1) | {BAD: 2}


@pytest.mark.slow
def test_a_case_that_needs_more_than_there_is_is_set_aside(batch, archive, serial):
    code, out, _ = batch.run(archive, "--workers", 2, "--memory", 1.5, faults={BAD: "eat:9"})
    assert code == 3
    all_good(batch, serial, OTHERS)
    bad = batch.entries()[BAD]
    assert (bad.state, bad.cause, bad.tries) == ("quarantined", "memory", 2)
    assert f"{BAD} needs more memory than a worker may use" in out


def test_a_client_that_is_killed_goes_on_where_it_was(batch, archive, serial, tmp_path):
    waiting = tmp_path / "waiting"
    client = batch.start(archive, "--workers", 2, faults={BAD: f"wait:{waiting}"})
    until(waiting.exists)
    until(lambda: sum(e.state == "done" for e in batch.entries().values()) >= 4)
    assert batch.half_written() != []
    end(client)
    before = batch.entries()
    done = [name for name, entry in before.items() if entry.state == "done"]
    assert before[BAD].state == "running"
    code, _, err = batch.run(archive, "--workers", 2)
    assert (code, err) == (0, "")
    all_good(batch, serial)
    after = batch.entries()
    assert {n: after[n].changed for n in done} == {n: before[n].changed for n in done}


def test_a_folder_that_was_finished_and_not_written_down_is_kept(batch, archive, serial):
    assert batch.run(archive, "--workers", 1)[0] == 0
    kept, other = batch.out / NAMES[0], batch.out / NAMES[1]
    before = (kept / "report.json").stat().st_mtime_ns
    (batch.out / MANIFEST).unlink()
    # One has the result of another image under its name.
    shutil.copy(other / f"{NAMES[1]}_seg.nii.gz", other / "label_map")
    shutil.rmtree(other)
    shutil.copytree(kept, other)
    for file in list(other.iterdir()):
        file.rename(other / file.name.replace(NAMES[0], NAMES[1]))
    code, _, _ = batch.run(archive, "--workers", 1)
    assert code == 0
    all_good(batch, serial)
    assert (kept / "report.json").stat().st_mtime_ns == before


def test_a_second_client_on_the_same_folder_is_refused(batch, archive, tmp_path):
    waiting = tmp_path / "waiting"
    client = batch.start(archive, "--workers", 1, faults={NAMES[0]: f"wait:{waiting}"})
    until(waiting.exists)
    code, _, err = batch.run(archive, "--workers", 1)
    assert code == 1
    assert err.startswith(f"Error: Another hepatica batch is working on {batch.out}.")
    assert batch.run("--status")[0] == 0  # looking is free
    end(client)
    assert batch.run(archive, "--workers", 1)[0] == 0  # its lock went with it


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 MB, which the results of the archive do not fill."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_waited_for(batch, archive, serial, small_disk):
    batch.out = small_disk / "out"
    ballast = small_disk / "ballast"
    client = batch.start(archive, "--workers", 2, "--patience", 200)
    until(lambda: (batch.out / MANIFEST).exists())
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 150_000))
    until(lambda: any(e.cause == "disk" for e in batch.entries().values()))
    ballast.unlink()
    out, err = client.communicate(timeout=200)
    assert (client.returncode, err) == (0, "")
    assert "The disk of" in out
    all_good(batch, serial)
    # A full disk is nobody's fault.
    assert {e.tries for e in batch.entries().values()} == {1}


@pytest.mark.slow
def test_a_disk_that_stays_full_ends_the_run_and_the_next_one_goes_on(
    batch, archive, serial, small_disk
):
    batch.out = small_disk / "out"
    ballast = small_disk / "ballast"
    client = batch.start(archive, "--workers", 2, "--patience", 5)
    until(lambda: (batch.out / MANIFEST).exists())
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 150_000))
    client.communicate(timeout=200)
    assert client.returncode in (1, 3)
    ballast.unlink()
    states = {e.state for e in batch.entries().values()}
    assert "failed" in states
    assert states <= {"done", "failed", "queued"}
    assert batch.half_written() == []
    assert batch.run(archive, "--workers", 2)[0] == 0
    all_good(batch, serial)


def test_bad_images_among_good_ones_are_named(batch, tmp_path, serial):
    folder = write(tmp_path / "mixed", NAMES)
    good = (folder / f"{NAMES[0]}.nii.gz").read_bytes()
    bad = {
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "text": b"these are no voxels\n" * 100,
        "foreign": b"\x1f\x8b" + bytes(2000),
    }
    for name, content in bad.items():
        (folder / f"{name}.nii.gz").write_bytes(content)
    (folder / "huge.nii").write_bytes(huge())
    code, out, _ = batch.run(folder, "--workers", 2)
    assert code == 3
    all_good(batch, serial)
    entries = batch.entries()
    for name in bad:
        assert (entries[name].state, entries[name].cause) == ("quarantined", "input"), name
        assert f"{name}: quarantined: {name}.nii.gz" in out
    assert (entries["huge"].state, entries["huge"].cause) == ("quarantined", "memory")


def huge() -> bytes:
    """A header that states more voxels than any machine has memory for."""
    import nibabel as nib
    import numpy as np

    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((30000, 30000, 30000))
    header["vox_offset"] = 352
    return header.binaryblock + bytes(4) + bytes(10_000)


def test_nothing_of_a_batch_can_be_reached_from_another_machine(batch, archive, tmp_path):
    waiting = tmp_path / "waiting"
    client = batch.start(archive, "--workers", 2, faults={NAMES[0]: f"wait:{waiting}"})
    until(waiting.exists)
    family = [psutil.Process(client.pid), *psutil.Process(client.pid).children(recursive=True)]
    listening = [
        c.laddr.ip for p in family for c in p.net_connections("inet") if c.status == "LISTEN"
    ]
    assert listening
    assert {*listening} == {"127.0.0.1"}


def test_a_scheduler_that_is_lost_ends_the_run_and_the_next_one_goes_on(
    batch, archive, serial, scheduler
):
    worker = scheduler.worker()
    client = batch.start(archive, "--scheduler", scheduler.address)
    until(lambda: any(e.state == "done" for e in batch.entries().values()))
    scheduler.process.kill()
    _, err = client.communicate(timeout=120)
    assert client.returncode == 1
    assert err.startswith("Error: The connection to the scheduler is lost.")
    before = batch.entries()
    assert {e.state for e in before.values()} == {"done", "queued"}
    worker.wait(timeout=120)
    done = [name for name, entry in before.items() if entry.state == "done"]
    assert batch.run(archive, "--workers", 2)[0] == 0
    all_good(batch, serial)
    after = batch.entries()
    assert {n: after[n].changed for n in done} == {n: before[n].changed for n in done}
