"""What a scanner does to a perfect image: coils, k-space, slices, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth.fields import between_knots

#: Axes of a scan's grid, which is always drawn along RAS: phase encoding runs front to back.
LEFT_RIGHT, PHASE = 0, 1


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
        Breathing makes two copies along the phase direction, shifted by one part in
        `ghosts` of the field; together they are as bright as `ghost_strength`.
    motion_mm
        How far the patient moved for a part of the k-space lines.
    wrap
        Share of the field of view that folds over at the front and back.
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
    # Signed until now: a voxel of an opposed-phase image is its water minus its fat.
    measured = np.abs(resample.onto(perfect, scan, antialias=True).voxels)
    ramp = np.zeros((2, 2, 2), np.float32)
    ramp[:, 0], ramp[:, 1] = -a.ramp / 2, a.ramp / 2
    coils = between_knots(a.bias, field, scan) + between_knots(ramp, field, scan)
    measured *= np.exp(coils)
    if a.wrap and np.allclose(scan.extent_mm, field.extent_mm):
        measured = _folded(measured, a.wrap)
    imaginary = np.zeros((1, 1, 1), np.float32)
    if a.noise > 0:
        rng = np.random.default_rng(a.seed)
        # A larger voxel averages the noise of the scanner's own.
        averaged = np.sqrt(np.prod(field.spacing_mm / scan.spacing_mm))
        spread = np.exp(between_knots(a.noise_spread, field, scan))
        strength = np.float32(a.noise * averaged) * spread
        measured += strength * rng.standard_normal(scan.shape, np.float32)
        # Where there is signal, this channel does not show; it is not worth a filter.
        left = [float(np.square(_kept(scan, a, axis)).mean()) for axis in (LEFT_RIGHT, PHASE)]
        strength *= np.float32(np.sqrt(np.prod(left)))
        imaginary = strength * rng.standard_normal(scan.shape, np.float32)
    if a.resolution[0] < 1 or a.blur_mm[0]:
        matrix = _operator(_kept(scan, a, LEFT_RIGHT).astype(complex))
        measured = resample.along(_real(matrix), measured, LEFT_RIGHT)
    lines = _lines(scan, a)
    if lines is not None:
        if a.ghosts or a.motion_mm:
            imaginary = imaginary + resample.along(_real(-1j * lines), measured, PHASE)
        measured = resample.along(_real(lines), measured, PHASE)
    measured = np.hypot(measured, imaginary)
    if a.gamma != 1:
        top = max(float(measured.max()), 1e-6)
        measured = top * (measured / top) ** np.float32(a.gamma)
    return Volume(measured.astype(np.float32, copy=False), scan, perfect.source)


def _frequencies(n: int) -> NDArray[np.float64]:
    return np.asarray(np.fft.fftfreq(n), np.float64)


def _operator(diagonal: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """What a factor on each k-space line does to the image along that axis: (n, n)."""
    transform = np.fft.fft(np.eye(len(diagonal)), axis=0)
    return np.asarray(np.fft.ifft(diagonal[:, None] * transform, axis=0))


def _real(matrix: NDArray[np.complex128]) -> NDArray[np.float32]:
    return np.ascontiguousarray(matrix.real, np.float32)


def _kept(scan: Geometry, a: Artefacts, axis: int) -> NDArray[np.float64]:
    """What is left of each k-space line along an axis in plane, from 0 to 1."""
    frequency = _frequencies(scan.shape[axis])
    sigma = a.blur_mm[axis] / float(scan.spacing_mm[axis])
    fading = np.exp(-2 * (np.pi * frequency * sigma) ** 2)
    return np.where(np.abs(frequency) <= a.resolution[axis] / 2, fading, 0.0)


def _lines(scan: Geometry, a: Artefacts) -> NDArray[np.complex128] | None:
    """All that happens along the phase direction, as one operator; None if nothing does."""
    if a.resolution[PHASE] == 1 and not (a.blur_mm[PHASE] or a.ghosts or a.motion_mm):
        return None
    n, spacing_mm = scan.shape[PHASE], float(scan.spacing_mm[PHASE])
    rng = np.random.default_rng([a.seed, 1])
    frequency = _frequencies(n)
    factor = _kept(scan, a, PHASE).astype(complex)
    order = np.argsort(np.argsort(frequency))  # lines are measured from one edge to the other
    if a.ghosts:
        # Breathing makes lines brighter and darker in turn: a copy on either side.
        phase = rng.uniform(0, 2 * np.pi)
        factor *= 1 + a.ghost_strength * np.cos(2 * np.pi * order / a.ghosts + phase)
    if a.motion_mm:
        start = rng.uniform(0.15, 0.85) * n
        moved = (order > start) & (np.abs(frequency) > 0.04)
        factor[moved] *= np.exp(-2j * np.pi * frequency[moved] * a.motion_mm / spacing_mm)
    return _operator(factor)


def _folded(image: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    n = max(1, round(share * image.shape[PHASE]))
    result = image.copy()
    result[:, :n] += 0.7 * image[:, -n:]
    result[:, -n:] += 0.7 * image[:, :n]
    return result
