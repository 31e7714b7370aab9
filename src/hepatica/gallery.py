"""What the generator makes, on one picture: every phase, and every kind of lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from hepatica.results.sheet import Tile, contact_sheet
from hepatica.synth import lesion_kinds, lesions, patient, signal
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy

COLUMNS = 6


def gallery(seed: int, anatomies: Sequence[Anatomy] = ()) -> Image.Image:
    """A row of the phases, the same with contours, and a row of lesions and look-alikes.

    Anatomies are taken in turn; procedural ones where there are none.
    """
    rng = np.random.default_rng(seed)
    pool = list(anatomies) or [procedural_anatomy(rng, f"procedural_{n}") for n in range(3)]
    plain, outlined = [], []
    for n, phase in enumerate(signal.PHASES):
        shares = tuple(float(p == phase) for p in signal.PHASES)
        recipe = replace(patient.COHORT, phases=shares)
        drawn = patient.draw(np.random.default_rng([seed, n]), pool[n % len(pool)], recipe, phase)
        volume, labels = patient.scan_patient(drawn)
        title = phase.replace("_", " ")
        plain.append(Tile(title, volume, labels, outlined=False))
        outlined.append(Tile(f"{title}, truth", volume, labels))
    kinds = []
    for n, kind in enumerate((*lesions.METASTASES, *lesions.LOOK_ALIKES)):
        drawn = with_one(kind, np.random.default_rng([seed, 100 + n]), pool[n % len(pool)])
        volume, labels = patient.scan_patient(drawn)
        where = drawn.lesions[0].centre_mm
        kinds.append(Tile(kind.replace("_", " "), volume, labels, False, where))
    return contact_sheet([*plain, *outlined, *kinds], COLUMNS)


def with_one(kind: lesions.Kind, rng: np.random.Generator, anatomy: Anatomy) -> patient.Patient:
    """A patient in the portal venous phase with one lesion or look-alike, 12 mm in radius."""
    phases = tuple(float(p == "portal_venous") for p in signal.PHASES)
    recipe = replace(patient.COHORT, phases=phases, lesion_free=1.0, look_alikes=0.0)
    drawn = patient.draw(rng, anatomy, recipe, kind)
    inside, _ = patient.liver_points(rng, anatomy, drawn.deformation, drawn.scan)
    middle = inside[np.argmin(np.linalg.norm(inside - np.median(inside, axis=0), axis=1))]
    if kind in lesions.METASTASES:
        made = lesion_kinds.metastasis(rng, kind, middle, 12.0, drawn.brightness)
    else:
        made = lesion_kinds.look_alike(rng, kind, middle, drawn.brightness)
    return replace(drawn, lesions=(made,))
