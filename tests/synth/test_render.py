"""What a patient's tissues look like before the scanner: borders, patterns, saturation."""

from dataclasses import replace

import numpy as np
import pytest

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.synth import curve, lesions, patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.fields import covering
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
    assert fat == pytest.approx(4 * liver, rel=0.2)
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
        near += [bool(x.centre_mm[0] != 0) for x in drawn]
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


def ball(radius_mm, centre_mm, core=0.5):
    """A dark metastasis, smooth and sharp."""
    lobe = lesions.Lobe(np.asarray(centre_mm, float), np.full(3, radius_mm), np.eye(3))
    return lesions.Lesion(
        kind="homogeneous", volume_ml=1.0, lobes=(lobe,), roughness=0.0, blur_mm=0.5,
        core=core, rim=1.0, rim_mm=0.0, necrosis=1.0, necrotic_share=0.0, mottle=0.0, seed=0,
    )  # fmt: skip


def test_a_lesion_between_the_slices_of_a_scan_keeps_a_voxel(halves):
    scan = HALF.regrid((40, 30, 8), (4.0, 4.0, 9.0))
    small = ball(2.0, scan.to_patient((10, 15, 3.5)))
    _, truth = patient.scan_patient(still(halves, scan=scan, lesions=(small,)))
    assert truth.tumour.sum() == 1
    assert not resample.onto(
        patient.render(still(halves, lesions=(small,)), covering(scan, 1.5))[2], scan
    ).tumour.any()


def test_a_lesion_is_so_dark_relative_to_the_liver_of_its_image(halves):
    middle = HALF.to_patient((20, 30, 20))
    image = seen(still(halves, brightness=3 * table(), lesions=(ball(14.0, middle),)))
    assert image[20, 30, 20] == pytest.approx(1.5, abs=0.02)
    assert image[5, 5, 5] == pytest.approx(3)


def test_texture_shows_as_much_as_drawn(halves):
    texture = np.zeros(HALF.shape, np.int8)
    texture[:20], texture[60:] = 64, -64  # a strong structure, up and down
    spread = np.zeros(len(Tissue))
    spread[Tissue.LIVER], spread[Tissue.FAT] = 0.2, -0.1
    woven = replace(halves, texture=texture)
    image = seen(still(woven, brightness=table(), spread=spread))
    assert image[10, 5, 5] == pytest.approx(1.2)
    assert image[30, 5, 5] == image[50, 5, 5] == pytest.approx(1)
    assert image[70, 5, 5] == pytest.approx(1.1)


def test_saturation_fails_in_one_of_eight_and_only_where_there_is_one(halves):
    drawn = [patient.draw(np.random.default_rng(n), halves, COHORT, "x") for n in range(300)]
    saturated = [one.fails for one in drawn if one.protocol.fat == "saturated"]
    assert np.mean(saturated) == pytest.approx(0.12, abs=0.07)
    assert not any(one.fails for one in drawn if one.protocol.fat != "saturated")


def test_a_scan_is_about_the_liver_unless_it_is_cut(halves):
    """A cut one ends within 40 mm of the liver's middle, above or below, give or take its place."""
    off = {}
    for cut in (0.0, 1.0):
        recipe = replace(COHORT, cut=cut)
        drawn = [
            patient.draw(np.random.default_rng(n), halves, recipe, "x").scan for n in range(80)
        ]
        middles = [s.to_patient((np.array(s.shape) - 1) / 2)[2] for s in drawn]
        off[cut] = np.array(middles) - halves.liver_centre_mm[2]
    assert np.abs(off[0.0]).max() < 80
    assert np.abs(off[0.0].mean()) < 10
    assert np.median(np.abs(off[1.0])) > 70
    assert (off[1.0] > 0).mean() == pytest.approx(0.5, abs=0.2)


def test_points_are_in_the_liver_and_at_its_surface():
    grid = Geometry.from_spacing((30, 30, 30), 5.0)
    liver = np.zeros(grid.shape, bool)
    liver[5:25, 5:25, 5:25] = True
    inside, surface = patient.points_of(np.random.default_rng(0), liver, grid)
    for points in (inside, surface):
        index = grid.to_index(points)
        assert ((index > 4.5) & (index < 24.5)).all()
    depth = np.minimum(grid.to_index(surface) - 4.5, 24.5 - grid.to_index(surface)).min(axis=1)
    assert (depth <= 1).all()
    assert len(np.unique(inside[:, 0])) > 150  # not on a lattice


def test_a_quick_scan_is_the_whole_field_in_no_finer_voxels_than_needed(halves):
    drawn = still(halves, scan=HALF.regrid((200, 150, 30), (1.2, 1.2, 5.0)))
    quick = patient.quick_scan(drawn, 4.0)
    np.testing.assert_allclose(quick.extent_mm, drawn.scan.extent_mm)
    np.testing.assert_allclose(quick.spacing_mm, (2, 2, 5), rtol=0.02)
    middle = [g.to_patient((np.array(g.shape) - 1) / 2) for g in (quick, drawn.scan)]
    np.testing.assert_allclose(*middle, atol=1e-6)
