"""Do these slices make one volume, and where does it lie?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.core.errors import InputError
from hepatica.io import checks
from hepatica.io.lps import swap_lps_ras

#: What tells volumes apart that share a series and a place, most telling first.
TELLING = {
    "EchoTime": "echo time",
    "ImageType": "image type",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger time",
    "AcquisitionNumber": "acquisition",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "DiffusionBValue": "b-value",
}

#: Positions closer than this are the same place.
SAME_MM = 0.01

_APART = "Put the slices of each volume into a folder of its own, and give one of them."


@dataclass(frozen=True, eq=False)
class Slice:
    """What matters of one slice's header; lengths in mm, LPS+."""

    path: Path
    uid: str
    series: str
    label: str
    modality: str
    size: tuple[int, int]
    position: NDArray[np.float64]
    along_row: NDArray[np.float64]
    along_column: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    telling: dict[str, str]

    @classmethod
    def of(cls, path: Path, header: Any, kind: str) -> Slice:
        """The slice in the header of an image of the standard's `kind`.

        Raises
        ------
        InputError
            For several frames or colours, and where the place is not stated.
        ValueError, TypeError, AttributeError
            If the header is damaged.
        """
        if int(header.get("NumberOfFrames") or 1) > 1 or kind.startswith(("Enhanced", "Legacy")):
            raise InputError(
                f"{path.name} is a multi-frame (enhanced) image, which is not read yet.",
                "Export the series as classic single slices, or convert it to NIfTI.",
            )
        size = (int(header.Rows), int(header.Columns))
        if int(header.get("SamplesPerPixel") or 1) > 1:
            raise checks.not_scalar(path.name, "colours")
        values = [
            np.asarray(header.get(tag) or (), np.float64)
            for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        ]
        if [v.size for v in values] != [3, 6, 2]:
            raise InputError(
                f"{path.name} does not state where it lies in the patient.",
                "Take it out of the folder if it is a screenshot; else export the series again.",
            )
        position, cosines, spacing = values
        along_row, along_column = cosines[:3], cosines[3:]
        checks.require_spacing(path.name, spacing)
        lengths = [float(np.linalg.norm(v)) for v in (along_row, along_column)]
        if not (
            np.isfinite(position).all()
            and np.allclose(lengths, 1, atol=1e-2)
            and abs(along_row @ along_column) < 1e-2
        ):
            raise InputError(
                f"{path.name} states an orientation that is not one.", "Export the series again."
            )
        return cls(
            path=path,
            uid=str(header.get("SOPInstanceUID", "")),
            series=str(header.get("SeriesInstanceUID", "")),
            label=str(header.get("SeriesDescription") or header.get("SeriesNumber") or "unnamed"),
            modality=str(header.get("Modality") or ""),
            size=size,
            position=position,
            along_row=along_row / lengths[0],
            along_column=along_column / lengths[1],
            # The standard puts the distance of rows first: that is along the column.
            spacing_mm=(float(spacing[1]), float(spacing[0])),
            telling={tag: str(header.get(tag, "")) for tag in TELLING},
        )


def require_one(name: str, slices: Sequence[Slice]) -> None:
    """Refuse slices of several series, sizes or orientations; `slices` is not empty.

    Raises
    ------
    InputError
        It names what was found.
    """
    counts = Counter(s.series for s in slices)
    if len(counts) > 1:
        labels = {s.series: s.label for s in slices}
        found = [f"{labels[uid]} ({n} slices)" for uid, n in counts.most_common(4)]
        more = "" if len(counts) <= 4 else ", …"
        raise InputError(f"{name} holds {len(counts)} series: {', '.join(found)}{more}.", _APART)
    first = slices[0]
    sizes = sorted({s.size for s in slices})
    if len(sizes) > 1:
        found = [f"{rows} x {columns}" for rows, columns in sizes[:4]]
        raise InputError(
            f"{name} holds slices of different matrix sizes: {', '.join(found)}.", _APART
        )
    for other in slices:
        turned = max(
            np.abs(other.along_row - first.along_row).max(),
            np.abs(other.along_column - first.along_column).max(),
        )
        if turned > 1e-3:
            raise InputError(
                f"{name} holds slices that are not parallel"
                f" ({first.path.name} and {other.path.name}).",
                "Take localisers out of the folder, or put each volume into a folder of its own.",
            )
        if not np.allclose(other.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise InputError(f"{name} holds slices of different pixel spacings.", _APART)


def stack(name: str, slices: Sequence[Slice]) -> tuple[list[Slice], NDArray[np.float64]]:
    """The slices in their order along the normal, and the affine (4, 4) to RAS+ mm.

    Raises
    ------
    InputError
        If places are taken twice, slices are missing, or there is only one.
    """
    first = slices[0]
    normal = np.cross(first.along_row, first.along_column)
    ordered = sorted(slices, key=lambda s: float(s.position @ normal))
    height = np.array([s.position @ normal for s in ordered])
    _require_distinct(name, ordered, height)
    if len(ordered) < checks.MIN_SLICES:
        raise InputError(
            f"{name} has only {len(ordered)} slices; at least {checks.MIN_SLICES} are needed.",
            "Give the folder with the whole series.",
        )
    _require_even(name, ordered, height)
    first, last = ordered[0], ordered[-1]
    affine = np.eye(4)
    affine[:3, 0] = first.along_row * first.spacing_mm[0]
    affine[:3, 1] = first.along_column * first.spacing_mm[1]
    affine[:3, 2] = (last.position - first.position) / (len(ordered) - 1)
    affine[:3, 3] = first.position
    return ordered, swap_lps_ras(affine)


def _require_distinct(name: str, ordered: Sequence[Slice], height: NDArray[np.float64]) -> None:
    places = 1 + int((np.diff(height) > SAME_MM).sum())
    if places == len(ordered):
        return
    images = len({s.uid for s in ordered})
    if images == places:
        raise InputError(
            f"{name} holds copies: {len(ordered)} files with {images} different images.",
            "Take the copies out of the folder.",
        )
    found = f"{name} holds several volumes: {len(ordered)} slices at {places} places"
    for tag, words in TELLING.items():
        values = sorted({s.telling[tag] for s in ordered})
        # As many values as slices (a counter, for example) tells nothing.
        if 1 < len(values) <= max(2, len(ordered) // places):
            # Only times of the echo are named as they are; other values may be long.
            which = " ms, ".join(values) + " ms" if tag == "EchoTime" else f"{len(values)} values"
            raise InputError(f"{found}, which differ in {words} ({which}).", _APART)
    raise InputError(f"{found}.", _APART)


def _require_even(name: str, ordered: Sequence[Slice], height: NDArray[np.float64]) -> None:
    """All steps from slice to slice are the same, but for 1 % or 0.1 mm."""
    steps = np.diff([s.position for s in ordered], axis=0)
    usual = np.median(steps, axis=0)
    tolerance = max(0.01 * float(np.linalg.norm(usual)), 0.1)
    off = np.linalg.norm(steps - usual, axis=1) > tolerance
    if not off.any():
        return
    k = int(np.argmax(off))
    gap, normal_gap = height[k + 1] - height[k], float(np.median(np.diff(height)))
    between = f"between {ordered[k].path.name} and {ordered[k + 1].path.name}"
    if abs(gap - normal_gap) > tolerance:
        raise InputError(
            f"{name} has a gap of {gap:.2f} mm {between}, where others are {normal_gap:.2f} mm:"
            " a slice is missing, or slices of several volumes are mixed.",
            "Export the whole series again, one volume per folder.",
        )
    raise InputError(
        f"{name} has slices that are shifted sideways {between}.",
        "Export the series again, one volume per folder.",
    )
