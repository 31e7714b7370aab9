"""How far a result can be trusted, from what the two networks say without a reference."""

from __future__ import annotations

import msgspec
import numpy as np

from hepatica.core import resample
from hepatica.core.components import largest
from hepatica.core.volume import Label, LabelMap, ProbabilityMap

#: Below this the stages speak of different livers; see docs/quality.md.
AGREE = 0.75
#: Below this what stage 2 drew is no liver: it only ever saw crops that hold one.
BELIEVED = 0.5
#: Below this stage 2 is in doubt about most of the liver's surface, or of a part of it.
SURE = 0.91


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Estimates without a reference; each is a Dice, None where there is no liver.

    Parameters
    ----------
    stages_agree
        Of the two stages' livers with one another, on stage 1's coarse grid.
    expected_dice
        Of the liver with a reference drawn voxel by voxel from stage 2's probabilities.
    """

    stages_agree: float | None = None
    expected_dice: float | None = None

    @property
    def believed(self) -> bool:
        """Whether there is a liver on which both stages agree somewhat."""
        return self.stages_agree is not None and self.stages_agree >= BELIEVED

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences for the reader; none when all is well."""
        found = []
        if self.stages_agree is not None and not self.believed:
            return (
                f"The two networks agree on no liver (Dice {self.stages_agree:.2f}); "
                f"the label map is empty.",
            )
        if self.stages_agree is not None and self.stages_agree < AGREE:
            found.append(
                f"The two networks disagree about where the liver is "
                f"(Dice {self.stages_agree:.2f}); check its outline."
            )
        if self.expected_dice is not None and self.expected_dice < SURE:
            found.append(
                f"The network is unsure of the liver's outline "
                f"(expected Dice {self.expected_dice:.2f}); check it."
            )
        return tuple(found)


def estimate(rough: LabelMap, fine: ProbabilityMap, labels: LabelMap) -> Quality:
    """Compare stage 1's labels, stage 2's probabilities and the final label map.

    `fine` is on the crop's network grid and postprocessed; without a liver in `labels`
    nothing is known.
    """
    if not labels.liver.any():
        return Quality()
    final = resample.onto(labels, rough.geometry).liver
    # Stage 1's grid may reach further than the image does.
    seen = resample.onto(LabelMap(np.ones_like(labels.labels), labels.geometry), rough.geometry)
    first = largest(rough.liver) & seen.liver
    liver = fine.argmax().liver
    chance = fine.p[Label.PARENCHYMA] + fine.p[Label.TUMOUR]
    hit, chances = float(chance[liver].sum()), float(chance.sum())
    return Quality(
        stages_agree=_dice(float((final & first).sum()), final.sum() + first.sum()),
        expected_dice=_dice(hit, float(np.count_nonzero(liver)) + chances),
    )


def _dice(common: float, total: float) -> float | None:
    return round(2 * common / float(total), 4) if total > 0 else None
