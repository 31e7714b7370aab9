"""Do real volumes lie inside what the generator makes? Measured on both, side by side."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import hepatica
from hepatica import io
from hepatica.core import resample
from hepatica.core.errors import ConfigError, InputError, OutputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate.appearance import LEAST_ML, Appearance, appearance
from hepatica.io import anatomies as collections
from hepatica.io import patients
from hepatica.results import tables
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.sheet import Tile, contact_sheet
from hepatica.results.strips import Strip, strip_plot
from hepatica.synth import patient
from hepatica.synth.anatomy import Anatomy, require_seen
from hepatica.synth.recipe import TRAINING, Recipe
from hepatica.synth.tissues import LIVER_TISSUES, Tissue

MEASURES = tuple(f.name for f in fields(Appearance))
VOLUMES = ("liver_ml", "spleen_ml", "kidneys_ml")
#: Percentiles of the synthetic patients between which a real volume should lie.
LOW, HIGH = 5, 95
#: What a comparison writes.
SAMPLES, TABLE, PICTURE = "realism.csv", "realism.md", "realism.png"
BESIDE = "side_by_side.png"
#: So many of either kind are drawn.
SHOWN = 6


@dataclass(frozen=True)
class Question:
    """What is compared: a folder of real volumes with `n` synthetic patients of one phase.

    Parameters
    ----------
    anatomies
        Folders of those that patients are made of; procedural ones if empty.
    exclude
        Patterns of label files to leave out, here and there.
    volumes
        Whether the organs' volumes are compared, too.
    """

    folder: Path
    n: int = 60
    seed: int = 1
    phase: str = "t2"
    anatomies: tuple[Path, ...] = ()
    exclude: tuple[str, ...] = ()
    volumes: bool = True

    @property
    def measures(self) -> list[str]:
        """What is compared."""
        return [m for m in MEASURES if self.volumes or m not in VOLUMES]

    def command(self, out: Path) -> str:
        """The command that asks the same again."""
        words = ["hepatica", "realism", str(self.folder), "-o", str(out)]
        words += ["-n", str(self.n), "--seed", str(self.seed), "--phase", self.phase]
        for option, values in (("--anatomies", self.anatomies), ("--exclude", self.exclude)):
            for value in values:
                words += [option, str(value)]
        return shlex.join(words if self.volumes else [*words, "--no-volumes"])


@dataclass(frozen=True)
class Sample:
    """One volume, measured; the first few of either kind to be looked at, too."""

    case: str
    kind: Literal["real", "synthetic"]
    appearance: Appearance
    tile: Tile | None = field(default=None, compare=False)


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


def recipe(phase: str) -> Recipe:
    """What training draws, in one phase, with physical contrast and the whole liver.

    Cysts and vessels that are not labelled would count as parenchyma; they are left out.

    Raises
    ------
    ConfigError
        If there is no such phase.
    """
    return replace(TRAINING.in_phase(phase), random_contrast=0.0, cut=0.0, look_alikes=0.0)


def real(folder: Path, exclude: tuple[str, ...] = ()) -> Iterator[Sample]:
    """Measure the volumes of a data set, but for those whose label file matches `exclude`.

    Raises
    ------
    InputError
        If no mapping fits it, or it has no images, or none is left; if a volume does not show
        its labelled liver, or too little of one to measure.
    """
    collection = collections.find(folder)
    for n, case in enumerate(collection.cases(folder, exclude)):
        if case.image is None:
            raise InputError(
                f"{folder} has label maps without images.", "Give image_suffix in its mapping."
            )
        volume, labels = io.read(case.image), collection.tissues_of(case)
        measured = _measured(case.name, volume, labels)
        tissue = resample.onto(labels, volume.geometry).labels
        tile = _tile(f"real: {case.name}", volume, tissue) if n < SHOWN else None
        yield Sample(case.name, "real", measured, tile)


def _measured(name: str, volume: Volume, labels: LabelMap) -> Appearance:
    """How a real volume looks; `labels` hold :class:`Tissue` values."""
    liver = np.isin(labels.labels, (*LIVER_TISSUES, Tissue.LESION))
    require_seen(name, liver, labels.geometry, volume.geometry)
    tissue = resample.onto(labels, volume.geometry).labels
    found = appearance(volume, tissue)
    if found == Appearance():
        volume_ml = np.isin(tissue, LIVER_TISSUES).sum() * volume.geometry.voxel_ml
        raise InputError(
            f"{name} cannot be measured: its liver has {volume_ml:.3g} ml, of which at least"
            f" {LEAST_ML:g} ml are needed, or no signal.",
            "Check image and labels, or leave it out with --exclude.",
        )
    return found


def synthetic(
    n: int, seed: int, drawn: Recipe, anatomies: Sequence[Anatomy] = ()
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
        tile = _tile(f"synthetic: {made.name}", volume, tissue) if number <= SHOWN else None
        yield Sample(made.name, "synthetic", appearance(volume, tissue), tile)


def _tile(title: str, volume: Volume, tissue: NDArray[np.uint8]) -> Tile:
    """A slice through the middle of the liver, without its contour."""
    liver = np.isin(tissue, (*LIVER_TISSUES, Tissue.LESION)).astype(np.uint8)
    return Tile(title, volume, LabelMap(liver, volume.geometry), outlined=False)


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


def side_by_side(samples: Sequence[Sample]) -> Image.Image:
    """Real volumes in the first row, synthetic ones below; holds patients' images."""
    above, below = (
        [s.tile for s in samples if s.kind == kind and s.tile] for kind in ("real", "synthetic")
    )
    n = min(len(above), len(below))
    return contact_sheet([*above[:n], *below[:n]], max(n, 1))


def require_new(out: Path, overwrite: bool) -> None:
    """Refuse to replace an earlier comparison, unless that is asked for.

    Raises
    ------
    OutputError
        If one of its files is there.
    """
    there = [out / name for name in (SAMPLES, TABLE, PICTURE, BESIDE) if (out / name).exists()]
    if there and not overwrite:
        raise OutputError(
            f"{there[0]} exists already.", "Choose another folder, or use --overwrite."
        )


def write(
    out: Path,
    question: Question,
    samples: Sequence[Sample],
    compared: Sequence[Comparison],
    anatomies: Sequence[Anatomy] = (),
) -> None:
    """Write ``realism.csv``, ``realism.md``, ``realism.png`` and ``side_by_side.png`` to `out`.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    io.make_folder(out)
    io.write_text(out / SAMPLES, samples_csv(samples, [c.measure for c in compared]))
    asked = f"{conditions(question, anatomies)}\n\n```sh\n{question.command(out)}\n```"
    io.write_text(out / TABLE, f"{table(compared)}\n\n{asked}\n\n{RESEARCH_ONLY}\n")
    for name, drawn in ((PICTURE, picture(compared)), (BESIDE, side_by_side(samples))):
        png = BytesIO()
        drawn.save(png, "PNG")
        io.write_bytes(out / name, png.getvalue())


def conditions(question: Question, anatomies: Sequence[Anatomy] = ()) -> str:
    """What was compared, in a sentence or two."""
    bodies = f"{len(anatomies)} real anatomies" if anatomies else "procedural anatomies"
    names = f" ({', '.join(a.name for a in anatomies)})" if anatomies else ""
    return (
        f"Synthetic: n = {question.n}, seed {question.seed}, phase {question.phase}, on"
        f" {bodies}{names}, with Hepatica {hepatica.__version__}."
    )


def _numbers(values: Sequence[float], percentiles: tuple[int, int, int]) -> list[str]:
    if not values:
        return ["–"] * 3
    return [f"{v:.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in np.percentile(values, percentiles)]
