"""Losses on logits (N, C, i, j, k) and class indices (N, i, j, k)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def soft_dice(probabilities: Tensor, target: Tensor) -> Tensor:
    """One minus the squared-denominator Dice, mean over foreground classes (equation 4).

    Pooled over the batch. A class that is neither there nor predicted costs nothing.
    """
    classes = probabilities.shape[1]
    truth = functional.one_hot(target, classes).movedim(-1, 1).to(probabilities.dtype)
    axes = (0, 2, 3, 4)
    overlap = (probabilities * truth).sum(axes)
    size = probabilities.square().sum(axes) + truth.sum(axes)
    dice = (2 * overlap + 1) / (size + 1)
    return 1 - dice[1:].mean()


def dice_and_cross_entropy(logits: Tensor, target: Tensor, tumour_weight: float) -> Tensor:
    """Our loss: Dice plus cross entropy in which lesion voxels weigh more."""
    weight = torch.ones(logits.shape[1])
    weight[2] = tumour_weight
    entropy = functional.cross_entropy(logits, target, weight=weight)
    return entropy + soft_dice(torch.softmax(logits, dim=1), target)
