"""Real volumes with labels as a stream of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from hepatica.core import resample
from hepatica.core.components import bounding_box
from hepatica.core.errors import InputError
from hepatica.core.volume import Label, LabelMap, Volume
from hepatica.model.plan import CLASSES, Plan
from hepatica.pipeline.preprocess import preprocess
from hepatica.synth import curve, implant
from hepatica.synth.recipe import TRAINING as LESIONS
from hepatica.train.augment import augment
from hepatica.train.config import Training
from hepatica.train.samples import TRAINING, Case, Sample, view

#: Volumes are kept in memory until they take this much.
KEPT_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Labelled:
    """A case that is read when it is needed; its labels are 0, 1, 2 on the image's grid."""

    name: str
    read: Callable[[], tuple[Volume, LabelMap]]
    knows_tumour: bool = True


class Cohort:
    """Cases of a data set: each once before any comes twice, in an order of its own each time.

    Parameters
    ----------
    cases, validation
        What to learn from and what to validate on; neither may be empty.

    Raises
    ------
    InputError
        If one of the two is empty.
    """

    def __init__(
        self,
        training: Training,
        plan: Plan,
        stage: int,
        cases: Sequence[Labelled],
        validation: Sequence[Labelled],
    ) -> None:
        if not cases or not validation:
            raise InputError(
                "A data set needs cases to learn from and cases to validate on.",
                "Look at the split: hepatica dataset split.",
            )
        self._training, self._plan, self._stage = training, plan, stage
        self._cases, self._validation = tuple(cases), tuple(validation)
        self._kept: dict[str, tuple[Volume, LabelMap]] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def sample(self, rng: np.random.Generator, number: int, purpose: int) -> Sample:
        """One case as the stage's network sees it; validation adds no chance of its own."""
        learning = purpose == TRAINING
        if learning:
            turn, place = divmod(number, len(self._cases))
            order = np.random.default_rng([self._training.seed, turn]).permutation(len(self))
            case = self._cases[int(order[place])]
        else:
            case = self._validation[number % len(self._validation)]
        volume, labels = self._read(case)
        if learning and rng.random() < self._training.curve:
            volume = _bent(rng, volume, labels)
        # Among lesions that nobody drew, a network would be told that some are and some are not.
        implanted = learning and case.knows_tumour and rng.random() < self._training.implant
        if implanted and labels.liver.any():
            drawn = implant.draw(rng, volume, labels.liver, LESIONS)
            volume, labels = implant.apply(drawn, volume, labels)
        if self._stage == 1:
            box = bounding_box(labels.liver)
            if box is not None:
                none = self._training if learning else _exactly(self._training)
                seen = view(rng, box, volume.geometry, self._plan, none)
                volume = volume.crop(seen)
        stage = self._plan.stages[self._stage]
        image = preprocess(volume, stage)
        target = resample.onto(labels, image.geometry).labels
        voxels = image.voxels
        if learning and self._training.augment:
            voxels, target = augment(rng, voxels, target, self._training.augment)
        known = _counts_as(len(stage.classes), case.knows_tumour)
        return Sample(voxels, target, known)

    def case(self, number: int) -> Case:
        """A case of those that are validated on."""
        case = self._validation[number % len(self._validation)]
        return Case(case.name, *self._read(case), case.knows_tumour)

    def different(self, most: int) -> int:
        """At most `most`, and no more than the data set has."""
        return min(most, len(self._validation))

    def _read(self, case: Labelled) -> tuple[Volume, LabelMap]:
        if case.name in self._kept:
            return self._kept[case.name]
        pair = case.read()
        kept = sum(v.voxels.nbytes + m.labels.nbytes for v, m in self._kept.values())
        if kept + pair[0].voxels.nbytes + pair[1].labels.nbytes < KEPT_BYTES:
            self._kept[case.name] = pair
        return pair


def _counts_as(classes: int, knows_tumour: bool) -> tuple[int, ...]:
    """Organs that only some networks know hide in the background, unlabelled lesions in liver."""
    table = [c if c < len(CLASSES) else int(Label.BACKGROUND) for c in range(classes)]
    if not knows_tumour:
        table[Label.TUMOUR] = int(Label.PARENCHYMA)
    return tuple(table)


def _exactly(training: Training) -> Training:
    return msgspec.structs.replace(training, box_jitter_mm=0.0)


def _bent(rng: np.random.Generator, volume: Volume, labels: LabelMap) -> Volume:
    """Intensities after a random curve; the liver's median stays at about its place."""
    bend = curve.draw(rng)
    liver = volume.voxels[labels.liver]
    level = float(np.median(liver)) if liver.size else float(np.median(volume.voxels))
    low = float(volume.voxels.min())
    scaled = (volume.voxels - np.float32(low)) / np.float32(max(level - low, 1e-6))
    return Volume(curve.bend(bend, scaled), volume.geometry, volume.source)
