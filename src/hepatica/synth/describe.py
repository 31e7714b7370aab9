"""What was drawn, as JSON can hold it: names, numbers and lists."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepatica.synth.filaments import Filaments
from hepatica.synth.lesions import Lesion
from hepatica.synth.patient import MOTTLE_MM, Patient
from hepatica.synth.signal import Protocol
from hepatica.synth.tissues import Tissue


def patient(drawn: Patient) -> dict[str, object]:
    """What was drawn, as JSON can hold it: names, numbers and lists.

    What does not bear on the image is not there: an anatomy that is itself an MRI has the
    curve that bends it, the others have a protocol and signals.
    """
    a, anatomy = drawn.artefacts, drawn.anatomy
    if anatomy.image is not None:
        looks: dict[str, object] = {"curve": _round(drawn.curve)}
    else:
        looks = {
            "protocol": protocol(drawn.protocol),
            "fat_saturation_fails": drawn.fails,
            "signal": signal(drawn.brightness),
            "softness_mm": _round(drawn.softness_mm),
            "small_vessels": _told(drawn.vessels),
            "strands": _told(drawn.strands),
            "mottle": dict(zip(map(str, MOTTLE_MM), _round(drawn.mottle), strict=True)),
        }
        if anatomy.texture is not None:
            looks["texture"] = signal(drawn.spread)
    return {
        "name": drawn.name,
        "anatomy": anatomy.name,
        **looks,
        "deformation": {
            "matrix": _round(drawn.deformation.matrix),
            "largest_displacement_mm": _round(np.abs(drawn.deformation.displacement_mm).max()),
        },
        "scan": {
            "shape": list(drawn.scan.shape),
            "spacing_mm": _round(drawn.scan.spacing_mm),
            "centre_mm": _round(drawn.scan.to_patient((np.array(drawn.scan.shape) - 1) / 2)),
        },
        "lesions": [lesion(each) for each in drawn.lesions],
        "artefacts": {f.name: _round(getattr(a, f.name)) for f in fields(a)},
        "seed": drawn.seed,
    }


def _told(drawn: Filaments) -> dict[str, object]:
    return {name: _round(value) for name, value in asdict(drawn).items()}


def protocol(drawn: Protocol | None) -> dict[str, object] | str:
    """What the scanner is told, as JSON can hold it."""
    if drawn is None:
        return "arbitrary contrast"
    return {name: _round(value) for name, value in asdict(drawn).items()}


def lesion(drawn: Lesion) -> dict[str, object]:
    """One lesion, as JSON can hold it; its label may have less than `drawn_ml`."""
    return {
        "kind": drawn.kind,
        "labelled": drawn.labelled,
        "drawn_ml": _round(drawn.volume_ml),
        "lobes": [
            {"centre_mm": _round(x.centre_mm), "radii_mm": _round(x.radii_mm)}
            | ({} if x.shape is None else {"shape": x.shape.name})
            for x in drawn.lobes
        ],
        "core": _round(drawn.core),
        "rim": _round(drawn.rim) if drawn.rim_mm else None,
        "rim_mm": _round(drawn.rim_mm),
        "necrosis": _round(drawn.necrosis) if drawn.necrotic_share else None,
        "seed": drawn.seed,
    }


def signal(brightness: NDArray[np.float64]) -> dict[str, float]:
    """The signal of each tissue by its name, as JSON can hold it."""
    return {t.name.lower(): _round(brightness[t]) for t in Tissue}


def _round(value: Any) -> Any:
    """Fractions to four decimals; arrays and tuples become lists, all else stays."""
    if isinstance(value, str | int):
        return value
    return np.round(np.asarray(value, np.float64), 4).tolist()
