"""Two small patients, written in every way in which data sets come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from hepatica import io
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume

GRID = Geometry.from_spacing((12, 11, 10), (2.0, 2.0, 3.0))
CASES = ("p1", "p2")


def patient(name: str, grid: Geometry = GRID) -> tuple[Volume, LabelMap]:
    """A liver with one lesion of 8 voxels (p1), or with two of 8 and 1 (p2)."""
    labels = np.zeros(grid.shape, np.uint8)
    labels[2:9, 2:9, 2:9] = 1
    labels[3:5, 3:5, 3:5] = 2
    if name == "p2":
        labels[7, 7, 7] = 2
    image = np.random.default_rng(CASES.index(name)).integers(0, 900, grid.shape)
    return Volume(image.astype(np.float32), grid), LabelMap(labels, grid)


def write_pair(name: str, image: Path, label: Path, numbers: Mapping[int, int] | None = None):
    """Write a patient's files; `numbers` are other label numbers than 1 and 2."""
    volume, labels = patient(name)
    table = np.arange(256, dtype=np.uint8)
    for ours, theirs in (numbers or {}).items():
        table[ours] = theirs
    for path in (image, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    labels = LabelMap(table[labels.labels], labels.geometry)
    if image.name.endswith(".nii.gz"):
        io.write_volume(image, volume)
        io.write_labelmap(label, labels)
        return
    other = image.with_name("other.nii.gz")
    for path, write, value in (
        (image, io.write_volume, volume),
        (label, io.write_labelmap, labels),
    ):
        write(other, value)
        sitk.WriteImage(sitk.ReadImage(str(other)), str(path))
    other.unlink()


def pairs(folder: Path, image: str, label: str, numbers: Mapping[int, int] | None = None) -> Path:
    """Both patients under names in which {} is the case; with what copying leaves behind."""
    for name in CASES:
        files = [folder / pattern.format(name) for pattern in (image, label)]
        write_pair(name, *files, numbers)
        for file in files:
            (file.parent / f"._{file.name}").write_bytes(b"what macOS leaves behind")
    (folder / ".DS_Store").write_bytes(b"x")
    return folder


def declare(folder: Path, **content: object) -> Path:
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def nnunet(folder: Path, labels: object = None, numbers=None, ending: str = ".nii.gz") -> Path:
    pairs(folder, f"imagesTr/{{}}_0000{ending}", f"labelsTr/{{}}{ending}", numbers)
    return declare(
        folder,
        channel_names={"0": "T1CE"},
        labels=labels or {"background": 0, "liver": 1, "tumour": 2},
        numTraining=2,
        file_ending=ending,
    )


def regions(folder: Path) -> Path:
    declared = {"background": 0, "whole_liver": [1, 2], "Liver-Tumors": [2], "spleen": 3}
    return nnunet(folder, declared)


def nnunet_1(folder: Path) -> Path:
    """The first version: the Decathlon's list, but channels in the names of the files."""
    pairs(folder, "imagesTr/{}_0000.nii.gz", "labelsTr/{}.nii.gz")
    return _decathlon_list(folder)


def decathlon(folder: Path) -> Path:
    pairs(folder, "imagesTr/{}.nii.gz", "labelsTr/{}.nii.gz", {1: 7, 2: 3})
    return _decathlon_list(folder, {"0": "background", "7": "Liver", "3": "cancer"})


def _decathlon_list(folder: Path, labels: object = None) -> Path:
    return declare(
        folder,
        name="cohort",
        modality={"0": "MRI"},
        labels=labels or {"0": "background", "1": "hepatic", "2": "Metastases"},
        numTraining=2,
        training=[
            {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
            for name in reversed(CASES)
        ],
        test=["./imagesTs/p3.nii.gz"],
    )


def listed(delimiter: str, begin: str = "", name: str = "cohort.csv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pairs(folder, "scans/{}_t1.nii.gz", "drawn/{}.nii.gz")
        rows = [
            ("id", "Image", "label"),
            *((n, f"scans/{n}_t1.nii.gz", f"drawn/{n}.nii.gz") for n in reversed(CASES)),
        ]
        lines = [delimiter.join(row) for row in rows]
        text = begin + "\r\n".join([lines[0], "", *lines[1:], "# done"]) + "\r\n"
        (folder / name).write_text(text, encoding="utf-8", newline="")
        return folder / name

    return write


def quoted(folder: Path) -> Path:
    """Every cell between quotes, after a comma and a space."""
    path = listed(",")(folder)
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = (", ".join(f'"{c}"' for c in line.split(",")) for line in lines if "," in line)
    path.write_text("\n".join(cells), encoding="utf-8")
    return path


def windows(path: Path) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace("/", "\\"), encoding="utf-8")
    return path


ENDINGS = (
    *("_seg", "_segmentation", "_label", "_labels", "_mask", "_organs", "_corrected"),
    *("-label", "_Seg-corrected"),
)

FORMATS: dict[str, Callable[[Path], Path]] = {
    "nnU-Net": nnunet,
    "nnU-Net with regions": regions,
    "nnU-Net in MetaImage": lambda folder: nnunet(folder, ending=".mha"),
    "nnU-Net 1": nnunet_1,
    "Decathlon": decathlon,
    "file of the Decathlon": lambda folder: decathlon(folder) / "dataset.json",
    "two folders": lambda f: pairs(f, "images/{}.nii.gz", "labels/{}.nii.gz"),
    "two folders, other endings": lambda f: pairs(f, "images/{}.nrrd", "labels/{}_seg.nrrd"),
    **{
        f"side by side, {ending}": lambda f, ending=ending: pairs(
            f, "{}.nii.gz", f"{{}}{ending}.nii.gz"
        )
        for ending in ENDINGS
    },
    "sub-folders": lambda f: pairs(f, "{0}/{0}.nii.gz", "{0}/{0}_seg.nii.gz"),
    "sub-folders, plain names": lambda f: pairs(f, "{}/image.nii.gz", "{}/seg.nii.gz"),
    "table": listed(","),
    "table of a spreadsheet": listed(";", "\ufeff"),
    "table with spaces and quotes": quoted,
    "table from Windows": lambda f: windows(listed(",")(f)),
    "table with tabs": listed("\t", name="cohort.tsv"),
}


@pytest.fixture(params=FORMATS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The two patients in one of the formats."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    return FORMATS[request.param](folder)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """The two patients in two folders."""
    return FORMATS["two folders"](tmp_path / "cohort")
