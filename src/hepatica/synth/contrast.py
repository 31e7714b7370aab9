"""How bright the tissues of one patient are: a protocol and a physiology, or anything at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepatica.synth import signal
from hepatica.synth.recipe import Recipe
from hepatica.synth.tissues import Tissue


def draw(
    rng: np.random.Generator, recipe: Recipe
) -> tuple[signal.Protocol | None, NDArray[np.float64], NDArray[np.float64]]:
    """Protocol (None for arbitrary contrast) and signal of each tissue relative to liver,
    with fat as the protocol has it and without saturation.
    """
    if rng.random() < recipe.random_contrast:
        table = _random_contrast(rng)
        return None, table, table
    protocol = _draw_protocol(rng, recipe)
    n = len(Tissue)
    fatty = rng.random() < 0.3
    liver_fat = rng.uniform(0.05, 0.25) if fatty else rng.uniform(0, 0.05)
    if protocol.fat == "opposed":
        # More, and the liver is black: no sequence to look for lesions with.
        liver_fat = min(liver_fat, FATTIEST_OPPOSED)
    uptake = _together(np.exp(rng.normal(0, 0.35, n)))
    if protocol.phase == "late_arterial":
        # Contrast agent comes to the portal vein, and has not come through the liver yet.
        uptake[[Tissue.PORTAL_VEIN, Tissue.LIVER_VESSEL]] *= rng.uniform(0.2, 1)
        uptake[[Tissue.VEIN, Tissue.HEPATIC_VEIN]] *= rng.uniform(0, 0.15)
    physiology = signal.Physiology(
        t1=_together(np.exp(rng.normal(0, 0.15, n))),
        density=_together(np.exp(rng.normal(0, 0.08, n))),
        uptake=uptake,
        liver_fat=liver_fat,
    )
    factor = np.ones(n)
    if rng.random() < recipe.perturbed:
        factor = _together(np.exp(rng.normal(0, 0.2, n)))
    if protocol.phase == "t2":
        # Blood that flows is dark in a spin echo, and the faster the darker.
        factor[[Tissue.ARTERY, Tissue.VEIN]] *= rng.uniform(0.03, 0.4)
        factor[[Tissue.PORTAL_VEIN, Tissue.LIVER_VESSEL, Tissue.HEPATIC_VEIN]] *= rng.uniform(
            0.1, 1
        )
    table = signal.tissue_signal(protocol, physiology) * factor
    plain = signal.tissue_signal(replace(protocol, fat="in_phase"), physiology) * factor
    table, plain = table / table[Tissue.LIVER], plain / plain[Tissue.LIVER]
    if protocol.phase not in ("pre", "t2"):
        # With contrast agent, a liver metastasis of the colon is the darker of the two.
        for drawn in (table, plain):
            excess = max(1.0, drawn[Tissue.LESION] / BRIGHTEST)
            drawn[Tissue.LESION] /= excess**2
    return protocol, table, plain


#: With contrast agent, a metastasis's tissue is at most so bright; a single one varies about it.
BRIGHTEST = 0.9
#: Most fat in a liver that is shown in opposed phase.
FATTIEST_OPPOSED = 0.15

#: Tissues of one make, which differ from the table by the same factor.
_KIN = (
    (
        Tissue.VEIN,
        Tissue.PORTAL_VEIN,
        Tissue.LIVER_VESSEL,
        Tissue.HEPATIC_VEIN,
        Tissue.ARTERY,
        Tissue.HEART,
    ),
    (Tissue.KIDNEY, Tissue.RENAL_MEDULLA),
    (Tissue.STOMACH, Tissue.BOWEL),
    (Tissue.LIVER, Tissue.PERFUSION, Tissue.FOCAL_FAT),
    (Tissue.GALLBLADDER, Tissue.DUCT),
)


def _together(factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors per :class:`Tissue`, the same ones for tissues of one make."""
    result = factors.copy()
    for kin in _KIN:
        result[list(kin)] = factors[kin[0]]
    return result


def _draw_protocol(rng: np.random.Generator, recipe: Recipe) -> signal.Protocol:
    phase = signal.PHASES[int(rng.choice(len(signal.PHASES), p=recipe.phases))]
    fat: signal.Fat = "saturated"
    if rng.random() < (0.6 if phase == "pre" else 0.2):
        fat = "opposed" if phase == "pre" and rng.random() < 0.5 else "in_phase"
    flip = {"hepatobiliary": (10, 30), "pre": (9, 70)}.get(phase, (9, 15))
    repetition_ms = _draw_repetition(rng, phase)
    flip_deg = rng.uniform(*flip)
    field_t = float(rng.choice((1.5, 3.0)))
    if phase == "t2":
        echo_ms = rng.uniform(50, 95)
    elif fat == "saturated":
        echo_ms = rng.uniform(1, 2.4)
    else:
        # As near to the moment as technicians set it.
        echo_ms = signal.fat_echo_ms(fat, field_t) * rng.uniform(0.96, 1.04)
    return signal.Protocol(phase, fat, repetition_ms, echo_ms, flip_deg, field_t)


def _draw_repetition(rng: np.random.Generator, phase: signal.Phase) -> float:
    if phase == "t2":
        return rng.uniform(1500, 4000)
    # Older dual-echo sequences before contrast are slow ones with a large angle.
    slow = phase == "pre" and rng.random() >= 0.6
    return rng.uniform(100, 200) if slow else rng.uniform(3, 5)


def _random_contrast(rng: np.random.Generator) -> NDArray[np.float64]:
    """Arbitrary brightness of every tissue, as SynthSeg draws it; liver = 1, lesions visible."""
    table = rng.uniform(0.1, 2.2, len(Tissue))
    table[Tissue.AIR] = 0
    table[Tissue.LUNG] = rng.uniform(0, 0.3)
    dark = rng.random() < 0.8
    table[Tissue.LESION] = rng.uniform(0.25, 0.85) if dark else rng.uniform(1.15, 1.9)
    table[Tissue.LESION_RIM] = rng.uniform(0.8, 1.5)
    table[Tissue.LIVER] = 1
    return table
