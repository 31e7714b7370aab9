"""Which cases an archive holds: a tree of folders, a list, or an index of ``hepatica convert``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from hepatica import io
from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.inputs import LISTS, Case, is_series, is_study, is_zip

#: Headers whose voxels lie in files beside them.
_DETACHED = (".nhdr", ".mhd")


def find(sources: Iterable[str | Path], out: Path) -> list[Case]:
    """Every case in `sources`, in order, with a name that stays the same when others are added.

    A folder is searched to its bottom: each image and each zip is a case, and each folder
    with a DICOM study or series. Its name is that of the file or folder, after those of the
    folders between it and the source: ``berlin/p1/t1ce.nii.gz`` is ``berlin_p1_t1ce``. A list
    or an index is taken as by ``hepatica segment``.

    Parameters
    ----------
    out
        Where results go; it is not searched, nor is what begins with a dot.

    Raises
    ------
    InputError
        If there is no case, two would have the same name, or a list cannot be read.
    """
    found: list[Case] = []
    for source in map(Path, sources):
        if checks.is_folder(source):
            inside = list(_tree(source, source, out.resolve()))
            if not inside:
                raise InputError(
                    f"{source} holds no image.",
                    "Give a folder with images or DICOM studies somewhere in it.",
                )
            found += inside
        elif source.suffix.lower() in LISTS:
            found += io.expand_inputs([source])
        else:
            checks.require_file(source)
            found.append(Case(io.case_name(source), source))
    first: dict[str, Path] = {}
    for case in found:
        if first.setdefault(case.name, case.path) != case.path:
            raise InputError(
                f"{first[case.name]} and {case.path} would both be the case {case.name}.",
                "Rename one, or take them into different folders with -o.",
            )
    return [Case(name, path.absolute()) for name, path in first.items()]


def _tree(folder: Path, root: Path, out: Path) -> Iterator[Case]:
    with checks.readable(folder):
        entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    images = [p for p in entries if io.is_image(p)]
    if not images and (is_series(folder) or is_study(folder)):
        yield Case(_name(folder, root), folder)
        return
    for path in entries:
        if io.is_image(path) or is_zip(path):
            yield Case(_name(path, root), path)
        elif checks.is_folder(path) and path.resolve() != out and not path.is_symlink():
            yield from _tree(path, root, out)


def _name(path: Path, root: Path) -> str:
    between = path.parent.relative_to(root).parts if path != root else ()
    return "_".join([*map(io.case_name, between), io.case_name(path)])


def fingerprint(path: Path) -> str:
    """What changes when a source does: names, sizes and times of its files; "" if it is gone.

    It costs no reading, so that an archive of terabytes is compared in minutes; the SHA-256
    that a report keeps is taken whenever this differs.
    """
    digest = hashlib.sha256()
    try:
        for file in sorted(_files(path)):
            stat = file.stat()
            told = f"{file.relative_to(path.parent)}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
            digest.update(told.encode("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return digest.hexdigest()


def files_of(path: Path) -> list[Path]:
    """The files that are read for a source, in order; empty if it is gone."""
    try:
        return sorted(_files(path))
    except OSError:
        return []


def _files(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return [p for p in path.rglob("*") if p.is_file()]
    if path.suffix.lower() in _DETACHED:
        return [p for p in path.parent.iterdir() if p.is_file() and p.stem == path.stem]
    return [path]
