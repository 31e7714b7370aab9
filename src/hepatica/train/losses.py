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
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from hepatica.core.volume import Label

#: Exponent of the focal loss; the paper does not give its own.
GAMMA = 2.0
#: A small lesion's voxels weigh at most this much more than a large one's.
MOST = 4.0
_NEVER = -1e4


def dice_focal(logits: Tensor, target: Tensor) -> Tensor:
    """The paper's loss: equations 4 and 5 for liver and tumour, added (3), and their mean."""
    truth = _one_hot(target, logits)
    dice = DiceLoss(include_background=False, softmax=True, squared_pred=True)
    log_p = torch.log_softmax(logits, dim=1)
    focal = -((1 - log_p.exp()) ** GAMMA) * truth * log_p
    return torch.as_tensor(dice(logits, truth)) + focal[:, 1:].mean()


def dice_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Ours: the same Dice, smoothed by a voxel, and cross entropy with a weight per voxel."""
    truth = _one_hot(target, logits)
    dice = DiceLoss(
        include_background=False, softmax=True, squared_pred=True, smooth_nr=1.0, smooth_dr=1.0
    )
    entropy = functional.cross_entropy(logits, target, reduction="none")
    if weight is None:
        return torch.as_tensor(dice(logits, truth)) + entropy.mean()
    axes = (1, 2, 3)
    weighted = (entropy * weight).sum(axes) / weight.sum(axes)
    return torch.as_tensor(dice(logits, truth)) + weighted.mean()


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


def voxel_weights(
    target: NDArray[np.uint8], voxel_ml: float, tumour_weight: float, small_ml: float
) -> NDArray[np.float32]:
    """Weight of each voxel: more for lesions, and most for those below `small_ml`.

    A lesion of volume V below it gains by the root of `small_ml` / V, up to `MOST`.
    """
    weights = np.ones(target.shape, np.float32)
    tumour = target == Label.TUMOUR
    if not tumour.any():
        return weights
    components, _ = ndimage.label(tumour, np.ones((3, 3, 3)))
    ml = np.bincount(components.ravel()) * voxel_ml
    gain = np.clip(np.sqrt(small_ml / ml), 1, MOST) * tumour_weight
    gain[0] = 1
    return np.asarray(gain[components], np.float32)


def _one_hot(target: Tensor, like: Tensor) -> Tensor:
    return functional.one_hot(target, like.shape[1]).movedim(-1, 1).to(like.dtype)
