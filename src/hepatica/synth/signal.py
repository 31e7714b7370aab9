"""Signal of each tissue: a spoiled gradient echo in a phase of contrast, or T2 weighting.

Spoiled gradient echo, of water and of fat by itself::

    S = PD sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE / T2*),  E1 = exp(-TR / T1)

Spin echo::

    S = PD (1 - E1) exp(-TE / T2)

T1 before contrast and T2 of both fields: de Bazelaire 2004 (organs, muscle, fat, marrow), Lu
2004 (blood at 3 T), PSIR study 10.1016/j.ejro.2020.100312 (lesions); where 1.5 T is not
published, T1 there is that of 3 T divided by 1.21, and fluids keep theirs. T1 after contrast:
calculated from relaxivities and typical concentrations for the portal venous phase (about
70 s) and the hepatobiliary one (20 min, gadoxetate); late arterial from typical signals
relative to liver; a metastasis's rim is somewhat brighter than the liver as long as it
enhances. Contrast agent adds to the relaxation rate 1 / T1, and that part is what varies from
patient to patient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hepatica.synth.tissues import Tissue

Phase = Literal["pre", "late_arterial", "portal_venous", "delayed", "hepatobiliary", "t2"]
PHASES: tuple[Phase, ...] = get_args(Phase)
Fat = Literal["saturated", "in_phase", "opposed"]


class _Relaxation(NamedTuple):
    """What a tissue is to the scanner; times in ms, at 3 T unless the name says 1.5 T."""

    density: float
    t1: float
    t1_1_5t: float
    t1_late_arterial: float
    t1_portal_venous: float
    t1_hepatobiliary: float
    t2_star: float
    t2: float
    t2_1_5t: float
    fat: float


_TISSUES: dict[Tissue, _Relaxation] = {
    Tissue.AIR: _Relaxation(0.0, 1000, 1000, 1000, 1000, 1000, 1, 1, 1, 0),
    Tissue.FAT: _Relaxation(1.0, 898, 856, 792, 640, 811, 25, 35, 35, 0.95),
    Tissue.MUSCLE: _Relaxation(0.80, 898, 856, 792, 640, 811, 25, 29, 27, 0.03),
    Tissue.BONE: _Relaxation(0.60, 900, 843, 850, 600, 800, 12, 45, 49, 0.45),
    Tissue.LUNG: _Relaxation(0.22, 1200, 990, 900, 511, 1071, 1.5, 30, 35, 0),
    Tissue.HEART: _Relaxation(0.87, 1300, 1075, 300, 300, 900, 30, 50, 55, 0.02),
    Tissue.LIVER: _Relaxation(0.80, 809, 586, 610, 350, 260, 23, 34, 46, 0.03),
    Tissue.LIVER_VESSEL: _Relaxation(0.90, 1600, 1400, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.SPLEEN: _Relaxation(0.88, 1328, 1057, 248, 310, 950, 40, 61, 79, 0),
    Tissue.KIDNEY: _Relaxation(0.91, 1142, 966, 120, 139, 482, 40, 76, 87, 0),
    Tissue.RENAL_MEDULLA: _Relaxation(0.91, 1545, 1412, 455, 235, 607, 40, 81, 85, 0),
    Tissue.GALLBLADDER: _Relaxation(0.98, 2200, 2200, 2084, 2200, 290, 80, 500, 500, 0),
    Tissue.PANCREAS: _Relaxation(0.85, 725, 584, 251, 315, 614, 30, 43, 46, 0.08),
    Tissue.STOMACH: _Relaxation(0.88, 1400, 1157, 700, 600, 1100, 40, 60, 70, 0.02),
    Tissue.BOWEL: _Relaxation(0.87, 1200, 992, 600, 500, 900, 30, 60, 70, 0.05),
    Tissue.ARTERY: _Relaxation(0.90, 1650, 1430, 62, 224, 1046, 40, 100, 150, 0),
    Tissue.VEIN: _Relaxation(0.90, 1600, 1400, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.PORTAL_VEIN: _Relaxation(0.90, 1600, 1400, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.HEPATIC_VEIN: _Relaxation(0.90, 1600, 1400, 281, 223, 1026, 40, 100, 150, 0),
    Tissue.SPINAL_CORD: _Relaxation(0.85, 900, 744, 890, 850, 900, 40, 80, 80, 0),
    Tissue.FLUID: _Relaxation(0.95, 3000, 3000, 3000, 3000, 3000, 80, 1000, 1000, 0),
    Tissue.ADRENAL: _Relaxation(0.85, 900, 744, 350, 400, 700, 30, 50, 55, 0.1),
    Tissue.LESION: _Relaxation(0.88, 1750, 1446, 1226, 748, 1029, 40, 55, 72, 0),
    Tissue.LESION_RIM: _Relaxation(0.86, 1500, 1240, 432, 330, 896, 40, 50, 66, 0),
    Tissue.NECROSIS: _Relaxation(0.94, 2600, 2600, 2480, 2107, 2301, 60, 110, 140, 0),
    Tissue.CYST: _Relaxation(0.98, 3790, 3790, 3676, 3790, 3790, 100, 400, 400, 0),
    Tissue.HAEMANGIOMA: _Relaxation(0.93, 2520, 2083, 540, 250, 1056, 60, 140, 170, 0),
    Tissue.FOCAL_FAT: _Relaxation(0.80, 809, 586, 610, 360, 280, 23, 36, 48, 0.25),
    Tissue.PERFUSION: _Relaxation(0.81, 809, 586, 330, 330, 265, 23, 36, 48, 0.03),
    Tissue.DUCT: _Relaxation(0.98, 2200, 2200, 2084, 2200, 290, 80, 500, 500, 0),
    Tissue.ABLATION: _Relaxation(0.75, 550, 455, 545, 540, 545, 20, 28, 25, 0),
}
#: The same by name, as arrays over :class:`Tissue`.
_OF = {
    name: np.array([getattr(_TISSUES[t], name) for t in Tissue], np.float64)
    for name in _Relaxation._fields
}

#: Share of the portal relaxation that extracellular contrast keeps at 3 to 5 minutes.
DELAYED_SHARE = 0.6
#: T1 of fat at 3 and 1.5 T; its T2; how much of its signal saturation leaves.
FAT_T1_MS, FAT_T1_1_5T_MS, FAT_T2_MS, FAT_LEFT = 382.0, 343.0, 68.0, 0.1
#: Fat turns slower than water by this share of the scanner's frequency, MHz per tesla.
FAT_SHIFT, MHZ_PER_T = 3.4e-6, 42.577


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


def fat_echo_ms(fat: Fat, field_t: float) -> float:
    """First echo time at which fat is in phase with water, or opposed to it; ms.

    Saturated fat asks for none: the shortest of the two is given.
    """
    turn_ms = 1e-3 / (FAT_SHIFT * MHZ_PER_T * field_t)
    return turn_ms if fat == "in_phase" else turn_ms / 2


def tissue_t1_ms(
    phase: Phase, physiology: Physiology | None = None, field_t: float = 3.0
) -> NDArray[np.float64]:
    """T1 of every :class:`Tissue`'s water in `phase`, in ms; T2 weighting has no agent.

    What contrast agent adds to the relaxation rate is the same in both fields.
    """
    varied = physiology or Physiology()
    before = 1 / _OF["t1_1_5t" if field_t < 2 else "t1"]
    none = 1 / _OF["t1"]
    portal = 1 / _OF["t1_portal_venous"] - none
    added = {
        "pre": 0 * none,
        "late_arterial": 1 / _OF["t1_late_arterial"] - none,
        "portal_venous": portal,
        "delayed": DELAYED_SHARE * portal,
        "hepatobiliary": 1 / _OF["t1_hepatobiliary"] - none,
        "t2": 0 * none,
    }[phase]
    return np.asarray(1 / (before / varied.t1 + added * varied.uptake))


def tissue_signal(protocol: Protocol, physiology: Physiology | None = None) -> NDArray[np.float64]:
    """Signal of every :class:`Tissue`, liver = 1; AIR is 0.

    In opposed phase, what is mostly fat is negative: the scanner sees the magnitude only
    after a voxel has mixed its tissues, which is what draws black lines around organs.
    """
    varied = physiology or Physiology()
    share = _OF["fat"].copy()
    share[Tissue.LIVER] = share[Tissue.PERFUSION] = varied.liver_fat
    share[Tissue.FOCAL_FAT] = varied.liver_fat + 0.2
    density = _OF["density"] * varied.density
    low_field = protocol.field_t < 2
    t1 = tissue_t1_ms(protocol.phase, varied, protocol.field_t)
    fat_t1 = np.asarray(FAT_T1_1_5T_MS if low_field else FAT_T1_MS)
    if protocol.phase == "t2":
        decay = np.exp(-protocol.echo_ms / _OF["t2_1_5t" if low_field else "t2"])
        fat_decay = np.exp(-protocol.echo_ms / FAT_T2_MS)
        water = density * (1 - np.exp(-protocol.repetition_ms / t1)) * decay
        fat = density * (1 - np.exp(-protocol.repetition_ms / fat_t1)) * fat_decay
    else:
        decay = np.exp(-protocol.echo_ms / _OF["t2_star"])
        water = density * _spoiled(t1, protocol) * decay
        fat = density * _spoiled(fat_t1, protocol) * decay
    sign = {"saturated": FAT_LEFT, "in_phase": 1.0, "opposed": -1.0}[protocol.fat]
    signal = (1 - share) * water + sign * share * fat
    return np.asarray(signal / signal[Tissue.LIVER])


def _spoiled(t1_ms: NDArray[np.float64], protocol: Protocol) -> NDArray[np.float64]:
    angle = np.deg2rad(protocol.flip_deg)
    e1 = np.exp(-protocol.repetition_ms / t1_ms)
    return np.asarray(np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1))
