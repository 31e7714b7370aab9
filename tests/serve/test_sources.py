"""What is picked or dropped, and the images that are found in it."""

from __future__ import annotations

import io as streams
import os
import shutil
import zipfile

import numpy as np
import pytest

from hepatica import io
from hepatica.serve import places
from hepatica.serve.refusal import Refusal
from tests import studies
from tests.phantom import GRID, phantom


def zipped(*members):
    packed = streams.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, content in members:
            out.writestr(name, content)
    return packed.getvalue()


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def nifti(scans):
    return (scans / "plain.nii.gz").read_bytes()


@pytest.fixture
def slices(tmp_path):
    """Names and bytes of a DICOM series."""
    image, _ = phantom(GRID)
    studies.write(tmp_path / "dicom", image.voxels.astype(np.int16), GRID.affine)
    return [(p.name, p.read_bytes()) for p in sorted((tmp_path / "dicom").iterdir())]


@pytest.fixture(autouse=True)
def tidy(served):
    """After each, nothing of it is left."""
    before = {job["id"] for job in served.get("/api/jobs").json()["jobs"]}
    uploads = set(served.service.settings.uploads.iterdir())
    yield
    for job in served.get("/api/jobs").json()["jobs"]:
        if job["id"] not in before:
            served.wait(job["id"])
            assert served.delete(f"/api/jobs/{job['id']}").status_code == 200
    assert set(served.service.settings.uploads.iterdir()) == uploads


def test_what_the_picker_shows(served, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("b.txt", "a.nii.gz", ".hidden.nii.gz", "s.zip"):
        (inner / name).write_bytes(b"x")
    (inner / "folder").mkdir()
    shown = places.listing(str(inner), [tmp_path])
    assert [(e["name"], e["kind"], e["bytes"]) for e in shown["entries"]] == [
        ("folder", "folder", None), ("a.nii.gz", "image", 1), ("b.txt", "other", 1),
        ("s.zip", "zip", 1),
    ]  # fmt: skip
    assert shown["parent"] == str(tmp_path)
    assert places.listing(None, [inner])["parent"] is None
    with pytest.raises(Refusal):
        places.listing(str(tmp_path / "none"), [tmp_path])


def test_more_images_than_may_be_queued_at_once(served, tmp_path):
    limits = served.service.settings.limits
    files = [(f"d/{n}.nii", b"x") for n in range(limits.jobs + 1)]
    before = served.get("/api/jobs").json()
    answer = served.drop(*files)
    assert answer.status_code == 400
    assert answer.json()["hint"] == f"Add at most {limits.jobs} at a time."
    assert served.get("/api/jobs").json() == before


def test_a_dropped_zip_of_images_is_a_folder_of_them(served, nifti, scans):
    content = zipped(
        ("p1/one.nii.gz", nifti), ("p2/two.nii.gz", nifti), ("p2/letter.txt", b"Dear Jane"),
        ("__MACOSX/p1/._one.nii.gz", b"x" * 120),
    )  # fmt: skip
    jobs = served.drop(("study.zip", content)).json()["jobs"]
    assert [job["name"] for job in jobs] == ["one", "two"]
    assert served.wait(jobs[0]["id"])["state"] == "done"
    case = served.service.cases.get(jobs[0]["id"])
    ours, theirs = io.read(case.folder / "image.nii.gz"), io.read(scans / "plain.nii.gz")
    assert np.array_equal(ours.voxels, theirs.voxels)
    upload = served.service.settings.uploads / case.job.source.split("/uploads/")[1].split("/")[0]
    assert "study.zip" not in {path.name for path in upload.rglob("*")}


def test_a_picked_zip_of_images_stays_where_it_is(served, nifti, scans):
    path = scans / "picked.zip"
    path.write_bytes(zipped(("one.nii.gz", nifti)))
    try:
        (identity,) = served.add(path)
        assert served.wait(identity)["state"] == "done"
        assert path.exists()
        assert files_in(scans) == ["askew.nii.gz", "picked.zip", "plain.nii.gz"]
    finally:
        path.unlink()


def test_a_zip_of_images_and_dicom_gives_both(served, nifti, slices):
    content = zipped(("one.nii.gz", nifti), *((f"series/{n}", b) for n, b in slices))
    jobs = served.drop(("both.zip", content)).json()["jobs"]
    assert [job["name"] for job in jobs] == ["one", "series"]
    assert [served.wait(job["id"])["state"] for job in jobs] == ["done", "done"]


def test_a_zip_in_a_zip(served, nifti, slices):
    inner = zipped(("x.nii.gz", nifti))
    answer = served.drop(("outer.zip", zipped(("one.nii.gz", nifti), ("inner.zip", inner))))
    assert answer.status_code == 400
    assert answer.json()["error"] == "outer.zip holds a zip of images itself."
    inner = zipped(*slices)
    answer = served.drop(("outer.zip", zipped(("one.nii.gz", nifti), ("inner.zip", inner))))
    jobs = answer.json()["jobs"]
    assert [job["name"] for job in jobs] == ["inner", "one"]
    assert [served.wait(job["id"])["state"] for job in jobs] == ["done", "done"]


@pytest.mark.parametrize(
    "name", ["../one.nii.gz", "/one.nii.gz", "C:\\one.nii.gz", "a\\..\\one.nii.gz", "a\nb.nii.gz"]
)
def test_names_in_a_zip_of_images_lead_down_alone(served, nifti, name):
    answer = served.drop(("study.zip", zipped((name, nifti))))
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_zip_of_images_that_fills_the_disk(served, nifti):
    packed = streams.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("bomb.nii", b"\0" * (150 * 2**20))
    answer = served.drop(("bomb.zip", packed.getvalue()))
    assert answer.status_code == 400
    assert answer.json()["error"] == "bomb.zip unpacks to more than is plausible."
    answer = served.drop(("cut.zip", zipped(("one.nii.gz", nifti), ("one.nii.gz/x", b"x"))))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("cut.zip")


def test_a_name_that_is_no_text(served, nifti, scans):
    folder = scans / "other-system"
    folder.mkdir()
    try:
        with open(os.fsencode(folder) + b"/B\xe4r.nii.gz", "wb") as out:  # noqa: PTH123
            out.write(nifti)
        answer = served.post("/api/jobs", json={"path": str(folder)})
        assert answer.status_code == 400
        assert "not a name in UTF-8" in answer.json()["error"]
        half = f'{{"path": "{scans}/\\udcff"}}'
        kind = {"Content-Type": "application/json"}
        assert served.post("/api/jobs", content=half, headers=kind).status_code == 403
        answer = served.post("/api/jobs", json={"path": f"{scans}/{'a' * 300}"})
        assert answer.json()["error"] == "The disk refused: File name too long."
    finally:
        shutil.rmtree(os.fsencode(folder))


def test_a_file_and_a_folder_of_one_name(served, nifti):
    answer = served.drop(("a", nifti), ("a/b.nii.gz", nifti))
    assert answer.status_code == 400
    assert "dropped twice" in answer.json()["error"]


def test_results_do_not_go_beside_another_study(served, slices, scans):
    """The files behind a case were exchanged: its labels must not get another one's name."""
    folder = scans / "study"
    folder.mkdir()
    try:
        for name, content in slices:
            (folder / name).write_bytes(content)
        (identity,) = served.add(folder)
        assert served.wait(identity)["state"] == "done"
        path = f"/api/cases/{identity}/exports"
        assert served.post(path, json={"names": ["dicom-seg"]}).status_code == 200
        image, _ = phantom(GRID)
        shutil.rmtree(folder)
        studies.write(folder, image.voxels.astype(np.int16), GRID.affine, PatientName="Other^Joe")
        answer = served.post(path, json={"names": ["dicom-seg"]})
        assert answer.status_code == 400
        assert "not the one that the case was made from" in answer.json()["error"]
    finally:
        shutil.rmtree(folder)
