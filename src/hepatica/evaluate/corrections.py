"""What a person changed in a prediction, where, and in how many minutes.

The paper's second test set: the prediction is what the network made, the reference what an
expert made of it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hepatica.core.components import bounding_box
from hepatica.core.errors import InputError
from hepatica.core.volume import LabelMap

#: Thirds of the corrected liver's box along each of the patient's axes, RAS+ from low to high.
Third = Literal[
    "left", "middle, left to right", "right",
    "back", "middle, back to front", "front",
    "lower", "middle, low to high", "upper",
]  # fmt: skip
THIRDS: tuple[Third, ...] = get_args(Third)


@dataclass(frozen=True)
class Change:
    """How a label map was corrected, in ml.

    Parameters
    ----------
    liver_added_ml, liver_removed_ml
        Of the whole liver.
    tumour_added_ml, tumour_removed_ml
        Of the lesions.
    thirds_ml
        Voxels with another label than before, by third of the corrected liver along each
        axis: all of them three times, in the order of `THIRDS`.
    """

    liver_added_ml: float
    liver_removed_ml: float
    tumour_added_ml: float
    tumour_removed_ml: float
    thirds_ml: tuple[float, ...]

    @property
    def changed_ml(self) -> float:
        """Everything that has another label than before."""
        return sum(self.thirds_ml[:3])


def change(prediction: LabelMap, corrected: LabelMap) -> Change:
    """Compare two label maps on one grid; without a liver in either nothing has changed."""
    ml = corrected.geometry.voxel_ml

    def only(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
        return int(np.count_nonzero(one & ~other)) * ml

    return Change(
        only(corrected.liver, prediction.liver),
        only(prediction.liver, corrected.liver),
        only(corrected.tumour, prediction.tumour),
        only(prediction.tumour, corrected.tumour),
        tuple(n * ml for n in _thirds(prediction, corrected)),
    )


def _thirds(prediction: LabelMap, corrected: LabelMap) -> list[int]:
    changed = np.argwhere(prediction.labels != corrected.labels)
    box = bounding_box(corrected.liver if corrected.liver.any() else prediction.liver)
    if box is None:
        return [0] * len(THIRDS)
    geometry = corrected.geometry
    corners = np.array(np.meshgrid(*[(s.start - 0.5, s.stop - 0.5) for s in box])).reshape(3, -1).T
    ends = geometry.to_patient(corners)
    low, high = ends.min(axis=0), ends.max(axis=0)
    place = (geometry.to_patient(changed) - low) / (high - low)
    third = np.clip(np.floor(3 * place), 0, 2).astype(int)
    return [int((third[:, axis] == n).sum()) for axis in range(3) for n in range(3)]


def read_minutes(path: Path) -> dict[str, float]:
    """Minutes of each correction, from a CSV with the columns ``case`` and ``minutes``.

    Columns are divided by commas, or by semicolons where numbers may have a decimal comma.
    A case without minutes was not timed, and is left out.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, or has a case twice or minutes that are no
        number of 0 or more.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            divided = ";" if ";" in file.readline() else ","
            file.seek(0)
            rows = list(csv.DictReader(file, delimiter=divided))
            columns = set(rows[0]) if rows else set()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table.", "Give a CSV file.") from error
    if not {"case", "minutes"} <= columns:
        raise InputError(
            f"{path.name} lacks a column case or minutes.", "Its first line names them."
        )
    found: dict[str, float] = {}
    for number, row in enumerate(rows, 2):
        case, written = (row["case"] or "").strip(), (row["minutes"] or "").strip()
        if not written and (case or not any(row.values())):
            continue
        try:
            minutes = float(written.replace(",", ".") if divided == ";" else written)
        except ValueError:
            minutes = math.nan
        if case in found or not case or not (math.isfinite(minutes) and minutes >= 0):
            raise InputError(
                f"Line {number} of {path.name} has no new case with minutes of 0 or more.",
                "Give each case once, as in case,minutes and p01,12.5.",
            )
        found[case] = minutes
    return found


def share_by_third(changes: Sequence[Change]) -> dict[Third, float] | None:
    """Share of all that was changed, by third along each axis; None where nothing was."""
    whole = sum(c.changed_ml for c in changes)
    if not whole:
        return None
    return {name: sum(c.thirds_ml[n] for c in changes) / whole for n, name in enumerate(THIRDS)}
