"""Two dates of a patient: the later one bent, turned and shifted, with known changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepatica.core.components import largest
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from tests.livers import anatomy, points_mm
from tests.orientations import oblique


@dataclass(frozen=True)
class Pair:
    """`centres` are RAS+ mm on both dates; `radii` of 0 mean that it is not there."""

    earlier: LabelMap
    later: LabelMap
    centres: tuple[np.ndarray, np.ndarray]
    radii: tuple[np.ndarray, np.ndarray]


def pair(seed: int, lesions: int = 8, bend_mm: float = 12.0) -> Pair:
    """Lesions of 8 to 40 mm, at least 6 mm between them: new, gone, grown, shrunk, stable."""
    rng = np.random.default_rng([seed, 99])
    body = anatomy(seed % 6)
    liver = largest(body.liver)
    index = np.argwhere(liver)
    middle = body.geometry.to_patient(index.mean(axis=0))
    bumps = [
        (middle + rng.uniform(-70, 70, 3), rng.uniform(35, 60), rng.uniform(-bend_mm, bend_mm, 3))
        for _ in range(4)
    ]
    turn = oblique(Geometry((2, 2, 2), np.eye(4)), tuple(rng.uniform(-8, 8, 3))).affine[:3, :3]
    shift = rng.uniform(-30, 30, 3)

    def back(points):
        """Where a point of the later date was on the earlier one."""
        before = (points - middle - shift) @ turn + middle
        bent = before.copy()
        for centre, width, push in bumps:
            away = ((before - centre) ** 2).sum(axis=-1, keepdims=True)
            bent += push * np.exp(-away / 2 / width**2)
        return bent

    def forth(point):
        """The inverse, by iteration."""
        guess = (point - middle) @ turn.T + middle + shift
        for _ in range(60):
            guess = guess + (point - back(guess)) @ turn.T
        return guess

    centres, first, second = [], [], []
    kinds = ["new", "gone", "grown", "shrunk", "stable"]
    while len(centres) < lesions:
        radius = rng.uniform(4, 14)
        kind = kinds[len(centres) % 5]
        factor = {"grown": 1.45, "shrunk": 0.6}.get(kind, 1.0)
        if kind == "shrunk":
            radius = max(radius, 7.0)
        largest_mm = radius * max(factor, 1)
        centre = body.geometry.to_patient(index[rng.integers(len(index))])
        at = np.rint(body.geometry.to_index(centre)).astype(int)
        reach = int(np.ceil(largest_mm / 2.0)) + 2
        box = tuple(slice(max(0, a - reach), a + reach + 1) for a in at)
        if not liver[box].mean() > 0.97:
            continue
        if any(
            np.linalg.norm(centre - c) < largest_mm + max(a, b) + 6
            for c, a, b in zip(centres, first, second, strict=True)
        ):
            continue
        centres.append(centre)
        first.append(0.0 if kind == "new" else radius)
        second.append(0.0 if kind == "gone" else radius * factor)
    maps = []
    for which, place in enumerate((lambda p: p, back)):
        spacing = ((2.0, 2.0, 3.0), (1.8, 1.8, 4.0))[which]
        low, high = (body.geometry.to_patient(f(axis=0)) for f in (index.min, index.max))
        centre = (low + high) / 2 + (shift if which else 0)
        shape = tuple(int(n) for n in np.ceil((high - low + 70) / spacing))
        grid = Geometry.from_spacing(shape, spacing, centre)
        source = place(points_mm(grid))
        at = np.rint(body.geometry.to_index(source)).astype(int)
        inside = ((at >= 0) & (at < body.geometry.shape)).all(axis=-1)
        at = np.where(inside[..., None], at, 0)
        labels = (liver[tuple(np.moveaxis(at, -1, 0))] & inside).astype(np.uint8)
        for c, radius in zip(centres, (first, second)[which], strict=True):
            target = forth(c) if which else c
            if radius:
                away = np.linalg.norm(points_mm(grid) - target, axis=-1)
                labels[(away < radius) & (labels > 0)] = 2
        maps.append(LabelMap(labels, grid))
    there = np.array(centres)
    return Pair(
        maps[0],
        maps[1],
        (there, np.array([forth(c) for c in centres])),
        (np.array(first), np.array(second)),
    )
