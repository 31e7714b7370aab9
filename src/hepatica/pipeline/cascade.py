"""The paper's two-stage method in its five steps: the pure kernel of Hepatica."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.components import bounding_box, largest
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Box, Geometry, project, whole
from hepatica.core.volume import Label, LabelMap, ProbabilityMap, Volume
from hepatica.model.engines import Engine
from hepatica.model.plan import Plan, StagePlan
from hepatica.pipeline.postprocess import onto_grid, postprocess
from hepatica.pipeline.preprocess import preprocess, widen
from hepatica.results.quality import Quality, estimate

#: Liver volumes outside this range are possible, but worth a second look.
PLAUSIBLE_LIVER_ML = (400.0, 4000.0)

#: A tilt of the slices (gantry tilt, shear) above this is worth a warning.
SHEAR_DEG = 3.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Segmentation:
    """The result for one volume, on its own grid.

    `tumour_probability` is float32 (i, j, k), 0 outside the liver's box; `seconds`
    says how long each step took.
    """

    labelmap: LabelMap
    tumour_probability: NDArray[np.float32]
    probabilities: ProbabilityMap | None
    warnings: tuple[str, ...]
    quality: Quality
    seconds: dict[str, float] = field(default_factory=dict)


class Segmenter:
    """``Segmenter(plan, engine)(volume)``: no files, no state, no chance."""

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self.plan, self.engine = plan, engine

    def __call__(
        self,
        volume: Volume,
        *,
        probabilities: bool = False,
        progress: Progress = lambda step: None,
    ) -> Segmentation:
        """Segment `volume`; the label map is on its grid.

        No liver, or no lesion, is a result with a warning.

        Parameters
        ----------
        probabilities
            Keep those of all three labels on the volume's grid (12 bytes a voxel).
        progress
            Called with the name of each step as it begins.
        """
        clock = _Clock(progress)
        # Steps 1 and 2: the whole volume, and where the liver is on its grid.
        rough = self._stage(0, volume, clock).argmax()
        with clock.step("find liver"):
            box = liver_box(rough, volume.geometry, self.plan)
        if box is None:
            return _nothing(volume, probabilities, clock)
        # Steps 3 to 5: crop, segment again, clean, and put back.
        crop = volume.crop(box)
        fine = self._stage(1, crop, clock)
        with clock.step("postprocess"):
            fine = postprocess(fine, self.plan.postprocessing)
        with clock.step("back to grid"):
            labels, tumour, kept = _back(fine, volume.geometry, box, self.plan, probabilities)
        with clock.step("quality"):
            quality = estimate(rough, fine, labels)
        if labels.liver.any() and not quality.believed:
            return _nothing(volume, probabilities, clock, quality)
        warnings = _look(labels, volume) + quality.doubts
        return Segmentation(labels, tumour, kept, warnings, quality, clock.seconds)

    def first(self, volume: Volume) -> LabelMap:
        """Stage 1 alone, postprocessed, on the volume's grid (the paper's "Stage1")."""
        rough = self._stage(0, volume, _Clock(lambda step: None))
        clean = postprocess(rough, self.plan.postprocessing)
        box = whole(volume.geometry)
        return _back(clean, volume.geometry, box, self.plan, keep=False)[0]

    def _stage(self, number: int, volume: Volume, clock: _Clock) -> ProbabilityMap:
        stage: StagePlan = self.plan.stages[number]
        with clock.step(f"preprocess {number + 1}"):
            image = preprocess(volume, stage)
        with clock.step(f"network {number + 1}"):
            p = self.engine.stages[number](image.voxels)
        if not np.isfinite(p).all():
            raise HepaticaError(
                f"Stage {number + 1} gave values that are not numbers.",
                "Use --engine torch, or another bundle.",
            )
        return ProbabilityMap(p, image.geometry)


def liver_box(rough: LabelMap, onto: Geometry, plan: Plan) -> Box | None:
    """The box, on the grid `onto`, of the liver in stage 1's labels, widened by the margin.

    None where stage 1 sees no liver, or only outside of that grid.
    """
    box = bounding_box(largest(rough.liver))
    on_grid = None if box is None else project(box, rough.geometry, onto)
    return None if on_grid is None else widen(on_grid, onto, plan.margin)


def _back(
    fine: ProbabilityMap, geometry: Geometry, box: Box, plan: Plan, keep: bool
) -> tuple[LabelMap, NDArray[np.float32], ProbabilityMap | None]:
    """From the crop's network grid to the volume's, by linear interpolation."""
    crop = geometry.crop(box)
    # Cleaned along canonical axes: the result must not depend on how a volume is stored.
    clean, p = onto_grid(fine, crop.canonical(), plan.postprocessing)
    labels = np.zeros(geometry.shape, np.uint8)
    labels[box] = resample.onto(clean, crop).labels
    tumour = np.zeros(geometry.shape, np.float32)
    tumour[box] = resample.onto(Volume(p.p[Label.TUMOUR], p.geometry), crop).voxels
    if not keep:
        return LabelMap(labels, geometry), tumour, None
    everywhere = _background(geometry)
    everywhere[(slice(None), *box)] = resample.onto(p, crop).p
    return LabelMap(labels, geometry), tumour, ProbabilityMap(everywhere, geometry)


def _look(labels: LabelMap, volume: Volume) -> tuple[str, ...]:
    """What a careful reader should know before trusting this result."""
    if not labels.liver.any():
        return ("No liver was found; the label map is empty.",)
    warnings = []
    liver_ml = float(labels.liver.sum()) * labels.geometry.voxel_ml
    low, high = PLAUSIBLE_LIVER_ML
    if not low <= liver_ml <= high:
        warnings.append(
            f"The liver measures {liver_ml:.0f} ml, outside the usual {low:.0f} to {high:.0f} ml."
        )
    if _cut(labels.liver, volume.voxels):
        warnings.append("The field of view cuts the liver; its volume is a lower bound.")
    if not labels.tumour.any():
        warnings.append("No lesion was found.")
    if (shear := labels.geometry.shear_deg) > SHEAR_DEG:
        warnings.append(f"The slices are tilted by {shear:.0f} degrees; the networks expect none.")
    return tuple(warnings)


def _cut(mask: NDArray[np.bool_], image: NDArray[np.float32]) -> bool:
    """Whether `mask` reaches the outermost layers of the image that are not blank."""
    box = bounding_box(mask)
    if box is None:
        return False
    for axis, (side, n) in enumerate(zip(box, image.shape, strict=True)):
        layers = np.moveaxis(image, axis, 0)
        for beyond in (range(side.start - 1, -1, -1), range(side.stop, n)):
            if all(layers[m].min() == layers[m].max() for m in beyond):
                return True
    return False


def _nothing(
    volume: Volume, probabilities: bool, clock: _Clock, quality: Quality | None = None
) -> Segmentation:
    geometry = volume.geometry
    labels = LabelMap(np.zeros(geometry.shape, np.uint8), geometry)
    kept = ProbabilityMap(_background(geometry), geometry) if probabilities else None
    empty = np.zeros(geometry.shape, np.float32)
    quality = quality or Quality()
    warnings = quality.doubts or _look(labels, volume)
    return Segmentation(labels, empty, kept, warnings, quality, clock.seconds)


def _background(geometry: Geometry) -> NDArray[np.float32]:
    """Probabilities (3, i, j, k) of nothing but background."""
    p = np.zeros((len(Label), *geometry.shape), np.float32)
    p[Label.BACKGROUND] = 1
    return p


class _Clock:
    """Seconds per step, in the order in which the steps ran."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.progress(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
