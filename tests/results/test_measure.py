"""Measurements of label maps small enough to count, and laws that hold for all."""

from __future__ import annotations

from dataclasses import astuple
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results.measure import Measurements, head_foot_axis, measure, sphericity
from tests.orientations import oblique


def labelmap(shape, voxels, spacing=(1, 1, 1), liver=True):
    """A map with label 1 in all but the outermost layer, and label 2 at `voxels`."""
    labels = np.zeros(shape, np.uint8)
    if liver:
        labels[1:-1, 1:-1, 1:-1] = 1
    for place in voxels:
        labels[place] = 2
    return LabelMap(labels, Geometry.from_spacing(shape, spacing))


def test_nothing_is_zero_and_the_burden_unknown():
    empty = labelmap((4, 5, 6), [], liver=False)
    assert measure(empty) == Measurements(0.0, 0.0, 0.0, None, False, ())


def test_a_liver_without_lesions():
    m = measure(labelmap((4, 5, 6), [], spacing=(2, 2, 5)))
    assert m.liver_ml == m.parenchyma_ml == pytest.approx(24 * 0.02)
    assert (m.tumour_ml, m.burden_percent, m.findings) == (0, 0, ())


def test_a_single_voxel():
    m = measure(labelmap((5, 5, 5), [(2, 2, 3)], spacing=(1, 2, 4)))
    (finding,) = m.findings
    assert m.liver_ml == pytest.approx(27 * 0.008)
    assert m.parenchyma_ml == pytest.approx(26 * 0.008)
    assert m.tumour_ml == finding.volume_ml == pytest.approx(0.008)
    assert m.burden_percent == pytest.approx(100 / 27)
    assert finding.id == 1
    assert finding.diameter_axial_mm == pytest.approx(5**0.5)
    assert finding.diameter_perpendicular_mm == pytest.approx(5**0.5 / 2)
    assert finding.diameter_3d_mm == pytest.approx(21**0.5)
    assert finding.centre_mm == pytest.approx((0, 0, 4))
    assert finding.centre_voxel == (2, 2, 3)
    assert finding.slices == (3, 3)
    assert (finding.mean_signal_ratio, finding.confidence) == (None, None)
    assert not finding.touches_border


def test_an_anisotropic_block():
    block = np.s_[3:5, 2:5, 1:5]
    (finding,) = measure(labelmap((8, 8, 8), [block], spacing=(2, 1, 5))).findings
    assert finding.volume_ml == pytest.approx(24 * 0.01)
    assert finding.diameter_axial_mm == pytest.approx(5)
    assert finding.diameter_perpendicular_mm == pytest.approx(3.75)
    assert finding.diameter_3d_mm == pytest.approx(425**0.5)
    # The grid's middle, index 3.5, is at 0 mm; the block's is at index 3.5, 3, 2.5.
    assert finding.centre_mm == pytest.approx((0, -0.5, -5))
    assert finding.slices == (1, 4)
    # Eight voxels are within half a step of the centroid along i and k: the leftmost, lowest.
    assert finding.centre_voxel == (3, 3, 2)


def test_voxels_that_share_only_a_corner_are_one_lesion():
    (finding,) = measure(labelmap((6, 6, 6), [(2, 2, 2), (3, 3, 3)])).findings
    assert finding.volume_ml == pytest.approx(0.002)
    assert finding.diameter_axial_mm == pytest.approx(2**0.5)
    assert finding.diameter_3d_mm == pytest.approx(12**0.5)
    assert finding.slices == (2, 3)


def test_voxels_with_a_gap_are_two_lesions_and_the_larger_is_the_first():
    big = np.s_[4:6, 1:3, 1:3]
    m = measure(labelmap((8, 8, 8), [(1, 1, 1), big]))
    assert [f.id for f in m.findings] == [1, 2]
    assert [f.volume_ml for f in m.findings] == pytest.approx([0.008, 0.001])
    assert m.findings[0].centre_mm == pytest.approx((1, -2, -2))
    assert m.findings[1].centre_voxel == (1, 1, 1)


def test_the_centre_voxel_of_a_bent_lesion_is_in_the_lesion():
    ring = [(i, j, 3) for i, j in product(range(2, 7), repeat=2) if i in (2, 6) or j in (2, 6)]
    given_map = labelmap((9, 9, 7), ring)
    (finding,) = measure(given_map).findings
    assert finding.centre_mm == pytest.approx((0, 0, 0))
    assert given_map.labels[4, 4, 3] == 1
    assert finding.centre_voxel == (2, 4, 3)  # leftmost of the four closest


@pytest.mark.parametrize("degrees", range(3, 43, 4))
def test_of_equally_close_voxels_the_leftmost_in_the_patient_is_the_centre(degrees):
    tilt = np.deg2rad(degrees)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[:2, :2] = turn * (1.1, 0.9)
    labels = np.ones((8, 8, 8), np.uint8)
    labels[2:6, 2:6, 2:6] = 2
    (finding,) = measure(LabelMap(labels, Geometry((8, 8, 8), affine))).findings
    # x falls with -i and with +j; of two at the same x, y, the lower one.
    assert finding.centre_voxel == (3, 4, 3)


def test_slices_run_along_the_axis_closest_to_head_foot():
    # Stored as (head-foot, left-right, front-back), tilted by 10 degrees.
    tilt = np.deg2rad(10)
    affine = np.eye(4)
    affine[:3, :3] = np.array(
        [[0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)], [np.cos(tilt), 0, -np.sin(tilt)]]
    ) @ np.diag([5.0, 1.0, 1.0])
    labels = np.ones((9, 9, 9), np.uint8)
    labels[2:6, 3:6, 2:6] = 2
    geometry = Geometry((9, 9, 9), affine)
    assert head_foot_axis(geometry) == 0
    (finding,) = measure(LabelMap(labels, geometry)).findings
    assert finding.slices == (2, 5)
    assert finding.diameter_axial_mm == pytest.approx(5)  # 3 by 4 mm
    assert finding.diameter_3d_mm == pytest.approx(425**0.5)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("layer", [0, 6])
def test_border_flags(axis, layer):
    place = [3, 3, 3]
    place[axis] = layer
    inside = measure(labelmap((7, 7, 7), [(3, 3, 3)]))
    assert not inside.liver_touches_border
    cut = measure(labelmap((7, 7, 7), [tuple(place), (3, 3, 3)]))
    assert cut.liver_touches_border
    assert {f.centre_voxel: f.touches_border for f in cut.findings} == {
        tuple(place): True,
        (3, 3, 3): False,
    }


def test_a_lesion_without_parenchyma_has_no_signal_ratio():
    alone = labelmap((5, 5, 5), [(2, 2, 2)], liver=False)
    m = measure(alone, Volume(np.ones((5, 5, 5)), alone.geometry))
    assert m.burden_percent == pytest.approx(100)
    assert m.parenchyma_ml == 0
    assert m.findings[0].mean_signal_ratio is None


def signals(parenchyma, lesion):
    given_map = labelmap((6, 6, 6), [(2, 2, 2), (2, 2, 3)])
    voxels = np.where(given_map.tumour, lesion, parenchyma).astype(np.float32)
    voxels[0] = 1e6  # outside the liver: of no account
    return given_map, voxels


def test_signal_ratio_and_confidence_are_means():
    given_map, voxels = signals(200, 90)
    voxels[2, 2, 3] = 110
    probability = np.full((6, 6, 6), 0.1, np.float32)
    probability[2, 2, 2:4] = 0.5, 1.0
    m = measure(given_map, Volume(voxels, given_map.geometry), probability)
    assert m.findings[0].mean_signal_ratio == pytest.approx(0.5)
    assert m.findings[0].confidence == pytest.approx(0.75)


def test_a_calibrated_confidence_is_of_mean_peak_and_volume():
    given_map, _ = signals(200, 90)
    probability = np.full((6, 6, 6), 0.1, np.float32)
    probability[2, 2, 2:4] = 0.5, 1.0
    seen = []
    m = measure(given_map, None, probability, lambda *them: seen.append(them) or 0.3)
    assert m.findings[0].confidence == 0.3
    assert seen == [pytest.approx((0.75, 1.0, 2 * given_map.geometry.voxel_ml))]
    assert measure(given_map, None, None, lambda *them: 0.3).findings[0].confidence is None


@pytest.mark.parametrize("parenchyma", [0, -5, np.nan])
def test_signal_ratio_is_unknown_without_a_positive_reference(parenchyma):
    given_map, voxels = signals(parenchyma, 100)
    found = measure(given_map, Volume(voxels, given_map.geometry)).findings
    assert found[0].mean_signal_ratio is None


def test_signal_ratio_is_unknown_where_the_lesion_has_no_signal():
    given_map, voxels = signals(100, np.nan)
    found = measure(given_map, Volume(voxels, given_map.geometry)).findings
    assert found[0].mean_signal_ratio is None


def test_grids_that_differ_are_refused():
    given_map = labelmap((5, 5, 5), [(2, 2, 2)])
    moved = Geometry.from_spacing((5, 5, 5), 1, centre_mm=(3, 0, 0))
    with pytest.raises(ValueError, match="image is not on the grid"):
        measure(given_map, Volume(np.ones((5, 5, 5)), moved))
    with pytest.raises(ValueError, match="probabilities of shape"):
        measure(given_map, None, np.ones((5, 5, 4), np.float32))


def blobs():
    """Three lesions of different size and shape, one cut, on an oblique anisotropic grid."""
    labels = np.zeros((14, 12, 10), np.uint8)
    labels[1:14, 1:11, 1:9] = 1
    labels[2:6, 2:4, 2:7] = 2
    labels[5, 4, 3:5] = 2
    labels[8:12, 6:10, 4:6] = 2
    labels[13, 3, 5] = 2
    affine = np.eye(4)
    tilt = np.deg2rad(12)
    turn = [[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]]
    affine[:3] = np.column_stack([np.array(turn) @ np.diag([1.1, 0.9, 3.0]), (5, -7, 100)])
    return LabelMap(labels, Geometry(labels.shape, affine))


def stored_as(original, order, signs):
    """The same patient, stored with other axes: pure array and matrix algebra."""
    labels = np.transpose(original.labels, order)
    step, start = original.geometry.affine[:3, :3][:, order], original.geometry.affine[:3, 3]
    for a, sign in enumerate(signs):
        if sign < 0:
            start = start + step[:, a] * (labels.shape[a] - 1)
            labels = np.flip(labels, a)
    affine = np.eye(4)
    affine[:3] = np.column_stack([step * signs, start])
    return LabelMap(labels, Geometry(labels.shape, affine))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_the_numbers_do_not_depend_on_how_the_patient_is_stored(order, signs):
    original = blobs()
    stored = stored_as(original, order, np.array(signs))
    expected, got = measure(original), measure(stored)
    assert len(expected.findings) == 3
    assert got.liver_touches_border
    assert expected.findings[2].touches_border
    assert astuple(got)[:4] == pytest.approx(astuple(expected)[:4])
    for e, g in zip(expected.findings, got.findings, strict=True):
        for name in ("volume_ml", "diameter_axial_mm", "diameter_perpendicular_mm"):
            assert getattr(g, name) == pytest.approx(getattr(e, name))
        assert g.diameter_3d_mm == pytest.approx(e.diameter_3d_mm)
        assert g.centre_mm == pytest.approx(e.centre_mm)
        assert stored.geometry.to_patient(g.centre_voxel) == pytest.approx(
            original.geometry.to_patient(e.centre_voxel)
        )
        assert g.touches_border == e.touches_border
        axis = head_foot_axis(stored.geometry)
        n = stored.geometry.shape[axis]
        upside_down = np.argsort(order)[2] == axis and signs[axis] < 0
        first, last = e.slices
        assert g.slices == ((n - 1 - last, n - 1 - first) if upside_down else e.slices)


@settings(deadline=None, max_examples=30)
@given(
    arrays(np.uint8, (5, 4, 4), elements=st.integers(0, 2)),
    st.tuples(*[st.floats(0.5, 6)] * 3),
)
def test_twice_the_spacing_is_twice_the_length_and_eight_times_the_volume(labels, spacing):
    assume((labels == 2).any())
    small = measure(LabelMap(labels, Geometry.from_spacing(labels.shape, spacing)))
    large = measure(LabelMap(labels, Geometry.from_spacing(labels.shape, np.multiply(2, spacing))))
    assert large.liver_ml == pytest.approx(8 * small.liver_ml)
    assert large.parenchyma_ml == pytest.approx(8 * small.parenchyma_ml)
    assert large.burden_percent == pytest.approx(small.burden_percent)
    for s, g in zip(small.findings, large.findings, strict=True):
        assert g.volume_ml == pytest.approx(8 * s.volume_ml)
        assert g.diameter_axial_mm == pytest.approx(2 * s.diameter_axial_mm)
        assert g.diameter_perpendicular_mm == pytest.approx(2 * s.diameter_perpendicular_mm)
        assert g.diameter_3d_mm == pytest.approx(2 * s.diameter_3d_mm)
        assert g.centre_voxel == s.centre_voxel


@settings(deadline=None, max_examples=30)
@given(arrays(np.uint8, (6, 5, 4), elements=st.integers(0, 2)))
def test_parts_add_up_and_lengths_are_ordered(labels):
    m = measure(LabelMap(labels, Geometry.from_spacing(labels.shape, (1, 2, 3))))
    assert m.liver_ml == pytest.approx(m.parenchyma_ml + m.tumour_ml)
    assert m.tumour_ml == pytest.approx(sum(f.volume_ml for f in m.findings))
    volumes = [f.volume_ml for f in m.findings]
    assert volumes == sorted(volumes, reverse=True)
    for f in m.findings:
        assert 0 < f.diameter_perpendicular_mm <= f.diameter_axial_mm + 1e-6
        assert f.diameter_axial_mm < f.diameter_3d_mm
        assert labels[f.centre_voxel] == 2
        assert f.slices[0] <= f.centre_voxel[2] <= f.slices[1]


def test_ends_slice_and_form_are_those_of_the_lesion_itself():
    """Two lesions that fill boxes of one shape in two ways, on a tilted grid."""
    plate, hook = np.s_[3:6, 3:6, 3:5], np.s_[9:12, 4:7, 7:9]
    tilted = oblique(Geometry.from_spacing((15, 12, 12), (1.5, 2, 3), (30, -20, 9)), (8, -12, 20))
    labels = labelmap((15, 12, 12), [plate, hook]).labels.copy()
    labels[10:12, 5:7, 7:9] = 1
    labels[9:12, 6, 8] = 2
    m = measure(LabelMap(labels, tilted))
    assert len(m.findings) == 2
    for finding, box in zip(m.findings, (plate, hook), strict=True):
        for ends, length in (
            (finding.axial_ends_mm, finding.diameter_axial_mm),
            (finding.perpendicular_ends_mm, finding.diameter_perpendicular_mm),
        ):
            assert np.linalg.norm(np.subtract(*ends)) == pytest.approx(length)
            at = tilted.to_index(np.array(ends))
            assert at[:, 2] == pytest.approx(finding.slice_longest)
            for a in (0, 1):
                assert at[:, a].min() >= box[a].start - 0.5 - 1e-6
                assert at[:, a].max() <= box[a].stop - 0.5 + 1e-6
        assert box[2].start <= finding.slice_longest < box[2].stop
        along, across = (
            np.subtract(*ends) for ends in (finding.axial_ends_mm, finding.perpendicular_ends_mm)
        )
        assert along @ across == pytest.approx(0, abs=1e-6)
        mask = np.zeros(labels.shape, bool)
        mask[box] = labels[box] == 2
        assert finding.sphericity == pytest.approx(sphericity(mask, tilted), rel=1e-3)
    plate_form, hook_form = (f.sphericity for f in m.findings)
    assert plate_form > hook_form + 0.05
