"""What the app withstands: each is refused in a sentence, and the server goes on."""

from __future__ import annotations

import gzip
import io as streams
import json
import os
import struct
import zipfile

import nibabel as nib
import numpy as np
import pytest

from hepatica import io
from hepatica.serve import uploads
from hepatica.serve.refusal import Refusal
from tests import studies
from tests.phantom import GRID, phantom
from tests.serve.conftest import made

SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def alive(served, scans):
    """After every attack the server answers, and both children work."""
    before = {job["id"] for job in served.get("/api/jobs").json()["jobs"]}
    yield
    answer = served.get("/api/session")
    assert answer.status_code == 200
    assert served.service.ask(
        "find", path=str(scans / "plain.nii.gz"), roots=[str(scans)], folder=""
    )
    for job in served.get("/api/jobs").json()["jobs"]:
        if job["id"] not in before:
            served.wait(job["id"])
            assert served.delete(f"/api/jobs/{job['id']}").status_code == 200
    assert served.service.light.pid


def sentence(answer, status=400):
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert set(said) >= {"error", "hint"}
    assert "Traceback" not in answer.text
    return said["error"]


def archive(*members):
    packed = streams.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members:
            out.writestr(name, content)
    return packed.getvalue()


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "name", ["../../slip.dcm", "/tmp/slip.dcm", "a/../../slip", "C:\\slip", "..\\slip"]
)
def test_zip_slip(served, name):
    said = sentence(served.drop(("scan.zip", archive((name, b"x" * 200)))))
    assert said == "scan.zip holds a file with a path out of it."
    assert not any("slip" in f or "scan" in f for f in files_in(served.service.settings.workspace))


def test_a_link_in_a_zip(served):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    said = sentence(served.drop(("scan.zip", archive((link, "/etc/passwd")))))
    assert said == "scan.zip holds a link."


def test_a_zip_bomb_that_says_so(served):
    bomb = bytearray(archive(*((f"{n}.dcm", b"x") for n in range(10))))
    at = 0
    while (at := bomb.find(b"PK\x01\x02", at)) >= 0:  # its directory claims 40 GB
        bomb[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
        at += 4
    said = sentence(served.drop(("scan.zip", bytes(bomb))))
    assert said == "scan.zip unpacks to more than is plausible."


def test_a_zip_bomb_that_does_not(served):
    dicom = b"\0" * 128 + b"DICM" + b"\0" * (150 * 2**20)
    answer = served.drop(("scan.zip", archive(("a.dcm", dicom))))
    (job,) = answer.json()["jobs"]
    job = served.wait(job["id"])
    assert job["state"] == "failed"
    assert job["error"]["error"] == "scan.zip unpacks to more than is plausible."


def test_no_zip_at_all(served):
    assert sentence(served.drop(("scan.zip", b"no zip"))) == "scan.zip is damaged."


def header(shape, code=16):
    found = nib.Nifti1Header()
    found.set_data_dtype(np.float32)
    found.set_sform(np.diag([2.0, 2, 2, 1]), 1)
    data = bytearray(found.binaryblock)
    data[40:56] = struct.pack("<8h", 3, *shape, 1, 1, 1, 1)
    data[108:112] = struct.pack("<f", 352)
    return bytes(data) + b"\0" * 4


@pytest.mark.parametrize("shape", [(10000, 10000, 10000), (32767, 32767, 32767), (400, 400, 400)])
def test_a_header_that_claims_more_voxels_than_may_be(served, shape):
    (job,) = served.drop(("huge.nii.gz", gzip.compress(header(shape)))).json()["jobs"]
    job = served.wait(job["id"])
    assert job["state"] == "failed"
    assert f"{np.prod(shape, dtype=object):,} voxels" in job["error"]["error"]


def test_a_gzip_bomb_as_an_image(served):
    bomb = gzip.compress(header((4, 4, 4)) + b"\0" * (200 * 2**20))
    assert len(bomb) < 2**20
    (job,) = served.drop(("bomb.nii.gz", bomb)).json()["jobs"]
    job = served.wait(job["id"])
    assert job["state"] == "failed"  # of its 64 voxels; the rest was never unpacked


def test_a_gzip_bomb_as_a_correction(served, case):
    bomb = gzip.compress(b"\0" * (100 * 2**20))
    form = {"files": {"voxels": ("v", bomb)}}
    answer = served.put(
        f"/api/cases/{case}/correction",
        headers={"If-Match": '"0"'},
        data={"record": json.dumps(made())},
        **form,
    )
    assert "not a label map" in sentence(answer)
    edit = {"tool": "fill", "label": 2, "inside_liver": False, "locked": []}
    answer = served.post(f"/api/cases/{case}/edits", data={"edit": json.dumps(edit)}, **form)
    assert "not a label map" in sentence(answer)
    assert not served.get(f"/api/cases/{case}").json()["has"]["correction"]


OUTSIDE = ["/etc", "/etc/passwd", "/", "/nothing/here", "..", "relative", "\0", "~", ""]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_outside_of_the_roots(served, scans, path):
    for tried in {path, f"{scans}/../{path}" if path else path}:
        assert "outside" in sentence(served.post("/api/jobs", json={"path": tried}), 403)
        answer = served.post("/api/training-folder", json={"path": tried})
        assert "outside" in sentence(answer, 403)
        if tried:
            answer = served.get("/api/files", params={"path": tried})
            assert "outside" in sentence(answer, 403)


def test_links_lead_nowhere(served, scans, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x.nii.gz").write_bytes(b"x")
    inside = scans / "inside"
    inside.mkdir()
    try:
        (inside / "folder").symlink_to(secret)
        (inside / "file.nii.gz").symlink_to(secret / "x.nii.gz")
        (inside / "ring").symlink_to("ring")
        listed = served.get("/api/files", params={"path": str(inside)}).json()["entries"]
        assert listed == []
        for name in ("folder", "file.nii.gz", "folder/x.nii.gz"):
            answer = served.post("/api/jobs", json={"path": str(inside / name)})
            assert "outside" in sentence(answer, 403)
        assert "may not read" in sentence(served.post("/api/jobs", json={"path": str(inside)}))
    finally:
        for path in inside.iterdir():
            path.unlink()
        inside.rmdir()


@pytest.mark.parametrize(
    "name",
    ["../x.nii.gz", "a/../../x.nii.gz", "/x.nii.gz", "a//x.nii.gz", "a\\x.nii.gz", "C:x.nii.gz",
     "a" * 250 + ".nii.gz", "/".join("a" * 20) + "/x.nii.gz", "."],
)  # fmt: skip
def test_names_of_uploads_lead_down_alone(served, name):
    before = files_in(served.service.settings.workspace)
    sentence(served.drop((name, b"x")))
    after = files_in(served.service.settings.workspace)
    assert [f for f in after if "sqlite" not in f] == [f for f in before if "sqlite" not in f]


@pytest.mark.parametrize("name", ["a\x01.nii", "a\nb.nii", "a\0.nii", "\u202egz.nii", ""])
def test_names_are_printable(name):
    with pytest.raises(Refusal):
        uploads.safe_path(name)
    assert uploads.safe_path("Bärbel's ☃/x.nii").parts == ("Bärbel's ☃", "x.nii")


def test_more_than_may_be_uploaded(served):
    limits = served.service.settings.limits
    many = [(f"{n}.nii", b"x") for n in range(limits.upload_files + 1)]
    assert "more than 50 files" in sentence(served.drop(*many), 413)
    noise = os.urandom(2**20)
    parts = [(f"{n}.nii", noise) for n in range(limits.upload_bytes // 2**20 + 2)]
    sentence(served.drop(*parts), 413)
    assert list(served.service.settings.uploads.iterdir()) == []


def test_an_upload_that_breaks_off_or_is_none(served):
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    begun = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.nii"\r\n\r\nabc'
    for body in (b"", b"no form", begun, b"--b--\r\n"):
        sentence(served.post("/api/uploads", content=body, headers=kind))
    sentence(served.post("/api/uploads", content=b"x", headers={"Content-Type": "text/plain"}))
    kind = {"Content-Type": f"multipart/form-data; boundary={'b' * 5000}"}
    sentence(served.post("/api/uploads", content=b"x", headers=kind))
    assert list(served.service.settings.uploads.iterdir()) == []


def test_a_script_as_the_name_of_a_file(served):
    image, _ = phantom(GRID)
    path = served.service.settings.workspace / "s.nii.gz"
    io.write_volume(path, image)
    (job,) = served.drop((f"{SCRIPT}.nii.gz", path.read_bytes())).json()["jobs"]
    path.unlink()
    job = served.wait(job["id"])
    assert (job["state"], job["name"]) == ("done", SCRIPT)
    answer = served.get(f"/api/jobs/{job['id']}")
    assert answer.headers["content-type"] == "application/json"
    names = ["report", "csv", "nifti"]
    written = served.post(f"/api/cases/{job['id']}/exports", json={"names": names}).json()["files"]
    for file in written:
        answer = served.get(file["url"])
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
    report = served.get(f"/api/cases/{job['id']}/exports/report.html").text
    assert "onerror" in report
    assert "<img src=x" not in report


def test_a_script_as_the_name_of_a_patient(served, tmp_path):
    image, _ = phantom(GRID)
    studies.write(
        tmp_path / "dicom", image.voxels.astype(np.int16), GRID.affine,
        PatientName=f"{SCRIPT}^Jane", SeriesDescription=SCRIPT,
    )  # fmt: skip
    parts = [(f"scan/{p.name}", p.read_bytes()) for p in sorted((tmp_path / "dicom").iterdir())]
    assert parts
    (job,) = served.drop(*parts).json()["jobs"]
    job = served.wait(job["id"])
    assert (job["state"], job["name"]) == ("done", "scan")
    told = served.get(f"/api/cases/{job['id']}").text + served.get("/api/jobs").text
    assert "Jane" not in told
    names = ["report", "json", "csv", "dicom-seg"]
    answer = served.post(f"/api/cases/{job['id']}/exports", json={"names": names})
    assert answer.status_code == 200, answer.text
    report = served.get(f"/api/cases/{job['id']}/exports/report.html").text
    assert "<img src=x" not in report


@pytest.mark.parametrize(
    "file", ["../facts.json", "..%2ffacts.json", "%2e%2e/%2e%2e", "none", "%00"]
)
def test_exports_are_the_only_files_that_go_out(served, case, file):
    served.post(f"/api/cases/{case}/exports", json={"names": ["csv"]})
    answer = served.get(f"/api/cases/{case}/exports/{file}")
    assert answer.status_code == 404
    assert "shape" not in answer.text


@pytest.mark.parametrize(
    "identity", ["..", "%2e%2e", "x", "'; DROP TABLE jobs; --", "a/b", "\u2603"]
)
def test_identities_are_known_or_nothing(served, identity):
    for path in ("", "/image.nii.gz", "/labels/ai.nii.gz", "/findings"):
        assert served.get(f"/api/cases/{identity}{path}").status_code == 404
