"""The server with its real child processes, a tiny model, and a browser's manners."""

from __future__ import annotations

import gzip
import json
import time

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra app is not installed")

from starlette.testclient import TestClient

from hepatica import io
from hepatica.serve import web
from hepatica.serve.service import Service
from hepatica.serve.settings import Limits, Settings
from tests.orientations import oblique, stored
from tests.phantom import GRID, phantom

HOST, TOKEN = "127.0.0.1:8127", "the-key-of-the-tests"
ORIGIN = f"http://{HOST}"
#: Oblique, left-handed, anisotropic.
ASKEW = stored(oblique(GRID, (12, -9, 5)), (1, 0, 2), (1, 1, 1))
WAIT_S = 120.0


class Browser(TestClient):
    """A window of the app: keeps the cookie, and says where its page is from."""

    def __init__(self, app, **kwargs):
        super().__init__(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, **kwargs)

    def open(self):
        assert self.get(f"/?token={TOKEN}", follow_redirects=False).status_code == 303
        return self

    def add(self, path):
        answer = self.post("/api/jobs", json={"path": str(path)})
        assert answer.status_code == 201, answer.text
        return [job["id"] for job in answer.json()["jobs"]]

    def drop(self, *files):
        """Upload name and bytes of files."""
        return self.post("/api/uploads", files=[("files", (n, b)) for n, b in files])

    def wait(self, identity, states=("done", "failed", "cancelled")):
        end = time.monotonic() + WAIT_S
        while (job := self.get(f"/api/jobs/{identity}").json())["state"] not in states:
            assert time.monotonic() < end, job
            time.sleep(0.1)
        return job

    def labels(self, identity, which):
        answer = self.get(f"/api/cases/{identity}/labels/{which}.nii.gz")
        assert answer.status_code == 200, answer.text
        return nib.Nifti1Image.from_bytes(gzip.decompress(answer.content))

    def save(self, identity, labels, revision, record=None):
        return self.put(
            f"/api/cases/{identity}/correction",
            headers={"If-Match": f'"{revision}"'},
            files={"voxels": ("voxels.gz", packed(labels))},
            data={"record": json.dumps(record or made())},
        )

    def edit(self, identity, labels, **edit):
        return self.post(
            f"/api/cases/{identity}/edits",
            files={"voxels": ("voxels.gz", packed(labels))},
            data={"edit": json.dumps(edit)},
        )


def packed(labels):
    return gzip.compress(np.asarray(labels, np.uint8).tobytes(order="F"))


def made(seconds=60.0, **changes):
    """A record as the page sends it."""
    sitting = {"started": "2026-01-02T10:00:00Z", "ended": "2026-01-02T10:02:00Z"}
    return {
        "active_seconds": seconds,
        "wall_seconds": 2 * seconds,
        "edits": 3,
        "undos": 1,
        "voxels_changed": {"0": 1, "1": 20, "2": 300},
        "tools": {"brush": {"edits": 3, "seconds": seconds}},
        "user": "AB",
        "sessions": [sitting | {"active_seconds": seconds}],
    } | changes


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """A folder of images that the server may read."""
    folder = tmp_path_factory.mktemp("scans")
    for name, geometry in {"plain": GRID, "askew": ASKEW}.items():
        image, _ = phantom(geometry)
        io.write_volume(folder / f"{name}.nii.gz", image)
    return folder


@pytest.fixture(scope="session")
def truth():
    """Labels of the askew phantom."""
    _, labels = phantom(ASKEW)
    return labels.labels


@pytest.fixture
def door(tmp_path, scans, tiny_bundle):
    """A service that was not begun, behind its door: no child runs."""
    settings = Settings(
        tmp_path / "workspace", (scans,), bundle=str(tiny_bundle.folder), limits=Limits()
    )
    service = Service(settings)
    yield Browser(web.make(service, [HOST], TOKEN), raise_server_exceptions=False)
    service.end()


@pytest.fixture(scope="package")
def served(tmp_path_factory, scans, tiny_bundle):
    """A service with its children."""
    workspace = tmp_path_factory.mktemp("served") / "workspace"
    limits = Limits(upload_bytes=64 * 2**20, upload_files=50, voxels=10**7, jobs=20)
    settings = Settings(workspace, (scans,), bundle=str(tiny_bundle.folder), limits=limits)
    service = Service(settings)
    with Browser(web.make(service, [HOST], TOKEN), raise_server_exceptions=False) as browser:
        browser.service = service
        yield browser.open()


@pytest.fixture
def case(served, scans):
    """A new case of the askew image."""
    (identity,) = served.add(scans / "askew.nii.gz")
    assert served.wait(identity)["state"] == "done"
    return identity
