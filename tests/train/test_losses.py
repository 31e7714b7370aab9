import math

import numpy as np
import pytest
import torch

from hepatica.train import losses


def logits_of(p):
    """Logits whose softmax is `p` (classes, voxels), as (1, C, 1, 1, voxels)."""
    return torch.log(torch.tensor(p, dtype=torch.float64))[None, :, None, None]


P = [[0.7, 0.1], [0.2, 0.6], [0.1, 0.3]]  # background, liver, tumour of two voxels
TARGET = torch.tensor([[[[1, 2]]]])


def test_the_papers_loss_by_hand():
    # Equation 4, liver: overlap 0.2, squares 0.2² + 0.6², truth 1; tumour: 0.3; 0.1² + 0.3², 1.
    dice = ((1 - 0.4 / 1.4) + (1 - 0.6 / 1.1)) / 2
    # Equation 5 with gamma 2, N = 2 voxels, each class by itself, then their mean.
    liver = -((1 - 0.2) ** 2) * math.log(0.2) / 2
    tumour = -((1 - 0.3) ** 2) * math.log(0.3) / 2
    expected = dice + (liver + tumour) / 2
    found = float(losses.dice_focal(logits_of(P), TARGET))
    assert found == pytest.approx(expected, rel=1e-4)


def test_our_loss_by_hand():
    dice = ((1 - 1.4 / 2.4) + (1 - 1.6 / 2.1)) / 2  # smoothed by 1 above and below
    entropy = [-math.log(0.2), -math.log(0.3)]
    plain = float(losses.dice_entropy(logits_of(P), TARGET))
    assert plain == pytest.approx(dice + sum(entropy) / 2, rel=1e-6)
    weight = torch.tensor([[[[1.0, 3.0]]]], dtype=torch.float64)
    weighted = float(losses.dice_entropy(logits_of(P), TARGET, weight))
    assert weighted == pytest.approx(dice + (entropy[0] + 3 * entropy[1]) / 4, rel=1e-6)


def test_a_perfect_answer_costs_nothing():
    sure = torch.full((1, 3, 1, 1, 2), -50.0)
    sure[0, 1, 0, 0, 0] = sure[0, 2, 0, 0, 1] = 50
    assert float(losses.dice_focal(sure, TARGET)) == pytest.approx(0, abs=1e-5)
    assert float(losses.dice_entropy(sure, TARGET)) == pytest.approx(0, abs=1e-5)


def test_classes_without_labels_count_as_what_they_hide_in():
    logits = torch.randn(2, 5, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    known, without = (0, 1, 2, 3, 4), (0, 1, 1, 0, 0)
    assert losses.merged(logits, [known, known]) is logits
    p, merged = torch.softmax(logits, 1), torch.softmax(losses.merged(logits, [known, without]), 1)
    torch.testing.assert_close(merged[0], p[0])
    torch.testing.assert_close(merged[1, 0], p[1, 0] + p[1, 3] + p[1, 4])
    torch.testing.assert_close(merged[1, 1], p[1, 1] + p[1, 2])
    assert float(merged[1, 2:].max()) == 0


def test_what_is_not_labelled_is_not_held_against_a_network():
    """A network that sees a spleen where the labels know none: no gradient pushes against it."""
    target = torch.zeros(1, 1, 1, 1, dtype=torch.long)
    logits = torch.tensor([0.0, 0.0, 0.0, 6.0, 0.0]).view(1, 5, 1, 1, 1).requires_grad_()
    taken = losses.dice_entropy(logits, target)
    hidden = losses.dice_entropy(losses.merged(logits, [(0, 1, 2, 0, 0)]), target)
    assert taken.item() > 5
    assert hidden.item() < 0.1
    hidden.backward()
    assert logits.grad[0, 3] <= 0


def test_small_lesions_weigh_more():
    target = np.ones((12, 12, 12), np.uint8)
    target[0, 0, 0] = 2  # 1 voxel
    target[4:8, 4:8, 4:8] = 2  # 64 voxels
    weights = losses.voxel_weights(target, voxel_ml=0.01, tumour_weight=2.0, small_ml=0.04)
    assert weights[2, 2, 2] == 1
    assert weights[0, 0, 0] == pytest.approx(2 * math.sqrt(4))
    assert weights[5, 5, 5] == 2
    most = losses.voxel_weights(target, voxel_ml=1e-6, tumour_weight=1.0, small_ml=1.0)
    assert most.max() == losses.MOST
    none = losses.voxel_weights(np.ones((3, 3, 3), np.uint8), 0.01, 2.0, 2.0)
    assert (none == 1).all()


def test_each_sample_weighs_the_same_however_much_its_lesions_do():
    logits = torch.cat([logits_of(P), logits_of([P[1], P[2], P[0]])])
    target = TARGET.repeat(2, 1, 1, 1)
    weight = torch.tensor([[[[1.0, 3.0]]], [[[50.0, 10.0]]]], dtype=torch.float64)
    both = float(losses.dice_entropy(logits, target, weight))
    alone = [
        float(losses.dice_entropy(logits[n : n + 1], target[:1], weight[n : n + 1])) for n in (0, 1)
    ]
    assert both == pytest.approx(sum(alone) / 2, rel=1e-6)


def test_a_lesion_whose_voxels_touch_at_a_corner_is_one():
    target = np.ones((6, 6, 6), np.uint8)
    target[2, 2, 2] = target[3, 3, 3] = 2
    weights = losses.voxel_weights(target, voxel_ml=0.01, tumour_weight=1.0, small_ml=0.08)
    assert weights[2, 2, 2] == weights[3, 3, 3] == pytest.approx(2)  # 0.02 ml, not twice 0.01
