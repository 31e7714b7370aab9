"""Paths on this computer that the browser may name: below the roots, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hepatica.io.inputs import is_dicom, is_dicomdir, is_image, is_zip
from hepatica.serve.refusal import Refusal

#: Entries of a folder that are listed.
MOST_ENTRIES = 5000


def inside(path: str, roots: Sequence[Path]) -> Path:
    """`path` without links and dots.

    Raises
    ------
    Refusal
        403 if it does not lie in a root, whether it is there or not.
    """
    try:
        path.encode("utf-8")  # half a letter, which JSON can hold
        found = Path(path).resolve()
        allowed = Path(path).is_absolute() and any(found.is_relative_to(r) for r in roots)
    except (OSError, ValueError, RuntimeError):  # a name with a zero byte, a ring of links
        allowed = False
    if not allowed:
        folders = ", ".join(map(str, roots))
        raise Refusal(
            403,
            "That path is outside of the folders that this server may use.",
            f"These are {folders}; start it with --root for others.",
        )
    return found


def listing(path: str | None, roots: Sequence[Path]) -> dict[str, Any]:
    """What a folder holds, hidden entries left out; of the first root where `path` is None."""
    folder = inside(path, roots) if path else roots[0]
    if not folder.is_dir():
        raise Refusal(404, f"There is no folder {folder}.")
    try:
        found = sorted(folder.iterdir(), key=lambda p: p.name.lower())
    except OSError as error:
        raise Refusal(403, f"{folder} may not be read by this user.") from error
    shown = [p for p in found if not p.name.startswith(".")][:MOST_ENTRIES]
    entries = [entry for p in shown if (entry := _entry(p, roots)) is not None]
    parent = folder.parent
    above = any(parent.is_relative_to(root) for root in roots)
    return {
        "path": str(folder),
        "parent": str(parent) if above else None,
        "entries": sorted(entries, key=lambda e: e["kind"] != "folder"),
    }


def _entry(path: Path, roots: Sequence[Path]) -> dict[str, Any] | None:
    """None for a link out of the roots, what cannot be looked at, and a name that is no text."""
    try:
        path.name.encode("utf-8")
        if path.is_symlink() and not any(path.resolve().is_relative_to(r) for r in roots):
            return None
        if path.is_dir():
            kind, size = "folder", None
        else:
            kind, size = _kind(path), path.stat().st_size
    except (OSError, RuntimeError, UnicodeEncodeError):
        return None
    return {"name": path.name, "path": str(path), "kind": kind, "bytes": size}


def _kind(path: Path) -> str:
    if is_image(path):
        return "image"
    if is_zip(path):
        return "zip"
    return "dicom" if is_dicomdir(path) or is_dicom(path) else "other"
