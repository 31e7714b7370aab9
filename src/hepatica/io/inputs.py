"""What a path holds, by its name and a glance at its first bytes."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hepatica.core.errors import InputError
from hepatica.io import checks

NIFTI = (".nii.gz", ".nii")
#: What holds a DICOM study, or is one file of it.
DICOM = (".zip", ".dcm")
LISTS = (".txt", ".csv")
#: Files of a folder at which a search for DICOM looks.
_LOOKED_AT = 64
#: Names of the column of a list that holds the paths.
HEADS = ("path", "image", "file", "source", "input")
VOLUMES = (".nrrd", ".nhdr", ".mha", ".mhd")


class Case(NamedTuple):
    """An input, and the name that its results get."""

    name: str
    path: Path


def extension(path: str | Path) -> str:
    """The extension of an image file in lower case, such as ``".nii.gz"``; "" for others."""
    name = Path(path).name.lower()
    return next((e for e in NIFTI + VOLUMES if name.endswith(e)), "")


def is_image(path: str | Path) -> bool:
    """Whether `path` is a file, not hidden, whose extension :func:`hepatica.io.read` knows."""
    path = Path(path)
    return bool(extension(path)) and not path.name.startswith(".") and _is_file(path)


def is_dicom(path: str | Path) -> bool:
    """Whether `path` is a file in DICOM's file format; its directory of files does not count."""
    path = Path(path)
    if path.name.upper() == "DICOMDIR" or not _is_file(path):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def is_series(path: str | Path) -> bool:
    """Whether `path` is a folder that directly holds a DICOM file."""
    return checks.is_folder(Path(path)) and any(is_dicom(p) for p in _entries(Path(path)))


def is_dicomdir(path: str | Path) -> bool:
    """Whether `path` is the directory of a DICOM medium."""
    return Path(path).name.upper() == "DICOMDIR" and _is_file(Path(path))


def is_zip(path: str | Path) -> bool:
    """Whether `path` is a zip, by its extension; not hidden."""
    path = Path(path)
    return path.suffix.lower() == ".zip" and not path.name.startswith(".") and _is_file(path)


def is_study(path: str | Path) -> bool:
    """Whether `path` is a folder with DICOM files of one study in several sub-folders."""
    inner = [found for p in _entries(Path(path)) if (found := _first_dicom(p)) is not None]
    if len(inner) < 2:
        return False
    studies = {_study_of(found) for found in inner}
    return len(studies) == 1 and "" not in studies


def _first_dicom(folder: Path) -> Path | None:
    """An image in DICOM's format in or below a folder; None if there is none.

    Only the first files of each folder are looked at: those of a series are alike. What
    is known to be no image, such as a result of ours, does not count.
    """
    if not checks.is_folder(folder):
        return None
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names)[:_LOOKED_AT]:
            path = Path(here) / name
            if not extension(path) and is_dicom(path) and _may_be_image(path):
                return path
    return None


def _may_be_image(path: Path) -> bool:
    from hepatica.io.dicom import parse

    try:
        data = parse.header(path, ["SOPClassUID"])
        with parse.damaged(path):
            return parse.kind(data).endswith("Image Storage")
    except InputError:
        return True  # damaged: a case that fails by name


def _study_of(path: Path) -> str:
    """The study instance UID in a file; empty if it has none or is damaged."""
    # pydicom is loaded only where there are DICOM files.
    from hepatica.io.dicom import parse

    try:
        return str(parse.header(path, ["StudyInstanceUID"]).get("StudyInstanceUID") or "")
    except InputError:
        return ""


def case_name(path: str | Path) -> str:
    """The name of a case: that of its file without the extensions, or of its DICOM folder.

    A DICOMDIR is named after its folder.
    """
    path = Path(path)
    found = "" if checks.is_folder(path) else extension(path)
    if is_dicomdir(path):
        path = path.absolute().parent
    elif not found and path.suffix.lower() in DICOM and not checks.is_folder(path):
        found = path.suffix
    name = path.name if path.name not in ("", "..") else path.resolve().name
    name = name[: -len(found)] if found else name
    # A name that is not valid text could be written into no table or report.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def find_inputs(path: str | Path) -> list[Path]:
    """What :func:`hepatica.io.read` can take at `path`.

    A file is itself. A folder without images in it gives itself, if it directly holds DICOM
    files, or if all its sub-folders with DICOM files are of one study. Any other folder
    gives the images and zips in it, and its sub-folders that hold DICOM files, directly or
    further down, sorted by name. Hidden files are left out. The list may be empty.

    Raises
    ------
    InputError
        If `path` does not exist or may not be read.
    """
    path = Path(path)
    if not checks.is_folder(path):
        checks.require_file(path)
        return [path]
    entries = _entries(path)
    images = [p for p in entries if is_image(p)]
    if not images and (is_series(path) or is_study(path)):
        return [path]
    packed = [p for p in entries if is_zip(p)]
    return sorted(images + packed + [p for p in entries if _first_dicom(p) is not None])


def expand_inputs(paths: Iterable[str | Path]) -> list[Case]:
    """Every case that `paths` stand for, in order: files, folders, and lists of these.

    A list is a .txt file with one path per line, or a .csv file with a column ``path``,
    ``image``, ``file``, ``source`` or ``input`` (else its first one); empty lines and
    comments (#) do not count. Its relative paths start at its own folder. Folders of the
    same name are told apart by the folder above: ``p1_T1CE`` and ``p2_T1CE``.

    Raises
    ------
    InputError
        If a list cannot be read or is empty, or if two cases have the same name.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        is_list = path.suffix.lower() in LISTS and not checks.is_folder(path)
        for one in _listed(path) if is_list else [path]:
            # What holds nothing is a case that fails by name, so that the others go on.
            found += (find_inputs(one) or [one]) if checks.is_folder(one) else [one]
    if not found:
        raise InputError("The list names no image.", "Write one path per line.")
    names = [case_name(path) for path in found]
    cases = [
        # Exports name their series folders alike; the folder above tells them apart.
        Case(_in_parent(path) if names.count(name) > 1 and path.is_dir() else name, path)
        for name, path in zip(names, found, strict=True)
    ]
    first: dict[str, Path] = {}
    for case in cases:
        if case.name in first:
            raise InputError(
                f"{first[case.name]} and {case.path} would both be the case {case.name}.",
                "Rename one, or segment them into different folders.",
            )
        first[case.name] = case.path
    return cases


def _in_parent(folder: Path) -> str:
    return f"{case_name(folder.resolve().parent)}_{case_name(folder)}"


def _listed(path: Path) -> list[Path]:
    """The paths in a list file, next to it if they are relative."""
    with checks.readable(path):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name} is not UTF-8 text.", "Save it as UTF-8.") from error
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    cells = [line.strip() for line in lines]
    if path.suffix.lower() == ".csv":
        head = lines[0] if lines else ""
        delimiter = max(",;\t", key=head.count)
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        names = [cell.strip().lower() for cell in rows[0]] if rows else []
        column = next((names.index(name) for name in HEADS if name in names), 0)
        cells = [row[column].strip() for row in rows if len(row) > column]
    if cells and cells[0].lower() in HEADS:
        cells = cells[1:]
    return [path.parent / cell for cell in cells if cell]


def unknown(path: Path) -> InputError:
    """The error for a file whose format is not known."""
    checks.require_file(path)
    return InputError(
        f"{path.name} is not an image that Hepatica reads.",
        f"Give a file that ends in {', '.join(NIFTI + VOLUMES)}, or a DICOM folder or zip.",
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be searched
        return False


def _entries(folder: Path) -> list[Path]:
    with checks.readable(folder):
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
