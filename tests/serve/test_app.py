"""`hepatica app` as a process: its address, its events, and what a kill leaves."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.serve.conftest import ASKEW, made, packed

SOURCES = str(Path(__file__).parents[2] / "src")


class App:
    def __init__(self, workspace, root, bundle):
        self.arguments = ["--workspace", workspace, "--root", root, "--bundle", bundle]
        self.start()

    def start(self):
        began = time.monotonic()
        command = [sys.executable, "-m", "hepatica", "app", "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *map(str, self.arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": SOURCES},
        )
        self.line = self.process.stdout.readline()
        self.address = self.line.strip()
        origin = self.address.split("/?")[0]
        self.http = httpx2.Client(base_url=origin, headers={"Origin": origin}, timeout=120)
        assert self.http.get(self.address).status_code == 303, self.line
        assert self.http.get("/api/jobs").status_code == 200
        self.seconds = time.monotonic() - began

    def wait(self, identity, states=("done", "failed", "cancelled")):
        end = time.monotonic() + 120
        while (job := self.http.get(f"/api/jobs/{identity}").json())["state"] not in states:
            assert time.monotonic() < end, job
            time.sleep(0.05)
        return job

    def children(self):
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(pid) for pid in listed.stdout.split()]

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.http.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        self.http.close()
        return out, err


@pytest.fixture
def app(tmp_path, scans, tiny_bundle):
    running = App(tmp_path / "workspace", scans, tiny_bundle.folder)
    yield running
    if running.process.poll() is None:
        running.kill()


def gone(pids, seconds=15.0):
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}/stat").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_it_prints_one_address_answers_soon_and_ends_clean(app):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32,}\n", app.line)
    assert app.seconds < 60  # about 1.5 s; what makes it so is in the next test
    time.sleep(1)
    children = app.children()
    out, err = app.stop()
    assert (out, err) == ("", "")
    assert app.process.returncode == 0
    gone(children)


STARTED = """
import sys
from pathlib import Path
from hepatica.serve import run
from hepatica.serve.settings import Settings
def say(line):
    print(*sorted(sys.modules))
    raise KeyboardInterrupt
workspace, root, bundle = sys.argv[1:]
settings = Settings(Path(workspace), (Path(root),), bundle=bundle)
door = run.Door.of("127.0.0.1", None, None, None)
try:
    run.serve(settings, door, browser=False, say=say)
except KeyboardInterrupt:
    import hepatica.serve.casework, hepatica.serve.segmenting
    print(*sorted(sys.modules))
"""
#: What takes long to load, and is for the children.
HEAVY = {"SimpleITK", "skimage", "torch", "openvino", "highdicom", "matplotlib", "monai",
         "weasyprint", "hepatica.case", "hepatica.pipeline"}  # fmt: skip


def test_it_starts_fast_because_it_loads_little(scans, tmp_path, tiny_bundle):
    done = subprocess.run(
        [sys.executable, "-c", STARTED, tmp_path / "w", scans, tiny_bundle.folder],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": SOURCES},
    )  # fmt: skip
    early, late = (set(line.split()) for line in done.stdout.splitlines())
    assert {"fastapi", "hepatica.serve.service"} <= early
    assert early & HEAVY == set()
    assert len(late & HEAVY) > 2  # so much for the list


def test_the_port_that_is_taken(app, scans, tmp_path):
    port = app.address.split(":")[2].split("/")[0]
    done = subprocess.run(
        [sys.executable, "-m", "hepatica", "app", "--no-browser", "--port", port, "--root", scans,
         "--workspace", tmp_path / "other"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": SOURCES},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert "cannot be taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_others_are_not_let_in_by_chance(scans, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hepatica", "app", "--no-browser", "--host", "0.0.0.0"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": SOURCES},
    )  # fmt: skip
    assert done.returncode == 2
    assert "--certificate" in done.stderr


def test_events_tell_each_step(app, scans):
    heard = []

    def listen():
        with app.http.stream("GET", "/api/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("data: ") and len(line) > 10:
                    heard.append(json.loads(line[6:]))
                    if heard[-1]["state"] in ("done", "failed"):
                        return

    thread = threading.Thread(target=listen)
    thread.start()
    answer = app.http.post("/api/jobs", json={"path": str(scans / "plain.nii.gz")})
    assert answer.status_code == 201
    thread.join(120)
    assert heard[-1]["state"] == "done"
    steps = list(dict.fromkeys(job["step"] for job in heard if job["step"]))
    assert steps == [name for name in heard[0]["steps"] if name in steps]
    assert len(steps) > 3
    fractions = [job["fraction"] for job in heard]
    assert fractions == sorted(fractions)


def test_killed_in_the_middle_of_a_job_it_is_done_by_the_next_server(app, scans):
    (job,) = app.http.post("/api/jobs", json={"path": str(scans / "plain.nii.gz")}).json()["jobs"]
    app.wait(job["id"], ("running",))
    children = app.children()
    app.kill()
    gone(children)
    app.start()
    assert app.wait(job["id"])["state"] == "done"
    folder = app.arguments[1] / "cases" / job["id"]
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


def test_killed_after_a_save_nothing_of_it_is_lost(app, scans, truth):
    (job,) = app.http.post("/api/jobs", json={"path": str(scans / "askew.nii.gz")}).json()["jobs"]
    assert app.wait(job["id"])["state"] == "done"
    path = f"/api/cases/{job['id']}/correction"
    for revision in range(3):
        labels = np.roll(truth, revision, axis=0)
        answer = app.http.put(
            path,
            headers={"If-Match": f'"{revision}"'},
            files={"voxels": ("v", packed(labels))},
            data={"record": json.dumps(made(10.0 * revision))},
        )
        assert answer.status_code == 200
    app.kill()
    app.start()
    known = app.http.get(f"/api/cases/{job['id']}").json()
    assert known["revision"] == 3
    assert known["record"]["active_seconds"] == 20.0
    file = gzip.decompress(app.http.get(f"/api/cases/{job['id']}/labels/corrected.nii.gz").content)
    saved = np.frombuffer(file[-labels.size :], np.uint8).reshape(ASKEW.shape, order="F")
    assert np.array_equal(saved, labels)
    out, err = app.stop()
    assert (out, err) == ("", "")
