"""What a scanner does to a perfect image: coils, k-space, slices, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth.fields import between_knots, white_noise

#: Axes of a scan's grid, which is always drawn along RAS: phase encoding runs front to back.
LEFT_RIGHT, PHASE = 0, 1
#: Parts of an operator that are smaller come from rounding.
_REAL = 1e-9


@dataclass(frozen=True, eq=False)
class Artefacts:
    """Drawn imperfections of one acquisition.

    Parameters
    ----------
    bias
        Logarithm of the coils' profile on a few knots across the field of view.
    ramp
        How much brighter (or darker) the front is than the back, as a logarithm.
    blur_mm
        Deviation of the point spread function in plane, left to right and front to back:
        filters, decay during the echo train, small movements.
    resolution
        Share of k-space that was measured in plane (left to right, front to back); the
        rest is zero, as in an interpolated matrix: edges ring.
    ghosts, ghost_strength
        Breathing makes k-space lines brighter and darker in turn, by up to `ghost_strength`:
        two copies along the phase direction, shifted by one part in `ghosts` of the field
        to either side, each half as bright as that.
    motion_mm
        How far the patient lay off for the first or last lines of k-space, up to two fifths
        of them; the others, its centre among them, were measured where the labels are.
    wrap
        Share of the field of view that folds over at the front and back. What lies beyond
        the field is taken to look like what lies at its edge.
    noise, noise_spread
        Deviation of each Rician channel in units of liver signal, before k-space is cut
        and filtered (which leaves about two thirds of it), and the logarithm of
        how much it varies over the field of view (parallel imaging).
    gamma
        Bend of the intensities.
    """

    bias: NDArray[np.float32]
    ramp: float
    blur_mm: tuple[float, float]
    resolution: tuple[float, float]
    ghosts: int
    ghost_strength: float
    motion_mm: float
    wrap: float
    noise: float
    noise_spread: NDArray[np.float32]
    gamma: float
    seed: int


NONE = Artefacts(
    bias=np.zeros((2, 2, 2), np.float32),
    ramp=0.0,
    blur_mm=(0.0, 0.0),
    resolution=(1.0, 1.0),
    ghosts=0,
    ghost_strength=0.0,
    motion_mm=0.0,
    wrap=0.0,
    noise=0.0,
    noise_spread=np.zeros((2, 2, 2), np.float32),
    gamma=1.0,
    seed=0,
)


def draw(rng: np.random.Generator) -> Artefacts:
    """Random imperfections of one acquisition."""
    i, j, k = rng.integers(3, 6, 3)
    ghostly = rng.random() < 0.3
    interpolated = rng.random() < 0.7
    return Artefacts(
        bias=rng.normal(0, rng.uniform(0, 0.35), (i, j, k)).astype(np.float32),
        ramp=rng.normal(0, 0.15),
        blur_mm=(rng.uniform(0, 0.6), rng.uniform(0, 0.6)),
        resolution=(
            (rng.uniform(0.55, 0.9), rng.uniform(0.55, 0.9)) if interpolated else (1.0, 1.0)
        ),
        ghosts=int(rng.integers(2, 7)) if ghostly else 0,
        ghost_strength=rng.uniform(0.02, 0.2) if ghostly else 0.0,
        motion_mm=rng.uniform(1, 4) if rng.random() < 0.2 else 0.0,
        wrap=rng.uniform(0.03, 0.12) if rng.random() < 0.08 else 0.0,
        noise=float(np.exp(rng.uniform(np.log(0.008), np.log(0.09)))),
        noise_spread=rng.normal(0, 0.25, (3, 3, 3)).astype(np.float32),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        seed=int(rng.integers(2**31)),
    )


def acquire(perfect: Volume, scan: Geometry, field: Geometry, artefacts: Artefacts) -> Volume:
    """Measure a perfect image (liver about 1) on the grid of a scanner.

    Parameters
    ----------
    scan
        The grid that is wanted: `field`, or a part of it, or a coarser grid over either.
        What happens in k-space then happens on that grid, and over a part nothing folds.
    field
        The scanner's whole field of view, along RAS axes, with its voxels.
    """
    a = artefacts
    ramp = np.float32(a.ramp) * np.linspace(-0.5, 0.5, a.bias.shape[PHASE], dtype=np.float32)
    coils = between_knots(a.bias + ramp[:, None], field, perfect.geometry)
    # Signed until the end: a voxel of an opposed-phase image is its water minus its fat.
    measured, imaginary = _encoded(perfect.voxels * np.exp(coils), perfect.geometry, scan, field, a)
    if a.noise > 0:
        noise = _noise(scan, field, a)
        measured += noise
        # Another half of the slices is as good as another draw.
        other = np.roll(noise, scan.shape[2] // 2, axis=2)
        imaginary = other if imaginary is None else imaginary + other
    measured = _magnitude(measured, imaginary)
    if a.gamma != 1:
        _bend(measured, a.gamma)
    return Volume(measured.astype(np.float32, copy=False), scan, perfect.source)


def _magnitude(
    real: NDArray[np.float32], imaginary: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Of both channels; unlike `np.hypot` it does not care about numbers near overflow."""
    if imaginary is None:
        return np.abs(real)
    squared = np.square(real)
    squared += np.square(imaginary)
    return np.sqrt(squared, out=squared)


def _bend(image: NDArray[np.float32], gamma: float) -> None:
    """Gamma in place, the brightest voxel fixed; what is nothing stays next to nothing."""
    top = np.float32(max(float(image.max()), 1e-6))
    image /= top
    np.maximum(image, np.float32(1e-30), out=image)
    # Half of the time that a power takes.
    np.log(image, out=image)
    image *= np.float32(gamma)
    np.exp(image, out=image)
    image *= top


def _frequencies(n: int) -> NDArray[np.float64]:
    return np.asarray(np.fft.fftfreq(n), np.float64)


def _operator(factors: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """What a factor on each k-space line does to the image along that axis: (n, n)."""
    return np.asarray(linalg.circulant(np.fft.ifft(factors)))


def _encoded(
    image: NDArray[np.float32], grid: Geometry, scan: Geometry, field: Geometry, a: Artefacts
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """An image on `grid` as k-space leaves it on `scan`: its two channels, None for nothing.

    Slices and all that happens in plane are linear along one axis each, and so one product.
    """
    left_right, phase, slices = resample.weights(grid, scan, antialias=True)
    if (kept := _kept(scan, a, LEFT_RIGHT)) is not None:
        left_right = _operator(kept).real.astype(np.float32) @ left_right
    if a.wrap and np.allclose(scan.extent_mm, field.extent_mm):
        phase = _folded(phase, a.wrap)
    image = resample.along(left_right, image, LEFT_RIGHT)
    image = resample.along(slices, image, 2)
    lines = _lines(scan, a)
    if lines is None:
        return resample.along(phase, image, PHASE), None
    real, mixing = lines.real.astype(np.float32), lines.imag.astype(np.float32)
    measured = resample.along(real @ phase, image, PHASE)
    if np.abs(mixing).max() <= _REAL:
        return measured, None
    return measured, resample.along(mixing @ phase, image, PHASE)


def _noise(scan: Geometry, field: Geometry, a: Artefacts) -> NDArray[np.float32]:
    """One channel's noise: the lines that were measured have it, whoever breathes meanwhile."""
    noise = white_noise(np.random.default_rng(a.seed), scan.shape)
    for axis in (LEFT_RIGHT, PHASE):
        if (kept := _kept(scan, a, axis)) is not None:
            noise = resample.along(_operator(kept).real.astype(np.float32), noise, axis)
    # A larger voxel averages the noise of the scanner's own.
    averaged = np.sqrt(np.prod(field.spacing_mm / scan.spacing_mm))
    knots = np.float32(a.noise * averaged) * np.exp(a.noise_spread)
    noise *= between_knots(knots, field, scan)
    return noise


def _kept(scan: Geometry, a: Artefacts, axis: int) -> NDArray[np.complex128] | None:
    """What is left of each k-space line along an axis in plane; None if all of it."""
    if a.resolution[axis] == 1 and not a.blur_mm[axis]:
        return None
    frequency = _frequencies(scan.shape[axis])
    sigma = a.blur_mm[axis] / float(scan.spacing_mm[axis])
    fading = np.exp(-2 * (np.pi * frequency * sigma) ** 2)
    return np.where(np.abs(frequency) <= a.resolution[axis] / 2, fading, 0.0).astype(complex)


def _lines(scan: Geometry, a: Artefacts) -> NDArray[np.complex128] | None:
    """All that happens along the phase direction, as one operator; None if nothing does."""
    kept = _kept(scan, a, PHASE)
    if kept is None and not (a.ghosts or a.motion_mm):
        return None
    n, spacing_mm = scan.shape[PHASE], float(scan.spacing_mm[PHASE])
    rng = np.random.default_rng([a.seed, 1])
    frequency = _frequencies(n)
    factor = np.ones(n, complex) if kept is None else kept
    order = np.argsort(np.argsort(frequency))  # lines are measured from one edge to the other
    if a.ghosts:
        # Breathing makes lines brighter and darker in turn: a copy on either side.
        phase = rng.uniform(0, 2 * np.pi)
        factor *= 1 + a.ghost_strength * np.cos(2 * np.pi * order / a.ghosts + phase)
    if a.motion_mm:
        # Whatever the patient does before or after, the centre of k-space says where the image is.
        rest = rng.uniform(0.6, 0.9) * n
        moved = order > rest if rng.random() < 0.5 else order < n - rest
        factor[moved] *= np.exp(-2j * np.pi * frequency[moved] * a.motion_mm / spacing_mm)
    return _operator(factor)


def _folded(lines: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Rows (n, m) that make an image's lines along the phase direction, folded over."""
    n = max(1, round(share * len(lines)))
    result = lines.copy()
    result[:n] += 0.7 * lines[-n:]
    result[-n:] += 0.7 * lines[:n]
    return result
