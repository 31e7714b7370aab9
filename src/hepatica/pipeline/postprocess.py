"""Clean a stage's labels, on its isotropic grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core.components import ball, components, largest
from hepatica.core.volume import Label, LabelMap, ProbabilityMap
from hepatica.model.plan import Postprocessing


def clean(labels: LabelMap, plan: Postprocessing) -> LabelMap:
    """One liver, and lesions inside it that are large enough to be believed.

    The liver (lesions included) is its largest 26-connected component. Lesion voxels
    that opening or the smallest volume removes become parenchyma. Without a liver,
    the result is empty.
    """
    liver = largest(labels.liver)
    if plan.fill_holes and liver.any():
        liver = np.asarray(ndimage.binary_fill_holes(liver))
    tumour = labels.tumour & liver
    if plan.opening_voxels > 0 and tumour.any():
        tumour = ndimage.binary_opening(tumour, ball(plan.opening_voxels))
    if plan.min_lesion_ml > 0 and tumour.any():
        numbered, sizes = components(tumour)
        # Sizes are whole numbers: a limit of exactly n voxels must not fail by rounding.
        kept = np.count_nonzero(sizes >= plan.min_lesion_ml / labels.geometry.voxel_ml - 1e-6)
        tumour = (numbered > 0) & (numbered <= kept)
    cleaned = np.where(liver, Label.PARENCHYMA, Label.BACKGROUND).astype(np.uint8)
    cleaned[tumour] = Label.TUMOUR
    return LabelMap(cleaned, labels.geometry)


def postprocess(probabilities: ProbabilityMap, plan: Postprocessing) -> ProbabilityMap:
    """Probabilities whose most probable labels are clean.

    Where :func:`clean` changes a label, the new one becomes certain; elsewhere the
    probabilities stay, so that borders are still smooth when they go to another grid.
    What was removed cannot come back there: its neighbourhood is certain, too.
    """
    before = probabilities.argmax()
    after = clean(before, plan)
    changed = before.labels != after.labels
    if not changed.any():
        return probabilities
    p = probabilities.p.copy()
    certain: NDArray[np.float32] = np.eye(len(Label), dtype=np.float32)
    p[:, changed] = certain[after.labels[changed]].T
    return ProbabilityMap(p, probabilities.geometry)
