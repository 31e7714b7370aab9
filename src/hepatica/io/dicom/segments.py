"""What the parts of a result are called in DICOM: codes, labels, colours, identifiers.

Codes are SNOMED CT's, as PS3.16 lists them (CID 7150, 7151, 7159). A lesion is a "lesion",
not a metastasis: the shape of a shadow does not say what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import generate_uid

from hepatica.core.components import components
from hepatica.core.volume import LabelMap


@dataclass(frozen=True)
class Code:
    """A coded concept of PS3.16."""

    value: str
    scheme: str
    meaning: str


LIVER = Code("10200004", "SCT", "Liver")
LESION = Code("52988006", "SCT", "Lesion")
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
MORPHOLOGY = Code("49755003", "SCT", "Morphologically Altered Structure")

#: Property types that other tools give to what is a lesion here.
LESION_TYPES = {
    LESION.value,
    "4147007",  # mass
    "108369006",  # neoplasm
    "86049000",  # primary neoplasm
    "14799000",  # secondary neoplasm
    "126537000",  # neoplasm of the liver
}

_LIVER_RGB = (0.78, 0.47, 0.38)
_LESION_RGB = (0.95, 0.85, 0.20)


@dataclass(frozen=True)
class Segment:
    """One part of a result; the same in the segmentation, the report and the surfaces.

    Parameters
    ----------
    number
        In the segmentation, from 1: the liver first, then the lesions by their ids.
    lesion
        Id of the finding; None for the liver.
    tracking_uid
        By which later studies can refer to the same part.
    """

    number: int
    label: str
    category: Code
    kind: Code
    lesion: int | None
    rgb: tuple[float, float, float]
    tracking_uid: str


def segments(lesions: int) -> tuple[Segment, ...]:
    """The liver, and each of the lesions; the liver alone if there is none."""
    liver = Segment(1, "Liver", ANATOMY, LIVER, None, _LIVER_RGB, new_uid())
    return (
        liver,
        *(
            Segment(n + 1, f"Lesion {n}", MORPHOLOGY, LESION, n, _LESION_RGB, new_uid())
            for n in range(1, lesions + 1)
        ),
    )


def masks(labelmap: LabelMap, parts: tuple[Segment, ...]) -> Iterator[NDArray[np.bool_]]:
    """The voxels (i, j, k) of each part, in order; the liver's include its lesions."""
    numbered, found = components(labelmap.tumour)
    lesions = sum(part.lesion is not None for part in parts)
    if len(found) != lesions:
        raise ValueError(f"{lesions} lesions were named, and the label map has {len(found)}")
    for part in parts:
        yield labelmap.liver if part.lesion is None else np.asarray(numbered == part.lesion)


def new_uid() -> str:
    """A UID that no other object has (2.25 and a random number, PS3.5 B.2)."""
    return str(generate_uid(prefix=None))
