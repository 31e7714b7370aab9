"""Signal of each tissue in a spoiled gradient echo sequence, by contrast phase.

S = PD sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE / T2*),  E1 = exp(-TR / T1)

T1 before contrast: de Bazelaire 2004 (organs, 3 T), Lu 2004 (blood), PSIR study
10.1016/j.ejro.2020.100312 (lesions). T1 after contrast: portal venous at about 70 s
and hepatobiliary at 20 min, calculated from relaxivities and typical concentrations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hepatica.synth.tissues import Tissue

Phase = Literal["pre", "portal_venous", "delayed", "hepatobiliary"]
PHASES: tuple[Phase, ...] = get_args(Phase)

# tissue: proton density, T1 in ms before, portal venous, hepatobiliary, T2* in ms
_TISSUES: dict[Tissue, tuple[float, float, float, float, float]] = {
    Tissue.AIR: (0.0, 1000, 1000, 1000, 1),
    Tissue.FAT: (1.0, 382, 363, 379, 30),
    Tissue.MUSCLE: (0.80, 898, 640, 811, 25),
    Tissue.BONE: (0.60, 586, 445, 547, 12),
    Tissue.LUNG: (0.22, 1200, 511, 1071, 1.5),
    Tissue.HEART: (0.87, 1300, 300, 900, 30),
    Tissue.LIVER: (0.80, 809, 350, 260, 23),
    Tissue.LIVER_VESSEL: (0.90, 1600, 223, 1026, 40),
    Tissue.SPLEEN: (0.88, 1328, 310, 950, 40),
    Tissue.KIDNEY: (0.91, 1142, 139, 482, 40),
    Tissue.RENAL_MEDULLA: (0.91, 1545, 235, 607, 40),
    Tissue.GALLBLADDER: (0.98, 2200, 2200, 290, 80),
    Tissue.PANCREAS: (0.85, 725, 315, 614, 30),
    Tissue.STOMACH: (0.88, 1400, 600, 1100, 40),
    Tissue.BOWEL: (0.87, 1200, 500, 900, 30),
    Tissue.ARTERY: (0.90, 1650, 224, 1046, 40),
    Tissue.VEIN: (0.90, 1600, 223, 1026, 40),
    Tissue.SPINAL_CORD: (0.85, 900, 850, 900, 40),
    Tissue.FLUID: (0.95, 3000, 3000, 3000, 80),
    Tissue.ADRENAL: (0.85, 900, 400, 700, 30),
    Tissue.LESION: (0.88, 1750, 748, 1029, 40),
    Tissue.LESION_RIM: (0.86, 1500, 405, 896, 40),
    Tissue.NECROSIS: (0.94, 2600, 2107, 2301, 60),
    Tissue.CYST: (0.98, 3790, 3790, 3790, 100),
}
_TABLE = np.array([_TISSUES[t] for t in Tissue])

#: How much fat signal survives fat saturation.
FAT_LEFT = 0.15


@dataclass(frozen=True)
class Sequence:
    """Settings of the scanner; times in ms, angle in degrees."""

    repetition_ms: float = 4.0
    echo_ms: float = 1.8
    flip_deg: float = 11.0
    fat_saturation: bool = True
    field_t: float = 3.0


def tissue_t1_ms(phase: Phase) -> NDArray[np.float64]:
    """T1 of every :class:`Tissue` at 3 T in `phase`, in ms."""
    before, portal, hepatobiliary = _TABLE[:, 1], _TABLE[:, 2], _TABLE[:, 3]
    if phase == "pre":
        return np.asarray(before)
    if phase == "hepatobiliary":
        return np.asarray(hepatobiliary)
    if phase == "delayed":
        # Extracellular contrast at 3 to 5 minutes: about 60 % of the portal relaxation is left.
        return np.asarray(1 / (1 / before + 0.6 * (1 / portal - 1 / before)))
    return np.asarray(portal)


def tissue_signal(
    phase: Phase,
    sequence: Sequence,
    t1_factor: NDArray[np.float64] | float = 1.0,
    density_factor: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    """Signal of every :class:`Tissue`, liver = 1; AIR is 0.

    The factors, one number per tissue, make one patient differ from another.
    """
    t1 = tissue_t1_ms(phase) * t1_factor
    if sequence.field_t < 2:
        t1 = t1 / 1.21
    angle = np.deg2rad(sequence.flip_deg)
    e1 = np.exp(-sequence.repetition_ms / t1)
    signal = _TABLE[:, 0] * density_factor * np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)
    signal = signal * np.exp(-sequence.echo_ms / _TABLE[:, 4])
    if sequence.fat_saturation:
        signal[Tissue.FAT] *= FAT_LEFT
    return np.asarray(signal / signal[Tissue.LIVER])
