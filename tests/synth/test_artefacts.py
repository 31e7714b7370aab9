from dataclasses import replace

import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import Volume
from hepatica.synth import artefacts

GRID = Geometry.from_spacing((48, 64, 20), 2)


def block():
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[16:32, 20:44] = 1
    return Volume(voxels, GRID)


def acquire(**change):
    return artefacts.acquire(block(), GRID, GRID, replace(artefacts.NONE, **change)).voxels


def test_no_artefact_is_the_image_itself():
    np.testing.assert_allclose(acquire(), block().voxels, atol=1e-6)


def test_truncation_rings_and_agrees_with_the_transform():
    found = acquire(resolution=(0.6, 1.0))
    assert found.max() > 1.05
    spectrum = np.fft.fft(block().voxels, axis=0)
    spectrum[np.abs(np.fft.fftfreq(48)) > 0.3] = 0
    np.testing.assert_allclose(found, np.abs(np.fft.ifft(spectrum, axis=0)), atol=1e-4)


@pytest.mark.parametrize("n", [3, 4])
def test_ghosts_are_shifted_copies_along_the_phase_direction(n):
    found = acquire(ghosts=n, ghost_strength=0.2, seed=3)
    outside = found[16:32, :, :].copy()
    outside[:, 20:44] = 0
    assert outside.max() > 0.02
    assert found[:14].max() < 1e-4  # nothing beside it, left to right


def test_motion_blurs_and_keeps_the_brightness():
    found = acquire(motion_mm=4.0, seed=2)
    assert np.abs(found - block().voxels).max() > 0.05
    assert found.sum() == pytest.approx(block().voxels.sum(), rel=0.2)


def test_wrap_folds_the_front_onto_the_back():
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[:, -4:] = 1
    drawn = replace(artefacts.NONE, wrap=0.1)
    found = artefacts.acquire(Volume(voxels, GRID), GRID, GRID, drawn).voxels
    assert found[:, 2:6].max() == pytest.approx(0.7, abs=0.01)


def test_opposed_phase_draws_black_lines_where_water_meets_fat():
    fine = Geometry.from_spacing((96, 128, 40), 1)
    voxels = np.ones(fine.shape, np.float32)
    voxels[49:] = -1  # fat, half a coarse voxel off
    found = artefacts.acquire(Volume(voxels, fine), GRID, GRID, artefacts.NONE).voxels
    middle = found[:, 32, 10]
    assert middle.min() < 0.4
    assert middle[10] == pytest.approx(1, abs=0.01)
    assert middle[-10] == pytest.approx(1, abs=0.01)
