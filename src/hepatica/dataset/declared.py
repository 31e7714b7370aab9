"""Data sets that describe themselves in ``dataset.json``: nnU-Net's and the Decathlon's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from hepatica.core.errors import InputError
from hepatica.dataset import labels
from hepatica.dataset.entries import Entry, first
from hepatica.io import case_name, checks, inputs, is_image

DESCRIPTION = "dataset.json"
#: How nnU-Net ends the names of a case's only channel.
_CHANNEL = "_0000"


class _Pair(msgspec.Struct):
    """A training case of the Decathlon."""

    image: str
    label: str


class Declaration(msgspec.Struct):
    """What ``dataset.json`` says, of either kind; further fields are not looked at.

    nnU-Net's `labels` are names to numbers or, for regions, to lists of them; the
    Decathlon's are numbers to names. `modality` is what `channel_names` was called.
    """

    name: str = ""
    channel_names: dict[str, str] | None = None
    modality: dict[str, str] | None = None
    labels: dict[str, int | list[int] | str] = {}
    file_ending: str = ""
    cases: int | None = msgspec.field(name="numTraining", default=None)
    training: list[_Pair] | None = None

    def numbers(self) -> dict[str, tuple[int, ...]]:
        """Each label's name and numbers, whichever way round the file has them.

        Raises
        ------
        ValueError
            If it is neither, or a number is not one of 0 to 255.
        """
        found: dict[str, tuple[int, ...]] = {}
        for key, value in self.labels.items():
            if isinstance(value, str) and not value.isdecimal():
                name, numbers = value, [int(key)]
            else:
                name, numbers = key, value if isinstance(value, list) else [int(value)]
            found[name] = (*found.get(name, ()), *numbers)
        if not all(0 <= n <= 255 for numbers in found.values() for n in numbers):
            raise ValueError("labels are numbers from 0 to 255")
        return found


def read(folder: Path) -> Declaration:
    """The ``dataset.json`` in `folder`.

    Raises
    ------
    InputError
        If it is not valid, or declares more than one channel.
    """
    path = folder / DESCRIPTION
    with checks.readable(path):
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        found = msgspec.json.decode(content, type=Declaration)
        found.numbers()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"{path} does not describe a data set: {error}.",
            "It has to be that of nnU-Net or of the Medical Segmentation Decathlon.",
        ) from error
    channels = found.channel_names or found.modality or {}
    if len(channels) > 1:
        named = ", ".join(f"{number} {name}" for number, name in channels.items())
        raise InputError(
            f"{path} declares {len(channels)} channels: {named}.",
            "Hepatica reads one image per case: make a data set of the T1CE alone.",
        )
    return found


def meaning(folder: Path, found: Declaration) -> tuple[dict[str, int], frozenset[int]]:
    """Which labels are liver and tumour, and which others there are; raises InputError."""
    return labels.declared(str(folder / DESCRIPTION), found.numbers())


def entries(folder: Path, found: Declaration) -> list[Entry]:
    """The training cases in order of name; what is for testing has no labels.

    Raises
    ------
    InputError
        If an image or a label map is missing, a case has more channels or is there twice,
        or their number is not the one that the file states.
    """
    named = _listed(folder, found.training) if found.training else _numbered(folder, found)
    cases: dict[str, Entry] = {}
    for case, image, label in named:
        if case in cases:
            raise InputError(f"{folder} has the case {case} twice.", "Remove one.")
        cases[case] = Entry(case, image, label, case)
    if found.cases is not None and found.cases != len(cases):
        raise InputError(
            f"{folder / DESCRIPTION} announces {found.cases} training cases; there are"
            f" {len(cases)}.",
            "Find the missing ones, or correct numTraining.",
        )
    return [cases[case] for case in sorted(cases)]


def _listed(folder: Path, pairs: list[_Pair]) -> Iterator[tuple[str, Path, Path]]:
    """The pairs that the file lists."""
    for pair in pairs:
        image, label = folder / pair.image, folder / pair.label
        if not image.is_file():
            # nnU-Net's first version lists x.nii.gz and stores x_0000.nii.gz.
            image = _channel(image)
        for path, listed in ((image, pair.image), (label, pair.label)):
            if not path.is_file():
                raise InputError(
                    f"{folder / DESCRIPTION} lists {listed}, which does not exist.",
                    "Find the file, or remove it from the list.",
                )
        yield case_name(image).removesuffix(_CHANNEL), image, label


def _numbered(folder: Path, found: Declaration) -> Iterator[tuple[str, Path, Path]]:
    """``imagesTr/CASE_0000.ext`` with ``labelsTr/CASE.ext``."""
    images, drawn = folder / "imagesTr", folder / "labelsTr"
    for needed in (images, drawn):
        if not checks.is_folder(needed):
            raise InputError(f"{needed} does not exist.", "Give the raw folder of a data set.")
    ending = found.file_ending
    if ending and ending not in inputs.NIFTI + inputs.VOLUMES:
        raise InputError(
            f"{folder / DESCRIPTION} states files that end in {ending}, which are not read.",
            f"Convert them to one of {', '.join(inputs.NIFTI + inputs.VOLUMES)}.",
        )
    files = {case_name(path): path for path in _files(images, ending)}
    for label in _files(drawn, ending):
        case = case_name(label)
        image = files.pop(case + _CHANNEL, None)
        if image is None:
            raise InputError(
                f"{label.name} has no image {case}{_CHANNEL} in {images}.",
                "Add the image or remove the label map.",
            )
        yield case, image, label
    if files:
        raise InputError(
            f"{first(sorted(path.name for path in files.values()))} in {images}: a further"
            " channel, or no label map.",
            f"Leave one image per case, called CASE{_CHANNEL}, with a label map called CASE.",
        )


def _channel(path: Path) -> Path:
    found = inputs.extension(path)
    return path.with_name(path.name[: len(path.name) - len(found)] + _CHANNEL + found)


def _files(folder: Path, ending: str) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if is_image(p) and p.name.endswith(ending)]
