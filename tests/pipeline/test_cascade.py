import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepatica.core import resample
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.pipeline.cascade import Segmenter
from tests.orientations import ORIENTATIONS, oblique, stored
from tests.phantom import GRID, PLAN, phantom, threshold_engine

segmenter = Segmenter(PLAN, threshold_engine())


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_finds_the_liver_and_both_lesions():
    volume, truth = phantom(GRID)
    found = segmenter(volume)
    assert found.labelmap.geometry is volume.geometry
    assert dice(found.labelmap.liver, truth.liver) > 0.95
    assert dice(found.labelmap.tumour, truth.tumour) > 0.7
    assert found.warnings == ()
    assert list(found.seconds) == [
        "preprocess 1",
        "network 1",
        "find liver",
        "preprocess 2",
        "network 2",
        "postprocess",
        "back to grid",
        "quality",
    ]
    assert found.quality.stages_agree > 0.9
    assert found.quality.expected_dice > 0.9


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reorient_then_segment_is_segment_then_reorient(orientation):
    tilted = oblique(GRID, (7, -5, 11))
    volume, _ = phantom(tilted)
    direct = segmenter(volume).labelmap
    assert direct.tumour.any()
    other = stored(tilted, *orientation)
    around = segmenter(resample.onto(volume, other)).labelmap
    np.testing.assert_array_equal(resample.onto(around, tilted).labels, direct.labels)


@settings(deadline=None, max_examples=12)
@given(
    st.tuples(*[st.floats(-20, 20)] * 3),
    st.tuples(*[st.floats(2.5, 7)] * 3),
    st.sampled_from(ORIENTATIONS),
)
def test_any_oblique_anisotropic_grid(degrees, spacing, orientation):
    shape = np.ceil(np.array([320, 300, 240]) / spacing).astype(int)
    grid = oblique(Geometry.from_spacing(tuple(shape), spacing), degrees)
    volume, truth = phantom(grid)
    direct = segmenter(volume).labelmap
    assert dice(direct.liver, truth.liver) > 0.9
    around = segmenter(resample.onto(volume, stored(grid, *orientation))).labelmap
    np.testing.assert_array_equal(resample.onto(around, grid).labels, direct.labels)


@pytest.mark.parametrize(("gain", "offset"), [(0.001, 0), (7, -300), (1, 5000)])
def test_units_of_the_image_do_not_matter(gain, offset):
    volume, _ = phantom(GRID)
    other = Volume(volume.voxels * gain + offset, GRID)
    before, after = segmenter(volume).labelmap, segmenter(other).labelmap
    assert dice(before.liver, after.liver) > 0.999


def test_nothing_is_a_result_with_a_warning():
    rng = np.random.default_rng(0)
    volume = Volume(rng.random(GRID.shape, np.float32) * 0.01 + 5, GRID)

    def nothing(image):
        p = np.zeros((3, *image.shape), np.float32)
        p[0] = 1
        return p

    engine = threshold_engine()
    silent = type(engine)("none", "fp32", "cpu", 1, (nothing, nothing))
    found = Segmenter(PLAN, silent)(volume, probabilities=True)
    assert not found.labelmap.labels.any()
    assert found.warnings == ("No liver was found; the label map is empty.",)
    assert (found.probabilities.p[0] == 1).all()


def test_what_only_one_stage_takes_for_a_liver_is_none():
    """Stage 2 saw nothing but crops with a liver: it draws one into any."""
    volume, _ = phantom(GRID)

    def a_corner(image):
        p = np.zeros((3, *image.shape), np.float32)
        p[0] = 1
        p[:2, :9, :9, :9] = [[[[0.2]]], [[[0.8]]]]
        return p

    first, _ = threshold_engine().stages
    engine = type(threshold_engine())("corner", "fp32", "cpu", 1, (first, a_corner))
    found = Segmenter(PLAN, engine)(volume, probabilities=True)
    assert not found.labelmap.labels.any()
    assert not found.tumour_probability.any()
    assert (found.probabilities.p[0] == 1).all()
    (warning,) = found.warnings
    assert "agree on no liver" in warning
    assert found.quality.stages_agree < 0.5


def test_warns_of_a_cut_liver_and_of_no_lesion():
    cut = Geometry.from_spacing((40, 66, 40), (4.0, 4.5, 6.0), (90, 0, 0))
    volume, truth = phantom(cut)
    plain = np.where(truth.labels == 2, 300, volume.voxels)
    warnings = segmenter(Volume(plain, cut)).warnings
    assert any("cuts the liver" in w for w in warnings)
    assert "No lesion was found." in warnings


def test_blank_slices_do_not_hide_that_the_liver_is_cut():
    cut = Geometry.from_spacing((80, 66, 24), (4.0, 4.5, 6.0), (0, 0, -20))
    volume, _ = phantom(cut)
    voxels = volume.voxels.copy()
    voxels[:, :, -2:] = 0
    warnings = segmenter(Volume(voxels, cut)).warnings
    assert any("cuts the liver" in w for w in warnings)


def test_tilted_slices_are_said():
    affine = GRID.affine.copy()
    affine[1, 2] = 0.8
    volume, _ = phantom(Geometry(GRID.shape, affine))
    assert any("tilted by 8 degrees" in w for w in segmenter(volume).warnings)


def test_probabilities_agree_with_the_labels():
    volume, _ = phantom(GRID)
    found = segmenter(volume, probabilities=True)
    agree = found.probabilities.argmax().labels == found.labelmap.labels
    assert agree.mean() > 0.999  # but for what cleaning on this grid removes
    np.testing.assert_allclose(found.probabilities.p.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(found.probabilities.p[2], found.tumour_probability)


def test_the_input_is_left_alone():
    volume, _ = phantom(GRID)
    before = volume.voxels.copy()
    segmenter(volume)
    np.testing.assert_array_equal(volume.voxels, before)
    assert isinstance(segmenter(volume).labelmap, LabelMap)
