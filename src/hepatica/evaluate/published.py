"""What the paper reports, as mean and SD, on MRI of its own: a column beside ours, no more.

The paper's "Liver" is taken for the whole liver. Scores that it gives as a bare 0 have an SD of 0
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

#: (region, score): mean and SD.
Reported: TypeAlias = Mapping[tuple[str, str], tuple[float, float]]
_Six: TypeAlias = tuple[float, float, float, float, float, float]


def _rows(liver: _Six, tumour: _Six) -> Reported:
    names = ("sensitivity", "precision", "dice")
    return {
        (region, name): (values[2 * n], values[2 * n + 1])
        for region, values in (("liver", liver), ("tumour", tumour))
        for n, name in enumerate(names)
    }


_NONE: _Six = (0, 0, 0, 0, 0, 0)

#: Table 2: the HighResNet cascade on both test sets.
PUBLISHED: Mapping[str, Reported] = {
    "paper, test set #1": _rows(
        (0.988, 0.003, 0.903, 0.019, 0.944, 0.009), (0.832, 0.163, 0.699, 0.124, 0.780, 0.119)
    ),
    "paper, test set #2": _rows(
        (0.996, 0.003, 0.993, 0.006, 0.994, 0.003), (0.667, 0.257, 0.882, 0.146, 0.709, 0.171)
    ),
}

#: Table 1: four networks on the validation set, stage 1 alone and the full method.
VALIDATION: Mapping[tuple[str, str], Reported] = {
    ("unet", "Stage 1"): _rows((0.940, 0.007, 0.775, 0.110, 0.834, 0.054), _NONE),
    ("unet", "Full method"): _rows(
        (0.995, 0.007, 0.873, 0.124, 0.930, 0.077), (0.167, 0.421, 0.051, 0.412, 0.093, 0.365)
    ),
    ("vnet", "Stage 1"): _rows((0.871, 0.079, 0.589, 0.141, 0.693, 0.099), _NONE),
    ("vnet", "Full method"): _rows(
        (0.975, 0.026, 0.762, 0.147, 0.848, 0.099), (0.3278, 0.460, 0.385, 0.382, 0.275, 0.358)
    ),
    ("segresnet", "Stage 1"): _rows((0.916, 0.062, 0.746, 0.102, 0.815, 0.046), _NONE),
    ("segresnet", "Full method"): _rows(
        (0.992, 0.008, 0.796, 0.112, 0.879, 0.716), (0.663, 0.339, 0.692, 0.226, 0.655, 0.281)
    ),
    ("highresnet", "Stage 1"): _rows(
        (0.994, 0.003, 0.859, 0.044, 0.919, 0.026), (0.948, 0.209, 0.351, 0.156, 0.488, 0.153)
    ),
    ("highresnet", "Full method"): _rows(
        (0.988, 0.008, 0.896, 0.035, 0.942, 0.017), (0.915, 0.258, 0.510, 0.165, 0.626, 0.134)
    ),
}
