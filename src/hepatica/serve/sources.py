"""Which images a path stands for: looked at in a child, as DICOM headers have to be read."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.io.dicom.files import MAX_FILES, MAX_UNPACKED_BYTES
from hepatica.serve.process import Step

_DEEPEST = 12


def find(step: Step, path: str, roots: list[str]) -> list[list[str]]:
    """Name and path of each case at `path`, sorted; all below `roots`.

    A folder is looked through to the bottom: images, zips, and folders with DICOM files.

    Raises
    ------
    InputError
        If there is none, a zip is one that must not be unpacked, or a link leads out.
    """
    start = Path(path)
    found = list(_below(start, _DEEPEST)) if start.is_dir() else io.find_inputs(start)
    if not found:
        raise InputError(
            f"{start.name} holds no image.",
            "Give a file that ends in .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd, or a folder or"
            " zip with DICOM files.",
        )
    allowed = [Path(root).resolve() for root in roots]
    for one in found:
        if not any(one.resolve().is_relative_to(root) for root in allowed):
            raise InputError(f"{one.name} is a link to a place that this server may not read.")
        if one.suffix.lower() == ".zip" and one.is_file():
            require_harmless(one)
    return [[io.case_name(one), str(one)] for one in found]


def _below(folder: Path, depth: int) -> Iterator[Path]:
    found = io.find_inputs(folder)
    yield from found
    if depth and found != [folder]:
        for inner in sorted(folder.iterdir()):
            plain = inner.is_dir() and not inner.is_symlink() and not inner.name.startswith(".")
            if plain and inner not in found:
                yield from _below(inner, depth - 1)


def require_harmless(path: Path) -> None:
    """Refuse a zip with links, with names that lead out of it, or of an absurd size.

    Nothing is unpacked here; :mod:`hepatica.io.dicom.files` counts again while it does that.

    Raises
    ------
    InputError
        Naming what is wrong.
    """
    advice = "Unpack it yourself, if you trust it, and give the folder."
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise InputError(f"{path.name} is damaged.", "Copy or export it again.") from error
    if len(members) > MAX_FILES:
        raise InputError(f"{path.name} holds more than {MAX_FILES:,} files.", advice)
    if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
        raise InputError(f"{path.name} unpacks to more than is plausible.", advice)
    for member in members:
        name = member.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or ":" in name.split("/")[0]:
            raise InputError(f"{path.name} holds a file with a path out of it.", advice)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"{path.name} holds a link.", advice)
