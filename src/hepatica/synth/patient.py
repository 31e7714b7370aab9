"""A synthetic patient: everything random is drawn first, then made without chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.components import bounding_box
from hepatica.core.geometry import Box, Geometry, project
from hepatica.core.volume import Label, LabelMap, Source, Volume
from hepatica.synth import artefacts, deform, lesions, signal
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.fields import covering, smooth_noise
from hepatica.synth.tissues import LIVER_TISSUES, Tissue, class_of_tissue


@dataclass(frozen=True)
class Recipe:
    """How patients are drawn; shares are probabilities.

    Parameters
    ----------
    slice_mm, pixel_mm
        Range of the scanner's slice distance and of its pixels.
    field_mm, height_mm
        Range of the field of view in plane and along the body.
    random_contrast
        Share of patients whose tissues have arbitrary brightness instead of physics.
    lesion_free
        Share of livers without metastases.
    extra_small
        Share of patients whose lesion diameters are drawn log-uniform from 5 to 60 mm
        instead of from the paper's volumes.
    """

    slice_mm: tuple[float, float] = (2.5, 7.0)
    pixel_mm: tuple[float, float] = (1.2, 2.0)
    field_mm: tuple[float, float] = (320.0, 460.0)
    height_mm: tuple[float, float] = (180.0, 290.0)
    random_contrast: float = 0.0
    lesion_free: float = 0.0
    extra_small: float = 0.0


#: As a cohort would be: the paper's lesions, physics alone.
COHORT = Recipe()
#: As a network learns best: beyond what it will meet.
TRAINING = Recipe(slice_mm=(2.0, 9.0), random_contrast=0.3, lesion_free=0.15, extra_small=0.5)


@dataclass(frozen=True, eq=False)
class Patient:
    """A drawn patient. `render` makes the perfect image of it, `scan_patient` the MRI.

    `brightness` and `spread` hold, per :class:`Tissue`, the signal (liver = 1) and how
    much of the anatomy's texture shows; `curve` is what replaces both where the
    anatomy is itself an MRI: new intensities at evenly spaced old ones from 0 to 2.5.
    """

    name: str
    anatomy: Anatomy
    deformation: deform.Deformation
    scan: Geometry
    phase: str
    brightness: NDArray[np.float64]
    spread: NDArray[np.float64]
    curve: NDArray[np.float64]
    lesions: tuple[lesions.Lesion, ...]
    artefacts: artefacts.Artefacts
    seed: int


def draw(rng: np.random.Generator, anatomy: Anatomy, recipe: Recipe, name: str) -> Patient:
    """Draw one patient of `anatomy`."""
    scan = _draw_scan(rng, anatomy, recipe)
    deformation = deform.draw(rng, scan, anatomy.liver_centre_mm)
    phase, brightness = _draw_brightness(rng, recipe)
    where = _liver_points(rng, anatomy, deformation, scan)
    drawn: tuple[lesions.Lesion, ...] = ()
    if len(where):
        n = 0 if rng.random() < recipe.lesion_free else lesions.draw_count(rng)
        volumes = lesions.draw_volumes_ml(rng, n)
        if rng.random() < recipe.extra_small:
            volumes = np.pi / 6 * np.exp(rng.uniform(np.log(5), np.log(60), n)) ** 3 / 1000
        # A large one first, so that it does not swallow a small one.
        volumes = np.sort(volumes)[::-1]
        others = int(rng.integers(0, 4)) if rng.random() < 0.6 else 0
        fakes = lesions.draw_look_alikes(rng, _pick(rng, where, others), brightness)
        drawn = fakes + lesions.draw(rng, _pick(rng, where, n), volumes, brightness)
    return Patient(
        name=name,
        anatomy=anatomy,
        deformation=deformation,
        scan=scan,
        phase=phase,
        brightness=brightness,
        spread=rng.uniform(-0.25, 0.25, len(Tissue)),
        curve=_draw_curve(rng),
        lesions=drawn,
        artefacts=artefacts.draw(rng),
        seed=int(rng.integers(2**31)),
    )


def render(patient: Patient, grid: Geometry) -> tuple[Volume, NDArray[np.uint8], LabelMap]:
    """The perfect image on `grid` (liver about 1), its tissues, and the true labels."""
    anatomy = patient.anatomy
    index = patient.deformation.source_index(grid, anatomy.geometry)
    tissue = np.asarray(deform.gather(anatomy.tissue, index), np.uint8)
    if anatomy.image is not None:
        image = _apply_curve(patient.curve, deform.gather(anatomy.image, index).astype(np.float32))
    else:
        spread = np.zeros(grid.shape, np.float32)
        if anatomy.texture is not None:
            texture = deform.gather(anatomy.texture, index).astype(np.float32)
            spread += texture * (patient.spread / 64).astype(np.float32)[tissue]
        rng = np.random.default_rng(patient.seed)
        for distance_mm, gain in ((7.0, 0.05), (25.0, 0.06)):
            noise = smooth_noise(rng, grid, patient.scan, distance_mm)
            spread += np.float32(gain) * noise
        image = patient.brightness.astype(np.float32)[tissue] * (1 + spread)
    liver = np.isin(tissue, LIVER_TISSUES)
    level = float(np.median(image[liver])) if liver.any() else 1.0
    tumour = lesions.paint(patient.lesions, grid, liver, image, level)
    labels = np.where(tumour, Label.TUMOUR, liver).astype(np.uint8)
    source = Source(patient.name, format="synthetic")
    return Volume(image, grid, source), tissue, LabelMap(labels, grid)


def scan_patient(patient: Patient, fine_mm: float = 1.5) -> tuple[Volume, LabelMap]:
    """The MRI that a scanner makes of `patient`, and the true labels on its grid."""
    fine = covering(patient.scan, fine_mm)
    perfect, _, labels = render(patient, fine)
    image = artefacts.acquire(perfect, patient.scan, patient.artefacts)
    # Scanners write whole numbers with a scale of their own.
    return (
        Volume(np.rint(image.voxels * 400), patient.scan, image.source),
        resample.onto(labels, patient.scan),
    )


def liver_box(patient: Patient) -> Box | None:
    """The box of the liver on the scanner's grid, from a coarse look; None without one."""
    coarse = covering(patient.scan, 5)
    index = patient.deformation.source_index(coarse, patient.anatomy.geometry)
    box = bounding_box(np.asarray(deform.gather(patient.anatomy.liver, index), bool))
    return None if box is None else project(box, coarse, patient.scan)


def training_sample(
    patient: Patient, scan: Geometry, grid: Geometry, classes: tuple[str, ...]
) -> tuple[Volume, NDArray[np.uint8]]:
    """What the scanner measures on `scan`, and the class of each voxel of `grid`.

    `grid` is the network's grid for `scan`; the image still has to be preprocessed.
    """
    perfect, tissue, labels = render(patient, grid)
    target = class_of_tissue(classes)[tissue]
    target[labels.tumour] = Label.TUMOUR
    return artefacts.acquire(perfect, scan, patient.artefacts), target


def _draw_scan(rng: np.random.Generator, anatomy: Anatomy, recipe: Recipe) -> Geometry:
    wide = rng.uniform(*recipe.field_mm)
    deep = wide if rng.random() < 0.4 else wide * rng.uniform(0.65, 0.85)
    high = rng.uniform(*recipe.height_mm)
    pixel, slice_mm = rng.uniform(*recipe.pixel_mm), rng.uniform(*recipe.slice_mm)
    centre = anatomy.body_centre_mm.copy()
    centre[2] = anatomy.liver_centre_mm[2]
    centre += rng.normal(0, (10, 10, 20))
    spacing = np.array([pixel, pixel, slice_mm])
    shape = np.maximum(np.rint(np.array([wide, deep, high]) / spacing), 16).astype(int)
    return Geometry.from_spacing((int(shape[0]), int(shape[1]), int(shape[2])), spacing, centre)


def _draw_brightness(rng: np.random.Generator, recipe: Recipe) -> tuple[str, NDArray[np.float64]]:
    """Phase and signal of each tissue relative to liver."""
    if rng.random() < recipe.random_contrast:
        table = rng.uniform(0.1, 2.2, len(Tissue))
        table[Tissue.AIR] = 0
        table[Tissue.LUNG] = rng.uniform(0, 0.3)
        table[Tissue.LESION] = (
            rng.uniform(0.25, 0.85) if rng.random() < 0.8 else rng.uniform(1.15, 1.9)
        )
        table[Tissue.LESION_RIM] = rng.uniform(0.8, 1.5)
        table[Tissue.LIVER] = 1
        return "random", table
    phase = signal.PHASES[int(rng.choice(len(signal.PHASES), p=(0.25, 0.45, 0.12, 0.18)))]
    sequence = signal.Sequence(
        repetition_ms=rng.uniform(3, 5),
        echo_ms=rng.uniform(1, 2.4),
        flip_deg=rng.uniform(9, 15) if phase != "hepatobiliary" else rng.uniform(10, 30),
        fat_saturation=bool(rng.random() < 0.7),
        field_t=float(rng.choice((1.5, 3.0))),
    )
    n = len(Tissue)
    table = signal.tissue_signal(
        phase, sequence, np.exp(rng.normal(0, 0.15, n)), np.exp(rng.normal(0, 0.08, n))
    )
    table = table * np.exp(rng.normal(0, 0.12, n))
    return phase, table / table[Tissue.LIVER]


def _draw_curve(rng: np.random.Generator) -> NDArray[np.float64]:
    """New intensities for an MRI's own: random, through 0 at 0, half of them monotone."""
    knots = np.sort(rng.uniform(0, 2, 8)) if rng.random() < 0.6 else rng.uniform(0, 2, 8)
    return np.concatenate([[0.0], knots])


def _apply_curve(curve: NDArray[np.float64], image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.interp(image, np.linspace(0, 2.5, len(curve)), curve).astype(np.float32)


def _liver_points(
    rng: np.random.Generator, anatomy: Anatomy, deformation: deform.Deformation, scan: Geometry
) -> NDArray[np.float64]:
    """Up to 200 random points (n, 3) in the patient's liver, in mm."""
    coarse = covering(scan, 5)
    index = deformation.source_index(coarse, anatomy.geometry)
    inside = np.argwhere(deform.gather(anatomy.liver, index))
    if not len(inside):
        return np.empty((0, 3))
    picked = inside[rng.integers(0, len(inside), 200)]
    return coarse.to_patient(picked + rng.uniform(-0.5, 0.5, picked.shape))


def _pick(rng: np.random.Generator, points: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return points[rng.integers(0, len(points), n)]
