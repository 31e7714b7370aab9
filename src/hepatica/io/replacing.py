"""Folders of results are replaced only where all in them is of that kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from hepatica.core.errors import OutputError


def require_room(
    folder: Path,
    inputs: Iterable[Path | None],
    mark: str,
    ours: Callable[[str], bool],
    overwrite: bool,
    *,
    resume: bool | None = None,
) -> bool:
    """Refuse to write where it would cost the user something.

    Parameters
    ----------
    folder
        Where the results go; fine if it does not exist or is empty.
    inputs
        What they are made from, which must not lie in `folder`.
    mark
        The file by which an earlier result is known.
    ours
        Whether a file of that path, relative to `folder` and with slashes, is part of such
        a result.
    overwrite
        Whether an earlier result may be replaced.
    resume
        Whether it may be kept; None for a command that cannot do that.

    Returns
    -------
    bool
        Whether there is an earlier result.

    Raises
    ------
    OutputError
        If something else is there, or an earlier result and neither is asked for.
    """
    if not folder.exists():
        return False
    for path in inputs:
        if path is not None and folder.resolve() in (path.resolve(), *path.resolve().parents):
            raise OutputError(
                f"{folder} holds the input itself; the result would replace it.",
                "Choose another folder with -o.",
            )
    if folder.is_dir() and not any(folder.iterdir()):
        return False
    if not (folder / mark).is_file():
        raise OutputError(
            f"{folder} is not a result of this command, so it is not replaced.",
            "Choose another folder with -o, or move it away.",
        )
    if not overwrite and not resume:
        other = "choose another folder with -o" if resume is None else "--resume to keep it"
        raise OutputError(
            f"{folder} exists already.", f"Use --overwrite to replace it, or {other}."
        )
    files = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
    if overwrite and (added := sorted(name for name in files if not ours(name))):
        raise OutputError(
            f"{folder} holds {added[0]}, which is no part of such a result, so it is not replaced.",
            "Move it away, or choose another folder with -o.",
        )
    return True
