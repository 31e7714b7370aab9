"""How far it is to the nearest voxel of a mask."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


def to_nearest_mm(mask: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance (i, j, k) from each voxel's middle to that of the mask's nearest; 0 in the mask.

    Infinite everywhere for an empty mask. Maurer's transform (IEEE TPAMI 25, 2003), which
    takes a quarter of the memory and half of the time of SciPy's.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    # SimpleITK counts axes from the last.
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing([float(mm) for mm in spacing_mm[::-1]])
    distance = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    # Inside it is the negative distance to the mask's rim.
    return np.asarray(np.maximum(sitk.GetArrayFromImage(distance), 0), np.float32)
