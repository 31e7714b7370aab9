"""How far a bundle's lesions can be believed, from patients that no training has seen.

What the networks call a lesion is a candidate, whose truth a synthetic patient tells. A logistic
regression on its probabilities and its size becomes the plan's `Confidence`; a candidate below a
least confidence is then no lesion any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from hepatica import io
from hepatica.core.components import components
from hepatica.core.errors import ConfigError
from hepatica.core.volume import LabelMap
from hepatica.evaluate.lesions import FOUND_FROM
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.bundle import Bundle
from hepatica.model.plan import Confidence, Plan, logit
from hepatica.pipeline.cascade import Segmenter
from hepatica.pipeline.postprocess import evidence
from hepatica.train.export import require_free
from hepatica.train.sets import Sets

#: Of true and of false candidates at least; with fewer, four numbers are a guess.
LEAST = 10
#: Parts of the candidates of which each is judged by what the others teach.
FOLDS = 5
CALIBRATION, DIAGRAM = "calibration.json", "reliability.png"


@dataclass(frozen=True)
class Candidate:
    """What the networks call a lesion: tumour probabilities in it, its volume, and the truth."""

    mean: float
    peak: float
    volume_ml: float
    real: bool


class Bin(msgspec.Struct, frozen=True):
    """Candidates of about the same confidence, and the share of them that are lesions."""

    candidates: int
    confidence: float
    real: float


class Calibration(msgspec.Struct, frozen=True):
    """Content of ``calibration.json``.

    Parameters
    ----------
    cases
        What was looked at; all figures are of candidates that the fit had not seen.
    candidates, real, reference, found
        What was called a lesion and how many of these touch one; lesions of the reference, and
        how many of these a candidate finds by the paper's rule.
    brier
        Mean square of confidence minus truth; `brier_mean` is that of the mean probability.
    min_confidence
        What a lesion needs from now on.
    bins
        The reliability diagram.
    """

    cases: str
    candidates: int
    real: int
    reference: int
    found: int
    brier: float
    brier_mean: float
    min_confidence: float
    bins: tuple[Bin, ...]


def calibrate(
    bundle: Bundle,
    folder: Path,
    sets: Sets,
    least: float | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Bundle:
    """Write `bundle` with a calibrated confidence to `folder`.

    Parameters
    ----------
    least
        The confidence that a lesion needs; None: that which makes the lesions' F1 score best.

    Raises
    ------
    ConfigError
        If there are too few candidates to learn from, or the data set knows no lesions.
    OutputError
        If `folder` is there and is not a bundle.
    """
    require_free(folder)
    if sets.dataset is not None and not sets.dataset.knows_tumour:
        raise ConfigError(
            f"{sets.dataset.name} knows no lesions.", "Give a data set in which they are labelled."
        )
    plan = with_confidence(bundle.plan, None, 0.0)
    segmenter = Segmenter(plan, engines.load(bundle))
    found: list[Candidate] = []
    reference = hit = 0
    names = []
    for name, cases in sets.named(plan).items():
        names.append(name)
        for case in cases():
            seen = segmenter(case.volume)
            found += candidates(seen.labelmap, seen.tumour_probability, case.labels)
            numbered, sizes = components(case.labels.tumour)
            inside = np.bincount(numbered[seen.labelmap.tumour], minlength=len(sizes) + 1)[1:]
            reference, hit = reference + len(sizes), hit + int((inside >= FOUND_FROM * sizes).sum())
            report(f"{case.name}: {len(found)} candidates, {sum(c.real for c in found)} real")
    confidence = fit(found)
    chances, real = out_of_fold(found), np.array([c.real for c in found])
    chosen = best_least(chances, real, reference - hit) if least is None else least
    means = np.array([c.mean for c in found])
    record = Calibration(
        cases=" and ".join(names),
        candidates=len(found),
        real=int(real.sum()),
        reference=reference,
        found=hit,
        brier=round(float(np.mean((chances - real) ** 2)), 4),
        brier_mean=round(float(np.mean((means - real) ** 2)), 4),
        min_confidence=chosen,
        bins=reliability(chances, real),
    )
    with io.folder_atomically(folder) as temporary:
        for path in bundle.folder.iterdir():
            if path.is_file():
                shutil.copyfile(path, temporary / path.name)
        believed = with_confidence(bundle.plan, confidence, chosen)
        (temporary / bundles.PLAN).write_bytes(believed.to_json())
        text = msgspec.json.format(msgspec.json.encode(record), indent=2)
        (temporary / CALIBRATION).write_bytes(text + b"\n")
        (temporary / DIAGRAM).write_bytes(diagram(record))
        bundles.seal(temporary, bundle.name)
    report(f"A lesion needs a confidence of {chosen:.2f}")
    return bundles.load(str(folder))


def with_confidence(plan: Plan, confidence: Confidence | None, least: float) -> Plan:
    """`plan` with that confidence, and the least of it that a lesion needs."""
    rule = msgspec.structs.replace(plan.postprocessing, confidence=confidence, min_confidence=least)
    return msgspec.structs.replace(plan, postprocessing=rule)


def candidates(
    labels: LabelMap, chances: NDArray[np.float32], truth: LabelMap
) -> tuple[Candidate, ...]:
    """The lesions of `labels`; those that touch one of `truth` are real, as `evaluate` counts.

    `chances` are tumour probabilities (i, j, k); all three are on one grid.
    """
    numbered, found = evidence(labels.tumour, chances, labels.geometry.voxel_ml)
    touching = set(np.unique(numbered[truth.tumour]).tolist())
    return tuple(Candidate(*e, number in touching) for number, e in enumerate(found, start=1))


def fit(found: Sequence[Candidate]) -> Confidence:
    """The logistic regression of truth on the candidates' logits and the log of their size.

    Raises
    ------
    ConfigError
        If there are fewer than `LEAST` true ones, or false ones.
    """
    from sklearn.linear_model import LogisticRegression

    real = np.array([c.real for c in found], bool)
    if min(real.sum(), (~real).sum()) < LEAST:
        raise ConfigError(
            f"{int(real.sum())} true and {int((~real).sum())} false lesions are too few to learn "
            f"from; there have to be {LEAST} of each.",
            "Take more patients with -n.",
        )
    model = LogisticRegression().fit(_features(found), real)
    mean, peak, size = (round(float(w), 4) for w in model.coef_[0])
    offset = round(float(model.intercept_[0]), 4)
    return Confidence(offset=offset, mean=mean, peak=peak, size=size)


def out_of_fold(found: Sequence[Candidate]) -> NDArray[np.float64]:
    """The confidence (n,) of each candidate by what the other folds teach."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    real = np.array([c.real for c in found], bool)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    chances = cross_val_predict(
        LogisticRegression(), _features(found), real, cv=folds, method="predict_proba"
    )
    return np.asarray(chances[:, 1], np.float64)


def best_least(chances: NDArray[np.float64], real: NDArray[np.bool_], missed: int) -> float:
    """The least confidence, in steps of 0.05, for the best F1 score of lesions.

    `missed` are lesions that no candidate stands for. Of equally good ones the lowest: a
    false lesion costs a reader less than one that is not shown.
    """
    steps = np.arange(0, 20) / 20

    def f1(least: float) -> float:
        kept = chances >= least
        true, false = int((kept & real).sum()), int((kept & ~real).sum())
        lost = missed + int((~kept & real).sum())
        return 2 * true / max(2 * true + false + lost, 1)

    return float(max(steps, key=lambda least: (f1(least), -least)))


def reliability(chances: NDArray[np.float64], real: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Candidates by tenths of confidence; a tenth without any is left out."""
    tenth = np.minimum(np.floor(chances * 10), 9)
    parts = [tenth == n for n in np.unique(tenth)]
    return tuple(
        Bin(int(p.sum()), round(float(chances[p].mean()), 3), round(float(real[p].mean()), 3))
        for p in parts
    )


def diagram(record: Calibration) -> bytes:
    """The reliability diagram as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot([b.confidence for b in record.bins], [b.real for b in record.bins], "o-")
    axes.axvline(record.min_confidence, color="0.5", linestyle=":", label="least that is shown")
    axes.set(
        xlabel="confidence",
        ylabel="share that are lesions",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axes.set_title(f"{record.candidates} candidates of\n{record.cases}", fontsize=9)
    axes.legend(loc="upper left", fontsize=8)
    held = BytesIO()
    figure.savefig(held, format="png")
    return held.getvalue()


def _features(found: Sequence[Candidate]) -> NDArray[np.float64]:
    return np.array([(logit(c.mean), logit(c.peak), np.log(c.volume_ml)) for c in found])
