"""Names and numbers as they are shown to people."""

from __future__ import annotations

from hepatica.evaluate.statistics import Summary


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


def number(value: float | None, digits: int) -> str:
    """So many digits after the point, never a negative zero; a dash where it is undefined."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def interval(s: Summary, digits: int) -> str:
    """The 95 % interval of a mean; a dash where there is none."""
    return "-" if s.low is None else f"{number(s.low, digits)} to {number(s.high, digits)}"
