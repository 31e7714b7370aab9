import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.synth import elsewhere, patient
from hepatica.synth.recipe import COHORT
from tests.livers import anatomy


@pytest.mark.parametrize("seed", range(4))
def test_a_scan_beyond_the_liver_shows_none_of_it_and_still_a_body(seed):
    rng = np.random.default_rng([3, seed])
    drawn = patient.draw(rng, anatomy(seed), COHORT, "p")
    moved = elsewhere.beyond(rng, drawn)
    grid = patient.quick_scan(moved, 4.0)
    assert not np.isin(patient.tissues(moved, grid), patient.LIVER_TISSUES).any()
    # Only along the body, and by whole scans: the field of view keeps its size and its middle.
    np.testing.assert_array_equal(moved.scan.affine[:2], drawn.scan.affine[:2])
    assert moved.scan.shape == drawn.scan.shape
    assert moved.scan.affine[2, 3] != drawn.scan.affine[2, 3]


def test_what_is_no_abdomen_is_finite_and_of_many_kinds():
    grid = Geometry.from_spacing((40, 36, 24), (8, 8, 8))
    images = [elsewhere.nothing(np.random.default_rng(n), grid).voxels for n in range(40)]
    for image in images:
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.std() > 0
    # Most have a body that stands out from its surroundings, some are noise from end to end.
    bodies = [image.max() > 6 * np.median(image[:3, :3, :3]) for image in images]
    assert 0.4 < np.mean(bodies) < 0.95
    again = elsewhere.nothing(np.random.default_rng(7), grid).voxels
    np.testing.assert_array_equal(again, images[7])
