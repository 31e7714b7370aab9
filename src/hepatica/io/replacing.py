"""Folders of results are replaced only where all in them is of that kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hepatica.core.errors import OutputError


def require_room(
    folder: Path, source: Path, mark: str, ours: Callable[[str], bool], overwrite: bool
) -> None:
    """Refuse to write where it would cost the user something.

    Parameters
    ----------
    folder
        Where the results go; fine if it does not exist.
    source
        What they are made from, which must not lie in `folder`.
    mark
        The file by which an earlier result is known.
    ours
        Whether a file of that path, relative to `folder`, is part of such a result.
    overwrite
        Whether an earlier result may be replaced.

    Raises
    ------
    OutputError
        If something else is there, or an earlier result and `overwrite` is not asked for.
    """
    if not folder.exists():
        return
    inside = source.resolve()
    if folder.resolve() in (inside, *inside.parents):
        raise OutputError(
            f"{folder} holds the input itself; the result would replace it.",
            "Choose another folder with -o.",
        )
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not overwrite:
        raise OutputError(
            f"{folder} exists already.", "Use --overwrite to replace it, or choose another with -o."
        )
    if not (folder / mark).is_file():
        raise OutputError(
            f"{folder} is not a result of this command, so it is not replaced.",
            "Choose another folder with -o, or move it away.",
        )
    files = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
    if added := sorted(name for name in files if not ours(name)):
        raise OutputError(
            f"{folder} holds {added[0]}, which Hepatica did not write, so it is not replaced.",
            "Move it away, or choose another folder with -o.",
        )
