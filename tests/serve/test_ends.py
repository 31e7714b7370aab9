"""What is left, and what goes on, when something ends before its time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hepatica import io
from hepatica.core.errors import InputError, OutputError, ResourceError
from hepatica.serve import answers, corrections, events, jobs, web
from hepatica.serve.process import Ended, Worker
from hepatica.serve.service import Service
from hepatica.serve.settings import Settings
from hepatica.serve.store import Job, Store
from tests.phantom import GRID, phantom
from tests.serve.conftest import HOST, TOKEN, Browser, made, packed

MISBEHAVING = "tests.serve.misbehaving:prepare"


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


# The children


def test_a_child_that_is_killed_leaves_nothing_that_it_unpacked(tmp_path):
    worker = Worker(MISBEHAVING, {}, scratch=tmp_path / "scratch")
    seen, ended = [], []

    def run():
        try:
            worker.run("linger", {}, seconds=60, step=seen.append)
        except Ended:
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: seen)
        assert Path(seen[0]).is_relative_to(tmp_path / "scratch")
        assert (Path(seen[0]) / "patient").exists()
        worker.kill()
        thread.join()
        assert ended
        assert below(tmp_path) == []
        # Also one that a killed server has left.
        (tmp_path / "scratch" / "old").mkdir(parents=True)
        assert worker.run("fine", {}, seconds=60) == "done"
        assert below(tmp_path) == ["scratch"]
    finally:
        worker.close()
        thread.join()


def test_a_child_that_was_closed_is_not_started_again():
    worker = Worker(MISBEHAVING, {})
    worker.close()
    with pytest.raises(Ended):
        worker.run("fine", {}, seconds=60)
    assert worker.pid is None


def test_what_a_child_may_say():
    worker = Worker(MISBEHAVING, {})
    try:
        with pytest.raises(InputError, match=r"B\?rbel\.nii is damaged"):
            worker.run("odd name", {}, seconds=60)
        first = worker.pid
        with pytest.raises(ResourceError, match="is none"):
            worker.run("babble", {}, seconds=60)
        with pytest.raises(Exception, match="The disk refused: No space left") as full:
            worker.run("full", {}, seconds=60)
        told = answers.refused(full.value)
        assert told.status_code == 507
        assert "free some space" in json.loads(told.body)["hint"]
        assert worker.run("fine", {}, seconds=60) == "done"
        assert worker.pid != first
    finally:
        worker.close()


# The store


def test_a_full_disk_changes_nothing_and_stops_nothing(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    first = Job(id="a", name="p", source="/p", created="now")
    store.add([first])
    store._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(OutputError, match="full") as refused:
        store.add([Job(id="b", name="p" * 10**6, source="/p", created="now")])
    assert answers.refused(refused.value).status_code == 507
    assert store.all() == [first]
    store._database.execute("PRAGMA max_page_count = 1000000")
    store.change("a", note="x" * 10**6)
    assert len(store.get("a").note) == 10**6
    store.close()


def test_a_commit_that_fails_is_rolled_back(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    store._database.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE one (id INTEGER PRIMARY KEY);"
        "CREATE TABLE other (id REFERENCES one DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), store._writing() as database:
        database.execute("INSERT INTO notes VALUES ('a', x'31')")
        database.execute("INSERT INTO other VALUES (1)")  # found out by COMMIT alone
    assert store.note("a") is None
    store.remember("a", 2)
    assert store.note("a") == 2
    store.close()


def test_a_queue_that_is_damaged(tmp_path):
    (tmp_path / "app.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(OutputError, match="damaged"):
        Store(tmp_path / "app.sqlite")


# The queue


def refuse_writing(service, yes):
    with service.store._lock:
        service.store._database.execute(f"PRAGMA query_only = {int(yes)}")


def test_the_queue_stands_while_the_disk_refuses_and_goes_on(served, scans, monkeypatch):
    monkeypatch.setattr(jobs, "_AGAIN_S", 0.1)
    service = served.service
    (identity,) = served.add(scans / "plain.nii.gz")
    served.wait(identity, ("running",))
    refuse_writing(service, True)
    facts = service.cases.folder(identity) / "facts.json"
    try:
        until(facts.exists)
        time.sleep(0.5)
        assert served.get(f"/api/jobs/{identity}").json()["state"] == "running"
        answer = served.put("/api/session", json={"user": "X"})
        assert answer.status_code == 400
        assert "cannot be written" in answer.json()["error"]
    finally:
        refuse_writing(service, False)
    assert served.wait(identity)["state"] == "done"
    (after,) = served.add(scans / "plain.nii.gz")
    until((service.cases.folder(after) / "image.nii.gz").exists)
    refuse_writing(service, True)
    try:
        os.kill(service.heavy.pid, signal.SIGKILL)
        # A job that failed makes room before it says so.
        until(lambda: not service.cases.folder(after).exists())
        assert served.get(f"/api/jobs/{after}").json()["state"] == "running"
    finally:
        refuse_writing(service, False)
    assert served.wait(after)["state"] == "failed"


def test_a_fault_of_ours_in_one_job_stops_no_other(served, scans, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(served.service.jobs, "_segment", lambda job, progress: 1 / 0)
        (identity,) = served.add(scans / "plain.nii.gz")
        job = served.wait(identity)
    assert job["state"] == "failed"
    assert "ZeroDivisionError" in job["error"]["error"]
    (after,) = served.add(scans / "plain.nii.gz")
    assert served.wait(after)["state"] == "done"


def test_a_server_that_is_ended_well_has_not_failed(scans, tmp_path, tiny_bundle):
    settings = Settings(tmp_path / "w", (scans,), bundle=str(tiny_bundle.folder))
    with Browser(web.make(Service(settings), [HOST], TOKEN)) as browser:
        browser.open()
        (identity,) = browser.add(scans / "plain.nii.gz")
        browser.wait(identity, ("running",))
    store = Store(settings.database)
    left = store.get(identity)
    assert (left.state, left.starts) == ("queued", 0)
    store.close()
    assert below(settings.cases) == below(settings.uploads) == below(settings.scratch) == []


def test_a_job_that_fails_or_is_cancelled_leaves_nothing(served, scans):
    service = served.service
    # Its name leaves no room for what is written beside the label map.
    source = scans / f"{'a' * 245}.nii.gz"
    source.write_bytes((scans / "plain.nii.gz").read_bytes())
    (failed,) = served.add(source)
    job = served.wait(failed)
    source.unlink()
    assert job["state"] == "failed"
    assert "too long" in job["error"]["error"] + job["error"]["hint"]
    until(lambda: not service.cases.folder(failed).exists())
    (cancelled,) = served.add(scans / "plain.nii.gz")
    until((service.cases.folder(cancelled) / "image.nii.gz").exists)
    served.post(f"/api/jobs/{cancelled}/cancel")
    until(lambda: not service.cases.folder(cancelled).exists())
    assert below(service.settings.scratch / "heavy") == []
    # What goes is moved aside first, and is then deleted.
    until(lambda: not list(service.settings.cases.glob(".*")))


def test_what_a_killed_server_left_is_cleared_away(scans, tmp_path, tiny_bundle):
    settings = Settings(tmp_path / "w", (scans,), bundle=str(tiny_bundle.folder))
    for folder in (settings.cases / ".a-1" / "p", settings.uploads / ".b", settings.scratch / "c"):
        folder.mkdir(parents=True)
        (folder / "patient").write_text("Jane")
    mine = settings.uploads / "kept"
    mine.mkdir()
    with Browser(web.make(Service(settings), [HOST], TOKEN)):
        assert below(settings.cases) == []
        assert below(settings.uploads) == ["kept"]
    assert below(settings.scratch) in ([], ["c", "c/patient"])


KILLED = """
import os, signal, sys
from hepatica.serve import cases
from hepatica.serve.service import Service
from hepatica.serve.settings import Settings
from pathlib import Path
workspace, root, bundle, identity = sys.argv[1:]
service = Service(Settings(Path(workspace), (Path(root),), bundle=bundle))
cases.shutil.rmtree = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
service.jobs.remove(identity)
"""


def test_killed_while_a_case_is_removed_nothing_of_it_comes_back(scans, tmp_path, tiny_bundle):
    settings = Settings(tmp_path / "w", (scans,), bundle=str(tiny_bundle.folder))
    service = Service(settings)
    service.store.add([Job(id="x", name="p", source="/p", created="now", state="done")])
    folder = service.cases.folder("x")
    folder.mkdir()
    (folder / "patient").write_text("Jane")
    service.end()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, settings.workspace, scans, tiny_bundle.folder, "x"],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    with Browser(web.make(Service(settings), [HOST], TOKEN)) as browser:
        assert below(settings.cases) == []
        browser.open()
        assert browser.get("/api/cases/x").status_code in (400, 404)
        assert browser.delete("/api/jobs/x").status_code in (200, 404)
        assert browser.get("/api/jobs").json() == {"jobs": []}


def test_a_case_that_is_removed_while_it_is_saved_stays_removed(served, case, truth):
    found = served.service.cases.get(case)
    said = []

    def save():
        try:
            said.append(corrections.save(found, 0, packed(truth), json.dumps(made())))
        except InputError as error:
            said.append(error)

    with found.lock:
        thread = threading.Thread(target=save)
        thread.start()
        time.sleep(0.3)
        served.service.cases.remove(case)
    thread.join()
    assert isinstance(said[0], InputError)
    assert not found.folder.exists()
    assert served.delete(f"/api/jobs/{case}").status_code == 200


def test_an_upload_goes_with_the_last_case_of_it(served, tmp_path):
    image, _ = phantom(GRID)
    io.write_volume(tmp_path / "one.nii.gz", image)
    voxels = image.voxels.astype("<i2")
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"DimSize = {' '.join(map(str, GRID.shape))}\nElementSpacing = 2 2 3\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementType = MET_SHORT\n"
        "ElementDataFile = two.raw\n"
    )
    uploads = served.service.settings.uploads
    before = set(uploads.iterdir())
    answer = served.drop(
        ("d/one.nii.gz", (tmp_path / "one.nii.gz").read_bytes()),
        ("d/two.mhd", header.encode()),
        ("d/two.raw", np.asfortranarray(voxels).tobytes(order="F")),
        ("d/letter.txt", b"Dear Jane"),
    )
    one, two = (job["id"] for job in answer.json()["jobs"])
    assert served.wait(one)["state"] == served.wait(two)["state"] == "done"
    (folder,) = set(uploads.iterdir()) - before
    assert served.delete(f"/api/jobs/{one}").status_code == 200
    assert not list(folder.rglob("one.nii.gz"))
    assert list(folder.rglob("two.raw"))
    assert served.delete(f"/api/jobs/{two}").status_code == 200
    assert set(uploads.iterdir()) == before


# Windows


def test_a_window_that_sleeps_sends_no_other_away(monkeypatch):
    monkeypatch.setattr(events, "_MOST_WAITING", 2)

    async def listeners():
        news = events.Events()
        news.begin()
        asleep, awake = (news.listen(list, 0.2) for _ in range(2))
        for window in (asleep, awake):
            assert b"beat" in await anext(window)
        for n in range(5):
            news.publish({"n": n})
            await asyncio.sleep(0)
            assert b'{"n":%d}' % n in await anext(awake)
        assert len([message async for message in asleep]) == 2
        await awake.aclose()

    # In a thread of its own: where browser tests ran before, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, listeners()).result()
