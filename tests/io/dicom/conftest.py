"""Real components that others wrote, to check what we write; skipped where they are absent."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: Where Debian and others put the plugin of Orthanc.
PLUGIN = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/lib/orthanc")
#: Seconds until Orthanc answers on a busy machine.
PATIENCE_S = 30.0


@pytest.fixture(scope="session")
def dciodvfy() -> Callable[[Path], list[str]]:
    """The errors that dicom3tools finds in a file; warnings are left out."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (Debian package dicom3tools)")

    def check(path: Path) -> list[str]:
        done = subprocess.run([program, path], capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        assert lines, "the checker says at least what kind of object it is"
        return [line for line in lines if line.startswith(("Error", "Abort"))]

    return check


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A DICOMweb client of a fresh Orthanc on loopback; its address is ``.base_url``."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    folder = next((p for p in PLUGIN if (Path(p) / "libOrthancDicomWeb.so").exists()), None)
    if program is None or folder is None:
        pytest.skip("Orthanc is not installed (Debian packages orthanc, orthanc-dicomweb)")
    client = pytest.importorskip("dicomweb_client", reason="dicomweb-client is not installed")
    here = tmp_path_factory.mktemp("orthanc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "Name": "tests",
        "HttpPort": port,
        "HttpBindAddresses": ["127.0.0.1"],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "StorageDirectory": str(here / "storage"),
        "IndexDirectory": str(here / "storage"),
        "Plugins": [str(Path(folder) / "libOrthancDicomWeb.so")],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "StorageAccessOnFind": "Always",
    }
    (here / "orthanc.json").write_text(json.dumps(settings))
    with (here / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, here / "orthanc.json"], stdout=log, stderr=subprocess.STDOUT, cwd=here
        )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{base}/system", server, here / "log")
        yield client.DICOMwebClient(url=f"{base}/dicom-web")
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text(errors="replace")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"Orthanc does not answer:\n{log.read_text(errors='replace')}")
