"""Losses on logits (N, C, i, j, k) and classes (N, i, j, k), a mean over samples.

The Dice term is MONAI's. Its DiceFocalLoss is not the paper's: there the focal term is of a
sigmoid, and with a softmax it would leave the background out before it is taken. So the focal
term is written out here as equation 5 has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from monai.losses import DiceLoss
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from hepatica.core.volume import Label

#: Exponent of the focal loss; the paper does not give its own.
GAMMA = 2.0
#: How far around itself a lesion is answerable for what is called lesion.
AROUND_VOXELS = 3
#: Fewer voxels are a sliver of a lesion that something else covers.
LEAST_VOXELS = 3
_NEVER = -1e4


def dice_focal(logits: Tensor, target: Tensor) -> Tensor:
    """The paper's loss: equations 4 and 5 for liver and tumour, added (3), and their mean."""
    truth = _one_hot(target, logits)
    dice = DiceLoss(include_background=False, softmax=True, squared_pred=True)
    log_p = torch.log_softmax(logits, dim=1)
    focal = -((1 - log_p.exp()) ** GAMMA) * truth * log_p
    return torch.as_tensor(dice(logits, truth)) + focal[:, 1:].mean()


def dice_entropy(logits: Tensor, target: Tensor, lesion_weight: float = 0.0) -> Tensor:
    """Ours: the same Dice, smoothed by a voxel, cross entropy, and each lesion's own Dice."""
    truth = _one_hot(target, logits)
    dice = DiceLoss(
        include_background=False, softmax=True, squared_pred=True, smooth_nr=1.0, smooth_dr=1.0
    )
    loss = torch.as_tensor(dice(logits, truth)) + functional.cross_entropy(logits, target)
    return loss + lesion_weight * lesion_dice(logits, target) if lesion_weight else loss


def lesion_dice(logits: Tensor, target: Tensor) -> Tensor:
    """What every lesion lacks of its own Dice: a mean over those of a sample, 0 without any.

    A lesion of 5 mm counts as much as one of 50, which in the Dice of all lesions together
    is a thousandth of it. Each is looked at in its own box, widened by `AROUND_VOXELS`;
    voxels of others in there are left out. The idea is Kofler's (blob loss, 2022).
    """
    p = torch.softmax(logits, dim=1)[:, Label.TUMOUR]
    total = logits.new_zeros(())
    for n, labels in enumerate(target.cpu().numpy()):
        numbered, _ = ndimage.label(labels == Label.TUMOUR, np.ones((3, 3, 3)))
        lost = []
        for number, box in enumerate(ndimage.find_objects(numbered), start=1):
            i, j, k = (slice(max(0, s.start - AROUND_VOXELS), s.stop + AROUND_VOXELS) for s in box)
            which = numbered[i, j, k]
            own = which == number
            if np.count_nonzero(own) < LEAST_VOXELS:
                continue
            truth = torch.from_numpy(own).to(p)
            found = p[n, i, j, k] * torch.from_numpy(own | (which == 0)).to(p)
            overlap, sizes = (found * truth).sum(), found.square().sum() + truth.sum()
            lost.append(1 - (2 * overlap + 1) / (sizes + 1))
        if lost:
            total = total + torch.stack(lost).mean()
    return total / len(target)


def merged(logits: Tensor, counts_as: Sequence[tuple[int, ...]]) -> Tensor:
    """Logits in which classes that a sample's labels do not know are part of others.

    The probability of a class goes to the one as which it counts; its own becomes 0. This is
    how a data set without labels of an organ says nothing about it, instead of that it is
    background.
    """
    known = tuple(range(logits.shape[1]))
    if all(table == known for table in counts_as):
        return logits
    result = torch.full_like(logits, _NEVER)
    for n, table in enumerate(counts_as):
        for c in sorted(set(table)):
            parts = [logits[n, k] for k in known if table[k] == c]
            result[n, c] = torch.logsumexp(torch.stack(parts), dim=0)
    return result


def _one_hot(target: Tensor, like: Tensor) -> Tensor:
    return functional.one_hot(target, like.shape[1]).movedim(-1, 1).to(like.dtype)
