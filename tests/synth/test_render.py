"""What a patient's tissues look like before the scanner: borders, patterns, saturation."""

from dataclasses import replace

import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.synth import curve, patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.recipe import COHORT
from hepatica.synth.tissues import Tissue
from tests.synth.test_patient import still

HALF = Geometry.from_spacing((80, 60, 40), 2.0)


@pytest.fixture(scope="module")
def halves():
    """Liver on the left of the grid, fat on its right."""
    tissue = np.full(HALF.shape, Tissue.LIVER, np.uint8)
    tissue[40:] = Tissue.FAT
    return Anatomy("halves", tissue, HALF)


def table(**levels):
    made = np.ones(len(Tissue))
    for name, level in levels.items():
        made[Tissue[name]] = level
    return made


def seen(drawn, grid=HALF):
    return patient.render(drawn, grid)[0].voxels


@pytest.mark.parametrize("softness_mm", [0.8, 1.6])
def test_one_tissue_goes_over_into_the_next_as_softly_as_drawn(halves, softness_mm):
    drawn = still(halves, brightness=table(FAT=0.0), softness_mm=softness_mm)
    fine = Geometry.from_spacing((60, 8, 8), 0.5, HALF.to_patient((39.5, 30, 20)))
    slope = -np.diff(seen(drawn, fine)[:, 4, 4])
    assert slope.sum() == pytest.approx(1, abs=1e-3)
    where = 0.5 * np.arange(len(slope))
    middle = (slope * where).sum()
    assert np.sqrt((slope * (where - middle) ** 2).sum()) == pytest.approx(softness_mm, rel=0.03)


def test_fat_varies_more_than_liver(halves):
    drawn = still(halves, brightness=table(), mottle=(0.02, 0.02, 0.02, 0.02))
    image = seen(drawn)
    liver, fat = image[5:35].std(), image[45:75].std()
    assert fat == pytest.approx(2.5 * liver, rel=0.2)
    assert liver > 0.02


@pytest.mark.parametrize("number", range(3))
def test_a_pattern_belongs_to_the_patient_and_not_to_the_grid(halves, number):
    """Each distance by itself, seen on the scanner's grid and on every other voxel of it."""
    alone = tuple(0.1 if n == number else 0.0 for n in range(len(patient.MOTTLE_MM)))
    drawn = still(halves, brightness=table(), mottle=alone)
    coarse = HALF.crop((slice(1, 79), slice(1, 59), slice(1, 39)))
    both = seen(drawn)[1:79, 1:59, 1:39], seen(drawn, coarse)
    assert both[0].std() > 0.02
    np.testing.assert_allclose(*both, atol=1e-4)


def test_patterns_are_as_wide_as_they_say(halves):
    """Points as far apart as the knots differ, points a fifth of that apart do not."""
    for number, distance_mm in enumerate(patient.MOTTLE_MM[:2]):
        alone = tuple(0.1 if n == number else 0.0 for n in range(len(patient.MOTTLE_MM)))
        liver = seen(still(halves, brightness=table(), mottle=alone))[:40] - 1
        near, far = round(distance_mm / 10), round(distance_mm)
        close = np.corrcoef(liver[near:].ravel(), liver[:-near].ravel())[0, 1]
        apart = np.corrcoef(liver[far:].ravel(), liver[:-far].ravel())[0, 1]
        assert close > 0.8
        assert apart < 0.4


def test_where_saturation_fails_fat_is_bright_in_patches():
    tissue = np.full((150, 150, 120), Tissue.FAT, np.uint8)
    tissue[:20] = Tissue.LIVER
    wide = Anatomy("fat", tissue, Geometry.from_spacing(tissue.shape, 2.0))
    drawn = still(
        wide,
        brightness=table(FAT=0.2),
        unsaturated=table(FAT=2.0),
        scan=wide.geometry,
    )
    shares = []
    for seed in range(12):
        fat = seen(replace(drawn, fails=True, seed=seed), wide.geometry)[20:]
        assert fat.min() >= 0.2 - 1e-6
        assert fat.max() <= 2.0 + 1e-6
        shares.append((fat > 1.1).mean())
        # Patches, not specks: what is bright has bright neighbours.
        bright = fat > 1.1
        if bright.any():
            assert bright[1:][bright[:-1]].mean() > 0.8
    assert 0.02 < np.mean(shares) < 0.35
    assert (seen(drawn, wide.geometry)[20:] == np.float32(0.2)).all()


def test_large_lesions_come_first_and_lie_where_the_recipe_says():
    rng = np.random.default_rng(0)
    inside, surface = np.zeros((50, 3)), np.full((50, 3), 100.0)
    near = []
    for _ in range(150):
        made = patient.draw_lesions(rng, inside, surface, COHORT, table(LESION=0.5))
        drawn = [x for x in made if x.labelled]
        volumes = [x.volume_ml for x in drawn]
        assert volumes == sorted(volumes, reverse=True)
        near += [bool(x.centre_mm[0] == 100) for x in drawn]
        # What is not labelled must not cover what is: it is painted before.
        assert [x.labelled for x in made] == sorted(x.labelled for x in made)
        wedges = [x.centre_mm[0] for x in made if x.kind == "wedge"]
        assert all(x == 100 for x in wedges)
    assert np.mean(near) == pytest.approx(COHORT.subcapsular, abs=0.08)


def test_two_in_five_curves_fall_somewhere():
    rng = np.random.default_rng(1)
    curves = [curve.draw(rng) for _ in range(500)]
    rising = np.mean([(np.diff(c) >= 0).all() for c in curves])
    assert rising == pytest.approx(0.6, abs=0.07)
    assert all(c[0] == 0 for c in curves)
