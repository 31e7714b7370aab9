"""Every command that the documentation shows is run, in a folder that holds what it names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from hepatica import cli, io
from hepatica.case import write_cases
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.dataset import formats, splits
from hepatica.io.dicom import conversion
from tests import studies
from tests.phantom import GRID, phantom

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])

#: Not run here: they are what runs this, or change the machine.
ELSEWHERE = ("make ", "pip ", ". ")
#: Long work is shown in the documentation and made short here.
SHORT = {
    "--preset cpu": "--preset smoke",
    "--preset fine-tune": "--preset smoke",
    "compare --budget 10min": "compare --preset quick.json --network unet",
    "90min": "1min",
    "-n 20": "-n 1",
    "-n 4": "-n 1",
}
#: A comparison of one step a stage.
QUICK = (
    '{"plan": "small", "epochs": [1, 1], "epoch_steps": 1, "validation": 0, "native": 1,'
    ' "procedural": 1.0, "mri": 0.0, "procedural_pool": 1}'
)


def commands() -> list[str]:
    """The lines of all shell blocks, without comments; continued lines joined."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
            lines = re.sub(r"\\\n\s*", " ", block).splitlines()
            found += [re.sub(r"\s+#.*", "", line).strip() for line in lines]
    return sorted({c for c in found if c and not c.startswith("#")})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the documentation's commands name."""
    here = tmp_path_factory.mktemp("docs")
    volume, truth = phantom(GRID)
    for path in ("patient.nii.gz", "cohort/p1.nii.gz", "cohort/p2.nii.gz"):
        (here / path).parent.mkdir(exist_ok=True)
        io.write_volume(here / path, volume)
    (here / "list.txt").write_text("patient.nii.gz\n")
    (here / "quick.json").write_text(QUICK)
    (here / "minutes.csv").write_text("case,minutes\np1,12.5\n")
    (here / "images").mkdir()
    io.write_volume(here / "images" / "p1.nii.gz", volume)
    for path in ("references/p1.nii.gz", "label_maps/p1.nii.gz", "other_label_maps/p1.nii.gz"):
        (here / path).parent.mkdir(exist_ok=True)
        io.write_labelmap(here / path, truth)
    organs = LabelMap(np.where(truth.liver, 6, 0).astype(np.uint8), GRID)
    for data, labels in (("cohort_with_labels", truth), ("cohort_with_organs", organs)):
        for kind in ("images", "labels"):
            (here / data / kind).mkdir(parents=True)
        for case in ("p1", "p2", "p3"):
            io.write_volume(here / data / f"images/{case}.nii.gz", volume)
            io.write_labelmap(here / data / f"labels/{case}.nii.gz", labels)
    (here / "my_list.csv").write_text(
        "image,label\ncohort_with_labels/images/p1.nii.gz,cohort_with_labels/labels/p1.nii.gz\n"
    )
    series(here / "dicom_series", volume.voxels)
    stored = volume.voxels.astype(np.int16)
    studies.write(here / "study" / "t1", stored, GRID.affine, ContrastBolusAgent="Gd")
    other = {"SeriesDescription": "T2 HASTE", "EchoTime": "90", "SeriesNumber": 3}
    studies.write(here / "study" / "t2", stored, GRID.affine, series="t2", **other)
    for kind in ("ct_folder", "mri_folder"):
        (here / kind).mkdir()
        organs = LabelMap(
            np.where(truth.liver, 1, 0).astype(np.uint8), Geometry(GRID.shape, GRID.affine)
        )
        io.write_labelmap(here / kind / "a_organs.nii.gz", organs)
        io.write_volume(here / kind / "a_image.nii.gz", volume)
        (here / kind / "anatomies.json").write_text(
            '{"labels": "*_organs.nii.gz", "label_suffix": "_organs.nii.gz",'
            ' "image_suffix": "_image.nii.gz", "tissues": {"1": "liver"}}'
        )
    return here


def series(path: Path, voxels: np.ndarray) -> None:
    path.mkdir()
    uid, frame = generate_uid(), generate_uid()
    for k in range(voxels.shape[2]):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_ = pydicom.Dataset()
        slice_.file_meta = meta
        slice_.SOPClassUID, slice_.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = uid, frame
        slice_.StudyInstanceUID = uid
        slice_.Modality = "MR"
        slice_.Rows, slice_.Columns = voxels.shape[1], voxels.shape[0]
        slice_.PixelSpacing = [4.5, 4.0]
        slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        slice_.ImagePositionPatient = [0, 0, 6.0 * k]
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated = slice_.BitsStored = 16
        slice_.HighBit, slice_.PixelRepresentation = 15, 0
        slice_.PixelData = voxels[:, :, k].T.astype("<u2").tobytes()
        slice_.save_as(path / f"{k:03d}.dcm", enforce_file_format=True)


def exit_code() -> int:
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def serves(words: list[str], folder: Path) -> bool:
    """Whether a command that does not end prints an address, and ends when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--no-browser"],
        env={**os.environ, "XDG_DATA_HOME": str(folder / "data")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = any("http://127.0.0.1:" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    return found and (folder / "data" / "hepatica").is_dir()


def test_the_documentation_has_commands():
    assert len(commands()) > 8


@pytest.mark.parametrize("command", [c for c in commands() if not c.startswith(ELSEWHERE)])
def test_a_documented_command_runs(command, folder, monkeypatch):
    for long, short in SHORT.items():
        command = command.replace(long, short)
    words = shlex.split(command)
    assert words[0] == "hepatica", command
    monkeypatch.chdir(folder)
    if words[1] == "app":
        assert serves(words, folder), command
        return
    if "evaluate" in words and not (folder / "out").exists():
        shutil.copytree(folder / "label_maps", folder / "out")
    if "--split" in words:
        splits.write(Path("split.json"), splits.draw(formats.find(Path("cohort_with_labels"))))
    if "volumes/index.csv" in words and not Path("volumes").exists():
        conversion.run("study", "volumes", index=True)
    if "convert" in words:
        shutil.rmtree(words[words.index("-o") + 1], ignore_errors=True)
    if {"dataset", "split"} <= set(words):
        Path("split.json").unlink(missing_ok=True)
    if "train" in words:
        shutil.rmtree(folder / "run", ignore_errors=True)
    if "synth" in words:
        shutil.rmtree(folder / "synthetic", ignore_errors=True)
    if words[1:] == ["report", "out"]:
        write_cases("out", [])
    if "--status" in words and not Path("archive_out").exists():
        monkeypatch.setattr(sys, "argv", shlex.split("hepatica batch cohort/ -o archive_out"))
        assert exit_code() == 0
    if "segment" in words and not {"--resume", "--overwrite"} & set(words):
        words.append("--overwrite")
    monkeypatch.setattr(sys, "argv", words)
    assert exit_code() == 0, command


def test_python_in_the_documentation_runs(folder, monkeypatch):
    page = (ROOT / "docs" / "segmenting.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    monkeypatch.chdir(folder)
    shutil.rmtree(folder / "out" / "patient", ignore_errors=True)
    exec(compile(code, "segmenting.md", "exec"), {})
    assert nib.load(folder / "out" / "patient" / "patient_seg.nii.gz").shape == GRID.shape


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
