"""Metastases: drawn from the paper's statistics, painted into a liver with exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.geometry import Box, Geometry
from hepatica.core.volume import Volume
from hepatica.synth.tissues import Tissue

#: The paper's cohort: median 1.57 ml, 0.021 to 236 ml, 2.8 lesions a patient on average.
MEDIAN_ML, SIGMA, SMALLEST_ML, LARGEST_ML = 1.57, 1.7, 0.021, 236.0
#: A geometric count from 1, cut at 15, whose mean is 2.8.
COUNT_P, COUNT_MAX = 0.357, 15


Kind = Literal[
    # metastases, labelled
    "rim",
    "homogeneous",
    "target",
    "mixed",
    "bright",
    # look-alikes, not labelled
    "cyst",
    "haemangioma",
    "focal_fat",
    "wedge",
    "duct",
    "ablation",
    "vessel",
]
METASTASES: tuple[Kind, ...] = ("rim", "homogeneous", "target", "mixed", "bright")
#: Share of each kind of metastasis; targets are 15 % of the large ones only.
METASTASIS_SHARES = (0.45, 0.30, 0.15, 0.06, 0.04)
LOOK_ALIKES: tuple[Kind, ...] = (
    "cyst",
    "haemangioma",
    "focal_fat",
    "wedge",
    "duct",
    "ablation",
    "vessel",
)
LOOK_ALIKE_SHARES = (0.25, 0.10, 0.12, 0.10, 0.13, 0.05, 0.25)
#: A target or necrotic metastasis is at least this wide.
TARGET_FROM_MM = 20.0
#: A lesion differs from liver by at least this share, or nobody could see it.
VISIBLE = 0.12


@dataclass(frozen=True, eq=False)
class Lesion:
    """One metastasis, or an unlabelled look-alike, in patient space.

    `lobes` are the ellipsoids that it is the union of. Noise displaces the surface by
    about `roughness` of the radius; `blur_mm` softens the border. `core`, `rim` and
    `necrosis` are signals relative to liver; a rim of 0 mm or a necrosis of share 0 (of
    the radius) is not there. `mottle` is how much the core varies.
    """

    kind: Kind
    lobes: tuple[Lobe, ...]
    roughness: float
    blur_mm: float
    core: float
    rim: float
    rim_mm: float
    necrosis: float
    necrotic_share: float
    mottle: float
    seed: int

    @property
    def labelled(self) -> bool:
        """Whether it is a metastasis."""
        return self.kind in METASTASES

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of its first and largest lobe."""
        return self.lobes[0].centre_mm

    @property
    def radius_mm(self) -> float:
        """Smallest semi-axis of its first lobe."""
        return float(self.lobes[0].radii_mm.min())


@dataclass(frozen=True, eq=False)
class Lobe:
    """An ellipsoid with semi-axes `radii_mm` along the rows of `rotation`."""

    centre_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    rotation: NDArray[np.float64]


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
    return tuple(
        _metastasis(rng, np.asarray(centre, float), _radius_mm(volume), signal)
        for centre, volume in zip(centres_mm, volumes_ml, strict=True)
    )


def _metastasis(
    rng: np.random.Generator,
    centre: NDArray[np.float64],
    radius: float,
    signal: NDArray[np.float64],
) -> Lesion:
    kind = METASTASES[int(rng.choice(len(METASTASES), p=METASTASIS_SHARES))]
    if kind == "target" and 2 * radius < TARGET_FROM_MM:
        kind = "homogeneous"
    core = abs(signal[Tissue.LESION]) * np.exp(rng.normal(0, 0.2))
    if kind == "mixed":
        core = rng.uniform(0.75, 1.1)
    if kind == "bright":
        core = rng.uniform(1.2, 1.9)
    if kind != "mixed" and abs(core - 1) < VISIBLE:
        core = 1 + np.copysign(VISIBLE, core - 1)
    lobes = [_lobe(rng, centre, radius, (0.75, 0.6))]
    if radius > 5 and rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 4))):
            towards = rng.normal(size=3)
            towards *= radius * rng.uniform(0.5, 0.9) / np.linalg.norm(towards)
            lobes.append(_lobe(rng, centre + towards, radius * rng.uniform(0.4, 0.7), (0.75, 0.6)))
        # The union has about the volume that was drawn for the whole.
        lobes = [replace(x, radii_mm=x.radii_mm * 0.92) for x in lobes]
    with_rim = kind in ("rim", "target") and radius > 3
    return Lesion(
        kind=kind,
        lobes=tuple(lobes),
        roughness=rng.uniform(0.1, 0.35),
        blur_mm=rng.uniform(0.5, 1.5),
        core=float(core),
        rim=float(abs(signal[Tissue.LESION_RIM]) * np.exp(rng.normal(0, 0.15))),
        rim_mm=min(rng.uniform(1, 4), 0.4 * radius) if with_rim else 0.0,
        necrosis=float(abs(signal[Tissue.NECROSIS]) * np.exp(rng.normal(0, 0.3))),
        necrotic_share=rng.uniform(0.3, 0.7) if kind == "target" else 0.0,
        mottle=rng.uniform(0.1, 0.3) if kind == "mixed" else rng.uniform(0, 0.08),
        seed=int(rng.integers(2**31)),
    )


_LOOK_ALIKE_TISSUE = {
    "cyst": Tissue.CYST,
    "haemangioma": Tissue.HAEMANGIOMA,
    "focal_fat": Tissue.FOCAL_FAT,
    "wedge": Tissue.PERFUSION,
    "duct": Tissue.DUCT,
    "ablation": Tissue.ABLATION,
    "vessel": Tissue.LIVER_VESSEL,
}


def draw_look_alikes(
    rng: np.random.Generator, centres_mm: NDArray[np.float64], signal: NDArray[np.float64]
) -> tuple[Lesion, ...]:
    """What is not a metastasis but may pass for one, about these centres; not labelled."""
    return tuple(_look_alike(rng, np.asarray(c, float), signal) for c in centres_mm)


def _look_alike(
    rng: np.random.Generator, centre: NDArray[np.float64], signal: NDArray[np.float64]
) -> Lesion:
    kind = LOOK_ALIKES[int(rng.choice(len(LOOK_ALIKES), p=LOOK_ALIKE_SHARES))]
    shape = {
        "cyst": (rng.uniform(2, 15), (0.85, 0.8)),
        "haemangioma": (rng.uniform(4, 18), (0.75, 0.7)),
        "focal_fat": (rng.uniform(6, 20), (0.6, 0.35)),
        "wedge": (rng.uniform(10, 30), (0.6, 0.5)),
        "duct": (rng.uniform(8, 25), (0.15, 0.15)),
        "ablation": (rng.uniform(10, 22), (0.85, 0.8)),
        "vessel": (rng.uniform(8, 25), (0.15, 0.12)),
    }
    long, ratios = shape[kind]
    radii = np.maximum(long * np.array([1.0, *ratios]), 1.2)
    blur = {"focal_fat": 4.0, "wedge": 5.0}.get(kind, 0.6)
    rim = kind == "haemangioma" and rng.random() < 0.5  # enhances from its border inwards
    core = abs(signal[_LOOK_ALIKE_TISSUE[kind]]) * np.exp(rng.normal(0, 0.12))
    return Lesion(
        kind=kind,
        lobes=(Lobe(centre, radii, _rotation(rng)),),
        roughness=0.02 if kind == "cyst" else 0.12,
        blur_mm=blur * rng.uniform(0.8, 1.4),
        core=float(0.6 * core if rim else core),
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
        if box is None or not liver[box].any():
            continue
        part = grid.crop(box)
        distance, noise = _distance(lesion, part)
        depth_mm = (1 - distance) * np.float32(lesion.radius_mm)
        inside = (depth_mm > 0) & liver[box]
        if not inside.any():
            continue
        value = lesion.core * (1 + np.float32(lesion.mottle) * noise)
        if lesion.rim_mm:
            value[depth_mm < lesion.rim_mm] = lesion.rim
        if lesion.necrotic_share:
            deep = lesion.radius_mm * (1 - lesion.necrotic_share)
            value[depth_mm > deep] = lesion.necrosis
        value = ndimage.gaussian_filter(value, 0.5, truncate=2) * np.float32(liver_signal)
        softness = np.float32(0.5 * lesion.blur_mm)
        weight = 1 / (1 + np.exp(np.clip(-depth_mm / softness, -30, 30)))
        weight = np.where(liver[box], weight, 0)
        image[box] += weight * (value - image[box])
        tumour[box] = np.where(inside, lesion.labelled, tumour[box])
    return tumour


def _reach(lesion: Lesion, grid: Geometry) -> Box | None:
    """The voxels that a lesion can touch; None outside the grid."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for lobe in lesion.lobes:
        # Half the box of a turned ellipsoid, in the grid's own axes.
        axes = lobe.rotation.T * lobe.radii_mm
        inverse = np.linalg.inv(grid.affine[:3, :3])
        half = np.linalg.norm(inverse @ axes, axis=1) * (1 + 1.5 * lesion.roughness)
        half += 2.5 * lesion.blur_mm / grid.spacing_mm
        centre = grid.to_index(lobe.centre_mm)
        low, high = np.minimum(low, centre - half), np.maximum(high, centre + half)
    start = np.clip(np.floor(low), 0, grid.shape).astype(int)
    stop = np.clip(np.ceil(high) + 1, 0, grid.shape).astype(int)
    if (stop <= start).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return (i, j, k)


def _distance(lesion: Lesion, part: Geometry) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """0 in the middle and 1 on the displaced surface; and the noise that displaced it."""
    distance = np.full(part.shape, np.inf, np.float32)
    for lobe in lesion.lobes:
        matrix = (lobe.rotation @ part.affine[:3, :3]) / lobe.radii_mm[:, None]
        offset = lobe.rotation @ (part.affine[:3, 3] - lobe.centre_mm) / lobe.radii_mm
        squared = np.zeros(part.shape, np.float32)
        i, j, k = (np.arange(n, dtype=np.float32) for n in part.shape)
        for row, start in zip(matrix.astype(np.float32), offset.astype(np.float32), strict=True):
            along = (row[0] * i + start)[:, None, None] + (row[1] * j)[:, None]
            squared += np.square(along + row[2] * k)
        np.minimum(distance, np.sqrt(squared), out=distance)
    rng = np.random.default_rng(lesion.seed)
    # Two octaves of noise on knots fixed to the lesion, not to the image.
    reach = 2.6 * max(float(lobe.radii_mm.max()) for lobe in lesion.lobes) + 12
    noise = np.zeros(part.shape, np.float32)
    for cells, share in ((3, 0.7), (6, 0.3)):
        knots = Geometry.from_spacing((cells + 1,) * 3, reach / cells, lesion.centre_mm)
        values = rng.standard_normal(knots.shape, np.float32)
        noise += np.float32(share) * resample.onto(Volume(values, knots), part).voxels
    return distance * (1 + np.float32(lesion.roughness) * noise), noise
