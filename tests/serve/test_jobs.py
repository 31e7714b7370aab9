"""The queue: watched, ended in the middle, begun again; and what it says of how far it is."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hepatica import io
from hepatica.core.errors import BundleError, InputError, OutputError, ResourceError
from hepatica.io import models, nifti
from hepatica.serve import exporting, facts, offers, segmenting
from hepatica.serve import progress as progresses
from hepatica.serve.process import Worker
from hepatica.serve.progress import NAMES, STEPS, Progress
from hepatica.serve.refusal import Refusal
from hepatica.serve.service import Service
from hepatica.serve.settings import Settings
from hepatica.serve.store import Job, Store
from tests import studies
from tests.phantom import GRID, phantom


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_folder_gives_a_job_for_each_image(served, scans):
    jobs = served.add(scans)
    names = [served.wait(identity)["name"] for identity in jobs]
    assert names == ["askew", "plain"]
    done = served.get(f"/api/jobs/{jobs[0]}").json()
    assert done["state"] == "done"
    assert done["fraction"] == 1
    assert done["steps"] == list(NAMES)
    assert set(done["result"]) == {
        "liver_ml", "lesion_count", "tumour_ml", "burden_percent", "warnings", "status",
        "corrected", "minutes",
    }  # fmt: skip


def test_a_case_is_what_the_command_line_makes(served, case, scans, tiny_bundle, tmp_path):
    from hepatica.case import Model, run_case

    report = run_case(scans / "askew.nii.gz", tmp_path, Model.load(str(tiny_bundle.folder)))
    ours = np.asarray(served.labels(case, "ai").dataobj)
    assert np.array_equal(ours, io.read_labelmap(tmp_path / "askew/askew_seg.nii.gz").labels)
    found = served.get(f"/api/cases/{case}/findings").json()
    assert found["liver_ml"] == report.measurements.liver_ml
    image = io.read(served.service.cases.folder(case) / "image.nii.gz")
    assert np.array_equal(image.voxels, io.read(scans / "askew.nii.gz").voxels)


def test_an_image_is_read_once(scans, tiny_bundle, tmp_path, monkeypatch):
    read, seen = nifti.read, []
    monkeypatch.setattr(nifti, "read", lambda path, **k: seen.append(path) or read(path, **k))
    segment = segmenting.prepare(str(tiny_bundle.folder), "auto")["segment"]
    source, folder = scans / "plain.nii.gz", tmp_path / "case"
    steps = []
    segment(steps.append, source=str(source), folder=str(folder), case="p", series=None,
            voxels=10**7)  # fmt: skip
    assert seen == [source, folder / "p/p_seg.nii.gz"]
    assert steps[0] == "read"
    assert facts.read(folder).geometry.matches(read(source).geometry)
    report = json.loads((folder / "p/report.json").read_bytes())
    assert "read" not in report["timing"]["seconds"]


def test_cancel_ends_the_process(served, scans):
    (identity,) = served.add(scans / "plain.nii.gz")
    served.wait(identity, ("running",))
    until(lambda: served.service.heavy.pid)
    pid = served.service.heavy.pid
    answer = served.post(f"/api/jobs/{identity}/cancel")
    assert answer.json()["state"] == "cancelled"
    assert not alive(pid)
    assert served.get(f"/api/cases/{identity}").status_code == 404
    assert served.post(f"/api/jobs/{identity}/cancel").status_code == 409
    assert served.post(f"/api/jobs/{identity}/retry", json={}).json()["state"] == "queued"
    assert served.wait(identity)["state"] == "done"
    assert served.service.heavy.pid != pid
    assert served.post(f"/api/jobs/{identity}/retry", json={}).status_code == 409
    assert served.delete(f"/api/jobs/{identity}").status_code == 200
    assert not served.service.cases.folder(identity).exists()
    assert (scans / "plain.nii.gz").exists()


def test_what_waits_is_cancelled_and_what_runs_goes_on(served, scans):
    first, second = (served.add(scans / "plain.nii.gz")[0] for _ in range(2))
    assert served.post(f"/api/jobs/{second}/cancel").json()["state"] == "cancelled"
    assert served.wait(first)["state"] == "done"
    assert served.delete(f"/api/jobs/{second}").status_code == 200


def test_a_running_job_is_not_removed(served, scans):
    (identity,) = served.add(scans / "plain.nii.gz")
    served.wait(identity, ("running",))
    assert served.delete(f"/api/jobs/{identity}").status_code == 409
    served.post(f"/api/jobs/{identity}/cancel")
    assert served.delete(f"/api/jobs/{identity}").status_code == 200


def test_a_failure_says_why_in_the_words_of_the_command_line(served, scans):
    path = scans / "broken.nii.gz"
    path.write_bytes(b"no image")
    (identity,) = served.add(path)
    path.unlink()
    job = served.wait(identity)
    assert job["state"] == "failed"
    assert job["error"]["error"].startswith("broken.nii.gz")
    assert job["error"]["hint"]


def test_a_study_of_several_series_asks_which(served, scans, tmp_path):
    image, _ = phantom(GRID)
    voxels = image.voxels.astype(np.int16)
    for name in ("a", "b"):
        number = {"SeriesNumber": {"a": 3, "b": 4}[name]}
        tags = number | {"SeriesDescription": name, "EchoTime": "90"}
        studies.write(tmp_path / "two" / name, voxels, GRID.affine, series=name, **tags)
    packed = shutil.make_archive(str(tmp_path / "two"), "zip", tmp_path / "two")
    (job,) = served.drop(("two.zip", Path(packed).read_bytes())).json()["jobs"]
    job = served.wait(job["id"])
    assert job["state"] == "failed"
    choices = job["error"]["choices"]
    assert [c["id"] for c in choices] == ["3", "4"]
    served.post(f"/api/jobs/{job['id']}/retry", json={"series": "4"})
    assert served.wait(job["id"])["state"] == "done"
    answer = served.post(f"/api/cases/{job['id']}/exports", json={"names": ["dicom-sr"]})
    names = [f["name"] for f in answer.json()["files"]]
    assert names == ["two_report.dcm", "two_seg.dcm"]


def test_a_dropped_folder_is_named_after_itself(served, scans):
    content = (scans / "plain.nii.gz").read_bytes()
    answer = served.drop(("cohort/p1/p1.nii.gz", content), ("cohort/p2.nii.gz", content))
    assert answer.status_code == 201
    jobs = answer.json()["jobs"]
    assert [job["name"] for job in jobs] == ["p2", "p1"]
    for job in jobs:
        assert served.wait(job["id"])["state"] == "done"
        assert served.delete(f"/api/jobs/{job['id']}").status_code == 200
    left = list(served.service.settings.uploads.rglob("p?.nii.gz"))
    assert left == []


@pytest.mark.parametrize("name", ["correction", "exports", "facts.json", "correction.before-1"])
def test_names_that_a_case_uses_itself(served, scans, name):
    content = (scans / "plain.nii.gz").read_bytes()
    (job,) = served.drop((f"x/{name}.nii.gz", content)).json()["jobs"]
    assert served.wait(job["id"])["state"] == "done"
    known = served.get(f"/api/cases/{job['id']}").json()
    assert (known["name"], known["revision"]) == (f"case_{name}", 0)
    assert known["has"]["correction"] is False


def test_status_and_initials(served, case):
    said = {"status": "second look", "note": "segment 4?"}
    assert served.put(f"/api/cases/{case}/status", json=said).status_code == 200
    known = served.get(f"/api/cases/{case}").json()
    assert {k: known[k] for k in said} == said
    assert served.get(f"/api/jobs/{case}").json()["result"]["status"] == "second look"
    assert served.put(f"/api/cases/{case}/status", json={"status": "fine"}).status_code == 422
    served.put("/api/session", json={"user": " AB "})
    assert served.get("/api/session").json()["user"] == "AB"
    assert served.put("/api/session", json={"user": "x" * 99}).status_code == 422
    served.put("/api/session", json={"user": ""})
    assert served.get("/api/session").json()["user"] is None


def test_exports_are_those_of_the_rooms(served, case, truth, tmp_path):
    names = ["nifti", "stl", "csv", "json", "report"]
    served.save(case, truth, 0)
    written = served.post(
        f"/api/cases/{case}/exports", json={"names": names, "labels": "corrected"}
    ).json()["files"]
    assert {"askew_corrected.nii.gz", "liver.stl", "lesions.csv", "report.html"} <= {
        f["name"] for f in written
    }
    for file in written:
        assert len(served.get(file["url"]).content) == file["bytes"]
    (tmp_path / "all.zip").write_bytes(served.get(f"/api/cases/{case}/exports.zip").content)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert sorted(archive.namelist()) == sorted(f["name"] for f in written)
    (tmp_path / "l.nii.gz").write_bytes(
        served.get(f"/api/cases/{case}/exports/askew_corrected.nii.gz").content
    )
    assert np.array_equal(io.read_labelmap(tmp_path / "l.nii.gz").labels, truth)
    assert served.post(f"/api/cases/{case}/exports", json={"names": ["exe"]}).status_code == 422
    answer = served.post(f"/api/cases/{case}/exports", json={"names": ["dicom-seg"]})
    assert "no DICOM study" in answer.json()["error"]
    # What was written before is still there.
    assert served.get(f"/api/cases/{case}/exports/liver.stl").status_code == 200


def test_what_is_offered_is_what_the_rooms_write():
    assert offers.MODELS == models.EXPORTS
    assert set(exporting._PAPERS) - {"pdf"} == set(offers.PAPERS)
    assert {"nifti", "dicom-seg", "pdf"} <= set(offers.available())


# The children


def here(scans):
    return {"path": str(scans / "plain.nii.gz"), "roots": [str(scans)], "folder": ""}


def test_a_child_that_takes_too_long_is_ended(scans):
    worker = Worker("hepatica.serve.casework:prepare", {})
    try:
        with pytest.raises(ResourceError, match="longer than"):
            worker.run("find", here(scans), seconds=0.0)
        assert worker.pid is None or not alive(worker.pid)
        assert worker.run("find", here(scans), seconds=60)
    finally:
        worker.close()


def test_a_child_may_not_take_all_memory(served, tmp_path):
    image, _ = phantom(GRID)
    path = tmp_path / "image.nii.gz"
    io.write_volume(path, image)
    (tmp_path / "facts.json").write_bytes(b"{}")
    worker = Worker("hepatica.serve.casework:prepare", {}, memory_bytes=32 * 2**20)
    arguments = {"folder": str(tmp_path), "name": "x", "labels": b"\0" * (64 * 2**20)}
    try:
        with pytest.raises(ResourceError, match="memory"):
            worker.run("findings", arguments, seconds=60)
        with pytest.raises(InputError):
            worker.run("find", {"path": "/nothing", "roots": [], "folder": ""}, seconds=60)
    finally:
        worker.close()


def test_a_child_that_dies_is_started_again(scans):
    worker = Worker("hepatica.serve.casework:prepare", {})
    try:
        worker.run("find", here(scans), seconds=60)
        first = worker.pid
        os.kill(first, 9)
        until(lambda: not worker._process.is_alive())
        assert worker.run("find", here(scans), seconds=60)
        assert worker.pid != first
    finally:
        worker.close()
    assert worker.pid is None


def test_a_bundle_that_is_not_there_is_known_at_once(tmp_path):
    with pytest.raises(BundleError):
        Service(Settings(tmp_path / "w", (tmp_path,), bundle="none"))


# The store


def test_a_workspace_has_one_server(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    with pytest.raises(OutputError, match="another server"):
        Store(tmp_path / "app.sqlite")
    store.close()
    Store(tmp_path / "app.sqlite").close()


def test_a_workspace_of_a_newer_version_is_left_alone(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    store._database.execute("PRAGMA user_version = 2")
    store.close()
    with pytest.raises(OutputError, match="newer version"):
        Store(tmp_path / "app.sqlite")


def test_the_first_that_came_is_the_next(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    for identity in ("b", "a"):
        store.add([Job(id=identity, name="p", source="/p", created="now")])
    assert store.next().id == "b"
    store.close()


def test_jobs_survive_and_a_second_crash_is_the_last(tmp_path):
    store = Store(tmp_path / "app.sqlite")
    job = Job(id="a", name="p", source="/p", created="now")
    store.add([job])
    store.change("a", "queued", state="running", starts=1)
    store.close()
    store = Store(tmp_path / "app.sqlite")
    store.recover()
    assert store.get("a").state == "queued"
    store.change("a", "queued", state="running", starts=2)
    store.recover()
    assert store.get("a").state == "failed"
    assert "twice" in store.get("a").error["error"]
    with pytest.raises(Refusal):
        store.change("a", "queued", state="done")
    with pytest.raises(Refusal):
        store.get("b")
    store.close()


# How far


def test_progress_rises_to_the_end(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progresses.time, "monotonic", lambda: clock[0])
    progress = Progress(dict.fromkeys(NAMES, 2.0))
    assert (progress.fraction, progress.seconds_left) == (0.0, None)
    clock[0] = 50.0  # the model is loaded
    seen, left = [], []
    for _, (parts, _) in STEPS.items():
        for part in parts:
            progress.begin(part)
            for _ in range(3):
                clock[0] += 2.0 / len(parts) / 3
                seen.append(progress.fraction)
                left.append(progress.seconds_left)
    assert seen == sorted(seen)
    assert 0.9 < seen[-1] < 1
    assert left[0] == pytest.approx(2.0 * len(NAMES), rel=0.1)
    assert left[-1] < 1
    assert progress.seconds() == pytest.approx(dict.fromkeys(NAMES, 2.0))


def test_a_slow_step_never_claims_to_be_over(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progresses.time, "monotonic", lambda: clock[0])
    progress = Progress()
    progress.begin("read")
    clock[0] = 1e6
    first = progress.fraction
    progress.begin("network 1")
    assert first < progress.fraction + 1e-9 < 1
