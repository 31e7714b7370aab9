"""Anatomies from a CT: what its grey values become where nothing is labelled."""

import numpy as np
import pytest
from scipy import ndimage

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.synth.anatomy import from_labels
from hepatica.synth.tissues import Tissue

GRID = Geometry.from_spacing((120, 110, 40), 2)
#: Hounsfield units; a soft-tissue window cuts them off between -125 and 275.
AIR, LUNG, FAT, MUSCLE, BOWEL, LIVER, BONE = -1000, -850, -105, 55, 90, 110, 260


def inside(radii, centre=(0, 0, 0)):
    points = GRID.to_patient(np.moveaxis(np.indices(GRID.shape), 0, -1)) - centre
    return (points[..., 0] / radii[0]) ** 2 + (points[..., 1] / radii[1]) ** 2 < 1


SKIN, WALL, CAVITY = inside((105, 85)), inside((88, 70)), inside((78, 60))
LUNGS = inside((22, 26), (40, 10, 0))
GUT, SPINE = inside((20, 15), (0, 25, 0)), inside((18, 18), (0, -35, 0))
ORGAN = inside((22, 26), (-40, 10, 0))


@pytest.fixture(scope="module", params=["hounsfield", "window"])
def made(request):
    """A body with a table below, in either scale, with noise of 20 HU."""
    hu = np.full(GRID.shape, AIR, np.float32)
    for mask, value in (
        (SKIN, FAT), (WALL, MUSCLE), (CAVITY, FAT), (LUNGS, LUNG), (GUT, BOWEL), (SPINE, BONE),
        (ORGAN, LIVER),
    ):  # fmt: skip
        hu[mask] = value
    hu[:, 6:8] = 100  # a table, 4 mm thick
    hu += np.random.default_rng(1).normal(0, 20, hu.shape).astype(np.float32)
    ct = hu if request.param == "hounsfield" else np.rint(np.clip((hu + 125) / 400, 0, 1) * 255)
    labels = LabelMap(ORGAN.astype(np.uint8), GRID)
    table = np.zeros(256, np.uint8)
    table[1] = Tissue.LIVER
    return from_labels("p1", labels, Volume(np.asarray(ct, np.float32), GRID), table)


def share(made, mask, tissue):
    return np.mean(made.tissue[mask] == tissue)


def test_fat_is_fat_also_where_the_window_cuts_off_just_below_it(made):
    # A border may be off by a voxel.
    fat = ndimage.binary_erosion(SKIN) & ~ndimage.binary_dilation(WALL)
    assert share(made, fat, Tissue.FAT) > 0.99
    assert share(made, SKIN & ~WALL, Tissue.LUNG) == 0


def test_lung_is_lung_and_muscle_muscle(made):
    assert share(made, LUNGS, Tissue.LUNG) > 0.95
    assert share(made, WALL & ~CAVITY, Tissue.MUSCLE) > 0.7
    assert share(made, SPINE, Tissue.BONE) > 0.9
    assert np.mean(np.isin(made.tissue[ORGAN], (Tissue.LIVER, Tissue.LIVER_VESSEL))) == 1


def test_tables_are_no_body(made):
    assert share(made, ~SKIN, Tissue.AIR) > 0.995
