import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from hepatica.core.distance import to_nearest_mm

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
SPACINGS = st.tuples(*[st.floats(0.3, 6)] * 3).map(np.array)


@given(MASKS, SPACINGS)
@settings(deadline=None)
def test_it_is_what_scipy_measures(mask, spacing):
    found = to_nearest_mm(mask, spacing)
    assert found.dtype == np.float32
    if not mask.any():
        assert np.isinf(found).all()
        return
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_voxel_by_hand():
    mask = np.zeros((4, 3, 2), bool)
    mask[0, 0, 0] = True
    found = to_nearest_mm(mask, np.array([1.0, 2.0, 5.0]))
    assert found[3, 0, 0] == 3
    assert found[0, 2, 0] == 4
    assert found[0, 0, 1] == 5
    assert found[3, 2, 0] == 5
