"""Lesions found, missed, false and matched: by hand, and by laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hepatica.core.geometry import Geometry
from hepatica.evaluate.lesions import CLASSES, Lesions, ReferenceLesion

GRID = Geometry.from_spacing((24, 20, 10), (1.0, 1.0, 2.0))


def boxes(*places):
    mask = np.zeros(GRID.shape, bool)
    for place in places:
        mask[tuple(slice(*s) for s in place)] = True
    return mask


A = ((2, 6), (2, 4), (2, 4))  # 16 voxels, 0.032 ml
B = ((12, 14), (12, 14), (5, 6))  # 4 voxels
NONE = boxes()


def between(prediction, reference):
    return Lesions.between(prediction, reference, GRID)


def test_half_of_the_voxels_is_found_and_one_less_is_not():
    half = boxes(((2, 4), (2, 4), (2, 4)))  # 8 of 16
    assert between(half, boxes(A)).reference[0].hit_fraction == 0.5
    assert between(half, boxes(A)).found == 1
    less = half.copy()
    less[2, 2, 2] = False
    assert between(less, boxes(A)).reference[0].hit_fraction == 7 / 16
    assert between(less, boxes(A)).missed == 1


def test_a_lesion_is_found_by_several_parts_together():
    parts = boxes(((2, 3), (2, 4), (2, 4)), ((5, 6), (2, 4), (2, 4)))  # 4 and 4 voxels, apart
    found = between(parts, boxes(A))
    assert len(found.predicted) == 2
    assert found.found == 1
    assert found.false == 0
    assert found.matched == 0  # each has an IoU of a quarter
    assert found.reference[0].dice == pytest.approx(2 * 8 / (16 + 8))


def test_false_is_what_touches_nothing():
    beside = between(boxes(((7, 9), (2, 4), (2, 4)), B), boxes(A))
    assert (beside.found, beside.missed, beside.false) == (0, 1, 2)
    touching = boxes(((5, 9), (2, 4), (2, 4)))  # 4 of its 16 voxels are in A
    found = between(touching, boxes(A))
    assert (found.found, found.missed, found.false) == (0, 1, 0)
    assert found.reference[0].hit_fraction == 0.25


def test_one_blob_over_two_lesions_finds_both_and_matches_one():
    blob = boxes(((2, 12), (2, 4), (2, 4)))
    two = boxes(A, ((8, 12), (2, 4), (2, 4)))
    found = between(blob, two)
    assert found.found == 2
    assert found.matched == 0  # an IoU of 16 / 40 each
    assert [x.dice for x in found.reference] == pytest.approx([2 * 16 / (16 + 40)] * 2)
    larger = boxes(((2, 10), (2, 4), (2, 4)), ((11, 12), (2, 4), (2, 4)))
    found = between(boxes(((2, 12), (2, 4), (2, 4))), larger)
    assert found.matched == 1
    assert found.reference[0].iou == pytest.approx(32 / 40)
    assert found.reference[1].iou is None


def test_scores_of_the_matching_by_hand():
    """Three there, two matched with 1 and 1/2, one missed; one false one."""
    reference = boxes(A, B, ((20, 22), (2, 4), (8, 9)))
    prediction = boxes(B, ((2, 4), (2, 4), (2, 4)), ((20, 22), (16, 18), (8, 9)))
    found = between(prediction, reference)
    assert (found.recall, found.precision) == (2 / 3, 2 / 3)
    assert found.f1 == pytest.approx(2 * 2 / 6)
    assert found.panoptic_quality == pytest.approx((1 + 0.5) / (2 + 0.5 + 0.5))


def test_empty_masks():
    both = between(NONE, NONE)
    assert (both.recall, both.precision, both.f1, both.panoptic_quality) == (None,) * 4
    missed = between(NONE, boxes(A))
    assert (missed.recall, missed.precision, missed.f1, missed.missed) == (0, None, 0, 1)
    false = between(boxes(A), NONE)
    assert (false.recall, false.precision, false.f1, false.false) == (None, 0, 0, 1)


def test_volumes_diameters_and_order():
    found = between(NONE, boxes(B, A))
    assert [x.id for x in found.reference] == [1, 2]
    assert [x.volume_ml for x in found.reference] == pytest.approx([0.032, 0.008])
    # Corners of 4 by 2 and of 2 by 2 voxels of 1 mm.
    assert [x.diameter_mm for x in found.reference] == pytest.approx([20**0.5, 8**0.5])


@pytest.mark.parametrize(
    ("diameter_mm", "size"),
    [(4.99, 0), (5.0, 1), (9.99, 1), (10.0, 2), (19.99, 2), (20.0, 3), (80.0, 3)],
)
def test_classes_have_their_lower_end(diameter_mm, size):
    assert ReferenceLesion(1, 1.0, diameter_mm, 1.0, 1.0, None).size == CLASSES[size]


def test_the_lesions_of_several_cases_are_counted_together():
    one, other = between(boxes(A), boxes(A)), between(boxes(B), boxes(A))
    both = Lesions.all([one, other])
    assert (both.found, both.missed, both.false) == (1, 1, 1)
    assert both.by_size()[CLASSES[0]] == (1, 2)
    assert Lesions.all([]).f1 is None


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_laws(seed):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 1.2)
    other = ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 1.2)
    reference = field > 1.2 * field.std()
    prediction = field + 0.6 * other > 1.3 * field.std()
    found, swapped = between(prediction, reference), between(reference, prediction)
    same = between(reference, reference)
    assert same.found == same.matched == len(same.reference)
    assert same.f1 in (1.0, None)
    assert found.matched == swapped.matched <= min(len(found.reference), len(found.predicted))
    assert found.f1 == swapped.f1
    assert found.panoptic_quality == pytest.approx(swapped.panoptic_quality)
    assert found.found + found.missed == len(found.reference)
    # What is matched shares half of its union, and so is found.
    assert all(x.found for x in found.reference if x.iou is not None)
    whole = sum(x.volume_ml for x in found.reference)
    assert whole == pytest.approx(reference.sum() * GRID.voxel_ml)
    hit = sum(x.hit_fraction * x.volume_ml for x in found.reference)
    assert hit == pytest.approx((prediction & reference).sum() * GRID.voxel_ml)
