"""The 48 ways to store one grid, and affines that scanners make."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from hepatica.core.geometry import Geometry

ORIENTATIONS = [
    (axes, flips) for axes in permutations(range(3)) for flips in product((1, -1), repeat=3)
]


def stored(geometry: Geometry, axes: tuple[int, ...], flips: tuple[int, ...]) -> Geometry:
    """The same voxels in space, with axes permuted and some reversed."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        matrix[old, new] = flip
        matrix[old, 3] = 0 if flip > 0 else geometry.shape[old] - 1
    shape = tuple(geometry.shape[a] for a in axes)
    return Geometry((shape[0], shape[1], shape[2]), geometry.affine @ matrix)


def oblique(geometry: Geometry, degrees: tuple[float, float, float]) -> Geometry:
    """`geometry` turned about the patient's axes."""
    affine = geometry.affine.copy()
    for a, angle in enumerate(np.deg2rad(degrees)):
        turn = np.eye(4)
        p, q = (a + 1) % 3, (a + 2) % 3
        turn[p, p] = turn[q, q] = np.cos(angle)
        turn[p, q], turn[q, p] = -np.sin(angle), np.sin(angle)
        affine = turn @ affine
    return Geometry(geometry.shape, affine)
