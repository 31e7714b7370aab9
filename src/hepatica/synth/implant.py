"""Synthetic lesions in a real image: drawn for its liver, then put in without chance.

The image stays as it is, on its own grid. A lesion multiplies the signal of the liver, so
that coils, vessels and artefacts go on through it, and the noise of what it darkens is made
up for. All happens along the patient's axes, so that how an image is stored is no matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import bounding_box
from hepatica.core.errors import InputError
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.synth import contrast, describe, lesions, noise, patient, signal
from hepatica.synth.fields import covering
from hepatica.synth.recipe import Recipe
from hepatica.synth.shapes import Shape

#: Voxels in which lesions are painted: as fine as the image's, within these limits.
FINE_MM = (0.8, 1.5)
#: Voxels in which the places of lesions are drawn.
COARSE_MM = 3.0
#: Voxels about a liver that a lesion at its surface half fills.
REACH = 1


@dataclass(frozen=True, eq=False)
class Implant:
    """What was drawn for one image.

    Parameters
    ----------
    protocol
        Whose contrast the lesions have; None for an arbitrary one.
    brightness
        Signal of each :class:`Tissue`, liver = 1.
    lesions
        In the image's patient space.
    noise
        That of the image's liver, along the axes of its canonical grid.
    """

    protocol: signal.Protocol | None
    brightness: NDArray[np.float64]
    lesions: tuple[lesions.Lesion, ...]
    noise: noise.Noise
    seed: int


def draw(
    rng: np.random.Generator,
    volume: Volume,
    liver: NDArray[np.bool_],
    recipe: Recipe,
    shapes: Sequence[Shape] = (),
) -> Implant:
    """Draw lesions for the liver of an image, a mask (i, j, k) on its grid.

    Of the recipe count what it says of contrast and of lesions. `shapes` are forms of
    real tumours.

    Raises
    ------
    InputError
        If there is no liver.
    """
    upright = volume.geometry.canonical()
    mask = resample.onto(LabelMap(liver.astype(np.uint8), volume.geometry), upright)
    box = bounding_box(mask.liver, REACH)
    if box is None:
        raise InputError(f"{volume.source.name} has no liver to put lesions into.")
    part = upright.crop(box)
    coarse = covering(part, COARSE_MM)
    inside, surface = patient.points_of(rng, resample.onto(mask, coarse).liver, coarse)
    protocol, brightness, _ = contrast.draw(rng, recipe)
    scan = resample.onto(volume, part)
    measured = noise.measure(scan, mask.liver[box])
    level = float(np.median(scan.voxels[mask.liver[box]]))
    varies = measured.sd / level if level > 0 else 0.0
    return Implant(
        protocol=protocol,
        brightness=brightness,
        lesions=patient.draw_lesions(rng, inside, surface, recipe, brightness, shapes, varies),
        noise=measured,
        seed=int(rng.integers(2**31)),
    )


def apply(implant: Implant, volume: Volume, labels: LabelMap) -> tuple[Volume, LabelMap]:
    """Image and truth with the lesions in the parenchyma of `labels`, on the image's grid.

    Further than one voxel from the parenchyma nothing changes; what was a tumour stays
    one, as it looks. Whole numbers stay whole.
    """
    upright = volume.geometry.canonical()
    image = resample.onto(volume, upright).voxels.copy()
    truth = resample.onto(labels, upright).labels.copy()
    box = bounding_box(truth == Label.PARENCHYMA, REACH)
    if box is None:
        return volume, labels
    change, tumour = _painted(implant, LabelMap(truth[box], upright.crop(box)))
    factor = 1 + change
    missing = np.sqrt(np.maximum(0, 1 - factor**2))
    made = image[box] * factor + missing * implant.noise.field(implant.seed, factor.shape)
    made = np.maximum(made, image.min())  # no magnitude below those that were measured
    if np.array_equal(volume.voxels, np.rint(volume.voxels)):
        made = np.rint(made)
    image[box] = np.where(change != 0, made, image[box])
    truth[box][tumour] = Label.TUMOUR
    back = volume.geometry
    return (
        resample.onto(Volume(image, upright, volume.source), back),
        resample.onto(LabelMap(truth, upright), back),
    )


def told(implant: Implant) -> dict[str, object]:
    """What was drawn, as JSON can hold it: names, numbers and lists."""
    return {
        "protocol": describe.protocol(implant.protocol),
        "signal": describe.signal(implant.brightness),
        "noise": {
            "sd": round(implant.noise.sd, 4),
            "smooth": np.round(implant.noise.smooth, 4).tolist(),
        },
        "lesions": [describe.lesion(lesion) for lesion in implant.lesions],
        "seed": implant.seed,
    }


def _painted(implant: Implant, labels: LabelMap) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """By which share the signal changes, exactly 0 where it does not; and the new tumours."""
    part = labels.geometry
    fine = covering(part, float(np.clip(part.spacing_mm.min(), *FINE_MM)))
    parenchyma = resample.onto(labels, fine).parenchyma
    factor = np.ones(fine.shape, np.float32)
    tumour = lesions.paint(implant.lesions, fine, parenchyma, factor)
    change = resample.onto(Volume(factor - 1, fine), part, antialias=True).voxels
    reach = ndimage.binary_dilation(labels.parenchyma, np.ones((3, 3, 3))) & ~labels.tumour
    truth = np.where(tumour, Label.TUMOUR, parenchyma).astype(np.uint8)
    found = lesions.sampled(LabelMap(truth, fine), part).tumour
    return np.where(reach, change, np.float32(0)), found & labels.parenchyma
