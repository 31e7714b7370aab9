"""Images that come into the workspace: through the browser, or out of a zip.

They come into a folder whose name starts with a dot, which loses the dot when jobs are made of
it. One that a killed server has left is so known to be nobody's, and cleared away by the next.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: Name and path of an image.
Found = Sequence[Sequence[str]]


@contextmanager
def arriving(uploads: Path) -> Iterator[Path]:
    """A folder below `uploads` to be made and filled; gone afterwards, if it was not kept."""
    folder = uploads / f".{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kept(folder: Path, found: Found) -> Iterator[list[list[str]]]:
    """Keep what has arrived in `folder`, unless the block fails; `found`, where it is then."""
    if not folder.exists():
        yield [list(one) for one in found]
        return
    place = folder.with_name(folder.name.removeprefix("."))
    folder.rename(place)
    try:
        yield [[name, str(_moved(Path(path), folder, place))] for name, path in found]
    except BaseException:
        place.rename(folder)
        raise


def _moved(path: Path, folder: Path, place: Path) -> Path:
    return place / path.relative_to(folder) if path.is_relative_to(folder) else path


def remove(uploads: Path, source: Path, others: Sequence[Path]) -> None:
    """Remove the upload that held `source`, but for what `others` need.

    An upload is removed whole with the last image of it: what came beside an image, such as
    the voxels of its header, is its patient's, too.
    """
    if not source.is_relative_to(uploads) or source == uploads:
        return
    whole = uploads / source.relative_to(uploads).parts[0]
    if not any(other.is_relative_to(whole) for other in others):
        shutil.rmtree(whole, ignore_errors=True)
    elif any(other.is_relative_to(source) for other in others):
        return
    elif source.is_dir():
        shutil.rmtree(source, ignore_errors=True)
    else:
        source.unlink(missing_ok=True)
