"""A synthetic patient: everything random is drawn first, then made without chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.geometry import Box, Geometry, project
from hepatica.core.volume import Label, LabelMap, Source, Volume
from hepatica.synth import (
    artefacts,
    contrast,
    curve,
    deform,
    filaments,
    lesion_kinds,
    lesions,
    signal,
)
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.fields import covering, smooth_noise
from hepatica.synth.recipe import Recipe
from hepatica.synth.shapes import Shape
from hepatica.synth.tissues import LIVER_TISSUES, Tissue, class_of_tissue

#: Distances over which tissues vary, and by how much at most.
MOTTLE_MM = (30.0, 10.0, 4.0, 2.0)
MOST_MOTTLE = (0.1, 0.1, 0.16, 0.16)
#: How much more than an organ these vary: layers, folds and strands that no anatomy has.
_ROUGH = np.ones(len(Tissue), np.float32)
_ROUGH[[Tissue.FAT, Tissue.MUSCLE, Tissue.BONE, Tissue.BOWEL, Tissue.STOMACH]] = 4.0


@dataclass(frozen=True, eq=False)
class Patient:
    """A drawn patient. `render` makes the perfect image of it, `scan_patient` the MRI.

    `brightness` and `spread` hold, per :class:`Tissue`, the signal (liver = 1; negative
    for fat in opposed phase) and how much of the anatomy's texture shows; `mottle` is how
    much every tissue varies beside that, from coarsely to finely, and `softness_mm` how far
    one goes over into the next. Small `vessels` run through the liver, `strands` through fat. Where
    fat saturation `fails`, in patches, tissues have the signal `unsaturated`.
    `curve` replaces all of these where the anatomy is itself an MRI: new intensities at
    evenly spaced old ones from 0 to 2.5.
    """

    name: str
    anatomy: Anatomy
    deformation: deform.Deformation
    scan: Geometry
    protocol: signal.Protocol | None
    brightness: NDArray[np.float64]
    unsaturated: NDArray[np.float64]
    fails: bool
    spread: NDArray[np.float64]
    mottle: tuple[float, ...]
    softness_mm: float
    vessels: filaments.Filaments
    strands: filaments.Filaments
    curve: NDArray[np.float64]
    lesions: tuple[lesions.Lesion, ...]
    artefacts: artefacts.Artefacts
    seed: int


def draw(rng: np.random.Generator, anatomy: Anatomy, recipe: Recipe, name: str) -> Patient:
    """Draw one patient of `anatomy`."""
    scan = _draw_scan(rng, anatomy, recipe)
    deformation = deform.draw(rng, scan, anatomy.liver_centre_mm)
    protocol, brightness, unsaturated = contrast.draw(rng, recipe)
    mottle = tuple(rng.uniform(0.01, MOST_MOTTLE))
    flaws = artefacts.draw(rng)
    return Patient(
        name=name,
        anatomy=anatomy,
        deformation=deformation,
        scan=scan,
        protocol=protocol,
        brightness=brightness,
        unsaturated=unsaturated,
        fails=protocol is not None and protocol.fat == "saturated" and rng.random() < 0.12,
        spread=rng.uniform(-0.25, 0.25, len(Tissue)),
        mottle=mottle,
        softness_mm=rng.uniform(0.3, 1.4),
        vessels=filaments.draw(rng),
        strands=filaments.draw(rng),
        curve=curve.draw(rng),
        lesions=draw_lesions(
            rng,
            *liver_points(rng, anatomy, deformation, scan),
            recipe,
            brightness,
            anatomy.shapes,
            variation(mottle, flaws.noise),
        ),
        artefacts=flaws,
        seed=int(rng.integers(2**31)),
    )


def variation(mottle: Sequence[float], noise: float) -> float:
    """Deviation of a liver's signal from voxel to voxel, as a share of it.

    Noise between knots has 0.55 of the deviation at them, and two thirds of a scanner's are
    left by its filters.
    """
    return float(np.hypot(0.55 * np.linalg.norm(mottle), noise * 2 / 3))


def draw_lesions(
    rng: np.random.Generator,
    inside: NDArray[np.float64],
    surface: NDArray[np.float64],
    recipe: Recipe,
    brightness: NDArray[np.float64],
    shapes: Sequence[Shape] = (),
    variation: float = 0.0,
) -> tuple[lesions.Lesion, ...]:
    """Lesions about points (n, 3) in a liver and at its surface, in mm; none without points.

    Look-alikes come first, so that no lesion's label is covered by what is not one. The
    lesions can be seen in a liver that varies by `variation`.
    """
    if not len(inside):
        return ()
    if recipe.lesion_count is not None:
        n = recipe.lesion_count
    elif rng.random() < recipe.lesion_free:
        n = 0
    elif recipe.crowded and rng.random() < recipe.crowded:
        n = int(rng.integers(6, 16))
    else:
        n = lesion_kinds.draw_count(rng)
    volumes = lesion_kinds.draw_volumes_ml(rng, n)
    if rng.random() < recipe.even_sizes:
        volumes = np.pi / 6 * np.exp(rng.uniform(np.log(5), np.log(60), n)) ** 3 / 1000
    # A large one first, so that it does not swallow a small one.
    volumes = np.sort(volumes)[::-1]
    others = int(rng.integers(1, 5)) if rng.random() < recipe.look_alikes else 0
    fakes = lesion_kinds.draw_look_alikes(
        rng, _pick(rng, inside, others), _pick(rng, surface, others), brightness
    )
    near = rng.random(n) < recipe.subcapsular
    radii = np.array([lesion_kinds.radius_mm(volume) for volume in volumes])
    under = lesion_kinds.subcapsular(rng, _pick(rng, surface, n), inside, radii)
    centres = np.where(near[:, None], under, _pick(rng, inside, n))
    return fakes + lesion_kinds.draw(rng, centres, volumes, brightness, shapes, variation)


def render(patient: Patient, grid: Geometry) -> tuple[Volume, NDArray[np.uint8], LabelMap]:
    """The perfect image on `grid` (liver about 1), its tissues, and the true labels."""
    anatomy = patient.anatomy
    index = patient.deformation.source_index(grid, anatomy.geometry)
    tissue = np.asarray(deform.gather(anatomy.tissue, index), np.uint8)
    if anatomy.image is not None:
        image = curve.bend(
            patient.curve, np.asarray(deform.gather(anatomy.image, index), np.float32)
        )
    else:
        spread = np.zeros(grid.shape, np.float32)
        rng = np.random.default_rng(patient.seed)
        for distance_mm, gain in zip(MOTTLE_MM, patient.mottle, strict=True):
            if distance_mm < grid.spacing_mm.min():
                break  # the grid does not show it
            spread += np.float32(gain) * smooth_noise(rng, grid, patient.scan, distance_mm)
        spread *= _ROUGH[tissue]
        if anatomy.texture is not None:
            texture = deform.gather(anatomy.texture, index).astype(np.float32)
            spread += texture * (patient.spread / 64).astype(np.float32)[tissue]
        image = patient.brightness.astype(np.float32)[tissue]
        _thread(patient, image, tissue, grid)
        if patient.fails:
            # About a sixth of the field, in patches a hand wide.
            where = np.random.default_rng([patient.seed, 1])
            patch = smooth_noise(where, grid, patient.scan, 120.0)
            share = np.clip(2 * (patch - 0.6), 0, 1)
            image += share * (patient.unsaturated.astype(np.float32)[tissue] - image)
        _soften(image, patient.softness_mm / grid.spacing_mm)
        image *= 1 + spread
    liver = np.isin(tissue, LIVER_TISSUES)
    level = float(np.median(image[liver])) if liver.any() else 1.0
    tumour = lesions.paint(patient.lesions, grid, liver, image, level)
    labels = np.where(tumour, Label.TUMOUR, liver).astype(np.uint8)
    source = Source(patient.name, format="synthetic")
    return Volume(image, grid, source), tissue, LabelMap(labels, grid)


#: Through what tubes run, and of what they are.
_THREADS = {"vessels": (Tissue.LIVER, Tissue.LIVER_VESSEL), "strands": (Tissue.FAT, Tissue.MUSCLE)}


def _thread(
    patient: Patient, image: NDArray[np.float32], tissue: NDArray[np.uint8], grid: Geometry
) -> None:
    """Draw small vessels and strands in place."""
    for name, (around, tube) in _THREADS.items():
        share = filaments.paint(getattr(patient, name), grid, patient.scan)
        if share is not None:
            share *= tissue == around
            level, other = patient.brightness[[around, tube]]
            image += share * np.float32(other - level)


def _soften(image: NDArray[np.float32], deviation: NDArray[np.float64]) -> None:
    """Blur in place by `deviation` voxels along each axis."""
    for axis, sigma in enumerate(deviation):
        # Three taps of weight t have a variance of 2 t, and t is a quarter at most.
        passes = max(1, int(np.ceil(2 * sigma**2)))
        tap = np.float32(sigma**2 / 2 / passes)
        lines = np.moveaxis(image, axis, 0)
        for _ in range(passes):
            ahead = lines[1:] - lines[:-1]
            ahead *= tap
            lines[:-1] += ahead
            lines[1:] -= ahead


def scan_patient(patient: Patient, fine_mm: float = 1.5) -> tuple[Volume, LabelMap]:
    """The MRI that a scanner makes of `patient`, and the true labels on its grid."""
    fine = covering(patient.scan, fine_mm)
    perfect, _, labels = render(patient, fine)
    image = artefacts.acquire(perfect, patient.scan, patient.scan, patient.artefacts)
    # Scanners write whole numbers with a scale of their own.
    return (
        Volume(np.rint(image.voxels * 400), patient.scan, image.source),
        lesions.sampled(labels, patient.scan),
    )


def tissues(patient: Patient, grid: Geometry) -> NDArray[np.uint8]:
    """The :class:`Tissue` of each voxel of `grid`, lesions not among them."""
    anatomy = patient.anatomy
    return np.asarray(patient.deformation.pull(anatomy.tissue, anatomy.geometry, grid), np.uint8)


def liver_box(patient: Patient) -> Box | None:
    """The box of the liver on the scanner's grid, from a coarse look; None without one."""
    coarse = covering(patient.scan, 5)
    anatomy = patient.anatomy
    liver = patient.deformation.pull(anatomy.liver, anatomy.geometry, coarse)
    box = bounding_box(np.asarray(liver, bool))
    return None if box is None else project(box, coarse, patient.scan)


def quick_scan(patient: Patient, spacing_mm: float) -> Geometry:
    """The whole field of view in voxels of at least half of `spacing_mm`.

    A network whose grid has that spacing sees the same on it as on the scanner's own
    grid, which takes three times as long to measure on.
    """
    extent_mm = patient.scan.extent_mm
    spacing = np.maximum(patient.scan.spacing_mm, spacing_mm / 2)
    i, j, k = (int(n) for n in np.maximum(np.rint(extent_mm / spacing), 1))
    centre = patient.scan.to_patient((np.array(patient.scan.shape) - 1) / 2)
    return Geometry.from_spacing((i, j, k), extent_mm / (i, j, k), centre)


def training_sample(
    patient: Patient, scan: Geometry, grid: Geometry, classes: tuple[str, ...]
) -> tuple[Volume, NDArray[np.uint8]]:
    """What the scanner measures on `scan`, and the class of each voxel of `grid`.

    `grid` is the network's grid for `scan`; the image still has to be preprocessed.
    """
    perfect, tissue, labels = render(patient, grid)
    target = class_of_tissue(classes)[tissue]
    target[labels.tumour] = Label.TUMOUR
    return artefacts.acquire(perfect, scan, patient.scan, patient.artefacts), target


def _draw_scan(rng: np.random.Generator, anatomy: Anatomy, recipe: Recipe) -> Geometry:
    wide = rng.uniform(*recipe.field_mm)
    deep = wide if rng.random() < 0.4 else wide * rng.uniform(0.65, 0.85)
    high = rng.uniform(*recipe.height_mm)
    pixel, slice_mm = rng.uniform(*recipe.pixel_mm), rng.uniform(*recipe.slice_mm)
    centre = anatomy.body_centre_mm.copy()
    centre[2] = anatomy.liver_centre_mm[2]
    centre += rng.normal(0, (10, 10, 20))
    if rng.random() < recipe.cut:
        centre[2] += rng.choice((-1, 1)) * (high / 2 - rng.uniform(0, 40))
    spacing = np.array([pixel, pixel, slice_mm])
    shape = np.maximum(np.rint(np.array([wide, deep, high]) / spacing), 16).astype(int)
    return Geometry.from_spacing((int(shape[0]), int(shape[1]), int(shape[2])), spacing, centre)


def liver_points(
    rng: np.random.Generator, anatomy: Anatomy, deformation: deform.Deformation, scan: Geometry
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Up to 200 random points (n, 3) in the patient's liver, and as many at its surface, mm."""
    coarse = covering(scan, 5)
    liver = deformation.pull(anatomy.liver, anatomy.geometry, coarse)
    return points_of(rng, np.asarray(liver, bool), coarse)


def points_of(
    rng: np.random.Generator, liver: NDArray[np.bool_], grid: Geometry
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """200 random points (n, 3) in a liver on `grid`, and as many at its surface, in mm.

    None of either in an empty liver.
    """
    inside = np.argwhere(liver)
    if not len(inside):
        return np.empty((0, 3)), np.empty((0, 3))
    surface = np.argwhere(liver & ~ndimage.binary_erosion(liver))
    points = []
    for voxels in (inside, surface):
        picked = voxels[rng.integers(0, len(voxels), 200)]
        points.append(grid.to_patient(picked + rng.uniform(-0.5, 0.5, picked.shape)))
    return points[0], points[1]


def _pick(rng: np.random.Generator, points: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return points[rng.integers(0, len(points), n)]
