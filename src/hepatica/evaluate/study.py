"""Predictions against references, case by case: scores and their means."""

from __future__ import annotations

import csv
import io as text
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from hepatica import io
from hepatica.core.errors import InputError, OutputError
from hepatica.core.volume import Label, LabelMap
from hepatica.evaluate.overlap import Overlap
from hepatica.io.pairing import by_case, case_of, label_files, longest_beginning
from hepatica.results.notice import RESEARCH_ONLY

REGIONS = ("liver", "parenchyma", "tumour")
COLUMNS = ("case", "region", "dice", "sensitivity", "precision", "volume_error_ml")
#: What has to be drawn in a reference for a region to be scored.
NEEDS = {"liver": {"liver"}, "parenchyma": {"liver", "tumour"}, "tumour": {"tumour"}}
RULE = (
    "Liver is the whole liver, lesions included. Both masks empty: undefined, left out of"
    " the mean. One mask empty, the other not: Dice 0. Not drawn in the reference: undefined."
)


@dataclass(frozen=True)
class Pair:
    """A case's two files."""

    case: str
    prediction: Path
    reference: Path


@dataclass(frozen=True)
class Score:
    """One region of one case; None is undefined."""

    case: str
    region: str
    dice: float | None
    sensitivity: float | None
    precision: float | None
    volume_error_ml: float | None


def pair(predictions: Path, references: Path) -> tuple[list[Pair], list[str]]:
    """Match label maps by case name; also the names that have no partner.

    The case of ``p01_seg.nii.gz`` is ``p01``: endings such as ``_seg``, ``_organs`` and
    ``_labels`` do not count. What is left may go on after the reference's case with
    another word, as in ``p01_t1ce_seg``, if no other reference fits better and that word
    is not a number. Two files always match.

    Raises
    ------
    InputError
        If a path does not exist, or two files of a folder are the same case.
    """
    for path in (predictions, references):
        if not path.exists():
            raise InputError(f"{path} does not exist.", "Check the path.")
    if predictions.is_file() and references.is_file():
        return [Pair(case_of(references), predictions, references)], []
    found, wanted = by_case(label_files(predictions)), by_case(label_files(references))
    pairs = [Pair(c, found[c], wanted[c]) for c in sorted(found.keys() & wanted.keys())]
    left = sorted(found.keys() - wanted.keys())
    open_ = {c for c in wanted if c not in found}
    candidates: dict[str, list[str]] = {}
    for case in left:
        if (best := longest_beginning(case, wanted)) in open_:
            candidates.setdefault(best, []).append(case)
    for case, fits in candidates.items():
        if len(fits) == 1:
            pairs.append(Pair(case, found[fits[0]], wanted[case]))
            left.remove(fits[0])
            open_.remove(case)
    return sorted(pairs, key=lambda p: p.case), sorted({*left, *open_})


def score(pairs: Iterable[Pair], reference_labels: Mapping[str, int] | None = None) -> list[Score]:
    """Score every pair on the reference's grid.

    Parameters
    ----------
    reference_labels
        Which label of the references is ``liver`` and which ``tumour``, where it is not
        1 and 2. What is not named was not drawn: its scores are undefined, and ``liver``
        alone is the whole liver.

    Raises
    ------
    InputError
        If the grids of a pair differ, or a label has no meaning.
    """
    scores: list[Score] = []
    for one in pairs:
        prediction = _relabel(one.prediction, None)
        reference = _relabel(one.reference, reference_labels)
        if not prediction.geometry.matches(reference.geometry, tolerance_mm=0.1):
            raise InputError(
                f"{one.prediction.name} and {one.reference.name} are not on the same grid.",
                "Segment the image that the reference was drawn on.",
            )
        for region in REGIONS:
            if reference_labels is not None and not NEEDS[region] <= set(reference_labels):
                scores.append(Score(one.case, region, None, None, None, None))
                continue
            ours, truth = _mask(prediction, region), _mask(reference, region)
            overlap = Overlap.of(ours, truth)
            error = (float(ours.sum()) - float(truth.sum())) * reference.geometry.voxel_ml
            scores.append(
                Score(
                    one.case,
                    region,
                    overlap.dice,
                    overlap.sensitivity,
                    overlap.precision,
                    round(error, 4),
                )
            )
    return scores


def cases_csv(scores: Sequence[Score]) -> str:
    """One row per case and region; empty where undefined."""
    out = text.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for s in scores:
        row = (s.case, s.region, s.dice, s.sensitivity, s.precision, s.volume_error_ml)
        writer.writerow(["" if value is None else value for value in row])
    return out.getvalue()


def summary_json(scores: Sequence[Score], lonely: Sequence[str]) -> bytes:
    """Mean, SD and count of every score of every region, and the rule behind them."""
    regions = {
        region: {
            name: _mean([getattr(s, name) for s in scores if s.region == region])
            for name in ("dice", "sensitivity", "precision", "volume_error_ml")
        }
        for region in REGIONS
    }
    content = {
        "notice": RESEARCH_ONLY,
        "rule": RULE,
        "cases": len({s.case for s in scores}),
        "without_partner": list(lonely),
        "regions": regions,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def write(out: Path, scores: Sequence[Score], lonely: Sequence[str]) -> None:
    """Write ``cases.csv`` and ``summary.json`` to `out`.

    Raises
    ------
    OutputError
        If they cannot be written, or a ``cases.csv`` there is another table.
    """
    io.make_folder(out)
    table = out / "cases.csv"
    if table.is_file() and not table.read_text(encoding="utf-8").startswith(",".join(COLUMNS)):
        raise OutputError(
            f"{table} is another table.", "Choose another folder for the scores with -o."
        )
    io.write_text(out / "cases.csv", cases_csv(scores))
    io.write_bytes(out / "summary.json", summary_json(scores, lonely))


def table(scores: Sequence[Score], lonely: Sequence[str]) -> str:
    """What a person wants to see at once: Dice of every case, and the means."""
    cases = list(dict.fromkeys(s.case for s in scores))
    width = max(len(name) for name in [*cases, "mean"])
    lines = [f"{'Dice':<{width}}" + "".join(f"{region:>13}" for region in REGIONS)]
    by = {(s.case, s.region): s.dice for s in scores}
    rows = [(case, [by[case, region] for region in REGIONS]) for case in cases]
    means = [_mean([by[case, region] for case in cases])["mean"] for region in REGIONS]
    for name, values in [*rows, ("mean", means)]:
        cells = "".join(f"{'-' if v is None else format(v, '.3f'):>13}" for v in values)
        lines.append(f"{name:<{width}}{cells}")
    lines += [f"Without partner: {name}" for name in lonely]
    return "\n".join([*lines, RULE])


def _mean(values: Sequence[float | None]) -> dict[str, float | int | None]:
    defined = [v for v in values if v is not None]
    return {
        "mean": float(np.mean(defined)) if defined else None,
        "sd": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
        "defined": len(defined),
        "undefined": len(values) - len(defined),
    }


def _mask(labels: LabelMap, region: str) -> NDArray[np.bool_]:
    masks: dict[str, NDArray[np.bool_]] = {
        "liver": labels.liver,
        "parenchyma": labels.parenchyma,
        "tumour": labels.tumour,
    }
    return masks[region]


def _relabel(path: Path, meaning: Mapping[str, int] | None) -> LabelMap:
    """The label map in a file, in our labels."""
    labels = io.read_labelmap(path)
    if meaning is None:
        unknown = sorted(set(np.unique(labels.labels).tolist()) - {int(v) for v in Label})
        if unknown:
            raise InputError(
                f"{path.name} has labels {unknown}, which are not liver (1) or tumour (2).",
                "Say which ones of a reference are: --reference-labels liver=1,tumour=2.",
            )
        return labels
    result = np.zeros_like(labels.labels)
    for name, value in meaning.items():
        result[labels.labels == value] = {"liver": Label.PARENCHYMA, "tumour": Label.TUMOUR}[name]
    return LabelMap(result, labels.geometry)
