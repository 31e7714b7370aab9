"""Which images a path stands for: looked at in a child, as DICOM headers have to be read."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.io import archive, inputs
from hepatica.serve.child import Step
from hepatica.serve.uploads import safe_path

_DEEPEST = 12
_ADVICE = "Unpack it yourself, if you trust it, and give the folder."


def find(step: Step, path: str, roots: list[str], folder: str) -> list[list[str]]:
    """Name and path of each case at `path`, sorted; all below `roots`, or unpacked.

    A folder is looked through to the bottom: images, zips, and folders with DICOM files. A
    zip of images is unpacked into `folder`, and looked through like one.

    Raises
    ------
    InputError
        If there is none, a zip is one that must not be unpacked, a link leads out, or a name
        is no text.
    """
    start = Path(path)
    found: list[Path] = []
    for one in _required(start.name, _looked_through(start), [Path(root) for root in roots]):
        packed = one.suffix.lower() == ".zip" and one.is_file()
        found += _of_zip(one, Path(folder), len(found)) if packed else [one]
    return [[io.case_name(one), str(one)] for one in found]


def _looked_through(start: Path) -> list[Path]:
    return list(_below(start, _DEEPEST)) if start.is_dir() else io.find_inputs(start)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    found = io.find_inputs(folder)
    yield from found
    if depth and found != [folder]:
        for inner in sorted(folder.iterdir()):
            plain = inner.is_dir() and not inner.is_symlink() and not inner.name.startswith(".")
            if plain and inner not in found:
                yield from _below(inner, depth - 1)


def _required(name: str, found: list[Path], roots: Iterable[Path]) -> list[Path]:
    """`found`, if there are any, and all may be read."""
    if not found:
        raise InputError(
            f"{name} holds no image.",
            "Give a file that ends in .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd, or a folder or"
            " zip with such files or DICOM files.",
        )
    allowed = [root.resolve() for root in roots]
    for one in found:
        if not _is_text(one):
            raise InputError(f"{one.name!r} is not a name in UTF-8.", "Rename it.")
        if not any(one.resolve().is_relative_to(root) for root in allowed):
            raise InputError(f"{one.name} is a link to a place that this server may not read.")
    return found


def _is_text(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _of_zip(path: Path, folder: Path, number: int) -> list[Path]:
    """The images in a zip, which is unpacked for them; the zip itself if it holds DICOM alone."""
    if not any(map(_is_image, require_harmless(path))):
        return [path]
    # Under its own name, after which DICOM files directly in it are called.
    into = folder / "unpacked" / str(number) / path.stem
    into.mkdir(parents=True)

    def place(name: str, head: bytes) -> Path:
        target = into / safe_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    archive.unpack(path, place)
    found = _required(path.name, _looked_through(into), [folder])
    for inner in found:
        if inputs.is_zip(inner) and any(map(_is_image, require_harmless(inner))):
            raise InputError(f"{path.name} holds a zip of images itself.", _ADVICE)
    if path.is_relative_to(folder):
        path.unlink()  # it was dropped, and is not needed twice
    return found


def _is_image(name: str) -> bool:
    last = PurePosixPath(name).name
    return bool(inputs.extension(last)) and not last.startswith(".")


def require_harmless(path: Path) -> list[str]:
    """Refuse a zip with links, with names that lead out of it, or of an absurd size.

    Nothing is unpacked here; :mod:`hepatica.io.archive` counts again while it does that.

    Returns
    -------
    list
        Names of its members.

    Raises
    ------
    InputError
        Naming what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            members = opened.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise InputError(f"{path.name} is damaged.", "Copy or export it again.") from error
    if len(members) > archive.MAX_FILES:
        raise InputError(f"{path.name} holds more than {archive.MAX_FILES:,} files.", _ADVICE)
    if sum(member.file_size for member in members) > archive.MAX_UNPACKED_BYTES:
        raise InputError(f"{path.name} unpacks to more than is plausible.", _ADVICE)
    for member in members:
        name = member.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or ":" in name.split("/")[0]:
            raise InputError(f"{path.name} holds a file with a path out of it.", _ADVICE)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"{path.name} holds a link.", _ADVICE)
    return [member.filename for member in members]
