"""Real images with synthetic lesions in them, on disk like a synthetic cohort."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np

from hepatica.core.errors import InputError
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.io import case_name, find_inputs, read, read_labelmap
from hepatica.io.pairing import by_case, label_files, longest_beginning, named_as_labels
from hepatica.io.patients import require_new, write_files
from hepatica.io.workers import in_order
from hepatica.synth import implant
from hepatica.synth.patient import COHORT, Recipe
from hepatica.synth.shapes import Shape


@dataclass(frozen=True)
class Host:
    """An image, and the label map of its liver."""

    case: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class Task:
    """What is to be put into each image.

    What comes of it depends on the seed, the case's name, the number of the variant and
    the image alone.

    Parameters
    ----------
    n
        Variants of each image; their lesions differ.
    liver_label
        As in :func:`read_host`.
    shapes
        Forms of real tumours that lesions may have.
    """

    n: int = 1
    seed: int = 1
    recipe: Recipe = COHORT
    liver_label: int | None = None
    shapes: tuple[Shape, ...] = ()


def pair(images: Path, livers: Path, exclude: Sequence[str] = ()) -> tuple[list[Host], list[str]]:
    """Images with their label maps, in order of name; also the images that have none.

    An image belongs to the label map of its case; else to that from which its name goes
    on, as ``p01_t1ce`` does from ``p01_organs``. One image (a DICOM series, too) and one
    file of labels always belong together. Label maps whose file matches a pattern of
    `exclude` are left out.

    Raises
    ------
    InputError
        If a path does not exist, two files are of one case, or no image has a label map.
    """
    if not livers.exists():
        raise InputError(f"{livers} does not exist.", "Check the path.")
    drawn = [p for p in label_files(livers) if not any(fnmatch(p.name, e) for e in exclude)]
    found = [p for p in find_inputs(images) if p == images or not named_as_labels(p)]
    if found == [images] and drawn == [livers]:
        return [Host(case_name(images), images, livers)], []
    labels_of = by_case(drawn)
    hosts: dict[str, Host] = {}
    alone: list[str] = []
    for path in found:
        case = case_name(path)
        labels = labels_of.get(case) or labels_of.get(longest_beginning(case, labels_of))
        if case in hosts:
            raise InputError(
                f"{hosts[case].image} and {path} are both the case {case}.", "Remove one."
            )
        if labels is None:
            alone.append(case)
        elif labels != path:
            hosts[case] = Host(case, path, labels)
    if not hosts:
        raise InputError(
            f"No image in {images} has a label map of its name in {livers}.",
            "Name label maps like their images; they may go on with _seg, _organs or _labels.",
        )
    return [hosts[case] for case in sorted(hosts)], alone


def read_host(host: Host, liver_label: int | None = None) -> tuple[Volume, LabelMap]:
    """The image, and its labels as ours on the same grid.

    Parameters
    ----------
    liver_label
        Which label is the liver; all others count for nothing. None: they are ours, liver
        1 and perhaps tumours 2.

    Raises
    ------
    InputError
        If the grids differ, there is no liver, or the labels are not ours.
    """
    volume, labels = read(host.image), read_labelmap(host.labels)
    name = host.labels.name
    if not labels.geometry.matches(volume.geometry, tolerance_mm=0.1):
        raise InputError(
            f"{host.image.name} and {name} are not on the same grid.",
            "Give the label map that was drawn on this image.",
        )
    hint = "Say which label is the liver, for example --liver-label 6."
    known = labels.labels
    if liver_label is not None:
        known = (known == liver_label).astype(np.uint8)
    elif other := sorted(set(np.unique(known).tolist()) - {int(v) for v in Label}):
        raise InputError(f"{name} has labels {other}, which are not liver (1) or tumour (2).", hint)
    if not (known == Label.PARENCHYMA).any():
        raise InputError(f"{name} has no liver.", hint)
    return volume, LabelMap(known, volume.geometry)


def write_implants(
    folder: Path, hosts: Sequence[Host], task: Task, *, overwrite: bool = False, workers: int = 1
) -> Iterator[Path]:
    """Write variants of every image like a cohort, yielding each.

    Raises
    ------
    InputError
        As :func:`read_host`.
    OutputError
        If there are images already and `overwrite` is not asked for, or for the disk.
    ResourceError
        If a worker process was ended from outside.
    """
    require_new(folder, overwrite)
    for paths in in_order(partial(_write, folder, task), hosts, min(workers, len(hosts))):
        yield from paths


def _write(folder: Path, task: Task, host: Host) -> list[Path]:
    volume, labels = read_host(host, task.liver_label)
    written = []
    for number in range(1, task.n + 1):
        rng = np.random.default_rng([task.seed, zlib.crc32(host.case.encode()), number])
        drawn = implant.draw(rng, volume, labels.parenchyma, task.recipe, task.shapes)
        made, truth = implant.apply(drawn, volume, labels)
        name = f"{host.case}_{number:04d}"
        known = {"name": name, "into": host.case, "into_sha256": volume.source.sha256}
        written.append(write_files(folder, name, made, truth, known | implant.describe(drawn))[0])
    return written
