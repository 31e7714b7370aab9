"""What was measured, as Markdown that goes into the documentation as it is."""

from __future__ import annotations

from collections.abc import Sequence

from hepatica.benchmark.networks import Speed
from hepatica.benchmark.segmentation import Found, median, ratios


def segmentation(found: Found) -> str:
    """All tables of `hepatica bench segment`."""
    whole = [r.process for r in found.rounds]
    shown = sorted(whole, key=lambda run: run.seconds)[len(whole) // 2]
    steps = [(step, f"{s:.2f}") for step, s in shown.steps.items()]
    named = sum(shown.steps.values())
    steps += [("start and end of Python", f"{shown.seconds - named:.2f}")]
    steps += [("whole process", f"{shown.seconds:.2f}")]
    return "\n\n".join(
        (
            "; ".join(f"{name} {value}" for name, value in found.machine.items()),
            _table(
                ("Ratio, round by round", "median", "lowest", "highest"),
                [
                    (r.what, f"{r.median:.1f}", f"{r.low:.1f}", f"{r.high:.1f}")
                    for r in ratios(found)
                ],
            ),
            _table((f"Step of `hepatica segment --bundle {found.bundle}`, cold", "s"), steps),
            speeds(found.networks),
            _table(
                ("Run", "s", "peak MB"),
                [
                    *(
                        (f"{n} voxels", *_run(r.seconds, r.peak_mb))
                        for n, r in found.growth.items()
                    ),
                    ("512×512×200 voxels", *_run(found.large.seconds, found.large.peak_mb)),
                    *(
                        (f"{n} threads", *_run(r.seconds, r.peak_mb))
                        for n, r in found.threads.items()
                    ),
                    *(
                        (f"{n} cases", *_run(r.seconds, r.peak_mb))
                        for n, r in found.folders.items()
                    ),
                ],
            ),
        )
    )


def speeds(found: Sequence[Speed]) -> str:
    """Networks beside the arithmetic limit."""
    rows = [
        (
            s.what,
            f"{s.seconds:.3f}",
            f"{s.operations / 1e9:.0f}",
            f"{s.operations / s.seconds / 1e9:.0f}",
            f"{s.share_of_limit:.0%}",
        )
        for s in found
    ]
    return _table(("Network", "s", "10⁹ operations", "10⁹ a second", "of the limit"), rows)


def headline(found: Found) -> str:
    """One line for a person who waits."""
    whole = median([r.process.seconds for r in found.rounds])
    first = ratios(found)[0]
    return f"A whole case takes {whole:.1f} s; the {first.what} {first.median:.0f} times as long."


def _run(seconds: float, peak_mb: float) -> tuple[str, str]:
    return f"{seconds:.1f}", f"{peak_mb:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
