"""The free-response curve, by hand."""

import numpy as np
import pytest

from hepatica.evaluate.froc import THRESHOLDS, curve, pooled

SHAPE = (12, 10, 8)


def at(points, threshold):
    return next(p for p in points if p.threshold == threshold)


@pytest.fixture
def reference():
    mask = np.zeros(SHAPE, bool)
    mask[1:3, 1:3, 1:3] = True  # 8 voxels
    mask[8:10, 6:8, 5:7] = True
    return mask


def test_thresholds_trade_false_lesions_for_found_ones(reference):
    chance = np.zeros(SHAPE, np.float32)
    chance[1:3, 1:3, 1:3] = 0.92
    chance[8:10, 6:8, 5] = 0.4  # half of the second
    chance[5, 1, 1] = 0.6  # false
    points = curve(chance, reference)
    assert [p.threshold for p in points] == list(THRESHOLDS)
    low, middle, high = (at(points, t) for t in (0.05, 0.5, 0.9))
    assert (low.found, low.false, low.reference) == (2, 1, 2)
    assert (middle.found, middle.false) == (1, 1)
    assert (high.found, high.false) == (1, 0)
    assert (at(points, 0.95).found, at(points, 0.95).false) == (0, 0)


def test_a_voxel_at_the_threshold_counts_and_half_of_a_lesion_is_enough(reference):
    chance = np.zeros(SHAPE, np.float32)
    chance[1:3, 1:3, 1] = np.float32(0.5)
    assert at(curve(chance, reference), 0.5).found == 1
    chance[1, 1, 1] = 0.49
    assert at(curve(chance, reference), 0.5).found == 0
    assert at(curve(chance, reference), 0.5).false == 0  # it touches one


def test_nothing_there():
    points = curve(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool))
    assert all((p.found, p.reference, p.false, p.sensitivity) == (0, 0, 0, None) for p in points)
    assert [(p.cases, p.false_per_case) for p in points] == [(1, 0)] * len(THRESHOLDS)


def test_cases_are_pooled(reference):
    chance = np.where(reference, 0.7, 0).astype(np.float32)
    both = pooled([curve(chance, reference), curve(chance, ~reference & (chance > 2))])
    point = at(both, 0.5)
    assert (point.cases, point.reference, point.found, point.false) == (2, 2, 2, 2)
    assert (point.sensitivity, point.false_per_case) == (1, 1)
    assert pooled([]) == ()
