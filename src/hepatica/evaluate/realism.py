"""Do real volumes lie inside what the generator makes? Measured on both, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from hepatica import io
from hepatica.core import resample
from hepatica.core.errors import ConfigError, InputError
from hepatica.evaluate.appearance import Appearance, appearance
from hepatica.io import anatomies as collections
from hepatica.io import patients
from hepatica.results import tables
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.strips import Strip, strip_plot
from hepatica.synth import patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.tissues import Tissue

MEASURES = tuple(f.name for f in fields(Appearance))
VOLUMES = ("liver_ml", "spleen_ml", "kidneys_ml")
#: Percentiles of the synthetic patients between which a real volume should lie.
LOW, HIGH = 5, 95


@dataclass(frozen=True)
class Sample:
    """One volume, measured."""

    case: str
    kind: Literal["real", "synthetic"]
    appearance: Appearance


@dataclass(frozen=True)
class Comparison:
    """One measure: every real value by case, and the synthetic ones; undefined ones left out."""

    measure: str
    real: dict[str, float]
    synthetic: tuple[float, ...]

    @property
    def band(self) -> tuple[float, float] | None:
        """The synthetic patients' 5th and 95th percentile; None where there are none."""
        if not self.synthetic:
            return None
        low, high = np.percentile(self.synthetic, (LOW, HIGH))
        return float(low), float(high)

    @property
    def below(self) -> tuple[str, ...]:
        """Real cases under the band."""
        return tuple(c for c, v in self.real.items() if self.band and v < self.band[0])

    @property
    def above(self) -> tuple[str, ...]:
        """Real cases over the band."""
        return tuple(c for c, v in self.real.items() if self.band and v > self.band[1])


def recipe(phase: str) -> patient.Recipe:
    """What training draws, in one phase, with physical contrast and the whole liver.

    Cysts and vessels that are not labelled would count as parenchyma; they are left out.

    Raises
    ------
    ConfigError
        If there is no such phase.
    """
    return replace(patient.TRAINING.in_phase(phase), random_contrast=0.0, cut=0.0, look_alikes=0.0)


def real(folder: Path, exclude: tuple[str, ...] = ()) -> Iterator[Sample]:
    """Measure the volumes of a data set, but for those whose label file matches `exclude`.

    Raises
    ------
    InputError
        If no mapping fits it, or it has no images, or none is left.
    """
    collection = collections.find(folder)
    for case in collection.cases(folder, exclude):
        if case.image is None:
            raise InputError(
                f"{folder} has label maps without images.", "Give image_suffix in its mapping."
            )
        volume = io.read(case.image)
        tissues = resample.onto(collection.tissues_of(case), volume.geometry)
        yield Sample(case.name, "real", appearance(volume, tissues.labels))


def synthetic(
    n: int, seed: int, drawn: patient.Recipe, anatomies: Sequence[Anatomy] = ()
) -> Iterator[Sample]:
    """Measure patients 1 to `n`; each depends on the seed, its number and the anatomies alone.

    Raises
    ------
    ConfigError
        If an anatomy is an MRI.
    """
    for anatomy in anatomies:
        if anatomy.image is not None:
            raise ConfigError(
                f"{anatomy.name} is an MRI, which has a signal of its own and not that of a phase.",
                "Give folders of CT to --anatomies.",
            )
    for number in range(1, n + 1):
        made = patients.patient(seed, number, anatomies, drawn)
        volume, labels = patient.scan_patient(made)
        tissue = patient.tissues(made, made.scan)
        tissue[labels.tumour] = Tissue.LESION
        yield Sample(made.name, "synthetic", appearance(volume, tissue))


def compare(samples: Sequence[Sample], measures: Sequence[str] = MEASURES) -> list[Comparison]:
    """Gather the defined values of each measure."""
    compared = []
    for measure in measures:
        values = [(s, getattr(s.appearance, measure)) for s in samples]
        defined = [(s, float(v)) for s, v in values if v is not None]
        compared.append(
            Comparison(
                measure,
                {s.case: v for s, v in defined if s.kind == "real"},
                tuple(v for s, v in defined if s.kind == "synthetic"),
            )
        )
    return compared


def samples_csv(samples: Sequence[Sample], measures: Sequence[str] = MEASURES) -> str:
    """One row per volume; empty where undefined."""
    rows = [(s.case, s.kind, *(getattr(s.appearance, m) for m in measures)) for s in samples]
    return tables.table(("case", "kind", *measures), rows)


def table(compared: Sequence[Comparison]) -> str:
    """A row of Markdown for each measure."""
    lines = [
        f"| | real min | median | max | synthetic {LOW} % | 50 % | {HIGH} % | inside | outside |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in compared:
        ours = _numbers(list(c.real.values()), (0, 50, 100))
        theirs = _numbers(c.synthetic, (LOW, 50, HIGH))
        inside = "–"
        if c.real and c.band:
            inside = f"{len(c.real) - len(c.below) - len(c.above)} of {len(c.real)}"
        sides = (("below", c.below), ("above", c.above))
        outside = "; ".join(f"{side}: {', '.join(cases)}" for side, cases in sides if cases)
        cells = (title(c.measure), *ours, *theirs, inside, outside)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def title(measure: str) -> str:
    """A measure's name for people."""
    return measure.replace("_to_", " / ").replace("_per_", " per ").replace("_", " ")


def picture(compared: Sequence[Comparison]) -> Image.Image:
    """Every measure as a strip: real volumes on the synthetic patients and their band."""
    strips = [
        Strip(title(c.measure), tuple(c.real.values()), c.synthetic, c.band) for c in compared
    ]
    caption = f"Orange: real. Grey: synthetic; blue: {LOW} to {HIGH} % of them. {RESEARCH_ONLY}"
    return strip_plot(strips, caption)


def write(out: Path, samples: Sequence[Sample], compared: Sequence[Comparison]) -> None:
    """Write ``realism.csv``, ``realism.md`` and ``realism.png`` to `out`.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    io.make_folder(out)
    io.write_text(out / "realism.csv", samples_csv(samples, [c.measure for c in compared]))
    io.write_text(out / "realism.md", f"{table(compared)}\n\n{RESEARCH_ONLY}\n")
    png = BytesIO()
    picture(compared).save(png, "PNG")
    io.write_bytes(out / "realism.png", png.getvalue())


def _numbers(values: Sequence[float], percentiles: tuple[int, int, int]) -> list[str]:
    if not values:
        return ["–"] * 3
    return [f"{v:.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in np.percentile(values, percentiles)]
