"""The vocabulary of a synthetic patient: what a voxel of the body is made of."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hepatica.core.volume import Label


class Tissue(IntEnum):
    """Tissues that differ in signal. Values are those of an anatomy's array.

    Veins fill with contrast agent one after the other: `LIVER_VESSEL` is the portal vein's
    tree inside the liver, `PORTAL_VEIN` what leads to it; `HEPATIC_VEIN` is what leaves it,
    `VEIN` the cava. Where a source does not tell the two inside the liver apart, both are
    `LIVER_VESSEL`.
    """

    AIR = 0
    FAT = 1
    MUSCLE = 2
    BONE = 3
    LUNG = 4
    HEART = 5
    LIVER = 6
    LIVER_VESSEL = 7
    SPLEEN = 8
    KIDNEY = 9
    RENAL_MEDULLA = 10
    GALLBLADDER = 11
    PANCREAS = 12
    STOMACH = 13
    BOWEL = 14
    ARTERY = 15
    VEIN = 16
    PORTAL_VEIN = 17
    HEPATIC_VEIN = 18
    SPINAL_CORD = 19
    FLUID = 20
    ADRENAL = 21
    # Only in a patient, never in an anatomy:
    LESION = 22
    LESION_RIM = 23
    NECROSIS = 24
    CYST = 25
    HAEMANGIOMA = 26
    FOCAL_FAT = 27
    PERFUSION = 28
    DUCT = 29
    ABLATION = 30


#: Liver to a radiologist: parenchyma and the vessels that run in it.
LIVER_TISSUES = (Tissue.LIVER, Tissue.LIVER_VESSEL, Tissue.HEPATIC_VEIN)

_CLASS_TISSUES: dict[str, tuple[Tissue, ...]] = {
    "background": (),
    "liver": LIVER_TISSUES,
    "tumour": (),  # painted by the lesions, not by a tissue
    "spleen": (Tissue.SPLEEN,),
    "kidney": (Tissue.KIDNEY, Tissue.RENAL_MEDULLA),
    "stomach": (Tissue.STOMACH,),
    "vessel": (Tissue.ARTERY, Tissue.VEIN, Tissue.PORTAL_VEIN),
}


def class_of_tissue(classes: tuple[str, ...]) -> NDArray[np.uint8]:
    """A table from :class:`Tissue` to the index of a network's class, for `classes`.

    Raises
    ------
    KeyError
        For a class that no tissue makes.
    """
    table = np.full(len(Tissue), Label.BACKGROUND, np.uint8)
    for index, name in enumerate(classes):
        for tissue in _CLASS_TISSUES[name]:
            table[tissue] = index
    return table
