"""Signal of each tissue: a spoiled gradient echo in a phase of contrast, or T2 weighting.

Spoiled gradient echo, of water and of fat by itself::

    S = PD sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE / T2*),  E1 = exp(-TR / T1)

Spin echo::

    S = PD (1 - E1) exp(-TE / T2)

T1 before contrast and T2: de Bazelaire 2004 (organs), Lu 2004 (blood), PSIR study
10.1016/j.ejro.2020.100312 (lesions). T1 after contrast: calculated from relaxivities and
typical concentrations for the portal venous phase (about 70 s) and the hepatobiliary one
(20 min, gadoxetate); late arterial from typical signals relative to liver. Contrast agent
adds to the relaxation rate 1 / T1, and that part is what varies from patient to patient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hepatica.synth.tissues import Tissue

Phase = Literal["pre", "late_arterial", "portal_venous", "delayed", "hepatobiliary", "t2"]
PHASES: tuple[Phase, ...] = get_args(Phase)
Fat = Literal["saturated", "in_phase", "opposed"]

# proton density, T1 in ms (pre, late arterial, portal venous, hepatobiliary), T2*, T2 in ms,
# all at 3 T; T2 at 1.5 T; fat fraction
_TISSUES: dict[Tissue, tuple[float, float, float, float, float, float, float, float, float]] = {
    Tissue.AIR: (0.0, 1000, 1000, 1000, 1000, 1, 1, 1, 0),
    Tissue.FAT: (1.0, 898, 792, 640, 811, 25, 35, 35, 0.95),
    Tissue.MUSCLE: (0.80, 898, 792, 640, 811, 25, 29, 27, 0.03),
    Tissue.BONE: (0.60, 900, 850, 600, 800, 12, 45, 49, 0.45),
    Tissue.LUNG: (0.22, 1200, 900, 511, 1071, 1.5, 30, 35, 0),
    Tissue.HEART: (0.87, 1300, 300, 300, 900, 30, 50, 55, 0.02),
    Tissue.LIVER: (0.80, 809, 610, 350, 260, 23, 34, 46, 0.03),
    Tissue.LIVER_VESSEL: (0.90, 1600, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.SPLEEN: (0.88, 1328, 248, 310, 950, 40, 61, 79, 0),
    Tissue.KIDNEY: (0.91, 1142, 120, 139, 482, 40, 76, 87, 0),
    Tissue.RENAL_MEDULLA: (0.91, 1545, 455, 235, 607, 40, 81, 85, 0),
    Tissue.GALLBLADDER: (0.98, 2200, 2084, 2200, 290, 80, 500, 500, 0),
    Tissue.PANCREAS: (0.85, 725, 251, 315, 614, 30, 43, 46, 0.08),
    Tissue.STOMACH: (0.88, 1400, 700, 600, 1100, 40, 60, 70, 0.02),
    Tissue.BOWEL: (0.87, 1200, 600, 500, 900, 30, 60, 70, 0.05),
    Tissue.ARTERY: (0.90, 1650, 62, 224, 1046, 40, 100, 150, 0),
    Tissue.VEIN: (0.90, 1600, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.SPINAL_CORD: (0.85, 900, 890, 850, 900, 40, 80, 80, 0),
    Tissue.FLUID: (0.95, 3000, 3000, 3000, 3000, 80, 1000, 1000, 0),
    Tissue.ADRENAL: (0.85, 900, 350, 400, 700, 30, 50, 55, 0.1),
    Tissue.LESION: (0.88, 1750, 1226, 748, 1029, 40, 55, 72, 0),
    Tissue.LESION_RIM: (0.86, 1500, 432, 405, 896, 40, 50, 66, 0),
    Tissue.NECROSIS: (0.94, 2600, 2480, 2107, 2301, 60, 110, 140, 0),
    Tissue.CYST: (0.98, 3790, 3676, 3790, 3790, 100, 400, 400, 0),
    Tissue.HAEMANGIOMA: (0.93, 2520, 540, 250, 1056, 60, 140, 170, 0),
    Tissue.FOCAL_FAT: (0.80, 809, 610, 360, 280, 23, 36, 48, 0.25),
    Tissue.PERFUSION: (0.81, 809, 330, 330, 265, 23, 36, 48, 0.03),
    Tissue.DUCT: (0.98, 2200, 2084, 2200, 290, 80, 500, 500, 0),
    Tissue.ABLATION: (0.75, 550, 545, 540, 545, 20, 28, 25, 0),
}
_TABLE = np.array([_TISSUES[t] for t in Tissue])
_DENSITY, _T1 = _TABLE[:, 0], _TABLE[:, 1:5]
_T2_STAR, _T2_3T, _T2_1_5T, _FAT = _TABLE[:, 5], _TABLE[:, 6], _TABLE[:, 7], _TABLE[:, 8]
_COLUMN = {"pre": 0, "late_arterial": 1, "portal_venous": 2, "hepatobiliary": 3}

#: Share of the portal relaxation that extracellular contrast keeps at 3 to 5 minutes.
DELAYED_SHARE = 0.6
#: T1 of fat; how much of its signal saturation leaves; its T2.
FAT_T1_MS, FAT_LEFT, FAT_T2_MS = 382.0, 0.1, 68.0
#: T1 at 1.5 T is shorter by this factor.
T1_3T_OVER_1_5T = 1.21


@dataclass(frozen=True)
class Protocol:
    """What the scanner is told; times in ms, angle in degrees."""

    phase: Phase = "portal_venous"
    fat: Fat = "saturated"
    repetition_ms: float = 4.0
    echo_ms: float = 1.8
    flip_deg: float = 11.0
    field_t: float = 3.0


def _ones() -> NDArray[np.float64]:
    return np.ones(len(Tissue))


@dataclass(frozen=True, eq=False)
class Physiology:
    """How one patient's tissues differ from the table: factors per :class:`Tissue`.

    `uptake` scales what contrast agent adds to the relaxation rate; `liver_fat` is the
    fat fraction of the liver's parenchyma.
    """

    t1: NDArray[np.float64] = field(default_factory=_ones)
    density: NDArray[np.float64] = field(default_factory=_ones)
    uptake: NDArray[np.float64] = field(default_factory=_ones)
    liver_fat: float = 0.03


def tissue_t1_ms(phase: Phase, physiology: Physiology | None = None) -> NDArray[np.float64]:
    """T1 of every :class:`Tissue`'s water at 3 T in `phase`, in ms; T2 weighting has no agent."""
    patient = physiology or Physiology()
    before = 1 / _T1[:, 0]
    if phase in ("pre", "t2"):
        added = np.zeros(len(Tissue))
    elif phase == "delayed":
        added = DELAYED_SHARE * (1 / _T1[:, _COLUMN["portal_venous"]] - before)
    else:
        added = 1 / _T1[:, _COLUMN[phase]] - before
    return np.asarray(1 / (before / patient.t1 + added * patient.uptake))


def tissue_signal(protocol: Protocol, physiology: Physiology | None = None) -> NDArray[np.float64]:
    """Signal of every :class:`Tissue`, liver = 1; AIR is 0.

    In opposed phase, what is mostly fat is negative: the scanner sees the magnitude only
    after a voxel has mixed its tissues, which is what draws black lines around organs.
    """
    patient = physiology or Physiology()
    share = _FAT.copy()
    share[Tissue.LIVER] = share[Tissue.PERFUSION] = patient.liver_fat
    share[Tissue.FOCAL_FAT] = patient.liver_fat + 0.2
    density = _DENSITY * patient.density
    low_field = protocol.field_t < 2
    t1 = tissue_t1_ms(protocol.phase, patient) / (T1_3T_OVER_1_5T if low_field else 1.0)
    fat_t1 = np.asarray(FAT_T1_MS / (T1_3T_OVER_1_5T if low_field else 1.0))
    if protocol.phase == "t2":
        decay = np.exp(-protocol.echo_ms / (_T2_1_5T if low_field else _T2_3T))
        fat_decay = np.exp(-protocol.echo_ms / FAT_T2_MS)
        water = density * (1 - np.exp(-protocol.repetition_ms / t1)) * decay
        fat = density * (1 - np.exp(-protocol.repetition_ms / fat_t1)) * fat_decay
    else:
        decay = np.exp(-protocol.echo_ms / _T2_STAR)
        water = density * _spoiled(t1, protocol) * decay
        fat = density * _spoiled(fat_t1, protocol) * decay
    sign = {"saturated": FAT_LEFT, "in_phase": 1.0, "opposed": -1.0}[protocol.fat]
    signal = (1 - share) * water + sign * share * fat
    return np.asarray(signal / signal[Tissue.LIVER])


def _spoiled(t1_ms: NDArray[np.float64], protocol: Protocol) -> NDArray[np.float64]:
    angle = np.deg2rad(protocol.flip_deg)
    e1 = np.exp(-protocol.repetition_ms / t1_ms)
    return np.asarray(np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1))
