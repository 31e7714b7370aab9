import numpy as np
import pytest

from hepatica.core.geometry import Geometry, whole
from hepatica.core.volume import Volume
from hepatica.model.plan import PLANS, Margin
from hepatica.pipeline.preprocess import network_grid, preprocess, robust, widen, zscore
from tests.phantom import GRID, PLAN, phantom


def test_grid_is_as_fine_as_it_may_be_and_as_coarse_as_it_must():
    stage = PLAN.stages[0]
    small = Geometry.from_spacing((10, 10, 10), 2)
    np.testing.assert_allclose(network_grid(small, stage).spacing_mm, 5)
    wide = Geometry.from_spacing((100, 10, 10), 6.4)
    np.testing.assert_allclose(network_grid(wide, stage).spacing_mm, 10)
    paper = PLANS["paper-unet"].stages[0]
    np.testing.assert_allclose(network_grid(wide, paper).spacing_mm, 2)


def test_everything_that_was_seen_is_on_the_grid():
    volume, _ = phantom(GRID)
    image = preprocess(volume, PLAN.stages[0])
    assert image.voxels.shape == PLAN.stages[0].size
    assert image.geometry.axes == "RAS"
    corners = GRID.to_patient([(0, 0, 0), (79, 65, 39)])
    index = image.geometry.to_index(corners)
    assert (index >= -0.5).all()
    assert (index <= np.array(image.geometry.shape) - 0.5).all()


def test_zscore_by_hand():
    np.testing.assert_allclose(zscore(np.array([[[1.0, 3.0]]], np.float32)), [[[-1, 1]]])
    assert not zscore(np.full((2, 2, 2), 7, np.float32)).any()


def test_robust_ignores_what_was_not_seen():
    rng = np.random.default_rng(0)
    image = np.zeros((20, 20, 20), np.float32)
    seen = (slice(0, 10), slice(0, 20), slice(0, 20))
    image[seen] = rng.uniform(50, 100, (10, 20, 20))
    alone = robust(image[seen], (slice(0, 10), slice(0, 20), slice(0, 20)))
    padded = robust(image, seen)
    np.testing.assert_allclose(padded[seen], alone, atol=1e-6)
    assert np.unique(padded[10:]).size == 1
    assert padded[10:].max() <= alone.min() + 1e-6
    assert not robust(
        np.full((4, 4, 4), 3, np.float32), whole(Geometry((4, 4, 4), np.eye(4)))
    ).any()


def test_robust_of_an_almost_empty_or_a_huge_image():
    sparse = np.zeros((40, 40, 40), np.float32)
    sparse[10:13, 10:13, 10:13] = 100
    found = robust(sparse, (slice(0, 40),) * 3)
    assert found.max() > found.min()
    huge = np.random.default_rng(0).uniform(-3e38, 3e38, (20, 20, 20)).astype(np.float32)
    assert np.isfinite(robust(huge, (slice(0, 20),) * 3)).all()


def test_robust_has_unit_deviation_over_the_patient():
    rng = np.random.default_rng(0)
    image = rng.normal(200, 20, (30, 30, 30)).astype(np.float32)
    image[:15] = 0
    found = robust(image, (slice(0, 30),) * 3)
    patient = found[15:]
    assert patient.mean() == pytest.approx(0, abs=0.02)
    assert patient.std() == pytest.approx(1, abs=0.05)


def test_margin_in_voxels_and_in_mm():
    box = (slice(10, 20), slice(5, 9), slice(0, 4))
    grid = Geometry.from_spacing((40, 12, 8), (1, 2, 5))
    voxels = widen(box, grid, Margin(amount=3, unit="voxels"))
    assert voxels == (slice(7, 23), slice(2, 12), slice(0, 7))
    mm = widen(box, grid, Margin(amount=6, unit="mm"))
    assert mm == (slice(4, 26), slice(2, 12), slice(0, 6))


def test_constant_volume_does_not_divide_by_zero():
    flat = Volume(np.full((20, 20, 20), 4, np.float32), Geometry.from_spacing((20, 20, 20), 3))
    for plan in (PLANS["paper-highresnet"], PLANS["default"]):
        assert np.isfinite(preprocess(flat, plan.stages[0]).voxels).all()
