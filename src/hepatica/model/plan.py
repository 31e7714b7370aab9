"""The plan: everything that changes a voxel of the result, and nothing else.

A plan is part of its bundle and of every report. Training settings change weights
and live in the model card; paths and devices are settings of the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from hepatica.core.errors import ConfigError

#: What the pipeline works with; further classes of a network count as background.
CLASSES = ("background", "liver", "tumour")

NetworkName = Literal["unet", "vnet", "segresnet", "highresnet", "dynunet"]


class NetworkPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which network, and its hyperparameters as `hepatica.model.networks` takes them."""

    name: NetworkName
    options: dict[str, Any] = {}


class StagePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One network of the cascade and what it sees.

    Parameters
    ----------
    size
        Voxels of the network's input (i, j, k), closest-to-RAS axes.
    spacing_mm
        Edge of the isotropic voxels. A field of view that does not fit at this
        spacing is sampled as finely as it fits. None: always as finely as it fits.
    intensity
        ``"zscore"``: zero mean, unit deviation over the whole input (the paper);
        ``"robust"``: the same over the patient, after clipping 0.5 % at both ends.
    antialias
        Average over a new voxel where it is coarser than the old one.
    classes
        Meaning of the network's outputs; starts with background, liver, tumour.
    """

    network: NetworkPlan
    size: tuple[int, int, int]
    spacing_mm: float | None = None
    intensity: Literal["zscore", "robust"] = "zscore"
    antialias: bool = False
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        if not 8 <= min(self.size) <= max(self.size) <= 1024:
            raise ValueError(f"input size {self.size} is not between 8 and 1024 voxels")
        if self.spacing_mm is not None and not 0.1 <= self.spacing_mm <= 20:
            raise ValueError(f"spacing_mm {self.spacing_mm} is not between 0.1 and 20")
        if self.classes[: len(CLASSES)] != CLASSES:
            raise ValueError(f"classes must start with {', '.join(CLASSES)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes {self.classes} are not all different")


class Margin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far the liver box is widened on each side before stage 2.

    The paper prints "-20 voxels" for inference; a negative margin would cut the
    liver, so the dash is read as one and +20 voxels of the input grid are taken.
    """

    amount: float
    unit: Literal["voxels", "mm"]

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= 200:
            raise ValueError(f"margin {self.amount} is not between 0 and 200")


class Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How likely it is that what a network calls a lesion is one.

    The logistic function of `offset`, plus `mean` and `peak` times the logits of the mean and
    the largest tumour probability in the lesion, plus `size` times the logarithm of its
    volume in ml. `hepatica calibrate` fits the four on patients that no training has seen.
    """

    offset: float
    mean: float
    peak: float
    size: float

    def of(self, mean: float, peak: float, volume_ml: float) -> float:
        """The chance, 0 to 1, from the two probabilities and the volume of a lesion."""
        x = self.offset + self.mean * logit(mean) + self.peak * logit(peak)
        return 1 / (1 + math.exp(-min(max(x + self.size * math.log(volume_ml), -50), 50)))


def logit(p: float) -> float:
    """Logarithm of the odds of a probability, which counts as one in ten thousand at least."""
    inside = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(inside / (1 - inside))


class Postprocessing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is cleaned from a stage's labels, on the stage's isotropic grid.

    The liver is its largest component, always. Lesions are what lies inside it,
    opened with a ball of `opening_voxels` (the paper: 2; 0 leaves them), and of at
    least `min_lesion_ml`. `fill_holes` closes cavities of the liver. Where `confidence`
    is known, a lesion needs `min_confidence`.
    """

    opening_voxels: float = 2.0
    min_lesion_ml: float = 0.0
    fill_holes: bool = False
    confidence: Confidence | None = None
    min_confidence: float = 0.0

    @property
    def trust(self) -> Callable[[float, float, float], float] | None:
        """How the probabilities in a lesion are to be read; None: as they are."""
        return None if self.confidence is None else self.confidence.of

    def __post_init__(self) -> None:
        if not 0 <= self.opening_voxels <= 10:
            raise ValueError(f"opening_voxels {self.opening_voxels} is not between 0 and 10")
        if not 0 <= self.min_lesion_ml <= 100:
            raise ValueError(f"min_lesion_ml {self.min_lesion_ml} is not between 0 and 100")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence {self.min_confidence} is not between 0 and 1")
        if self.min_confidence and self.confidence is None:
            raise ValueError("min_confidence needs a confidence to compare with")


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The cascade: stage 1 finds the liver, stage 2 segments it and its lesions."""

    name: str
    stages: tuple[StagePlan, StagePlan]
    margin: Margin = Margin(amount=20.0, unit="voxels")
    postprocessing: Postprocessing = Postprocessing()

    def to_json(self) -> bytes:
        """Indented UTF-8 JSON; the same plan always gives the same bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes | str, name: str = "plan.json") -> Plan:
        """Read a plan.

        Raises
        ------
        ConfigError
            Naming `name` and the field, for anything missing, unknown or out of range.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name} is not a valid plan: {error}.") from error


_PAPER_NETWORKS: dict[NetworkName, dict[str, Any]] = {
    "unet": {"channels": [16, 32, 64, 128, 256], "res_units": 2, "norm": "instance"},
    "vnet": {"dropout": 0.5},
    "segresnet": {"init_filters": 8, "vae": True},
    "highresnet": {},
}

_PAPER_SIZES: dict[NetworkName, tuple[int, int, int]] = {
    "unet": (320, 320, 160),
    "vnet": (128, 128, 128),
    "segresnet": (320, 320, 160),
    "highresnet": (128, 128, 92),
}


def _paper(name: NetworkName) -> Plan:
    network = NetworkPlan(name=name, options=_PAPER_NETWORKS[name])
    stage = StagePlan(network=network, size=_PAPER_SIZES[name])
    return Plan(name=f"paper-{name}", stages=(stage, stage))


def _default() -> Plan:
    """Ours: a small unet at 4 mm finds the box; at 2 mm a network sees every voxel of it."""
    coarse = NetworkPlan(
        name="unet",
        options={"channels": [16, 32, 64, 96, 96], "res_units": 2, "norm": "instance_affine"},
    )
    fine = NetworkPlan(name="dynunet", options={"filters": [8, 24, 48, 96, 128]})
    classes = (*CLASSES, "spleen", "kidney")
    stage = StagePlan(
        network=coarse,
        size=(96, 96, 64),
        spacing_mm=4.0,
        intensity="robust",
        antialias=True,
        classes=classes,
    )
    return Plan(
        name="default",
        stages=(
            stage,
            msgspec.structs.replace(stage, network=fine, size=(112, 96, 96), spacing_mm=2.0),
        ),
        margin=Margin(amount=15.0, unit="mm"),
        postprocessing=Postprocessing(opening_voxels=1.0, min_lesion_ml=0.05, fill_holes=True),
    )


def _highresnet() -> Plan:
    """The paper's network in both stages of ours, as two cores can train and run it."""
    ours = _default()
    network = NetworkPlan(
        name="highresnet", options={"head": "plain", "norm": "instance_affine", "fold": 2}
    )
    first, second = (msgspec.structs.replace(s, network=network) for s in ours.stages)
    return msgspec.structs.replace(ours, name="highresnet", stages=(first, second))


def _small(name: NetworkName) -> Plan:
    """A grid on which each of the paper's networks trains on a CPU, to compare them."""
    options = _PAPER_NETWORKS[name] | ({"head": "plain"} if name == "highresnet" else {})
    stage = StagePlan(
        network=NetworkPlan(name=name, options=options),
        size=(64, 64, 48),
        spacing_mm=6.0,
        intensity="robust",
        antialias=True,
    )
    return Plan(
        name=f"small-{name}",
        stages=(stage, msgspec.structs.replace(stage, size=(64, 64, 64), spacing_mm=3.5)),
        margin=Margin(amount=15.0, unit="mm"),
        postprocessing=Postprocessing(opening_voxels=0.0, fill_holes=True),
    )


#: The four plans of the paper, the same networks on a small grid, and our own two, by name.
PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        *(_paper(name) for name in _PAPER_NETWORKS),
        *(_small(name) for name in _PAPER_NETWORKS),
        _default(),
        _highresnet(),
    )
}


def named_plan(name: str) -> Plan:
    """A preset by name, or a plan from a JSON file.

    Raises
    ------
    ConfigError
        If it is neither, listing the presets.
    """
    if name in PLANS:
        return PLANS[name]
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return Plan.from_json(path.read_bytes(), path.name)
    raise ConfigError(
        f"There is no plan called {name!r}.", f"Use a .json file or one of {', '.join(PLANS)}."
    )
