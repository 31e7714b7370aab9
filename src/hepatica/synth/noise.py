"""The noise of a real image, measured in its liver, and more of the same.

Scanners interpolate: their noise is smooth, and white noise beside it gives itself away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.volume import Volume

#: Voxels so far apart have noise of their own, neighbours may share theirs.
FAR = 5
#: Median of a normal distribution's magnitude, in its deviations.
_MEDIAN = 0.6745
#: Neighbours that agree less than that share nothing; a thousandth less than wholly is the most.
_SHARED = (0.1, 0.999)


@dataclass(frozen=True)
class Noise:
    """Noise of deviation `sd`, in an image's units, smoothed with a Gaussian.

    `smooth` is the Gaussian's deviation along (i, j, k), in voxels; 0 for white noise.
    """

    sd: float
    smooth: tuple[float, float, float]

    def field(self, seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Noise of this kind on a grid of `shape`."""
        white = np.random.default_rng(seed).standard_normal(shape, np.float32)
        field = ndimage.gaussian_filter(white, self.smooth, mode="wrap")
        return np.asarray(field * np.float32(self.sd / max(float(field.std()), 1e-6)), np.float32)


def measure(image: Volume, liver: NDArray[np.bool_]) -> Noise:
    """The noise in a liver (i, j, k); none if it is too small.

    From differences between its voxels. Half of them are smaller than their median, whatever
    vessels and lesions do to the others.
    """
    inner = ndimage.binary_erosion(liver)
    # Across thick slices, voxels that are far apart differ by more than noise.
    within = np.argsort(image.geometry.spacing_mm, kind="stable")[:2]
    far = [_sd_apart(image.voxels, inner, int(axis), FAR) for axis in within]
    sd = float(np.mean([x for x in far if x is not None])) if any(far) else 0.0
    i, j, k = (_smooth(_sd_apart(image.voxels, inner, axis, 1), sd) for axis in range(3))
    return Noise(sd, (i, j, k))


def _sd_apart(
    voxels: NDArray[np.float32], inner: NDArray[np.bool_], axis: int, lag: int
) -> float | None:
    """Deviation of one voxel, were those `lag` apart independent; None without a pair."""
    n = voxels.shape[axis]
    here, there = np.arange(max(0, n - lag)), np.arange(min(lag, n), n)
    both = inner.take(here, axis) & inner.take(there, axis)
    if not both.any():
        return None
    apart = np.abs(voxels.take(there, axis) - voxels.take(here, axis))[both]
    return float(np.median(apart)) / _MEDIAN / float(np.sqrt(2))


def _smooth(neighbours: float | None, sd: float) -> float:
    """The Gaussian that makes neighbours agree so much, in voxels."""
    if neighbours is None or sd <= 0:
        return 0.0
    shared = min(1 - (neighbours / sd) ** 2, _SHARED[1])
    return 0.0 if shared < _SHARED[0] else float(0.5 / np.sqrt(-np.log(shared)))
