"""All scores of one case: counted and measured once, everything else is derived from that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate.corrections import Change, change
from hepatica.evaluate.froc import Point, curve
from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.overlap import Overlap
from hepatica.evaluate.surfaces import Surfaces

REGIONS = ("liver", "parenchyma", "tumour")
#: What has to be drawn in a reference for a region to be scored.
NEEDS = {"liver": {"liver"}, "parenchyma": {"liver", "tumour"}, "tumour": {"tumour"}}
#: Scores of a region, in the order of the tables.
SCORES = (
    "dice",
    "sensitivity",
    "precision",
    "hd95_mm",
    "assd_mm",
    "surface_dice_2mm",
    "volume_error_ml",
)
RULE = (
    "Liver is the whole liver, lesions included. Both masks empty: undefined, left out of"
    " the mean. One mask empty, the other not: Dice and surface Dice 0, distances undefined."
    " Not drawn in the reference: undefined."
)


@dataclass(frozen=True)
class RegionScores:
    """One region of one case; None is undefined.

    Parameters
    ----------
    overlap
        Its voxels; None where the reference does not have the region drawn.
    """

    region: str
    overlap: Overlap | None
    prediction_ml: float
    reference_ml: float | None
    hd95_mm: float | None = None
    assd_mm: float | None = None
    surface_dice_2mm: float | None = None

    @classmethod
    def of(
        cls,
        region: str,
        prediction: NDArray[np.bool_],
        reference: NDArray[np.bool_],
        geometry: Geometry,
    ) -> RegionScores:
        """Score two masks (i, j, k) on `geometry`."""
        surfaces = Surfaces.between(prediction, reference, geometry)
        return cls(
            region=region,
            overlap=Overlap.of(prediction, reference),
            prediction_ml=int(np.count_nonzero(prediction)) * geometry.voxel_ml,
            reference_ml=int(np.count_nonzero(reference)) * geometry.voxel_ml,
            hd95_mm=surfaces.hd95_mm,
            assd_mm=surfaces.assd_mm,
            surface_dice_2mm=surfaces.dice(),
        )

    @property
    def dice(self) -> float | None:
        """The paper's equation 8."""
        return None if self.overlap is None else self.overlap.dice

    @property
    def sensitivity(self) -> float | None:
        """The paper's equation 9."""
        return None if self.overlap is None else self.overlap.sensitivity

    @property
    def precision(self) -> float | None:
        """The paper's equation 10."""
        return None if self.overlap is None else self.overlap.precision

    @property
    def volume_error_ml(self) -> float | None:
        """Prediction minus reference."""
        return None if self.reference_ml is None else self.prediction_ml - self.reference_ml


@dataclass(frozen=True)
class CaseScores:
    """One case: its regions in the order of `REGIONS`, and its lesions.

    Parameters
    ----------
    lesions
        None where the reference has none drawn.
    change
        What was changed, if the reference is a correction of the prediction.
    froc
        The free-response curve; None without probabilities.
    """

    case: str
    regions: tuple[RegionScores, ...]
    lesions: Lesions | None
    change: Change | None = None
    froc: tuple[Point, ...] | None = None

    def __getitem__(self, region: str) -> RegionScores:
        return self.regions[REGIONS.index(region)]


def score(
    case: str,
    prediction: LabelMap,
    reference: LabelMap,
    drawn: Collection[str] = ("liver", "tumour"),
    probability: NDArray[np.float32] | None = None,
) -> CaseScores:
    """Score a prediction against a reference on the same grid.

    Parameters
    ----------
    drawn
        What the reference shows. Where it has no tumours drawn, its liver is the whole
        liver and only that is scored.
    probability
        Of lesions, (i, j, k) on that grid.
    """
    geometry = reference.geometry
    masks = {
        "liver": (prediction.liver, reference.liver),
        "parenchyma": (prediction.parenchyma, reference.parenchyma),
        "tumour": (prediction.tumour, reference.tumour),
    }
    regions = []
    for region in REGIONS:
        ours, theirs = masks[region]
        if NEEDS[region] <= set(drawn):
            regions.append(RegionScores.of(region, ours, theirs, geometry))
        else:
            ml = int(np.count_nonzero(ours)) * geometry.voxel_ml
            regions.append(RegionScores(region, None, ml, None))
    if "tumour" not in drawn:
        return CaseScores(case, tuple(regions), None)
    return CaseScores(
        case,
        tuple(regions),
        Lesions.between(*masks["tumour"], geometry),
        change(prediction, reference) if {"liver", "tumour"} <= set(drawn) else None,
        None if probability is None else curve(probability, reference.tumour),
    )
