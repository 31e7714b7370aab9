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


def test_ghosts_are_two_copies_of_half_the_strength_a_quarter_of_the_field_away():
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[:, 30] = 1
    drawn = replace(artefacts.NONE, ghosts=4, ghost_strength=0.2, seed=5)
    found = artefacts.acquire(Volume(voxels, GRID), GRID, GRID, drawn).voxels
    line = found[24, :, 10]
    assert line[30] == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(line[[14, 46]], 0.1, atol=1e-4)
    assert np.delete(line, [14, 30, 46]).max() < 1e-4


@pytest.mark.parametrize("n", [3, 4])
def test_ghosts_are_shifted_copies_along_the_phase_direction(n):
    found = acquire(ghosts=n, ghost_strength=0.2, seed=3)
    outside = found[16:32, :, :].copy()
    outside[:, 20:44] = 0
    assert outside.max() > 0.02
    assert found[:14].max() < 1e-4  # nothing beside it, left to right


def test_motion_blurs_and_keeps_the_brightness():
    found = acquire(motion_mm=4.0, seed=1)
    assert np.abs(found - block().voxels).max() > 0.05
    assert found.sum() == pytest.approx(block().voxels.sum(), rel=0.2)


@pytest.mark.parametrize("seed", range(8))
def test_motion_leaves_the_image_where_its_labels_are(seed):
    found = acquire(motion_mm=4.0, seed=seed)[24, :, 10]
    shifts = range(-3, 4)
    likeness = [float(np.roll(found, -n) @ block().voxels[24, :, 10]) for n in shifts]
    assert shifts[int(np.argmax(likeness))] == 0
    assert found[20:44].min() > 0.5 > np.delete(found, range(20, 44)).max()


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


def test_opposed_phase_stays_signed_through_the_point_spread():
    """Water and fat in voxels of their own: only a blur makes the line between them."""
    voxels = np.ones(GRID.shape, np.float32)
    voxels[:, 32:] = -1
    blurred = replace(artefacts.NONE, blur_mm=(0.0, 3.0))
    for drawn, darkest in ((artefacts.NONE, 1.0), (blurred, 0.26)):
        found = artefacts.acquire(Volume(voxels, GRID), GRID, GRID, drawn).voxels
        # One mm off the border, of a step blurred by 3 mm: erf(1 / (3 sqrt 2)).
        assert found[24, 30:34, 10].min() == pytest.approx(darkest, abs=0.02)
        assert found[24, 12, 10] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("axis", [0, 1])
def test_blur_is_a_gaussian_of_that_deviation(axis):
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[24, 32] = 1
    blur = (2.5, 0.0) if axis == 0 else (0.0, 2.5)
    drawn = replace(artefacts.NONE, blur_mm=blur)
    found = artefacts.acquire(Volume(voxels, GRID), GRID, GRID, drawn).voxels[:, :, 10]
    line = found[:, 32] if axis == 0 else found[24]
    where = 2.0 * (np.arange(len(line)) - (24, 32)[axis])
    assert line.sum() == pytest.approx(1, abs=0.01)
    assert np.sqrt((line * where**2).sum() / line.sum()) == pytest.approx(2.5, rel=0.03)
    across = found[24] if axis == 0 else found[:, 32]
    assert (across > 0.01).sum() == 1  # and nothing along the other


def test_the_front_is_brighter_than_the_back_by_the_ramp():
    flat = Volume(np.ones(GRID.shape, np.float32), GRID)
    drawn = replace(artefacts.NONE, ramp=0.4)
    line = artefacts.acquire(flat, GRID, GRID, drawn).voxels[24, :, 10]
    # From face to face by exp(0.4); between the outer voxels' middles, 63 of 64 of that.
    assert np.log(line[-1] / line[0]) == pytest.approx(0.4 * 63 / 64, rel=0.01)
    assert line[31:33].mean() == pytest.approx(1, abs=0.01)


def test_gamma_bends_below_the_brightest():
    drawn = replace(artefacts.NONE, gamma=0.5)
    voxels = block().voxels * 4
    voxels[16:32, 20:30] = 1
    found = artefacts.acquire(Volume(voxels, GRID), GRID, GRID, drawn).voxels
    assert found[24, 40, 10] == pytest.approx(4, rel=1e-4)
    assert found[24, 25, 10] == pytest.approx(2, rel=1e-4)  # 4 (1 / 4)^0.5


def noise_of(level=1.0, scan=GRID, **change):
    flat = Volume(np.full(GRID.shape, level, np.float32), GRID)
    drawn = replace(artefacts.NONE, noise=0.04, seed=1, **change)
    return artefacts.acquire(flat, scan, GRID, drawn).voxels


def test_noise_is_cut_and_filtered_with_the_image_in_air_too():
    """Half of the lines along both axes leave half of the deviation, in both channels."""
    assert noise_of().std() == pytest.approx(0.04, rel=0.03)
    cut = {"resolution": (0.5, 0.5)}
    assert noise_of(**cut).std() == pytest.approx(0.02, rel=0.05)
    air = noise_of(level=0.0, **cut)
    assert air.mean() == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.05)
    # Rayleigh noise that is as smooth as the image's: neighbours agree.
    agree = np.corrcoef(air[1:].ravel(), air[:-1].ravel())[0, 1]
    white = noise_of(level=0.0)
    assert agree > 0.3 > abs(np.corrcoef(white[1:].ravel(), white[:-1].ravel())[0, 1]) + 0.2


def test_ghosts_and_motion_leave_the_noise_in_air_rician():
    air = noise_of(level=0.0, ghosts=3, ghost_strength=0.2, motion_mm=3.0)
    assert air.mean() == pytest.approx(0.04 * np.sqrt(np.pi / 2), rel=0.05)


def test_a_larger_voxel_has_less_noise():
    coarse = GRID.regrid((24, 32, 10), 4)
    assert noise_of(scan=coarse).std() == pytest.approx(0.04 / np.sqrt(8), rel=0.05)


def test_noise_spreads_as_drawn():
    spread = np.zeros((3, 3, 3), np.float32)
    spread[:, :, 2] = np.log(3)
    found = noise_of(noise_spread=spread)
    assert found[:, :, -1].std() == pytest.approx(3 * found[:, :, 0].std(), rel=0.15)


def test_what_is_drawn_for_a_cohort_is_within_its_ranges():
    drawn = [artefacts.draw(np.random.default_rng(n)) for n in range(400)]
    noise = np.array([a.noise for a in drawn])
    assert 0.008 <= noise.min() < 0.012
    assert 0.06 < noise.max() <= 0.09
    shares = {
        "ghosts": (np.mean([a.ghosts > 0 for a in drawn]), 0.3),
        "interpolated": (np.mean([a.resolution != (1.0, 1.0) for a in drawn]), 0.7),
        "motion": (np.mean([a.motion_mm > 0 for a in drawn]), 0.2),
        "wrap": (np.mean([a.wrap > 0 for a in drawn]), 0.08),
    }
    for name, (found, wanted) in shares.items():
        assert found == pytest.approx(wanted, abs=0.07), name
    assert all((a.ghost_strength > 0) == (a.ghosts > 0) for a in drawn)


def test_a_tenth_of_the_field_folds_over_at_either_end():
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[:, None], GRID.shape)
    drawn = replace(artefacts.NONE, wrap=0.1)
    found = artefacts.acquire(Volume(ramp.copy(), GRID), GRID, GRID, drawn).voxels[24, :, 10]
    wanted = np.arange(64.0)
    wanted[:6] += 0.7 * np.arange(58, 64)
    wanted[-6:] += 0.7 * np.arange(6)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_part_of_the_field_has_the_coils_and_the_noise_of_that_part():
    part = GRID.crop((slice(0, 48), slice(0, 64), slice(10, 20)))
    spread = np.zeros((3, 3, 3), np.float32)
    spread[:, :, 2] = np.log(3)  # from the middle of the field upwards
    drawn = replace(artefacts.NONE, noise=0.04, noise_spread=spread, seed=1)
    flat = Volume(np.ones(part.shape, np.float32), part)
    found = artefacts.acquire(flat, part, GRID, drawn).voxels
    assert found[:, :, 0].std() == pytest.approx(0.04 * (1 + 2 * 0.05), rel=0.1)
    assert found[:, :, -1].std() == pytest.approx(0.04 * (1 + 2 * 0.95), rel=0.1)
    bias = np.zeros((3, 3, 3), np.float32)
    bias[:, :, 2] = 0.5
    drawn = replace(artefacts.NONE, bias=bias)
    seen = artefacts.acquire(flat, part, GRID, drawn).voxels[24, 32]
    np.testing.assert_allclose(np.log(seen), 0.5 * (0.05 + 0.1 * np.arange(10)), atol=1e-5)
