"""A study as figures: Dice of every case, lesions found and false, agreement of volumes.

Every figure says how many cases or lesions it shows, and where there is nothing to show it says
that. An undefined score is drawn as undefined, never as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from hepatica.evaluate.report.agreement import agreement, distributions
from hepatica.evaluate.report.drawing import (
    COLOURS,
    DIM,
    INK,
    MARKS,
    WIDTH_INCHES,
    blank,
    panels_of,
    rgb,
    save,
    styled,
)
from hepatica.evaluate.report.words import one_line, several
from hepatica.evaluate.scores import CaseScores
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import mean_sd
from hepatica.results.panels import LESION_COLOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: More names than that would run into each other, longer ones are shortened in the middle.
MOST_NAMES, LONGEST_NAME = 80, 20
#: Thresholds that a free-response curve names.
NAMED_THRESHOLDS = (0.1, 0.5, 0.9)
#: Where marks of undefined scores are: below the scale, for no score is there.
UNDEFINED_AT = -0.07
#: So many signs have room side by side; names of more stand upright.
LEVEL_SIGNS = 90


def draw(study: Study) -> dict[str, tuple[bytes, bytes]]:
    """`FIGURES` by name, as PNG and SVG; without probabilities there is no free response.

    Raises
    ------
    ResourceError
        If matplotlib is not installed.
    """
    return {
        name: save(make(study))
        for name, (make, _) in FIGURES.items()
        if study.froc or make is not free_response
    }


@styled()
def dice_by_case(study: Study) -> Figure:
    """The paper's Figure 7: Dice of liver and tumour of every case, best tumour first.

    A hollow mark below the scale is an undefined one.
    """
    cases = sorted(study.cases, key=_rank)
    names = [one_line(case.case, LONGEST_NAME) for case in cases]
    level = len(names) * max(map(len, names), default=0) <= LEVEL_SIGNS
    figure, (axes,) = panels_of(1, 3.9 if level or len(names) > MOST_NAMES else 4.8)
    if not cases:
        blank(axes, "No case was scored.")
        return figure
    places = np.arange(1, len(cases) + 1)
    size = float(np.clip(260 / len(cases), 9, 36))
    lowest = 0.0
    for region in ("liver", "tumour"):
        values = [case[region].dice for case in cases]
        known = np.array([v is not None for v in values])
        heights = np.array([v or 0.0 for v in values])
        look: dict[str, Any] = {"marker": MARKS[region], "clip_on": False, "zorder": 3}
        colour = rgb(COLOURS[region])
        if region == "tumour":
            axes.vlines(places[known], 0, heights[known], color=colour, alpha=0.35, zorder=1)
        label = f"{region}, mean {mean_sd(study.summary(region, 'dice'))}"
        if known.any():
            axes.scatter(places[known], heights[known], s=size, color=colour, label=label, **look)
        if not known.all():
            # Those of the liver are larger: both may be undefined in one case.
            larger = size * (2 if region == "liver" else 1)
            label = f"{region} undefined in {(~known).sum()} of {len(cases)}"
            look |= {"facecolors": "white", "edgecolors": [colour], "label": label}
            axes.scatter(places[~known], np.full((~known).sum(), UNDEFINED_AT), s=larger, **look)
            lowest = UNDEFINED_AT - 0.03
    axes.set(xlim=(0.3, len(cases) + 0.7), ylim=(lowest, 1), ylabel="Dice")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.axhline(0, color=INK, linewidth=0.8, zorder=0)
    axes.grid(axis="y", alpha=0.3)
    order = ", highest of the tumours first" if len(cases) > 1 else ""
    axes.set_title(f"Dice of {several(len(cases), 'case')}{order}")
    figure.legend(loc="outside upper left", ncols=4)
    if len(names) > MOST_NAMES:
        axes.set_xlabel("cases by rank; their names are in the table")
    else:
        points = 72 * (WIDTH_INCHES - 1) / len(names)
        font = {"rotation": 0 if level else 90, "fontsize": np.clip(0.85 * points, 5, 9)}
        axes.set_xticks(places, names, **font)
    return figure


@styled()
def confusion(study: Study) -> Figure:
    """The paper's Figure 8: lesions found, missed and false.

    Lesions that are not there and were not predicted do not exist: that cell is a dash.
    """
    figure, (axes,) = panels_of(1, 4.2, 5.4)
    if not study.with_lesions:
        blank(axes, "No reference has lesions drawn.")
        return figure
    lesions = study.lesions
    there, counted = len(lesions.reference), len(study.with_lesions)
    cells = {
        (0, 0): (lesions.found, f"found of {there}"),
        (0, 1): (lesions.missed, f"missed of {there}"),
        (1, 0): (lesions.false, f"false in {several(counted, 'case')}"),
    }
    most = max(1, *(n for n, _ in cells.values()))
    for (row, column), (n, words) in cells.items():
        tint = (*rgb(LESION_COLOUR), 0.12 + 0.78 * n / most if n else 0.0)
        axes.fill([column, column + 1, column + 1, column], [row, row, row + 1, row + 1], fc=tint)
        axes.text(column + 0.5, row + 0.44, str(n), ha="center", va="center", fontsize=26)
        axes.text(column + 0.5, row + 0.72, words, ha="center", va="center", fontsize=10)
    axes.text(1.5, 1.44, "–", ha="center", va="center", fontsize=26, color=DIM)
    axes.text(1.5, 1.72, "cannot be counted", ha="center", va="center", fontsize=10, color=DIM)
    axes.set(xlim=(0, 2), ylim=(2, 0), xlabel="Prediction", ylabel="Reference", aspect=0.72)
    axes.set_xticks([0.5, 1.5], ["lesion", "no lesion"])
    axes.set_yticks([0.5, 1.5], ["lesion", "no lesion"], rotation=90, va="center")
    axes.tick_params(length=0)
    for at in (0, 1, 2):
        axes.axhline(at, color=DIM, linewidth=1, clip_on=False)
        axes.axvline(at, color=DIM, linewidth=1, clip_on=False)
    axes.spines[:].set_visible(False)
    axes.set_title("Lesions" if there or lesions.predicted else "Lesions: none at all")
    return figure


@styled()
def sensitivity_by_size(study: Study) -> Figure:
    """Share of the lesions that were found by class of diameter, with Wilson's 95 % interval."""
    figure, (axes,) = panels_of(1, 3.7)
    lesions = study.lesions
    if not lesions.reference:
        blank(axes, "No reference has a lesion: there is no sensitivity.")
        return figure
    classes = {**lesions.by_size(), "all": (lesions.found, len(lesions.reference))}
    for place, (found, there) in enumerate(classes.values()):
        top = 0.0
        if there:
            share = found / there
            low, top = _wilson(found, there)
            colour = rgb(LESION_COLOUR) if place < len(classes) - 1 else (0.6, 0.6, 0.6)
            axes.bar(place, share, 0.62, color=[colour])
            apart = [[max(0.0, share - low)], [max(0.0, top - share)]]
            axes.errorbar(place, share, apart, color=INK, capsize=4, linewidth=1.2)
        axes.text(place, top + 0.02, f"{found}/{there}", ha="center", va="bottom", fontsize=11)
    axes.set_xticks(range(len(classes)), list(classes))
    axes.set_xlim(-0.6, len(classes) - 0.4)
    axes.set_yticks(np.linspace(0, 1, 6), [f"{p} %" for p in range(0, 101, 20)])
    axes.set(ylim=(0, 1.12), ylabel="lesions found")
    axes.set_xlabel("longest axial diameter in the reference; lines are 95 % intervals")
    axes.set_title("Lesions found, by size")
    return figure


@styled()
def free_response(study: Study) -> Figure:
    """Share of the lesions found against false ones per case, threshold by threshold."""
    figure, (axes,) = panels_of(1, 3.9, 6.4)
    known = [p for p in study.froc if p.sensitivity is not None]
    if not known:
        blank(axes, "No probabilities, or no lesion that could be found.")
        return figure
    false, found = [p.false_per_case for p in known], [p.sensitivity or 0.0 for p in known]
    axes.plot(false, found, "o-", color=rgb(LESION_COLOUR), markersize=4, clip_on=False)
    for p in known:
        if p.threshold in NAMED_THRESHOLDS:
            at = (p.false_per_case, p.sensitivity or 0.0)
            axes.annotate(f"{p.threshold:g}", at, (4, -12), textcoords="offset points", fontsize=8)
    axes.set(ylim=(0, 1), ylabel="share of lesions found", xlabel="false lesions per case")
    axes.set_xlim(0, 1.1 * max(false) or 1)
    axes.grid(alpha=0.3)
    axes.set_title(
        f"Free response: {several(known[0].reference, 'lesion')} in"
        f" {several(known[0].cases, 'case')}; numbers are thresholds"
    )
    return figure


#: Every figure under the name of its file, with what it shows.
FIGURES: dict[str, tuple[Callable[[Study], Figure], str]] = {
    "dice_by_case": (
        dice_by_case,
        "Dice of liver and tumours of every case, as in the paper's Figure 7.",
    ),
    "lesions_confusion": (
        confusion,
        "Lesions found, missed and false, as in the paper's Figure 8.",
    ),
    "sensitivity_by_size": (
        sensitivity_by_size,
        "Share of the lesions that were found, by longest axial diameter, with Wilson's 95 %"
        " intervals.",
    ),
    "free_response": (
        free_response,
        "Lesions found against false ones per case at 19 thresholds of the network's probability,"
        " before postprocessing.",
    ),
    "agreement": (
        agreement,
        "Bland-Altman plots: prediction minus reference against the mean of both. The line is"
        " the bias, the dashed lines hold 95 % of the differences; the area of a mark is the number"
        " of cases on it.",
    ),
    "distributions": (
        distributions,
        "Each point is a case. From five cases on, boxes span the quartiles about the median, and"
        " whiskers reach at most 1.5 times that range further.",
    ),
}


def _rank(case: CaseScores) -> tuple[bool, float, bool, float, str]:
    """Highest tumour Dice first, then that of the liver; undefined ones last."""
    tumour, liver = case["tumour"].dice, case["liver"].dice
    return tumour is None, -(tumour or 0.0), liver is None, -(liver or 0.0), case.case


def _wilson(found: int, there: int) -> tuple[float, float]:
    interval = stats.binomtest(found, there).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
