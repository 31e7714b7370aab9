"""An abdomen from nothing: shapes painted in order into a body, no patient needed.

Millimetres about the middle of the body: x to the patient's right, y to the front,
z to the head. Sizes are those of adults; see `hepatica.synth.anatomy` for real ones.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hepatica.core.components import largest
from hepatica.core.geometry import Geometry
from hepatica.synth.anatomy import SPACING_MM, Anatomy
from hepatica.synth.fields import smooth_noise
from hepatica.synth.tissues import Tissue

_SHAPE = (200, 140, 140)
Field = NDArray[np.float32]
Point = NDArray[np.float64]


def procedural_anatomy(rng: np.random.Generator, name: str = "procedural") -> Anatomy:
    """A plausible abdomen with its liver, drawn with `rng`."""
    grid = Geometry.from_spacing(_SHAPE, SPACING_MM)
    painter = _Painter(rng, grid)
    _body(painter)
    _organs(painter)
    _liver(painter)
    _vessels(painter)
    return Anatomy(name, painter.tissue, grid)


class _Painter:
    """The canvas, and what later shapes need of earlier ones. Distances are in mm, inside < 0."""

    def __init__(self, rng: np.random.Generator, grid: Geometry) -> None:
        self.rng, self.grid = rng, grid
        axes = [np.asarray((np.arange(n) - (n - 1) / 2) * SPACING_MM) for n in grid.shape]
        self.x, self.y, self.z = np.meshgrid(*axes, indexing="ij", sparse=True)
        self.tissue = np.zeros(grid.shape, np.uint8)
        self.width, self.depth = rng.uniform(150, 190), rng.uniform(100, 125)
        self.dome: Field = np.zeros(grid.shape, np.float32)
        self.inner: Field = np.zeros(grid.shape, np.float32)
        self.under_skin: Field = np.zeros(grid.shape, np.float32)
        #: Inner face of the back's wall, of the sides', and where the liver gives way.
        self.back, self.side = 0.0, 0.0
        self.taken = np.zeros(grid.shape, bool)

    def near(self, *centre: float, by: float = 6.0) -> Point:
        return np.asarray(centre) + self.rng.normal(0, by, 3)

    def ellipsoid(
        self, centre: Point, radii: tuple[float, float, float], by: float = 0.12
    ) -> Field:
        """Distance to an ellipsoid whose semi-axes vary by a share of `by`."""
        a, b, c = np.asarray(radii) * np.exp(self.rng.normal(0, by, 3))
        r = np.sqrt(
            ((self.x - centre[0]) / a) ** 2
            + ((self.y - centre[1]) / b) ** 2
            + ((self.z - centre[2]) / c) ** 2
        )
        return np.asarray((r - 1) * min(a, b, c), np.float32)

    def bumps(self, *octaves: tuple[float, float]) -> Field:
        """Sum of smooth noises of (distance between bumps, height), in mm."""
        total = np.zeros(self.grid.shape, np.float32)
        for distance, height in octaves:
            total += np.float32(height) * smooth_noise(self.rng, self.grid, self.grid, distance)
        return total

    def paint(self, distance: Field, tissue: Tissue, only: Tissue | None = None) -> None:
        inside = distance < 0
        if only is not None:
            inside &= self.tissue == only
        self.tissue[inside] = tissue

    def tube(
        self,
        start: Point,
        end: Point,
        r0: float,
        r1: float,
        tissue: Tissue,
        only: Tissue | None = None,
    ) -> None:
        """A cone with round ends, painted in the box that holds it."""
        r = max(r0, r1) + SPACING_MM
        low = self.grid.to_index(np.minimum(start, end) - r)
        high = self.grid.to_index(np.maximum(start, end) + r)
        i, j, k = (
            slice(max(0, int(a)), max(0, int(b) + 2)) for a, b in zip(low, high, strict=True)
        )
        x, y, z = self.x[i], self.y[:, j], self.z[:, :, k]
        d = end - start
        along = (x - start[0]) * d[0] + (y - start[1]) * d[1] + (z - start[2]) * d[2]
        t = np.clip(along / max(float(d @ d), 1e-6), 0, 1)
        gap = np.sqrt(
            (x - start[0] - t * d[0]) ** 2
            + (y - start[1] - t * d[1]) ** 2
            + (z - start[2] - t * d[2]) ** 2
        )
        part = self.tissue[i, j, k]
        inside = gap < r0 + t * (r1 - r0)
        if only is not None:
            inside &= part == only
        part[inside] = tissue


def _body(p: _Painter) -> None:
    """Skin to spine: fat, wall, ribs, lungs under the domes of the diaphragm, bowel."""
    rng = p.rng
    power = rng.uniform(2.2, 3.0)
    ratio = (np.abs(p.x / p.width) ** power + np.abs(p.y / p.depth) ** power) ** (1 / power)
    skin = ((ratio - 1) * p.depth + 0 * p.z).astype(np.float32)
    fat, wall = rng.uniform(6, 28), rng.uniform(8, 14)
    p.inner = skin + fat + wall
    p.under_skin = skin + fat
    p.back, p.side = -p.depth + fat + wall, p.width - fat - wall
    p.paint(skin, Tissue.FAT)
    p.paint(skin + fat, Tissue.MUSCLE)
    slope = rng.uniform(0.2, 0.5)
    between = np.abs(np.mod(p.z + slope * p.y + rng.uniform(0, 26), 26) - 13) - rng.uniform(4, 6)
    shell = np.abs(skin + fat + wall * 0.6) - rng.uniform(3, 5)
    p.paint(np.where(p.z > -70, np.maximum(between, shell), 1).astype(np.float32), Tissue.BONE)
    p.paint(p.inner, Tissue.FAT)
    # Bowel loops: where noise is high, below the organs.
    loops = -p.bumps((22, 8), (11, 3)) + 4 + np.maximum(0, p.z + 20) * 0.3
    p.paint(np.maximum(loops, p.inner + 4), Tissue.BOWEL)
    content = Tissue.FLUID if rng.random() < 0.5 else Tissue.AIR
    p.paint(np.maximum(loops + 5, p.inner + 8), content, only=Tissue.BOWEL)
    top = rng.uniform(70, 95)
    right = top - 0.006 * ((p.x - 75) ** 2 + (p.y + 5) ** 2)
    left = top - rng.uniform(8, 22) - 0.006 * ((p.x + 80) ** 2 + (p.y + 5) ** 2)
    p.dome = (p.z - np.maximum(right, left) + p.bumps((50, 3))).astype(np.float32)
    p.paint(np.maximum(p.inner, -p.dome), Tissue.LUNG)
    p.paint(
        np.maximum(p.inner + 3, p.ellipsoid(p.near(-20, 25, top + 35), (60, 48, 45))), Tissue.HEART
    )
    back = p.back
    for side in (-1, 1):
        erector = p.ellipsoid(np.array([side * 32, back - 2, 0]), (28, 20, 900))
        p.paint(np.maximum(erector, p.under_skin + 1), Tissue.MUSCLE)
        p.paint(p.ellipsoid(np.array([side * 38, back + 35, -90]), (20, 17, 70)), Tissue.MUSCLE)
    disc = np.abs(np.mod(p.z, 34) - 17) - 13
    spine = p.ellipsoid(np.array([0, back + 28, 0]), (23, 18, 9000), by=0.05)
    arch = p.ellipsoid(np.array([0, back - 2, 0]), (7, 14, 9000), by=0.05)
    p.paint(spine, Tissue.MUSCLE)
    bone = np.maximum(np.minimum(spine, arch), disc.astype(np.float32))
    p.paint(np.maximum(bone, p.under_skin + 2), Tissue.BONE)
    p.paint(p.ellipsoid(np.array([0, back + 3, 0]), (10, 9, 9000), by=0.05), Tissue.SPINAL_CORD)


def _organs(p: _Painter) -> None:
    """Everything about the liver but the liver."""
    below = np.maximum(p.inner + 3, p.dome + 4)
    bag = p.ellipsoid(p.near(-70, 25, 15), (40, 45, 55)) + p.bumps((35, 4))
    p.paint(np.maximum(below, bag), Tissue.STOMACH)
    p.taken = bag < 0
    content = (Tissue.FLUID, Tissue.AIR, Tissue.BOWEL)[int(p.rng.integers(3))]
    p.paint(np.maximum(below + 4, bag + 5), content, only=Tissue.STOMACH)
    spleen = p.ellipsoid(p.near(-(p.side - 34), p.back + 55, 22), (28, 42, 52)) + p.bumps((30, 3))
    p.paint(np.maximum(below, spleen), Tissue.SPLEEN)
    path = [p.near(35, 15, -25), p.near(0, 25, -15), p.near(-45, 5, 0), p.near(-85, -25, 12)]
    for start, end in pairwise(path):
        p.tube(start, end, p.rng.uniform(8, 13), p.rng.uniform(7, 11), Tissue.PANCREAS)
    for side in (-1, 1):
        centre = p.near(side * 62, p.back + 34, -40 if side > 0 else -28)
        cortex = p.ellipsoid(centre, (28, 26, 54)) + p.bumps((20, 1.5))
        p.taken |= cortex < 0
        p.paint(np.maximum(p.inner + 2, cortex), Tissue.KIDNEY)
        p.paint(cortex + 8 + p.bumps((10, 4)), Tissue.RENAL_MEDULLA, only=Tissue.KIDNEY)
        p.paint(cortex + 17, Tissue.FAT)
        cap, tip = np.array([side * -10, 8, 52]), np.array([side * -18, 5, 62])
        p.tube(centre + cap, centre + tip, 4, 2, Tissue.ADRENAL)


def _liver(p: _Painter) -> None:
    """Two lobes in one smooth shape, pressed against what is there already."""
    rng = p.rng
    right = p.ellipsoid(p.near(80, 0, 8), (86, 88, 84))
    left = p.ellipsoid(p.near(0, 45, 32), (rng.uniform(60, 95), 42, 36))
    blend = rng.uniform(10, 20)
    shape = -blend * np.logaddexp(-right / blend, -left / blend)
    shape = shape + p.bumps((64, 6), (32, 3), (16, 1.5))
    limits = np.maximum(p.inner + rng.uniform(1, 5), p.dome + rng.uniform(3, 6))
    shape = np.maximum(shape, limits)
    # The fissure of the round ligament, and the hilum from below.
    cleft = p.x - rng.uniform(15, 30) + 0.25 * p.y + p.bumps((35, 5))
    fissure = np.abs(cleft) - rng.uniform(1.0, 3.5)
    fissure = np.maximum(fissure, rng.uniform(20, 40) - p.y)
    shape = np.maximum(shape, -np.maximum(fissure, p.z - rng.uniform(0, 25)))
    shape = np.maximum(shape, -(p.ellipsoid(p.near(20, 10, -22), (16, 26, 18)) + p.bumps((18, 4))))
    keep = (
        Tissue.KIDNEY,
        Tissue.RENAL_MEDULLA,
        Tissue.STOMACH,
        Tissue.BONE,
        Tissue.SPLEEN,
        Tissue.PANCREAS,
        Tissue.HEART,
        Tissue.MUSCLE,
    )
    inside = largest((shape < 0) & ~p.taken & ~np.isin(p.tissue, keep))
    p.tissue[inside] = Tissue.LIVER
    if rng.random() < 0.85:
        bladder = p.ellipsoid(p.near(42, 42, -42), (17, 19, 34))
        p.paint(np.maximum(bladder, p.inner + 4), Tissue.GALLBLADDER)
    cava, aorta = np.array([26, p.back + 56, 0.0]), np.array([-10, p.back + 58, 0.0])
    up, down = np.array([0, 0, 200.0]), np.array([0, 0, -200.0])
    p.tube(cava + up, cava + down, rng.uniform(9, 13), rng.uniform(9, 13), Tissue.VEIN)
    p.tube(aorta + up, aorta + down, rng.uniform(9, 12), rng.uniform(8, 11), Tissue.ARTERY)


def _vessels(p: _Painter) -> None:
    """Portal tree from the hilum, hepatic veins from the cava; thin ends grow from thick."""
    hilum = p.near(22, 12, -8, by=3)
    p.tube(np.array([-5, 5, -45.0]), hilum, 6, 6, Tissue.PORTAL_VEIN)
    for aim, radius, depth in (((0.75, 0.0, 0.35), 5.5, 6), ((-0.5, 0.6, 0.5), 4.5, 5)):
        _branch(p, hilum, np.asarray(aim), radius, depth, Tissue.LIVER_VESSEL)
    root = np.array([26, p.back + 60, 52.0])
    for aim in ((0.9, 0.2, -0.3), (0.35, 0.8, -0.35), (-0.5, 0.8, -0.3)):
        _branch(p, root, np.asarray(aim), 4.5, 5, Tissue.HEPATIC_VEIN)


#: A vessel is so much thinner at its end than at its beginning.
TAPER = 0.9


def _branch(p: _Painter, start: Point, aim: Point, radius: float, depth: int, what: Tissue) -> None:
    """Murray's law: the cubes of the children's radii add up to that of their parent's end."""
    if depth == 0 or radius < 0.9:
        return
    aim = aim / np.linalg.norm(aim)
    end = start + aim * p.rng.uniform(5, 8) * (radius + 1)
    p.tube(start, end, radius, radius * TAPER, what, only=Tissue.LIVER)
    share = p.rng.uniform(0.3, 0.7)
    for part in (share, 1 - share):
        turn = p.rng.normal(0, 0.55, 3)
        _branch(p, end, aim + turn, radius * TAPER * float(np.cbrt(part)), depth - 1, what)
