"""Which lesions a patient has: counts and sizes of the paper's cohort, kinds and looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepatica.synth.lesions import (
    LOOK_ALIKES,
    METASTASES,
    Kind,
    Lesion,
    Lobe,
    Metastasis,
)
from hepatica.synth.shapes import Shape
from hepatica.synth.tissues import Tissue

#: The paper's cohort: median 1.57 ml, 0.021 to 236 ml, 2.8 lesions a patient on average.
MEDIAN_ML, SIGMA, SMALLEST_ML, LARGEST_ML = 1.57, 1.7, 0.021, 236.0
#: A geometric count from 1, cut at 15, whose mean is 2.8.
COUNT_P, COUNT_MAX = 0.357, 15


#: Share of each kind of metastasis; those too small for a rim or a target are homogeneous.
METASTASIS_SHARES = (0.45, 0.30, 0.15, 0.06, 0.04)
#: Share of metastases that have the form of a real tumour, where such forms are at hand.
SHAPED = 0.3
#: Least diameter of a metastasis with a rim, and of a target or necrotic one.
RIM_FROM_MM, TARGET_FROM_MM = 6.0, 20.0
#: A lesion differs from liver by at least this share, or nobody could see it.
VISIBLE = 0.12
#: Rose's criterion: contrast to noise of a disc, times the root of the grains that it covers.
ROSE, GRAIN_MM = 4.0, 5.0
#: No metastasis needs more contrast than this, however small and however bad the image.
MOST_CONTRAST = 0.6
#: How deep under the liver's surface the middle of a subcapsular lesion lies, in its radii.
SUBCAPSULAR_DEPTH = (0.3, 1.0)
#: Points of the liver within this distance of its surface tell which way is in.
NEAR_MM = 30.0


def draw_volumes_ml(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """`n` lesion volumes as in the paper's cohort."""
    volumes = np.empty(0)
    while volumes.size < n:
        more = MEDIAN_ML * np.exp(rng.normal(0, SIGMA, 2 * n + 8))
        volumes = np.concatenate([volumes, more[(more >= SMALLEST_ML) & (more <= LARGEST_ML)]])
    return volumes[:n]


def draw_count(rng: np.random.Generator) -> int:
    """Lesions of one patient as in the paper's cohort; at least one."""
    return int(min(rng.geometric(COUNT_P), COUNT_MAX))


def draw(
    rng: np.random.Generator,
    centres_mm: NDArray[np.float64],
    volumes_ml: Sequence[float] | NDArray[np.float64],
    signal: NDArray[np.float64],
    shapes: Sequence[Shape] = (),
    variation: float = 0.0,
) -> tuple[Lesion, ...]:
    """Metastases of these volumes about these centres (n, 3), everything else random.

    `signal` gives the brightness of each :class:`Tissue` relative to liver, `variation` the
    deviation of the liver's own; some lesions have the form of one of `shapes`, if there
    are any.
    """
    drawn = []
    for centre, volume in zip(centres_mm, volumes_ml, strict=True):
        radius = radius_mm(float(volume))
        kind = METASTASES[int(rng.choice(len(METASTASES), p=METASTASIS_SHARES))]
        if 2 * radius < {"rim": RIM_FROM_MM, "target": TARGET_FROM_MM}.get(kind, 0.0):
            kind = "homogeneous"
        place = np.asarray(centre, float)
        drawn.append(metastasis(rng, kind, place, radius, signal, shapes, variation))
    return tuple(drawn)


def metastasis(
    rng: np.random.Generator,
    kind: Metastasis,
    centre: NDArray[np.float64],
    radius: float,
    signal: NDArray[np.float64],
    shapes: Sequence[Shape] = (),
    variation: float = 0.0,
) -> Lesion:
    """One metastasis of a kind, with about the volume of a ball of `radius` mm.

    Where `shapes` is not empty, three in ten have the form of one of them. It can be seen in
    a liver of that `variation`: a truth is what a reader could draw.
    """
    tissue = abs(signal[Tissue.LESION])
    core, darker = tissue * np.exp(rng.normal(0, 0.2)), tissue < 1
    if kind == "mixed":
        # Between lesion and liver, whatever the phase makes of the two.
        core = np.sqrt(tissue) * np.exp(rng.normal(0, 0.12))
    if kind == "bright":
        core, darker = rng.uniform(1.2, 1.9), False
    core = _visible(core, darker, least_contrast(2 * radius, variation))
    whole = _lobe(rng, centre, radius, (0.75, 0.6))
    lobes = [whole]
    if radius > 5 and rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 4))):
            towards = rng.normal(size=3)
            towards *= radius * rng.uniform(0.5, 0.9) / np.linalg.norm(towards)
            lobes.append(_lobe(rng, centre + towards, radius * rng.uniform(0.4, 0.7), (0.75, 0.6)))
        # The union has about the volume that was drawn for the whole.
        lobes = [replace(x, radii_mm=x.radii_mm * 0.92) for x in lobes]
    with_rim = kind in ("rim", "target")
    # Without a pool nothing is drawn here: such patients stay what they were.
    shaped = bool(shapes) and rng.random() < SHAPED
    if shaped:
        shape = shapes[int(rng.integers(len(shapes)))]
        lobes = [Lobe(centre, np.full(3, radius), whole.rotation, shape)]
    return Lesion(
        kind=kind,
        volume_ml=ball_ml(np.full(3, radius)),
        lobes=tuple(lobes),
        # A real form is rough already.
        roughness=rng.uniform(0.1, 0.35) * (0.3 if shaped else 1),
        blur_mm=rng.uniform(0.5, 1.5),
        core=float(core),
        # A rim that nobody sees is none.
        rim=float(max(abs(signal[Tissue.LESION_RIM]) * np.exp(rng.normal(0, 0.15)), 1.2 * core)),
        rim_mm=min(rng.uniform(1, 4), 0.4 * radius) if with_rim else 0.0,
        necrosis=_apart(abs(signal[Tissue.NECROSIS]) * np.exp(rng.normal(0, 0.3)), core),
        necrotic_share=rng.uniform(0.3, 0.7) if kind == "target" else 0.0,
        mottle=rng.uniform(0.1, 0.3) if kind == "mixed" else rng.uniform(0, 0.08),
        seed=int(rng.integers(2**31)),
    )


def _apart(necrosis: float, core: float) -> float:
    """`necrosis`, darker or brighter than `core` by a quarter at least."""
    if necrosis <= core:
        return float(min(necrosis, core / 1.25))
    return float(max(necrosis, core * 1.25) if necrosis > 1 else core / 1.25)


def least_contrast(diameter_mm: float, variation: float) -> float:
    """By which share a lesion must differ from a liver that varies by `variation` to be seen.

    Rose (1948): what a reader can tell grows with the root of the area. A liver's texture has
    a grain of about `GRAIN_MM`.
    """
    return float(np.clip(ROSE * variation * GRAIN_MM / diameter_mm, VISIBLE, MOST_CONTRAST))


def _visible(brightness: float, darker: bool, least: float) -> float:
    """`brightness`, or `least` on that side of the liver's, so that it can be told from it."""
    return float(min(brightness, 1 - least) if darker else max(brightness, 1 + least))


def subcapsular(
    rng: np.random.Generator,
    surface_mm: NDArray[np.float64],
    inside_mm: NDArray[np.float64],
    radius_mm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Centres (n, 3) under points of a liver's surface, for lesions of these radii (n,).

    `inside_mm` (m, 3) are points all over the liver: those within `NEAR_MM` tell which way is in.
    """
    away = inside_mm[None] - surface_mm[:, None]
    near = np.linalg.norm(away, axis=2) < NEAR_MM
    inward = np.where(near[..., None], away, 0).sum(axis=1)
    length = np.linalg.norm(inward, axis=1, keepdims=True)
    inward = np.divide(inward, length, out=np.zeros_like(inward), where=length > 0)
    depth = radius_mm * rng.uniform(*SUBCAPSULAR_DEPTH, len(surface_mm))
    return np.asarray(surface_mm + inward * depth[:, None])


@dataclass(frozen=True)
class _Form:
    """What a look-alike is made of, how frequent it is, and its form.

    Its longest semi-axis is between `long_mm`, the others are `ratios` of it; `blur_mm`
    softens the border.
    """

    tissue: Tissue
    share: float
    long_mm: tuple[float, float]
    ratios: tuple[float, float]
    blur_mm: float = 0.6
    roughness: float = 0.12
    at_surface: bool = False


_FORMS: dict[Kind, _Form] = {
    "cyst": _Form(Tissue.CYST, 0.25, (2, 15), (0.85, 0.8), roughness=0.02),
    "haemangioma": _Form(Tissue.HAEMANGIOMA, 0.10, (4, 18), (0.75, 0.7)),
    "focal_fat": _Form(Tissue.FOCAL_FAT, 0.12, (6, 20), (0.6, 0.35), blur_mm=4.0),
    # What a branch of the portal vein supplies is widest at the capsule.
    "wedge": _Form(Tissue.PERFUSION, 0.10, (10, 30), (0.6, 0.5), blur_mm=5.0, at_surface=True),
    "duct": _Form(Tissue.DUCT, 0.13, (8, 25), (0.15, 0.15)),
    "ablation": _Form(Tissue.ABLATION, 0.05, (10, 22), (0.85, 0.8)),
    "vessel": _Form(Tissue.LIVER_VESSEL, 0.25, (8, 25), (0.15, 0.12)),
}
LOOK_ALIKE_SHARES = tuple(_FORMS[kind].share for kind in LOOK_ALIKES)


def draw_look_alikes(
    rng: np.random.Generator,
    inside_mm: NDArray[np.float64],
    surface_mm: NDArray[np.float64],
    signal: NDArray[np.float64],
) -> tuple[Lesion, ...]:
    """What is not a metastasis but may pass for one; not labelled.

    One for each point (n, 3) in the liver; a kind that belongs to the capsule takes that at
    the liver's surface instead.
    """
    numbers = rng.choice(len(LOOK_ALIKES), size=len(inside_mm), p=LOOK_ALIKE_SHARES)
    made = []
    for number, inside, surface in zip(numbers, inside_mm, surface_mm, strict=True):
        kind = LOOK_ALIKES[int(number)]
        centre = surface if _FORMS[kind].at_surface else inside
        made.append(look_alike(rng, kind, np.asarray(centre, float), signal))
    return tuple(made)


def look_alike(
    rng: np.random.Generator,
    kind: Kind,
    centre: NDArray[np.float64],
    signal: NDArray[np.float64],
) -> Lesion:
    """One thing of a kind that is not a metastasis: one of `LOOK_ALIKES`."""
    form = _FORMS[kind]
    radii = np.maximum(rng.uniform(*form.long_mm) * np.array([1.0, *form.ratios]), 1.2)
    rim = kind == "haemangioma" and rng.random() < 0.25  # enhances from its border inwards
    core = abs(signal[form.tissue]) * np.exp(rng.normal(0, 0.12))
    return Lesion(
        kind=kind,
        volume_ml=ball_ml(radii),
        lobes=(Lobe(centre, radii, _rotation(rng)),),
        roughness=form.roughness,
        blur_mm=form.blur_mm * rng.uniform(0.8, 1.4),
        core=float(0.8 * core if rim else core),
        rim=float(core),
        rim_mm=0.35 * float(radii.min()) if rim else 0.0,
        necrosis=1.0,
        necrotic_share=0.0,
        mottle=0.03,
        seed=int(rng.integers(2**31)),
    )


def _lobe(
    rng: np.random.Generator,
    centre: NDArray[np.float64],
    radius: float,
    flattest: tuple[float, float],
) -> Lobe:
    """An ellipsoid of the volume of a ball of that radius."""
    ratios = np.array([1.0, rng.uniform(flattest[0], 1), rng.uniform(flattest[1], 1)])
    return Lobe(centre, radius * ratios / np.cbrt(ratios.prod()), _rotation(rng))


def radius_mm(volume_ml: float) -> float:
    """Radius of the ball of that volume (the paper's equation 7)."""
    return float(np.cbrt(volume_ml * 1000 * 3 / (4 * np.pi)))


def ball_ml(radii_mm: NDArray[np.float64]) -> float:
    """Volume of the ellipsoid of these semi-axes (3,)."""
    return float(4 / 3 * np.pi * radii_mm.prod() / 1000)


def _rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """Uniform over all rotations and reflections (Mezzadri 2007)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.diag(r)))
