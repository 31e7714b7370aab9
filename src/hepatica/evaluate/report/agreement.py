"""How a study's values lie: prediction against reference, and each score over the cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.report.drawing import COLOURS, DIM, INK, MARKS, blank, panels_of, rgb, styled
from hepatica.evaluate.scores import REGIONS
from hepatica.evaluate.statistics import Agreement
from hepatica.evaluate.study import Study
from hepatica.results.panels import LESION_COLOUR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Share of the distance between two cases that their points are spread over.
SPREAD = 0.4
#: A box of fewer values would say more than they do.
FEWEST_OF_BOX = 5
#: What of a study is compared, with its unit.
_COMPARED = {
    "tumour_ml": ("Tumour volume", "ml"),
    "liver_ml": ("Liver volume", "ml"),
    "lesion_count": ("Lesions per case", "lesions"),
}
_DISTRIBUTED = {
    "dice": "Dice",
    "surface_dice_2mm": "Surface Dice at 2 mm",
    "hd95_mm": "95 % Hausdorff distance, mm",
}


@styled()
def agreement(study: Study) -> Figure:
    """Bland and Altman: prediction minus reference against their mean, case by case."""
    figure, panels = panels_of(3, 3.7)
    found = study.agreement()
    for axes, (name, (title, unit)) in zip(panels, _COMPARED.items(), strict=True):
        _bland_altman(axes, title, unit, _measured(study, name), found[name])
    return figure


@styled()
def distributions(study: Study) -> Figure:
    """Dice, surface Dice and 95 % Hausdorff distance of each region: boxes and every case."""
    figure, panels = panels_of(3, 3.7)
    for axes, (score, title) in zip(panels, _DISTRIBUTED.items(), strict=True):
        axes.set_title(title)
        names = []
        for place, region in enumerate(REGIONS):
            values = [v for v in study.values(region, score) if v is not None]
            names.append(f"{region}\nn = {len(values)}")
            if values:
                _box(axes, place, values, region)
        axes.set_xticks(range(len(REGIONS)), names)
        axes.set_xlim(-0.6, len(REGIONS) - 0.4)
        if not axes.collections:
            blank(axes, "Undefined in every case." if study.cases else "No case was scored.")
        elif score == "hd95_mm":
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0, 1)
    return figure


def _measured(study: Study, name: str) -> list[tuple[float, float]]:
    """Prediction and reference of every case that :meth:`Study.agreement` compares."""
    if name == "lesion_count":
        found: list[Lesions] = [lesions for _, lesions in study.with_lesions]
        return [(len(x.predicted), len(x.reference)) for x in found]
    regions = [case[name.removesuffix("_ml")] for case in study.cases]
    return [(s.prediction_ml, s.reference_ml) for s in regions if s.reference_ml is not None]


def _bland_altman(
    axes: Axes, title: str, unit: str, pairs: Sequence[tuple[float, float]], found: Agreement
) -> None:
    axes.set_title(title)
    if found.bias is None:
        blank(axes, "No reference has them drawn.")
        return
    ours, theirs = np.array(pairs, np.float64).T
    points, cases = np.unique(
        np.stack([(ours + theirs) / 2, ours - theirs], 1), axis=0, return_counts=True
    )
    # The area of a mark is the number of cases on it.
    axes.scatter(
        points[:, 0], points[:, 1], s=22 * cases, color=rgb(LESION_COLOUR), alpha=0.8, ec=INK
    )
    lines = [found.bias]
    axes.axhline(found.bias, color=INK, linewidth=1)
    words = f"bias {found.bias:+.3g} {unit}"
    if found.low is not None and found.high is not None:
        for limit in (found.low, found.high):
            axes.axhline(limit, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        lines += [found.low, found.high]
        words += f"\nlimits {found.low:+.3g} to {found.high:+.3g} {unit}"
    else:
        words += "\nlimits need two cases"
    # Not a negative zero.
    words += "\nICC " + ("undefined" if found.icc is None else f"{round(found.icc, 3) + 0.0:.3f}")
    axes.set_title(f"{title}\n{words}".replace("-", "−"))
    axes.axhline(0, color=DIM, linewidth=0.6, alpha=0.6)
    # Room about all of it, also where nothing varies.
    reach = 1.15 * max(map(abs, [*lines, *points[:, 1].tolist()])) or 1.0
    axes.set_ylim(-reach, reach)
    if np.ptp(points[:, 0]) == 0:
        axes.set_xlim(0, 2 * points[0, 0] or 1)
    axes.set_xlabel(f"mean of both, {unit}")
    axes.set_ylabel(f"prediction − reference, {unit}")


def _box(axes: Axes, place: int, values: Sequence[float], region: str) -> None:
    if len(values) >= FEWEST_OF_BOX:
        median: dict[str, Any] = {"color": INK, "linewidth": 2}
        whole: dict[str, Any] = {"widths": 0.55, "showfliers": False, "manage_ticks": False}
        axes.boxplot([list(values)], positions=[place], medianprops=median, **whole)
    # Spread sideways, the same way every time, so that points do not hide each other.
    aside = (np.arange(len(values)) * 0.618034 % 1 - 0.5) * SPREAD
    look: dict[str, Any] = {"marker": MARKS[region], "alpha": 0.8, "clip_on": False, "zorder": 3}
    axes.scatter(
        place + aside,
        values,
        s=np.clip(600 / len(values), 5, 16),
        color=rgb(COLOURS[region]),
        **look,
    )
