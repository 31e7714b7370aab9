"""Lesions: what one is, and how it is painted into a liver with an exact label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import components
from hepatica.core.geometry import Box, Geometry
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.synth.shapes import Shape

Metastasis = Literal["rim", "homogeneous", "target", "mixed", "bright"]
LookAlike = Literal["cyst", "haemangioma", "focal_fat", "wedge", "duct", "ablation", "vessel"]
Kind = Metastasis | LookAlike
#: What is labelled, and what is not.
METASTASES: tuple[Metastasis, ...] = get_args(Metastasis)
LOOK_ALIKES: tuple[LookAlike, ...] = get_args(LookAlike)


@dataclass(frozen=True, eq=False)
class Lesion:
    """One metastasis, or an unlabelled look-alike, in patient space.

    `lobes` are the forms that it is the union of, which together have about `volume_ml`.
    Noise displaces the surface by about `roughness` of the radius; `blur_mm` softens the
    border. `core`, `rim` and `necrosis` are signals relative to liver; a rim of 0 mm or a
    necrosis of share 0 (of the radius) is not there. `mottle` is how much the core varies.
    """

    kind: Kind
    volume_ml: float
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
        """How deep the middle of its first lobe lies under the surface."""
        return self.lobes[0].depth_mm


@dataclass(frozen=True, eq=False)
class Lobe:
    """A ball, or the form of a real tumour, stretched by `radii_mm` along the rows of `rotation`.

    The ball has a radius of 1, the `shape` the same volume: an ellipsoid's semi-axes are
    `radii_mm`.
    """

    centre_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    rotation: NDArray[np.float64]
    shape: Shape | None = None

    @property
    def depth_mm(self) -> float:
        """How deep its middle lies; for an ellipsoid its smallest semi-axis."""
        depth = 1.0 if self.shape is None else self.shape.depth
        return float(self.radii_mm.min()) * depth

    @property
    def axes_mm(self) -> NDArray[np.float64]:
        """Semi-axes of an ellipsoid that holds it, as columns (3, 3)."""
        reach = 1.0 if self.shape is None else self.shape.reach
        return np.asarray(self.rotation.T * self.radii_mm) * reach

    def distance(self, part: Geometry) -> NDArray[np.float32]:
        """0 in its middle and 1 on its surface, on the grid `part`."""
        if self.shape is not None:
            return self.shape.onto(part, self.centre_mm, self.radii_mm, self.rotation)
        matrix = (self.rotation @ part.affine[:3, :3]) / self.radii_mm[:, None]
        offset = self.rotation @ (part.affine[:3, 3] - self.centre_mm) / self.radii_mm
        squared = np.zeros(part.shape, np.float32)
        i, j, k = (np.arange(n, dtype=np.float32) for n in part.shape)
        for row, start in zip(matrix.astype(np.float32), offset.astype(np.float32), strict=True):
            along = (row[0] * i + start)[:, None, None] + (row[1] * j)[:, None]
            squared += np.square(along + row[2] * k)
        return np.sqrt(squared)


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


def sampled(fine: LabelMap, grid: Geometry) -> LabelMap:
    """Labels on a coarser `grid`, where no lesion is lost between its voxels.

    A voxel takes the label at its middle. A lesion that no voxel's middle hits gets the
    liver's voxel that holds most of it; only what lies outside the liver there, or outside
    the grid, is not to be seen.
    """
    labels = resample.onto(fine, grid).labels.copy()
    flat = labels.reshape(-1)
    numbered, _ = components(fine.tumour)
    voxels = np.argwhere(numbered)
    index = np.rint(grid.to_index(fine.geometry.to_patient(voxels))).astype(int)
    inside = ((index >= 0) & (index < grid.shape)).all(axis=1)
    place = np.ravel_multi_index(tuple(index[inside].T), grid.shape)
    which = numbered[tuple(voxels[inside].T)]
    there = set(np.unique(which[flat[place] == Label.TUMOUR]).tolist())
    for number in sorted(set(np.unique(which).tolist()) - there):
        held, counts = np.unique(place[which == number], return_counts=True)
        liver = flat[held] == Label.PARENCHYMA
        if liver.any():
            flat[held[liver][np.argmax(counts[liver])]] = Label.TUMOUR
    return LabelMap(labels, grid)


def _reach(lesion: Lesion, grid: Geometry) -> Box | None:
    """The voxels that a lesion can touch; None outside the grid."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for lobe in lesion.lobes:
        # Half the box of a turned ellipsoid, in the grid's own axes.
        inverse = np.linalg.inv(grid.affine[:3, :3])
        half = np.linalg.norm(inverse @ lobe.axes_mm, axis=1) * (1 + 1.5 * lesion.roughness)
        half += 2.5 * lesion.blur_mm / grid.spacing_mm
        centre = grid.to_index(lobe.centre_mm)
        low, high = np.minimum(low, centre - half), np.maximum(high, centre + half)
    # As far as there is noise, half a knot beyond the cube, it may push the surface.
    noisy = _noisy_mm(lesion) * (1 / 2 + 1 / 6) / grid.spacing_mm
    centre = grid.to_index(lesion.centre_mm)
    low, high = np.minimum(low, centre - noisy), np.maximum(high, centre + noisy)
    start = np.clip(np.floor(low), 0, grid.shape).astype(int)
    stop = np.clip(np.ceil(high) + 1, 0, grid.shape).astype(int)
    if (stop <= start).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return (i, j, k)


def _noisy_mm(lesion: Lesion) -> float:
    """Side of the cube about a lesion in which noise displaces its surface."""
    return 2.6 * max(float(lobe.radii_mm.max()) for lobe in lesion.lobes) + 12


def _distance(lesion: Lesion, part: Geometry) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """0 in the middle and 1 on the displaced surface; and the noise that displaced it."""
    distance = np.full(part.shape, np.inf, np.float32)
    for lobe in lesion.lobes:
        np.minimum(distance, lobe.distance(part), out=distance)
    rng = np.random.default_rng(lesion.seed)
    # Two octaves of noise on knots fixed to the lesion, not to the image.
    reach = _noisy_mm(lesion)
    noise = np.zeros(part.shape, np.float32)
    for cells, share in ((3, 0.7), (6, 0.3)):
        knots = Geometry.from_spacing((cells + 1,) * 3, reach / cells, lesion.centre_mm)
        values = rng.standard_normal(knots.shape, np.float32)
        noise += np.float32(share) * resample.onto(Volume(values, knots), part).voxels
    return distance * (1 + np.float32(lesion.roughness) * noise), noise
