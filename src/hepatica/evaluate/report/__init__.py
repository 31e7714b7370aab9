"""What people look at: the page of a study, its figures, and its best and worst cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hepatica import io
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate.report import contours, page
from hepatica.evaluate.report.figures import FIGURES as ALL
from hepatica.evaluate.study import Study

#: Label maps of a case on its reference's grid, and its image if there is one.
Read = Callable[[str], tuple[LabelMap, LabelMap, Volume | None]]

PAGE, FIGURES, CASES = "report.html", "figures", "cases"
#: So many of the best cases, and of the worst, are drawn.
SHOWN = 3


@dataclass(frozen=True)
class Look:
    """A case to look at: why, and where its picture lies in a study's folder."""

    case: str
    why: str
    file: str


def write(
    out: Path,
    study: Study,
    title: str,
    read: Read,
    extra: Sequence[tuple[str, str]] = (),
    drawn: Mapping[str, tuple[bytes, bytes]] | None = None,
) -> None:
    """Write ``report.html``, ``figures/*.png`` and ``*.svg`` and ``cases/*.png`` to `out`.

    Parameters
    ----------
    read
        Gives a case again, for its picture: a study keeps scores alone.
    extra
        Further sections, as in :func:`hepatica.evaluate.report.page.html`.
    drawn
        The figures, from :func:`hepatica.evaluate.report.figures.draw`; without them the
        page has none.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    svgs, pictures = {}, {}
    for folder in (FIGURES, CASES):
        io.make_folder(out / folder)
    stale = [out / FIGURES / f"{name}.{kind}" for name in ALL for kind in ("png", "svg")]
    stale += [out / CASES / look.file for look in _named(("",) * SHOWN, ("",) * SHOWN, "")]
    for path in stale:
        path.unlink(missing_ok=True)  # of an earlier evaluation
    for name, (png, svg) in (drawn or {}).items():
        io.write_bytes(out / FIGURES / f"{name}.png", png)
        io.write_bytes(out / FIGURES / f"{name}.svg", svg)
        svgs[name] = svg
    scores = {case.case: case for case in study.cases}
    for look in looks(study):
        prediction, reference, image = read(look.case)
        words = contours.in_words(scores[look.case])
        picture = contours.png(contours.draw(look.case, image, prediction, reference, words))
        io.write_bytes(out / CASES / look.file, picture)
        pictures[f"{look.why}: {look.case}"] = picture
    io.write_text(out / PAGE, page.html(study, title, svgs, pictures, extra))


def looks(study: Study) -> tuple[Look, ...]:
    """The cases of a study that are drawn: the best three and the worst three."""
    return _named(*contours.choose(study, SHOWN), contours.decides(study))


def _named(best: Sequence[str], worst: Sequence[str], region: str) -> tuple[Look, ...]:
    return tuple(
        Look(case, f"{word} {region} Dice", f"{word.lower()}_{n}.png")
        for word, cases in (("Highest", best), ("Lowest", worst))
        for n, case in enumerate(cases, 1)
    )
