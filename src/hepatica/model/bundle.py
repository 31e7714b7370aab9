"""A bundle: a folder with everything that turns images into label maps, and its hashes.

::

    bundle.json            name, version of the format, SHA-256 of every other file
    plan.json              `hepatica.model.plan.Plan`
    card.md                what it was trained on and what it reaches
    stage1.safetensors     weights, for training and the torch engine
    stage1.xml, .bin       OpenVINO model, for inference
    stage1.int8.xml, .bin  perhaps the same in whole numbers
    stage2.…               likewise
    precisions.json        perhaps which precisions lose little enough

No file holds code: safetensors, JSON and OpenVINO's XML only, each checked on load.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec

from hepatica.core.errors import BundleError, ConfigError
from hepatica.model.plan import Plan
from hepatica.model.precision import Precision, Precisions

FORMAT = 1
MANIFEST, PLAN, CARD = "bundle.json", "plan.json", "card.md"
PRECISIONS = "precisions.json"
#: What no bundle is without.
REQUIRED = (PLAN, CARD, *(f"stage{n}.{e}" for n in (1, 2) for e in ("xml", "bin", "safetensors")))


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content of ``bundle.json``."""

    format: int
    name: str
    files: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A checked bundle on disk.

    `sha256` is that of its manifest, so of everything in it. `precisions` are those that lose
    little enough, fastest first.
    """

    folder: Path
    name: str
    plan: Plan
    sha256: str
    precisions: tuple[Precision, ...] = ("fp32",)

    def weights(self, stage: int) -> Path:
        """Weights of stage 0 or 1 as safetensors."""
        return self.folder / f"stage{stage + 1}.safetensors"

    def openvino(self, stage: int, precision: Precision = "fp32") -> Path:
        """OpenVINO model of stage 0 or 1; that of ``"int8"`` need not be there."""
        whole = ".int8" if precision == "int8" else ""
        return self.folder / f"stage{stage + 1}{whole}.xml"


def shipped(name: str) -> Path:
    """The folder of a bundle that comes with the package; it may not exist."""
    return Path(str(resources.files("hepatica"))) / "bundles" / name


def find(name: str) -> Path:
    """A bundle's folder: a path, or the name of a shipped one.

    Raises
    ------
    BundleError
        If there is neither, naming those that ship.
    """
    # A bare name is one of ours, whatever lies in the folder that we are called from.
    bare = os.sep not in name and "/" not in name
    places = [shipped(name), Path(name)] if bare else [Path(name)]
    for folder in places:
        if (folder / MANIFEST).is_file():
            return folder
    names = sorted(p.parent.name for p in shipped("").glob(f"*/{MANIFEST}"))
    raise BundleError(
        f"There is no model bundle {name!r}.",
        f"Give its folder, or one of those that ship: {', '.join(names) or 'none'}.",
    )


def load(name: str) -> Bundle:
    """Read a bundle and check the hash of every file.

    Raises
    ------
    BundleError
        If it is not there, of an unknown format, incomplete, or a file was changed.
    """
    folder = find(name)
    text = (folder / MANIFEST).read_bytes()
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"{folder / MANIFEST} cannot be read: {error}.") from error
    if manifest.format != FORMAT:
        raise BundleError(
            f"Bundle {manifest.name!r} has format {manifest.format}; this version reads {FORMAT}.",
            "Update Hepatica, or export the bundle again.",
        )
    for file, expected in manifest.files.items():
        if Path(file).name != file:
            raise BundleError(f"Bundle {manifest.name!r} names a file outside itself: {file!r}.")
        if not (folder / file).is_file():
            raise BundleError(f"Bundle {manifest.name!r} lacks {file}.", "Install it again.")
        if sha256_of(folder / file) != expected:
            raise BundleError(
                f"{folder / file} is not the file that the bundle was made with.",
                "It was changed or damaged; install the bundle again.",
            )
    for file in REQUIRED:
        if file not in manifest.files:
            raise BundleError(f"Bundle {manifest.name!r} has no {file}.", "Export it again.")
    try:
        plan = Plan.from_json((folder / PLAN).read_bytes(), PLAN)
    except ConfigError as error:
        raise BundleError(f"Bundle {manifest.name!r}: {error.message}") from error
    measured = Precisions()
    if PRECISIONS in manifest.files:
        measured = Precisions.from_json((folder / PRECISIONS).read_bytes())
    return Bundle(folder, manifest.name, plan, hashlib.sha256(text).hexdigest(), measured.passed)


def seal(folder: Path, name: str) -> Bundle:
    """Write the manifest over the files in `folder`, which makes it a bundle; load it."""
    files = {
        path.name: sha256_of(path)
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST and path.is_file()
    }
    text = msgspec.json.format(msgspec.json.encode(Manifest(FORMAT, name, files)), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")
    return load(str(folder))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
