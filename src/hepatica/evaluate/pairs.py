"""Which prediction belongs to which reference, and both as label maps on the reference's grid."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepatica import io
from hepatica.core import resample
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Label, LabelMap
from hepatica.io.pairing import by_case, case_of, label_files, longest_beginning, named_as_labels

#: Grids whose voxels are off by no more than this are one.
SAME_MM = 0.1
#: How nnU-Net's images go on after the name of their case.
_CHANNEL = re.compile(r"_\d{4}$")
#: How the file with a case's lesion probabilities goes on after its name.
PROBABILITY = "_tumour_probability.nii.gz"


@dataclass(frozen=True)
class Pair:
    """A case's two files."""

    case: str
    prediction: Path
    reference: Path


@dataclass(frozen=True)
class Lonely:
    """Cases of which there is only a prediction, and those of which there is only a reference."""

    predictions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.predictions) + len(self.references)

    @property
    def in_words(self) -> tuple[str, ...]:
        """One phrase a case."""
        return tuple(
            f"{case} ({what} only)"
            for what, cases in (("prediction", self.predictions), ("reference", self.references))
            for case in cases
        )


def pair(predictions: Path, references: Path) -> tuple[list[Pair], Lonely]:
    """Match label maps by case name; also the cases that have no partner.

    The case of ``p01_seg.nii.gz`` is ``p01``: endings such as ``_seg``, ``_organs`` and
    ``_labels`` do not count. What is left may go on after the reference's case with
    another word, as in ``p01_t1ce_seg``, if no other reference fits better and that word
    is not a number. Two files always match.

    Raises
    ------
    InputError
        If a path does not exist, or two files of a folder are the same case.
    """
    for path in (predictions, references):
        if not path.exists():
            raise InputError(f"{path} does not exist.", "Check the path.")
    if predictions.is_file() and references.is_file():
        return [Pair(case_of(references), predictions, references)], Lonely()
    found, wanted = by_case(label_files(predictions)), by_case(label_files(references))
    pairs = [Pair(c, found[c], wanted[c]) for c in sorted(found.keys() & wanted.keys())]
    left = sorted(found.keys() - wanted.keys())
    open_ = {c for c in wanted if c not in found}
    candidates: dict[str, list[str]] = {}
    for case in left:
        if (best := longest_beginning(case, wanted)) in open_:
            candidates.setdefault(best, []).append(case)
    for case, fits in candidates.items():
        if len(fits) == 1:
            pairs.append(Pair(case, found[fits[0]], wanted[case]))
            left.remove(fits[0])
            open_.remove(case)
    return sorted(pairs, key=lambda p: p.case), Lonely(tuple(left), tuple(sorted(open_)))


def images(folder: Path, cases: Collection[str]) -> dict[str, Path]:
    """The image of each of `cases` in a folder, or in an only file; without those that have none.

    The image of ``p01`` is ``p01.nii.gz``, or goes on with a word as in ``p01_t1ce.nii.gz`` or
    with a channel as in ``p01_0000.nii.gz``; among several the first by name.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    if not folder.exists():
        raise InputError(f"{folder} does not exist.", "Check the path.")
    if folder.is_file():
        return dict.fromkeys(cases, folder) if len(cases) == 1 else {}
    files = [p for p in sorted(folder.iterdir()) if io.is_image(p) and not named_as_labels(p)]
    found = {name: p for p in files if (name := io.case_name(p)) in cases}
    for path in files:
        name = io.case_name(path)
        found.setdefault(longest_beginning(name, cases) or _CHANNEL.sub("", name), path)
    return {case: path for case, path in found.items() if case in cases}


def read_pair(
    one: Pair,
    reference_labels: Mapping[str, int] | None = None,
    prediction_labels: Mapping[str, int] | None = None,
    *,
    resampled: bool = False,
) -> tuple[LabelMap, LabelMap]:
    """Prediction and reference of a case, in our labels, on the reference's grid.

    Parameters
    ----------
    reference_labels, prediction_labels
        Which label of it is ``liver`` and which ``tumour``, where it is not 1 and 2.
    resampled
        Bring the prediction onto the reference's grid (nearest neighbour) if it is on
        another one.

    Raises
    ------
    InputError
        If the grids differ and it is not to be `resampled`, or have no place in common, or
        a label has no meaning.
    """
    prediction = _relabel(one.prediction, prediction_labels, "prediction")
    reference = _relabel(one.reference, reference_labels, "reference")
    if not prediction.geometry.matches(reference.geometry, tolerance_mm=SAME_MM):
        ours, theirs = prediction.geometry.canonical(), reference.geometry.canonical()
        # The same voxels stored along other axes are the same grid.
        if not resampled and not ours.matches(theirs, tolerance_mm=SAME_MM):
            raise InputError(
                f"Prediction {one.prediction} and reference {one.reference} are not on the same"
                f" grid: {_grid(ours)} and {_grid(theirs)}.",
                "Segment the image that the reference was drawn on, or give --resample.",
            )
        if not _meet(prediction.geometry, reference.geometry):
            raise InputError(
                f"Prediction {one.prediction} and reference {one.reference} have no place in"
                f" common: {_grid(ours)} and {_grid(theirs)}.",
                "One of them has lost its place in the patient; it is of no use to resample.",
            )
        prediction = resample.onto(prediction, reference.geometry)
    return prediction, reference


def _meet(one: Geometry, other: Geometry) -> bool:
    """Whether the boxes of two grids along the patient's axes overlap."""
    (low, high), (other_low, other_high) = (
        (corners.min(axis=0), corners.max(axis=0))
        for corners in (
            g.to_patient(np.array(list(product(*((-0.5, n - 0.5) for n in g.shape)))))
            for g in (one, other)
        )
    )
    return bool((low < other_high).all() and (other_low < high).all())


def read_probability(one: Pair, geometry: Geometry) -> NDArray[np.float32] | None:
    """The lesion probability (i, j, k) beside a prediction, on `geometry`; None without one.

    It is what ``hepatica segment --save-probabilities`` writes.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    name = f"{io.case_name(one.prediction).removesuffix('_seg')}{PROBABILITY}"
    path = one.prediction.with_name(name)
    if not path.is_file():
        return None
    volume = io.read(path)
    if volume.geometry.matches(geometry, tolerance_mm=SAME_MM):
        return volume.voxels
    return resample.onto(volume, geometry).voxels


def _grid(geometry: Geometry) -> str:
    """A grid in a few numbers."""
    sizes = "×".join(str(n) for n in geometry.shape)
    spacing = "×".join(f"{mm:.3g}" for mm in geometry.spacing_mm)
    corner = ", ".join(f"{mm:.1f}" for mm in geometry.affine[:3, 3])
    return f"{sizes} voxels of {spacing} mm from ({corner})"


def _relabel(path: Path, meaning: Mapping[str, int] | None, what: str) -> LabelMap:
    """The label map in a file, in our labels; `what` it is, for one with others."""
    labels = io.read_labelmap(path)
    if meaning is None:
        unknown = sorted(set(np.unique(labels.labels).tolist()) - {int(v) for v in Label})
        if unknown:
            raise InputError(
                f"{path.name} has labels {unknown}, which are not liver (1) or tumour (2).",
                f"Say which ones are, as in --{what}-labels liver=5,tumour=7.",
            )
        return labels
    result = np.zeros_like(labels.labels)
    for name, value in meaning.items():
        result[labels.labels == value] = {"liver": Label.PARENCHYMA, "tumour": Label.TUMOUR}[name]
    return LabelMap(result, labels.geometry)
