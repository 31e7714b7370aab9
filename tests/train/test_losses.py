import math

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
    # A lesion of one voxel is none of those that count by themselves.
    assert float(losses.dice_entropy(logits_of(P), TARGET, 1.0)) == plain


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


def uniform(p, shape=(8, 8, 8)):
    """Logits (1, 3, i, j, k) of the same probabilities everywhere."""
    return torch.log(torch.tensor(p)).view(1, 3, 1, 1, 1).expand(1, 3, *shape).clone()


def test_a_lesions_own_dice_by_hand():
    target = torch.ones(1, 20, 8, 8, dtype=torch.long)
    target[0, 2:5, 2:5, 2:5] = 2
    # Of 27 voxels, in a box of 8 x 8 x 8 about it: half of it overlaps, squares are a quarter.
    expected = 1 - (2 * 13.5 + 1) / (512 / 4 + 27 + 1)
    found = float(losses.lesion_dice(uniform([0.25, 0.25, 0.5], (20, 8, 8)), target))
    assert found == pytest.approx(expected, rel=1e-5)
    # Another one within its box is not held against it.
    target[0, 6:9, 2:5, 2:5] = 2
    both = float(losses.lesion_dice(uniform([0.25, 0.25, 0.5], (20, 8, 8)), target))
    first = 1 - 28 / ((512 - 18) / 4 + 28)
    second = 1 - 28 / ((9 * 64 - 18) / 4 + 28)
    assert both == pytest.approx((first + second) / 2, rel=1e-5)
    whole = losses.dice_entropy(uniform([0.25, 0.25, 0.5], (20, 8, 8)), target, 1.0)
    rest = losses.dice_entropy(uniform([0.25, 0.25, 0.5], (20, 8, 8)), target)
    assert float(whole - rest) == pytest.approx(both, rel=1e-4)


def test_a_small_lesion_counts_as_much_as_a_large_one():
    target = torch.ones(1, 24, 24, 24, dtype=torch.long)
    target[0, 2:12, 2:12, 2:12] = 2
    target[0, 18:20, 18:20, 18:20] = 2
    logits = uniform([0.01, 0.98, 0.01], (24, 24, 24))
    logits[0, 2, 2:12, 2:12, 2:12] = 20  # the large one is found, the small one is not
    assert float(losses.lesion_dice(logits, target)) == pytest.approx(
        0.5 * (1 - 1.16 / 9), abs=0.01
    )
    logits[0, 2, 18:20, 18:20, 18:20] = 20
    assert float(losses.lesion_dice(logits, target)) == pytest.approx(0, abs=0.01)


def test_a_small_lesion_is_felt():
    """Of a missed lesion's voxels, each is pulled many times harder than without the term."""
    target = torch.ones(1, 24, 24, 24, dtype=torch.long)
    target[0, 2:12, 2:12, 2:12] = 2
    target[0, 18:20, 18:20, 18:20] = 2
    pulled = []
    for weight in (0.0, 1.0):
        logits = uniform([0.1, 0.8, 0.1], (24, 24, 24)).requires_grad_()
        losses.dice_entropy(logits, target, weight).backward()
        pulled.append(-float(logits.grad[0, 2, 18, 18, 18]))
    assert pulled[1] > 5 * pulled[0] > 0


def test_samples_without_lesions_lose_nothing_by_the_term():
    target = torch.ones(2, 8, 8, 8, dtype=torch.long)
    logits = uniform([0.2, 0.3, 0.5]).repeat(2, 1, 1, 1, 1)
    assert float(losses.lesion_dice(logits, target)) == 0
    target[0, 0, 0, :2] = 2  # a sliver
    assert float(losses.lesion_dice(logits, target)) == 0
    target[1, 2:5, 2:5, 2:5] = 2
    alone = float(losses.lesion_dice(logits[1:], target[1:]))
    assert float(losses.lesion_dice(logits, target)) == pytest.approx(alone / 2)


def test_a_lesion_whose_voxels_touch_at_a_corner_is_one():
    target = torch.ones(1, 8, 8, 8, dtype=torch.long)
    target[0, 2, 2, 2] = target[0, 3, 3, 3] = target[0, 4, 4, 4] = 2
    assert float(losses.lesion_dice(uniform([0.2, 0.3, 0.5]), target)) > 0  # three, not ones
