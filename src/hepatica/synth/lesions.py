"""Metastases: drawn from the paper's statistics, painted into a liver with exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth.tissues import Tissue

#: The paper's cohort: median 1.57 ml, 0.021 to 236 ml, 2.8 lesions a patient on average.
MEDIAN_ML, SIGMA, SMALLEST_ML, LARGEST_ML = 1.57, 1.7, 0.021, 236.0
#: A geometric count from 1, cut at 15, whose mean is 2.8.
COUNT_P, COUNT_MAX = 0.357, 15


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion, or an unlabelled look-alike, in patient space.

    `radii_mm` are the semi-axes along the rows of `rotation`; noise displaces the
    surface by about `roughness` of the radius; `blur_mm` softens the border. `core`,
    `rim` and `necrosis` are signals relative to liver; a rim of 0 mm or a necrosis
    of share 0 (of the radius) is not there.
    """

    centre_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    rotation: NDArray[np.float64]
    roughness: float
    blur_mm: float
    core: float
    rim: float
    rim_mm: float
    necrosis: float
    necrotic_share: float
    labelled: bool
    seed: int


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
) -> tuple[Lesion, ...]:
    """Metastases of these volumes about these centres (n, 3), everything else random.

    `signal` gives the brightness of each :class:`Tissue` relative to liver.
    """
    lesions = []
    for centre, volume in zip(centres_mm, volumes_ml, strict=True):
        radius = _radius_mm(volume)
        core = signal[Tissue.LESION] * np.exp(rng.normal(0, 0.2))
        if abs(core - 1) < 0.12:  # what cannot be seen is not a target
            core = 1 + np.copysign(0.12, core - 1)
        rim = signal[Tissue.LESION_RIM] * np.exp(rng.normal(0, 0.15))
        necrosis = signal[Tissue.NECROSIS] * np.exp(rng.normal(0, 0.3))
        ratios = np.array([1.0, rng.uniform(0.75, 1), rng.uniform(0.6, 1)])
        with_rim = radius > 4 and rng.random() < 0.45
        with_necrosis = radius > 8 and rng.random() < 0.4
        lesions.append(
            Lesion(
                centre_mm=np.asarray(centre, float),
                radii_mm=radius * ratios / np.cbrt(ratios.prod()),
                rotation=_rotation(rng),
                roughness=rng.uniform(0.1, 0.35),
                blur_mm=rng.uniform(0.5, 1.5),
                core=float(core),
                rim=float(rim),
                rim_mm=rng.uniform(1, 0.4 * radius) if with_rim else 0.0,
                necrosis=float(necrosis),
                necrotic_share=rng.uniform(0.3, 0.7) if with_necrosis else 0.0,
                labelled=True,
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(lesions)


def draw_look_alikes(
    rng: np.random.Generator, centres_mm: NDArray[np.float64], signal: NDArray[np.float64]
) -> tuple[Lesion, ...]:
    """Unlabelled things about these centres: cysts, and tubes such as vessels and ducts."""
    found = []
    for centre in centres_mm:
        tube = rng.random() < 0.7
        if tube:
            thin = rng.uniform(1.5, 4)
            radii = np.array([rng.uniform(5, 9) * thin, thin, thin])
            core = signal[Tissue.LIVER_VESSEL] * np.exp(rng.normal(0, 0.15))
        else:
            radii = rng.uniform(2, 8) * np.ones(3)
            core = signal[Tissue.CYST]
        found.append(
            Lesion(
                centre_mm=np.asarray(centre, float),
                radii_mm=radii,
                rotation=_rotation(rng),
                roughness=0.1 if tube else 0.02,
                blur_mm=0.5,
                core=float(core),
                rim=1.0,
                rim_mm=0.0,
                necrosis=1.0,
                necrotic_share=0.0,
                labelled=False,
                seed=int(rng.integers(2**31)),
            )
        )
    return tuple(found)


def _radius_mm(volume_ml: float) -> float:
    """Radius of the ball of that volume (the paper's equation 7)."""
    return float(np.cbrt(volume_ml * 1000 * 3 / (4 * np.pi)))


def _rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(q)


def paint(
    lesions: Sequence[Lesion],
    grid: Geometry,
    liver: NDArray[np.bool_],
    image: NDArray[np.float32],
    liver_signal: float = 1.0,
) -> NDArray[np.bool_]:
    """Paint `lesions` into `image` in place; return where the labelled ones are.

    A lesion exists only inside `liver`: label and signal end at its surface. Later
    lesions cover earlier ones, a look-alike too.
    """
    tumour = np.zeros(grid.shape, bool)
    for lesion in lesions:
        box = _reach(lesion, grid)
        if box is None:
            continue
        part = grid.crop(box)
        radius_mm = float(lesion.radii_mm.min())
        depth_mm = (1 - _distance(lesion, part)) * radius_mm
        inside = (depth_mm > 0) & liver[box]
        if not inside.any():
            continue
        value = np.full(part.shape, lesion.core, np.float32)
        if lesion.rim_mm:
            value[depth_mm < lesion.rim_mm] = lesion.rim
        if lesion.necrotic_share:
            value[depth_mm > radius_mm * (1 - lesion.necrotic_share)] = lesion.necrosis
        value = ndimage.gaussian_filter(value, 0.5) * np.float32(liver_signal)
        weight = 1 / (1 + np.exp(np.clip(-depth_mm / (0.5 * lesion.blur_mm), -30, 30)))
        weight = np.where(liver[box], weight, 0).astype(np.float32)
        image[box] += weight * (value - image[box])
        tumour[box] = np.where(inside, lesion.labelled, tumour[box])
    return tumour


def _reach(lesion: Lesion, grid: Geometry) -> tuple[slice, slice, slice] | None:
    """The voxels that a lesion can touch; None outside the grid."""
    half = lesion.radii_mm.max() * (1 + lesion.roughness) + 3 * lesion.blur_mm
    centre = grid.to_index(lesion.centre_mm)
    steps = half / grid.spacing_mm
    low = np.clip(np.floor(centre - steps), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(centre + steps) + 1, 0, grid.shape).astype(int)
    if (high - low < 1).any():
        return None
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))


def _distance(lesion: Lesion, part: Geometry) -> NDArray[np.float64]:
    """0 in the middle, 1 on the displaced surface of the ellipsoid."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in part.shape], indexing="ij"), axis=-1)
    offset = (part.to_patient(index) - lesion.centre_mm) @ lesion.rotation.T / lesion.radii_mm
    distance = np.linalg.norm(offset, axis=-1)
    rng = np.random.default_rng(lesion.seed)
    # Two octaves of noise on grids fixed to the lesion, not to the image.
    for cells, share in ((3, 0.7), (6, 0.3)):
        reach = 2.6 * lesion.radii_mm.max() + 12
        control = Geometry.from_spacing((cells + 1,) * 3, reach / cells, lesion.centre_mm)
        bumps = Volume(rng.normal(0, 1, control.shape).astype(np.float32), control)
        distance = distance * (1 + lesion.roughness * share * resample.onto(bumps, part).voxels)
    return np.asarray(distance)
