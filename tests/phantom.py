"""A liver that arithmetic can find: a bright ellipsoid with darker balls, in a dim body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.model.engines import Engine
from hepatica.model.plan import Margin, NetworkPlan, Plan, Postprocessing, StagePlan

CENTRE_MM = np.array([40.0, 10.0, 0.0])
RADII_MM = np.array([70.0, 55.0, 50.0])
LESIONS = (((60.0, 10.0, 10.0), 14.0), ((20.0, 20.0, -10.0), 10.0))
BODY, LIVER, LESION = 100.0, 300.0, 200.0


def phantom(geometry: Geometry) -> tuple[Volume, LabelMap]:
    """Image and truth on any grid; a little noise-free texture keeps it from being flat."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), axis=-1)
    point = geometry.to_patient(index)
    image = np.where(np.abs(point[..., 2]) < 500, BODY, 0) + 0.01 * point[..., 0]
    labels = np.zeros(geometry.shape, np.uint8)
    liver = (((point - CENTRE_MM) / RADII_MM) ** 2).sum(axis=-1) < 1
    image[liver], labels[liver] = LIVER, 1
    for centre, radius in LESIONS:
        inside = np.linalg.norm(point - centre, axis=-1) < radius
        image[inside], labels[inside] = LESION, 2
    # Air around the body gives the intensity scale its zero.
    air = np.linalg.norm(point[..., :2], axis=-1) > 150
    image[air] = 0
    source = Source("phantom")
    return Volume(image.astype(np.float32), geometry, source), LabelMap(labels, geometry)


GRID = Geometry.from_spacing((80, 66, 40), (4.0, 4.5, 6.0))

PLAN = Plan(
    name="phantom",
    stages=(
        StagePlan(
            network=NetworkPlan(name="unet"),
            size=(64, 64, 48),
            spacing_mm=5,
            intensity="robust",
            antialias=True,
        ),
        StagePlan(
            network=NetworkPlan(name="unet"),
            size=(64, 56, 48),
            spacing_mm=3,
            intensity="robust",
            antialias=True,
        ),
    ),
    margin=Margin(amount=12, unit="mm"),
    postprocessing=Postprocessing(opening_voxels=1, min_lesion_ml=0.1, fill_holes=True),
)


def threshold_engine() -> Engine:
    """Stands in for trained networks: reads the label off the brightness of a phantom."""

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = float(image.min()), float(image.max())
        level = (image - low) / max(high - low, 1e-6) * LIVER
        targets = np.array([BODY, LIVER, LESION], np.float32)[:, None, None, None]
        score = -np.abs(level[None] - targets) / 10
        score[0] = np.maximum(score[0], -np.abs(level) / 10)
        p = np.exp(score - score.max(axis=0))
        return np.asarray(p / p.sum(axis=0), np.float32)

    return Engine("threshold", "fp32", "cpu", 1, (run, run))
