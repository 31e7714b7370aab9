"""Predictions against references: the scores of every case, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hepatica.core.errors import InputError
from hepatica.evaluate.froc import Point, pooled
from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.overlap import Overlap
from hepatica.evaluate.pairs import Lonely, Pair, read_pair, read_probability
from hepatica.evaluate.scores import CaseScores, score
from hepatica.evaluate.statistics import Agreement, Summary
from hepatica.io.workers import in_order

EVERY_ONE_PAIRED = Lonely()


@dataclass(frozen=True)
class Failure:
    """A case that could not be scored, and why."""

    case: str
    error: InputError


@dataclass(frozen=True)
class Study:
    """The scores of one method.

    Parameters
    ----------
    cases
        In order of name.
    lonely
        Cases that have no partner.
    failures
        Cases that could not be scored.
    """

    cases: tuple[CaseScores, ...]
    lonely: Lonely = EVERY_ONE_PAIRED
    failures: tuple[Failure, ...] = ()

    def values(self, region: str, name: str) -> list[float | None]:
        """One of `SCORES` of a region, case by case."""
        return [getattr(case[region], name) for case in self.cases]

    def summary(self, region: str, name: str) -> Summary:
        """The same in a few numbers."""
        return Summary.of(self.values(region, name))

    def pooled(self, region: str) -> Overlap:
        """All voxels of a region as if they were of one case."""
        return Overlap.pooled(c[region].overlap or Overlap(0, 0, 0) for c in self.cases)

    @property
    def with_lesions(self) -> tuple[tuple[CaseScores, Lesions], ...]:
        """The cases in whose reference lesions are drawn, if there are any, and these."""
        return tuple((c, c.lesions) for c in self.cases if c.lesions is not None)

    @property
    def lesions(self) -> Lesions:
        """Those of all cases together."""
        return Lesions.all([lesions for _, lesions in self.with_lesions])

    @property
    def froc(self) -> tuple[Point, ...]:
        """The free-response curve of the cases that have probabilities; () without any."""
        return pooled([case.froc for case in self.cases if case.froc is not None])

    def agreement(self) -> dict[str, Agreement]:
        """How counts of lesions and volumes in ml agree, case by case."""
        lesions = [lesions for _, lesions in self.with_lesions]
        found = {
            "lesion_count": Agreement.of(
                [len(x.predicted) for x in lesions], [len(x.reference) for x in lesions]
            )
        }
        for region in ("tumour", "liver"):
            known = [
                (s.prediction_ml, s.reference_ml)
                for case in self.cases
                if (s := case[region]).reference_ml is not None
            ]
            found[f"{region}_ml"] = Agreement.of([a for a, _ in known], [b for _, b in known])
        return found


def evaluate(
    pairs: Sequence[Pair],
    reference_labels: Mapping[str, int] | None = None,
    prediction_labels: Mapping[str, int] | None = None,
    *,
    resampled: bool = False,
    workers: int = 1,
    failures: list[Failure] | None = None,
) -> Iterator[CaseScores]:
    """Score every pair, in order; only scores are kept, whatever the number of cases.

    Parameters
    ----------
    reference_labels, prediction_labels, resampled
        As in :func:`hepatica.evaluate.pairs.read_pair`. What one of the two does not name
        was not drawn: its scores are undefined, and ``liver`` alone is the whole liver.
    workers
        Processes that score.
    failures
        Takes the cases that cannot be scored; the others go on. None: the first one raises.

    Raises
    ------
    InputError
        If a label map cannot be read or a pair does not fit together, and `failures` is None.
    """
    work = partial(_scored, reference_labels, prediction_labels, resampled)
    for found in in_order(work, pairs, min(workers, len(pairs))):
        if isinstance(found, CaseScores):
            yield found
        elif failures is None:
            raise found.error
        else:
            failures.append(found)


def _scored(
    reference_labels: Mapping[str, int] | None,
    prediction_labels: Mapping[str, int] | None,
    resampled: bool,
    one: Pair,
) -> CaseScores | Failure:
    try:
        prediction, reference = read_pair(
            one, reference_labels, prediction_labels, resampled=resampled
        )
        drawn = [
            region
            for region in ("liver", "tumour")
            if all(
                named is None or region in named for named in (reference_labels, prediction_labels)
            )
        ]
        probability = read_probability(one, reference.geometry) if "tumour" in drawn else None
        return score(one.case, prediction, reference, drawn, probability)
    except InputError as error:
        return Failure(one.case, error)
