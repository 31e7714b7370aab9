"""A study as figures: Dice of every case, lesions found, agreement of volumes.

Every figure says how many cases or lesions it shows, and where there is nothing to show it says
that. An undefined score is drawn as undefined, never as 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from hepatica.core.errors import ResourceError
from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.scores import REGIONS, CaseScores
from hepatica.evaluate.statistics import Agreement
from hepatica.evaluate.study import Study
from hepatica.evaluate.tables import mean_sd
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.panels import LESION_COLOUR, LIVER_COLOUR, Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of the regions (all of Okabe and Ito) and their marks, apart in grey as well.
COLOURS: dict[str, Colour] = {
    "liver": LIVER_COLOUR,
    "parenchyma": (0, 114, 178),
    "tumour": LESION_COLOUR,
}
MARKS = {"liver": "s", "parenchyma": "D", "tumour": "o"}
INK, DIM = "#222222", "#666666"
WIDTH_INCHES, PAD_INCHES, DPI = 9.6, 0.1, 130
#: More names than that would run into each other, longer ones are shortened in the middle.
MOST_NAMES, LONGEST_NAME = 80, 20
#: So many signs have room side by side; names of more stand upright.
LEVEL_SIGNS = 90
#: Share of the distance between two cases that their points are spread over.
SPREAD = 0.4
#: A box of fewer values would say more than they do.
FEWEST_OF_BOX = 5

#: Names are no formulas, and the SVG's text stays text.
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "hepatica",
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
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


def draw(study: Study) -> dict[str, tuple[bytes, bytes]]:
    """All of `FIGURES` by name, as PNG and SVG.

    Raises
    ------
    ResourceError
        If matplotlib is not installed.
    """
    return {name: save(make(study)) for name, (make, _) in FIGURES.items()}


@contextmanager
def _styled() -> Iterator[None]:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"The figures of a study need the package {error.name}.",
            "pip install '.[study]' in Hepatica's folder; the tables need nothing.",
        ) from error
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks has boxes on the PNG; the SVG has it right.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@_styled()
def save(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as PNG and as SVG; the same figure gives the same bytes on one machine."""
    png, svg = BytesIO(), BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata=_NO_METADATA)
    return png.getvalue(), svg.getvalue()


@_styled()
def dice_by_case(study: Study) -> Figure:
    """The paper's Figure 7: Dice of liver and tumour of every case, best tumour first.

    A hollow mark at the baseline is an undefined one.
    """
    cases = sorted(study.cases, key=_rank)
    names = [one_line(case.case, LONGEST_NAME) for case in cases]
    level = len(names) * max(map(len, names), default=0) <= LEVEL_SIGNS
    figure, (axes,) = _figure(1, 3.9 if level or len(names) > MOST_NAMES else 4.8)
    if not cases:
        _blank(axes, "No case was scored.")
        return figure
    places = np.arange(1, len(cases) + 1)
    size = float(np.clip(260 / len(cases), 9, 36))
    for region in ("liver", "tumour"):
        values = [case[region].dice for case in cases]
        known = np.array([v is not None for v in values])
        heights = np.array([v or 0.0 for v in values])
        look: dict[str, Any] = {"marker": MARKS[region], "clip_on": False, "zorder": 3}
        colour = _rgb(COLOURS[region])
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
            axes.scatter(places[~known], heights[~known], s=larger, **look)
    axes.set(xlim=(0.3, len(cases) + 0.7), ylim=(0, 1), ylabel="Dice")
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


@_styled()
def confusion(study: Study) -> Figure:
    """The paper's Figure 8: lesions found, missed and false.

    Lesions that are not there and were not predicted do not exist: that cell is a dash.
    """
    figure, (axes,) = _figure(1, 4.2, 5.4)
    if not study.with_lesions:
        _blank(axes, "No reference has lesions drawn.")
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
        tint = (*_rgb(LESION_COLOUR), 0.12 + 0.78 * n / most if n else 0.0)
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


@_styled()
def sensitivity_by_size(study: Study) -> Figure:
    """Share of the lesions that were found by class of diameter, with Wilson's 95 % interval."""
    figure, (axes,) = _figure(1, 3.7)
    lesions = study.lesions
    if not lesions.reference:
        _blank(axes, "No reference has a lesion: there is no sensitivity.")
        return figure
    classes = {**lesions.by_size(), "all": (lesions.found, len(lesions.reference))}
    for place, (found, there) in enumerate(classes.values()):
        top = 0.0
        if there:
            share = found / there
            low, top = _wilson(found, there)
            colour = _rgb(LESION_COLOUR) if place < len(classes) - 1 else (0.6, 0.6, 0.6)
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


@_styled()
def agreement(study: Study) -> Figure:
    """Bland and Altman: prediction minus reference against their mean, case by case."""
    figure, panels = _figure(3, 3.7)
    found = study.agreement()
    for axes, (name, (title, unit)) in zip(panels, _COMPARED.items(), strict=True):
        _bland_altman(axes, title, unit, _measured(study, name), found[name])
    return figure


@_styled()
def distributions(study: Study) -> Figure:
    """Dice, surface Dice and 95 % Hausdorff distance of each region: boxes and every case."""
    figure, panels = _figure(3, 3.7)
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
            _blank(axes, "Undefined in every case." if study.cases else "No case was scored.")
        elif score == "hd95_mm":
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0, 1)
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


def one_line(name: str, most: int = 200) -> str:
    """A case's name as it can be shown: printable, on one line, of `most` signs.

    Names come from files, and those may hold anything. A longer one loses its middle: the
    beginning says of which set a case is, the end which one.
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if len(plain) <= most:
        return plain
    return f"{plain[: most // 3]}…{plain[most // 3 + 1 - most :]}"


def several(n: int, noun: str) -> str:
    """Such as ``"1 case"`` and ``"2 cases"``."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _figure(panels: int, height: float, width: float = WIDTH_INCHES) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side with the research-only line below; inches."""
    from matplotlib.figure import Figure

    # Without pyplot: no window, no state that others share.
    figure = Figure(figsize=(width, height), dpi=DPI)
    figure.set_layout_engine("constrained", w_pad=PAD_INCHES, h_pad=PAD_INCHES)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.supxlabel(RESEARCH_ONLY, x=0.01, ha="left", fontsize=7, color=DIM)
    return figure, axes


def _blank(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0, 0.5, why, transform=axes.transAxes, color=INK, fontsize=10)


def _rgb(colour: Colour) -> tuple[float, float, float]:
    r, g, b = colour
    return r / 255, g / 255, b / 255


def _rank(case: CaseScores) -> tuple[bool, float, bool, float, str]:
    """Highest tumour Dice first, then that of the liver; undefined ones last."""
    tumour, liver = case["tumour"].dice, case["liver"].dice
    return tumour is None, -(tumour or 0.0), liver is None, -(liver or 0.0), case.case


def _wilson(found: int, there: int) -> tuple[float, float]:
    interval = stats.binomtest(found, there).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


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
        _blank(axes, "No reference has them drawn.")
        return
    ours, theirs = np.array(pairs, np.float64).T
    points, cases = np.unique(
        np.stack([(ours + theirs) / 2, ours - theirs], 1), axis=0, return_counts=True
    )
    # The area of a mark is the number of cases on it.
    axes.scatter(
        points[:, 0], points[:, 1], s=22 * cases, color=_rgb(LESION_COLOUR), alpha=0.8, ec=INK
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
        color=_rgb(COLOURS[region]),
        **look,
    )
