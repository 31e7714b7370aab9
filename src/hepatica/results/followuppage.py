"""``timepoints.html``: what changed between two dates, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hepatica.results import hypertext
from hepatica.results.followup import RULE, Change, FollowUp, sum_of_diameters_mm
from hepatica.results.hypertext import DASH, millilitres, number, section, table

HEAD = (
    "Lesion",
    "Status",
    "Earlier, ml",
    "Later, ml",
    "Change, ml",
    "Change, %",
    "Earlier diameter, mm",
    "Later diameter, mm",
    "Change, mm",
)


def followup_page(followup: FollowUp, names: tuple[str, str]) -> str:
    """The page, as HTML in one file; `names` are those of the earlier and the later case."""
    body = [
        hypertext.warnings(followup.warnings),
        hypertext.figures(_figures(followup)),
        section("Lesions", _lesions(followup)),
        section("Both dates", _dates(followup, names)),
    ]
    return hypertext.page(f"{names[0]} to {names[1]}", "\n".join(body))


def _figures(f: FollowUp) -> Iterator[tuple[str, str]]:
    for status in ("new", "grown", "stable", "shrunk", "gone"):
        yield str(f.count(status)), status
    change = f.later.tumour_ml - f.earlier.tumour_ml
    yield f"{_signed(change)} ml", "change of all tumour"


def _lesions(f: FollowUp) -> str:
    if not f.changes:
        return "<p>No lesion was found on either date.</p>"
    words = (
        f"{RULE} Diameters are the longest axial ones. Numbers are those of each date's own"
        " report. Pairs were found in livers brought"
        f" onto each other by turning, shifting and bending (Dice {f.liver_dice:.2f}); look at"
        " both images before you believe one."
    )
    return table(HEAD, map(_row, f.changes), "lesions") + hypertext.rule(words)


def _row(c: Change) -> Sequence[str]:
    name = " → ".join(str(x.id) if x else DASH for x in (c.earlier, c.later))
    return (
        name,
        c.status,
        *(millilitres(x.volume_ml) if x else DASH for x in (c.earlier, c.later)),
        _signed(c.volume_change_ml, 2),
        _signed(c.volume_change_percent, 0),
        *(number(x.diameter_axial_mm) if x else DASH for x in (c.earlier, c.later)),
        _signed(c.diameter_change_mm),
    )


def _dates(f: FollowUp, names: tuple[str, str]) -> str:
    rows = [
        (
            name,
            millilitres(m.liver_ml),
            millilitres(m.tumour_ml),
            number(m.burden_percent),
            str(len(m.findings)),
            number(sum_of_diameters_mm(m.findings)),
        )
        for name, m in zip(names, (f.earlier, f.later), strict=True)
    ]
    head = (
        "Date",
        "Liver, ml",
        "Tumour, ml",
        "Of the liver, %",
        "Lesions",
        "Sum of all diameters, mm",
    )
    return table(head, rows)


def _signed(value: float | None, digits: int = 1) -> str:
    if value is None:
        return DASH
    rounded = round(value, digits) + 0.0
    return f"{rounded:+.{digits}f}" if rounded else number(0.0, digits)
