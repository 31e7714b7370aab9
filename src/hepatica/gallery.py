"""What the generator makes, on pictures: every phase, every kind of lesion, a cohort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from hepatica.io import atomically, case_name, make_folder, read, read_labelmap
from hepatica.io.cohort import labels_of, told_of
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR
from hepatica.results.sheet import Tile, contact_sheet
from hepatica.synth import lesion_kinds, lesions, patient, signal
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.fields import covering
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

SHEET, PATIENTS = "sheet.png", "patients.png"

COLUMNS = 6
#: Fewer would be narrower than the line below them.
FEWEST_COLUMNS = 2
#: Longer titles would run into the next patient's.
LONGEST_TITLE = 40
#: More patients than that on one sheet could not be looked at.
MOST_PATIENTS = 24
#: Radius of the gallery's lesions, and the height of what is shown about one.
RADIUS_MM, FIELD_MM = 12.0, 120.0
#: Greys of a saved picture; fewer would show as steps.
GREYS = 48

KINDS = (*lesions.METASTASES, *lesions.LOOK_ALIKES)


def gallery(seed: int, anatomies: Sequence[Anatomy] = ()) -> Image.Image:
    """One patient in every phase, the same with its truth, and every kind of lesion close up.

    Parameters
    ----------
    anatomies
        Real ones, of which the lesions take one after the other; procedural ones if empty.
        An MRI keeps its own contrast, so the phases need a CT or a procedural anatomy.
    """
    rng = np.random.default_rng(seed)
    made = [procedural_anatomy(rng, f"procedural_{n}") for n in range(3)]
    still = next((a for a in anatomies if a.image is None), made[0])
    plain, outlined = [], []
    for phase in signal.PHASES:
        title = phase.replace("_", " ")
        volume, labels = patient.scan_patient(with_one("rim", phase, seed, still))
        plain.append(Tile(title, volume, labels, outlined=False))
        outlined.append(Tile(f"{title}, truth", volume, labels))
    close_up = [
        lesion_tile(with_one(kind, "portal_venous", seed + n, anatomy))
        for n, (kind, anatomy) in enumerate(zip(KINDS, cycle(anatomies or made), strict=False))
    ]
    return contact_sheet([*plain, *outlined, *close_up], COLUMNS)


def lesion_tile(drawn: patient.Patient) -> Tile:
    """The first lesion of a patient close up, under its kind in the colour of what it is."""
    lesion = drawn.lesions[0]
    volume, labels = patient.scan_patient(drawn)
    kind = lesion.kind.replace("_", " ")
    return Tile(
        f"metastasis, {kind}" if lesion.labelled else f"look-alike, {kind}",
        volume,
        labels,
        outlined=False,
        point_mm=lesion.centre_mm,
        field_mm=FIELD_MM,
        ink=LESION_COLOUR if lesion.labelled else LIVER_COLOUR,
    )


def with_one(
    kind: lesions.Kind, phase: signal.Phase, seed: int, anatomy: Anatomy
) -> patient.Patient:
    """A patient with one lesion or look-alike, near the liver's middle but off its vessels.

    A seed gives the same body, scan and shape of lesion in every phase.
    """
    recipe = replace(COHORT.in_phase(phase), lesion_free=1.0, look_alikes=0.0)
    drawn = patient.draw(np.random.default_rng(seed), anatomy, recipe, f"{kind}_{phase}")
    coarse = covering(drawn.scan, 4)
    tissue = patient.tissues(drawn, coarse)
    room_mm = 4 * ndimage.distance_transform_edt(tissue == Tissue.LIVER)
    roomy = coarse.to_patient(np.argwhere(room_mm >= min(1.4 * RADIUS_MM, room_mm.max())))
    middle = coarse.to_patient(np.argwhere(np.isin(tissue, LIVER_TISSUES)).mean(axis=0))
    centre = roomy[np.argmin(np.linalg.norm(roomy - middle, axis=1))]
    rng = np.random.default_rng([seed, 1])
    if kind in lesions.METASTASES:
        made = lesion_kinds.metastasis(rng, kind, centre, RADIUS_MM, drawn.brightness)
    else:
        made = lesion_kinds.look_alike(rng, kind, centre, drawn.brightness)
    return replace(drawn, lesions=(made,))


def cohort(images: Sequence[Path]) -> Image.Image:
    """The first 24 patients of a cohort on disk, each through its largest lesion.

    Their titles name the phase. Up to six are in a row, and two columns are the least.
    """
    tiles = [
        Tile(cohort_title(path), read(path), read_labelmap(labels_of(path)))
        for path in images[:MOST_PATIENTS]
    ]
    return contact_sheet(tiles, min(max(len(tiles), FEWEST_COLUMNS), COLUMNS))


def cohort_title(image: Path) -> str:
    """The case of a cohort's image and its phase; long names lose their middle."""
    name, protocol = case_name(image), told_of(image).get("protocol", "own contrast")
    phase = str(protocol.get("phase") if isinstance(protocol, dict) else protocol)
    room = LONGEST_TITLE - len(f", {phase}")
    if len(name) > room:
        name = f"{name[: room - 13]}…{name[-12:]}"
    return f"{name}, {phase.replace('_', ' ')}"


def write_sheets(
    folder: Path, seed: int, anatomies: Sequence[Anatomy], images: Sequence[Path]
) -> Iterator[Path]:
    """Write ``sheet.png``, the gallery, and ``patients.png``, the cohort, if there is one.

    Earlier ones are replaced. Each path is given as soon as it is written.
    """
    make_folder(folder)  # before the work, not after it
    write(gallery(seed, anatomies), folder / SHEET)
    yield folder / SHEET
    if images:
        yield write_cohort(folder, images)


def write_cohort(folder: Path, images: Sequence[Path]) -> Path:
    """Write ``patients.png``, the cohort; raises OutputError."""
    write(cohort(images), folder / PATIENTS)
    return folder / PATIENTS


def write(picture: Image.Image, path: Path) -> None:
    """Write a sheet as a PNG with a palette, a third as large; raises OutputError."""
    make_folder(path.parent)
    with atomically(path) as temporary:
        picture.quantize(palette=_palette(), dither=Image.Dither.NONE).save(
            temporary, optimize=True
        )


def _palette() -> Image.Image:
    """Greys, and the contours' colours over dark and bright."""
    greys = np.repeat(np.linspace(0, 255, GREYS)[:, None], 3, axis=1)
    over = np.linspace(0, 255, 4)[:, None]
    inks = [
        opacity * np.array(colour) + (1 - opacity) * over
        for colour in (LIVER_COLOUR, LESION_COLOUR)
        for opacity in (0.33, 0.67, 1.0)
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(np.concatenate([greys, *inks])).astype(int).ravel().tolist())
    return palette
