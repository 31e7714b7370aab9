"""The bundle that ships, and images that show no liver: a warning and an empty map."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepatica.case import Model
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Source, Volume
from hepatica.synth import patient
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT

GRID = Geometry.from_spacing((192, 192, 40), (1.8, 1.8, 4.0))


@pytest.fixture(scope="module")
def segmenter():
    return Model.load("default").segmenter


def noise(seed):
    return np.random.default_rng(seed).normal(100, 30, GRID.shape)


def constant(seed):
    return np.full(GRID.shape, 7.0)


def clouds(seed):
    made = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=GRID.shape), 4)
    return 50 + 100 * made


def head(seed):
    """A ball with a dark skull, a bright scalp and ventricles."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis((index - (np.array(GRID.shape) - 1) / 2) * GRID.spacing_mm, -1, 0)
    radius = np.sqrt(x**2 + y**2 + z**2)
    image = np.select(
        [radius < 75, radius < 82, radius < 90],
        [rng.uniform(0.4, 1), 0.1, rng.uniform(0.8, 1.5)],
    )
    image *= 1 + 0.8 * ndimage.gaussian_filter(rng.normal(size=GRID.shape), 2)
    image[(x / 12) ** 2 + (y / 30) ** 2 + (z / 15) ** 2 < 1] = 0.15
    return 300 * np.abs(image + rng.normal(0, 0.03, GRID.shape))


@pytest.mark.parametrize("make", [noise, constant, head])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_no_abdomen(segmenter, make, seed):
    image = Volume(make(seed).astype(np.float32), GRID, Source("nothing", format="synthetic"))
    found = segmenter(image)
    assert not found.labelmap.labels.any()
    assert not found.tumour_probability.any()
    assert found.warnings


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clouds_are_no_liver_or_one_that_is_doubted(segmenter, seed):
    """Of seed 0 the bundle that ships makes a liver still; it says that it does not believe it."""
    image = Volume(clouds(seed).astype(np.float32), GRID, Source("nothing", format="synthetic"))
    found = segmenter(image)
    doubted = any("networks disagree" in warning for warning in found.warnings)
    assert doubted if found.labelmap.labels.any() else found.warnings


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_pelvis(segmenter, seed):
    """A synthetic patient whose field of view begins below the liver."""
    rng = np.random.default_rng([5, seed])
    anatomy = procedural_anatomy(rng, "p")
    drawn = patient.draw(rng, anatomy, COHORT, "pelvis")
    lowest = anatomy.geometry.to_patient(np.argwhere(anatomy.liver))[:, 2].min()
    affine = drawn.scan.affine.copy()
    affine[2, 3] = lowest - 15 - drawn.scan.extent_mm[2]
    below = replace(drawn, scan=Geometry(drawn.scan.shape, affine))
    image, truth = patient.scan_patient(below)
    assert not truth.liver.any()
    assert image.voxels.std() > 10
    found = segmenter(image)
    assert not found.labelmap.labels.any()
    assert found.warnings
