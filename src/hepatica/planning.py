"""From a label map, whoever made it, to what surgeons plan with: models, report, follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hepatica import io
from hepatica.core.errors import InputError, OutputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import models
from hepatica.io.models import PLAIN, ModelOptions
from hepatica.results.model import Part

#: After the name of the case, in the name of its label map.
LABELS = "_seg"


def case_of(labelmap: Path) -> str:
    """The case that a label map is of: the file's name without extension and ``_seg``."""
    return io.case_name(labelmap).removesuffix(LABELS)


def read(labelmap: Path, image: Path | None = None) -> tuple[LabelMap, Volume | None]:
    """A label map of Hepatica's labels, and the image it was made from, on the same grid.

    Raises
    ------
    InputError
        If a file cannot be used, has labels other than 0, 1 and 2, or the grids differ.
    """
    labels = io.read_labelmap(labelmap)
    highest = int(labels.labels.max())
    if highest > 2:
        raise InputError(
            f"{labelmap.name} has a label {highest}; known are 1 liver parenchyma and 2 tumour.",
            "Change the labels, or export these two alone.",
        )
    volume = None if image is None else io.read(image)
    if volume is not None and not volume.geometry.matches(labels.geometry):
        raise InputError(
            f"{labelmap.name} is not on the grid of {volume.source.name}.",
            "Take the image that the label map was made from.",
        )
    return labels, volume


def write_models(
    labelmap: Path,
    out: Path,
    exports: Sequence[str],
    *,
    image: Path | None = None,
    options: ModelOptions = PLAIN,
    overwrite: bool = False,
) -> tuple[Part, ...]:
    """Write the model of a label map into the folder `out`, whole or not at all.

    Raises
    ------
    HepaticaError
        InputError, ConfigError, ResourceError or OutputError; nothing is written then.
    """
    models.require_exports(exports)
    require_room(out, models.CHECKS, overwrite, (labelmap, image))
    labels, volume = read(labelmap, image)
    with io.folder_atomically(out) as temporary:
        parts = models.write_models(
            temporary, case_of(labelmap), labels, exports, image=volume, options=options
        )
    return parts


def require_room(
    folder: Path, mark: str, overwrite: bool, inputs: Sequence[Path | None] = ()
) -> None:
    """Refuse to replace a folder that holds an input, or that has no file `mark` of ours.

    Raises
    ------
    OutputError
        If it is there, and `overwrite` is not or must not be followed.
    """
    for path in inputs:
        if path is not None and folder.resolve() in (path.resolve(), *path.resolve().parents):
            raise OutputError(
                f"{folder} holds the input itself; the result would replace it.",
                "Choose another folder with -o.",
            )
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / mark).is_file():
        raise OutputError(
            f"{folder} is not a result of Hepatica, so it is not replaced.",
            "Choose another folder with -o, or move it away.",
        )
    if not overwrite:
        raise OutputError(f"{folder} exists already.", "Use --overwrite to replace it.")
