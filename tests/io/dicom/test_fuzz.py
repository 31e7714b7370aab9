"""No file, however damaged, crashes a reader, hangs it, or takes its memory."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from hepatica import io
from hepatica.core.errors import HepaticaError
from hepatica.core.volume import LabelMap
from hepatica.io.dicom import export, formats
from hepatica.io.dicom.destination import Destination
from hepatica.results.measure import measure
from tests import studies
from tests.io.dicom.fuzzing import mutated
from tests.studies import AXIAL, enhanced, write

ROOT = Path(__file__).parents[3]
SECONDS = 12


@pytest.fixture(scope="module")
def originals(tmp_path_factory: Any) -> Path:
    """One file of each kind: slices in several syntaxes, multi-frame, segmentation, zip."""
    here = tmp_path_factory.mktemp("fuzz")
    folder = here / "originals"
    folder.mkdir()
    stored = np.random.default_rng(2).integers(0, 99, (40, 36, 9)).astype(np.int16)
    for syntax in (None, RLELossless, JPEG2000Lossless, JPEGLSLossless):

        def change(k: int, data: Any, syntax: Any = syntax) -> None:
            data.PixelRepresentation = 0
            block = data.private_block(0x0029, "MAKER", create=True)
            block.add_new(0x10, "UN", b"private")
            if syntax is not None:
                data.compress(syntax, generate_instance_uid=False)

        try:
            data = next(studies.slices(stored, AXIAL, change))
        except RuntimeError:
            continue  # its encoder comes with hepatica[dicom]
        data.save_as(folder / f"slice{syntax}", enforce_file_format=True)
    lossless = next(studies.slices(stored))
    lossless.PixelData = encapsulate([studies.jpeg_lossless(stored[:, :, 0].T.astype(np.uint16))])
    lossless["PixelData"].is_undefined_length = True
    lossless.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    lossless.save_as(folder / "lossless", enforce_file_format=True)
    enhanced(folder / "enhanced", [stored[..., :9]])
    source = write(here / "study", stored)
    with zipfile.ZipFile(folder / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in source.iterdir():
            archive.write(path, path.name)
    if (ROOT / "src").exists() and _has_highdicom():
        volume = io.read(source)
        labels = np.zeros(volume.geometry.shape, np.uint8)
        labels[5:20, 5:20, 2:7] = 1
        labelmap = LabelMap(labels, volume.geometry)
        destination = Destination.of(volume, "fuzz")
        export.write(
            folder, "p", labelmap, measure(labelmap, volume), destination, formats.FORMATS[:2]
        )
    return folder


def _has_highdicom() -> bool:
    try:
        import highdicom  # noqa: F401
    except ImportError:
        return False
    return True


def fuzz(folder: Path, seed: int, seconds: float) -> tuple[int, int]:
    words = [sys.executable, "-m", "tests.io.dicom.fuzzing", folder, str(seed), str(seconds)]
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 90, check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    match = re.search(r"(\d+) read, (\d+) refused", done.stdout)
    assert match, done.stdout
    return int(match[1]), int(match[2])


def test_mutated_files_are_read_or_refused(originals: Path) -> None:
    read, refused = fuzz(originals, 1, SECONDS)
    assert read + refused > 100
    assert read > 0
    assert refused > 0, "the mutations do harm"


@pytest.mark.data
def test_mutated_real_slices(data: Path, tmp_path: Path) -> None:
    """The real slices of CHAOS 10, with their private and empty elements."""
    folder = tmp_path / "originals"
    folder.mkdir()
    for path in sorted((data / "mri_t1_chaos/chaos_10/dicom/InPhase").glob("*.dcm"))[::10]:
        (folder / path.name).write_bytes(path.read_bytes())
    read, refused = fuzz(folder, 2, SECONDS)
    assert read + refused > 50
    assert refused > 0


@pytest.fixture(scope="module")
def one(tmp_path_factory: Any) -> bytes:
    path = tmp_path_factory.mktemp("one") / "a"
    stored = np.zeros((9, 9, 9), np.int16)
    next(studies.slices(stored)).save_as(path, enforce_file_format=True)
    return path.read_bytes()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mutation_of_a_slice(seed: int, one: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(mutated(one, np.random.default_rng(seed)))
    with pytest.raises(HepaticaError):  # one slice is no volume, damaged or not
        io.read(path)


@given(content=st.binary(max_size=400))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_after_the_prefix(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM" + content)
    with pytest.raises(HepaticaError):
        io.read(path)
