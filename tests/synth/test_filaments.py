"""Thin tubes: where they are, how thick, and where they stop."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepatica.core.geometry import Geometry
from hepatica.synth import filaments
from hepatica.synth.filaments import Filaments

FIELD = Geometry.from_spacing((64, 64, 64), 1)
ONE = Filaments(distance_mm=12.0, radius_mm=1.2, strength=1.0, seed=3)


def test_they_are_few_thin_and_connected_along_their_way():
    share = filaments.paint(ONE, FIELD, FIELD)
    assert share.min() == 0
    assert 0.9 < share.max() <= 1
    tubes = share > 0.5
    assert 0.005 < tubes.mean() < 0.06
    # Hardly any middle is further from the outside than two radii.
    assert np.quantile(ndimage.distance_transform_edt(tubes)[tubes], 0.99) < 2 * ONE.radius_mm
    _, n = ndimage.label(tubes, np.ones((3, 3, 3)))
    assert tubes.sum() / n > 30  # long, not dots


def test_two_grids_of_a_patient_show_the_same_ones():
    fine = filaments.paint(ONE, FIELD, FIELD)
    part = FIELD.crop((slice(10, 50), slice(0, 64), slice(20, 40)))
    np.testing.assert_allclose(filaments.paint(ONE, part, FIELD), fine[10:50, :, 20:40], atol=2e-3)


def test_strength_scales_and_seeds_differ():
    whole = filaments.paint(ONE, FIELD, FIELD)
    half = filaments.paint(replace(ONE, strength=0.5), FIELD, FIELD)
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)
    other = filaments.paint(replace(ONE, seed=4), FIELD, FIELD)
    assert not np.allclose(other, whole)


def test_thinner_than_voxels_they_are_weaker_and_on_coarse_grids_not_there():
    wide = Geometry.from_spacing((24, 24, 24), 2.6)
    thin = filaments.paint(replace(ONE, radius_mm=0.65), wide, FIELD)
    assert thin.max() <= (0.65 / 1.3) ** 2 + 1e-6
    assert filaments.paint(ONE, Geometry.from_spacing((16, 16, 16), 4), FIELD) is None
    assert filaments.paint(replace(ONE, strength=0.0), FIELD, FIELD) is None


def test_three_in_ten_patients_show_next_to_none():
    drawn = [filaments.draw(np.random.default_rng(n)) for n in range(1000)]
    assert np.mean([d.strength < 0.2 for d in drawn]) == pytest.approx(0.3, abs=0.05)
    assert max(d.strength for d in drawn) <= 1
    assert {d.radius_mm > 0.8 and d.distance_mm >= 8 for d in drawn} == {True}
