"""How patients are drawn: the shares and ranges of a cohort, and those of training."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hepatica.core.errors import ConfigError
from hepatica.synth import signal


@dataclass(frozen=True)
class Recipe:
    """How patients are drawn; shares are probabilities.

    Parameters
    ----------
    slice_mm, pixel_mm
        Range of the scanner's slice distance and of its pixels.
    field_mm, height_mm
        Range of the field of view in plane and along the body.
    phases
        Share of each of `signal.PHASES`; they add up to 1.
    random_contrast
        Share of patients whose tissues have arbitrary brightness instead of physics.
    perturbed
        Share of the others whose tissues are off the equation by a factor exp(N(0, 0.2)).
    cut
        Share of scans that miss a part of the liver.
    lesion_free
        Share of livers without metastases.
    even_sizes
        Share of patients whose lesion diameters are drawn log-uniform from 5 to 60 mm
        instead of from the paper's volumes.
    lesion_count
        Metastases of every patient; None draws how many.
    crowded
        Share of the livers with metastases that have 6 to 15 of them, instead of the paper's
        number: a network learns more of lesions from a step that shows it many.
    subcapsular
        Share of lesions at the liver's surface.
    look_alikes
        Share of livers with up to four things that are not metastases.
    no_liver
        Share of scans for stage 1 that show no liver; see `hepatica.synth.elsewhere`.
    """

    slice_mm: tuple[float, float] = (2.0, 6.0)
    pixel_mm: tuple[float, float] = (1.1, 1.9)
    field_mm: tuple[float, float] = (320.0, 460.0)
    height_mm: tuple[float, float] = (180.0, 290.0)
    phases: tuple[float, ...] = (0.05, 0.15, 0.50, 0.10, 0.20, 0.0)
    random_contrast: float = 0.0
    perturbed: float = 0.0
    cut: float = 0.0
    lesion_free: float = 0.0
    even_sizes: float = 0.0
    lesion_count: int | None = None
    crowded: float = 0.0
    subcapsular: float = 0.3
    look_alikes: float = 0.5
    no_liver: float = 0.0

    def in_phase(self, phase: str) -> Recipe:
        """The same recipe for one phase alone.

        Raises
        ------
        ConfigError
            If it is not one of `signal.PHASES`.
        """
        if phase not in signal.PHASES:
            raise ConfigError(
                f"{phase!r} is not a phase.", f"There are {', '.join(signal.PHASES)}."
            )
        return replace(self, phases=tuple(float(p == phase) for p in signal.PHASES))


#: As a cohort would be: the paper's lesions, T1CE, physics alone.
COHORT = Recipe()
#: As a network learns best: beyond what it will meet.
TRAINING = Recipe(
    slice_mm=(2.0, 9.0),
    phases=(0.18, 0.10, 0.37, 0.08, 0.15, 0.12),
    random_contrast=0.15,
    perturbed=0.5,
    cut=0.1,
    lesion_free=0.15,
    even_sizes=0.5,
    crowded=0.6,
    look_alikes=0.65,
    no_liver=0.12,
)
