"""Real images with synthetic lesions in them, on disk like a synthetic cohort."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import numpy as np

from hepatica.core.errors import HepaticaError, InputError, OutputError
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.io import case_name, cohort, find_inputs, read, read_labelmap
from hepatica.io.pairing import by_case, case_of, label_files, longest_beginning, named_as_labels
from hepatica.io.workers import in_order
from hepatica.synth import implant
from hepatica.synth.anatomy import LEAST_LIVER_ML
from hepatica.synth.recipe import COHORT, Recipe
from hepatica.synth.shapes import Shape

#: What the header of an image says: whoever opens it sees what it is.
NOTE = "Hepatica: real image with synthetic lesions; not for diagnosis"


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
    if images == livers and images.is_dir():
        drawn = [p for p in drawn if named_as_labels(p)]  # the others are images without one
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
        If the grids differ, there is no liver or hardly one, the labels are not ours, or the
        liver's signal is not positive.
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
    liver = volume.voxels[known == Label.PARENCHYMA]
    if not liver.size:
        raise InputError(f"{name} has no liver.", hint)
    if (ml := liver.size * volume.geometry.voxel_ml) < LEAST_LIVER_ML:
        raise InputError(
            f"{name} has a liver of {ml:.3g} ml; lesions need {LEAST_LIVER_ML:g} ml.", hint
        )
    if (level := float(np.median(liver))) <= 0:
        raise InputError(
            f"The liver's median signal in {host.image.name} is {level:g}; lesions multiply it.",
            "Give an image of positive signals, such as a magnitude image.",
        )
    return volume, LabelMap(known, volume.geometry)


@dataclass(frozen=True)
class Failure:
    """An image that got no lesions, and why in a sentence."""

    case: str
    sentence: str


def write_implants(
    folder: Path,
    hosts: Sequence[Host],
    task: Task,
    *,
    overwrite: bool = False,
    workers: int = 1,
    failures: list[Failure] | None = None,
) -> Iterator[Path]:
    """Write variants of every image like a cohort, yielding each.

    All variants of an image are one patient in ``folder/patients.csv``, and so are those of
    images that share a label map.

    Parameters
    ----------
    failures
        Gets the images that cannot be used, while the others go on; None: the first one
        ends it.

    Raises
    ------
    InputError
        As :func:`read_host`.
    OutputError
        As :func:`hepatica.io.cohort.begin`, if an image lies in the cohort that is to be
        overwritten, or for the disk.
    ResourceError
        If a worker process was ended from outside.
    """
    _require_apart(folder, hosts, overwrite)
    persons = _persons(hosts)
    planned = {_name(h, n): persons[h.case] for h in hosts for n in range(1, task.n + 1)}
    cohort.begin(folder, planned, overwrite)
    work = partial(_write, folder, task, failures is not None)
    made: set[str] = set()
    for paths, failure in in_order(work, hosts, min(workers, len(hosts))):
        made.update(map(case_name, paths))
        yield from paths
        if failure is not None and failures is not None:
            failures.append(failure)
    if failures:
        cohort.write_patients(folder, {c: p for c, p in planned.items() if c in made})


def _require_apart(folder: Path, hosts: Sequence[Host], overwrite: bool) -> None:
    """Refuse to remove what is to be read."""
    written = {(folder / part).resolve() for part in (cohort.IMAGES, cohort.LABELS)}
    for path in (path for host in hosts for path in (host.image, host.labels)):
        if overwrite and path.resolve().parent in written:
            raise OutputError(
                f"{path} is to get lesions and lies in the cohort that is to be overwritten.",
                "Choose another folder with -o.",
            )


def _persons(hosts: Sequence[Host]) -> dict[str, str]:
    """Who is on each image: the case itself, or that of the label map if others have it, too."""
    users = Counter(host.labels for host in hosts)
    return {h.case: h.case if users[h.labels] == 1 else case_of(h.labels) for h in hosts}


def _name(host: Host, number: int) -> str:
    return f"{host.case}_{number:04d}"


def _write(
    folder: Path, task: Task, forgiving: bool, host: Host
) -> tuple[list[Path], Failure | None]:
    """The variants of an image as far as they could be made, and what went wrong.

    Only who is `forgiving` is told so; else it is raised.
    """
    written: list[Path] = []
    try:
        volume, labels = read_host(host, task.liver_label)
        for number in range(1, task.n + 1):
            written.append(_write_variant(folder, task, host, number, volume, labels))
    except OutputError:
        raise  # the others could not be written either
    except Exception as error:
        if not forgiving:
            raise
        return written, Failure(host.case, _sentence(host, error))
    return written, None


def _sentence(host: Host, error: Exception) -> str:
    if isinstance(error, HepaticaError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{host.case} needs more memory than there is."
    # A fault of ours in one case must not cost the others their result.
    return f"{host.case}: unexpected {type(error).__name__}: {error}"


def _write_variant(
    folder: Path, task: Task, host: Host, number: int, volume: Volume, labels: LabelMap
) -> Path:
    rng = np.random.default_rng([task.seed, zlib.crc32(host.case.encode()), number])
    drawn = implant.draw(rng, volume, labels.parenchyma, task.recipe, task.shapes)
    made, truth = implant.apply(drawn, volume, labels)
    told = {
        "name": _name(host, number),
        "into": host.case,
        "into_sha256": volume.source.sha256,
        "cohort_seed": task.seed,
        "number": number,
    }
    return cohort.write_case(folder, made, truth, told | implant.told(drawn), NOTE)[0]
