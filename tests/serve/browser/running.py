"""The app as a person starts it: a process with a workspace, and its address for a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

#: `hepatica app`, as a list that takes its arguments.
COMMAND = [sys.executable, "-m", "hepatica", "app"]
SOURCES = Path(__file__).parents[3] / "src"


@dataclass
class App:
    """One workspace; started, killed and started again on the same port."""

    workspace: Path
    root: Path
    port: int = 0
    address: str = ""
    seconds: float = 0.0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        began = time.monotonic()
        arguments = [f"--workspace={self.workspace}", f"--root={self.root}", f"--port={self.port}"]
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, "--no-browser"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.workspace.parent,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert self.process.stdout
        for line in self.process.stdout:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/\S*", line)
            if found:
                self.address, self.port = found[0], int(found[1])
                self.seconds = time.monotonic() - began
                return
        raise AssertionError(f"hepatica app ended with {self.process.wait()} and named no address")

    def kill(self) -> None:
        """As a power cut does: no chance to write anything."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self._wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def _wait(self, seconds: float | None = None) -> None:
        assert self.process
        assert self.process.stdout
        self.process.wait(seconds)
        self.process.stdout.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ai(self, name: str) -> nib.Nifti1Image:
        """The AI's label map of the case, as it lies in the workspace."""
        return nib.load(only(self.workspace, f"{name}_seg.nii.gz"))

    def corrected(self, name: str) -> nib.Nifti1Image:
        """The correction that was saved last."""
        folder = self.folder(name) / "correction"
        return nib.load(folder / json.loads((folder / "record.json").read_text())["labels"])

    def current(self, name: str) -> nib.Nifti1Image:
        """The correction, or the AI's map where there is none."""
        there = (self.folder(name) / "correction" / "record.json").is_file()
        return self.corrected(name) if there else self.ai(name)

    def folder(self, name: str) -> Path:
        """The case's folder: the one nearest the map that has a correction in it."""
        at = only(self.workspace, f"{name}_seg.nii.gz").parent
        while at != self.workspace and not (at / "correction").is_dir():
            at = at.parent
        return at


def eventually(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds; fail where it does not within the time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.2)


def only(folder: Path, name: str) -> Path:
    found = [path for path in folder.rglob(name) if "exports" not in path.parts]
    assert len(found) == 1, found
    return found[0]


def voxels(image: nib.Nifti1Image) -> NDArray[np.uint8]:
    return np.asarray(image.dataobj).astype(np.uint8)


def millimetres_from(image: nib.Nifti1Image, voxel: tuple[float, ...]) -> NDArray[np.float64]:
    """(i, j, k) distance of each voxel's centre from a fractional voxel, by the affine alone."""
    index = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    offsets = (index - np.asarray(voxel)) @ image.affine[:3, :3].T
    return np.asarray(np.linalg.norm(offsets, axis=-1))


def canonical_voxel(image: nib.Nifti1Image, ras: tuple[int, int, int]) -> tuple[int, int, int]:
    """The file's voxel that is `ras` in the order right, anterior, superior."""
    numbers = np.arange(np.prod(image.shape)).reshape(image.shape)
    turned = nib.apply_orientation(numbers, nib.io_orientation(image.affine))
    i, j, k = np.unravel_index(int(turned[ras]), image.shape)
    return int(i), int(j), int(k)
