"""The paper's augmentations of real volumes, from MONAI; each comes with the same chance.

Contrast, Gaussian smoothing, Gaussian sharpening, rotation and zoom by at most 10 %. The
paper gives no more than these names; the ranges are MONAI's defaults where it has any.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandGaussianSharpend,
    RandGaussianSmoothd,
)
from numpy.typing import NDArray

#: A rotation by a tenth of a right angle, and a zoom by a tenth, at most.
ROTATION_RAD, ZOOM = np.pi / 20, 0.1


def augment(
    rng: np.random.Generator,
    image: NDArray[np.float32],
    target: NDArray[np.uint8],
    chance: float,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A preprocessed image (i, j, k) and its classes, changed alike."""
    transform = _transform(chance)
    transform.set_random_state(seed=int(rng.integers(2**31)))
    changed: dict[str, Any] = transform(
        {
            "image": torch.from_numpy(image.copy())[None],
            "target": torch.from_numpy(target.copy())[None],
        }
    )
    return (
        np.ascontiguousarray(changed["image"][0].numpy(), np.float32),
        np.ascontiguousarray(np.rint(changed["target"][0].numpy()), np.uint8),
    )


def _transform(chance: float) -> Compose:
    return Compose(
        [
            RandAdjustContrastd("image", prob=chance),
            RandGaussianSmoothd("image", prob=chance),
            RandGaussianSharpend("image", prob=chance),
            RandAffined(
                ("image", "target"),
                prob=chance,
                rotate_range=(ROTATION_RAD,) * 3,
                scale_range=(ZOOM,) * 3,
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
        ]
    )
