"""Clean a stage's labels on its isotropic grid, and what interpolation makes of them."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import ball, components, largest
from hepatica.core.geometry import Geometry
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


def evidence(
    tumour: NDArray[np.bool_], chances: NDArray[np.float32], voxel_ml: float
) -> tuple[NDArray[np.int32], list[tuple[float, float, float]]]:
    """Lesions as :func:`components` numbers them, and what the networks say of each.

    That is the mean and the largest tumour probability in it and its volume in ml, as
    `Confidence.of` takes them; nothing for an empty mask.
    """
    numbered, sizes = components(tumour)
    if not sizes.size:
        return numbered, []
    numbers = np.arange(1, sizes.size + 1)
    means = ndimage.mean(chances, numbered, numbers)
    peaks = ndimage.maximum(chances, numbered, numbers)
    return numbered, [
        (float(mean), float(peak), float(n) * voxel_ml)
        for mean, peak, n in zip(means, peaks, sizes, strict=True)
    ]


def believed(labels: LabelMap, chances: NDArray[np.float32], plan: Postprocessing) -> LabelMap:
    """Labels without the lesions that are less likely to be one than `plan` asks for.

    `chances` are tumour probabilities (i, j, k) on the same grid; what is not believed
    becomes parenchyma.
    """
    if plan.confidence is None or not plan.min_confidence or not labels.tumour.any():
        return labels
    numbered, found = evidence(labels.tumour, chances, labels.geometry.voxel_ml)
    weak = np.array([False, *(plan.confidence.of(*e) < plan.min_confidence for e in found)])
    cleaned = labels.labels.copy()
    cleaned[weak[numbered]] = Label.PARENCHYMA
    return LabelMap(cleaned, labels.geometry)


def postprocess(probabilities: ProbabilityMap, plan: Postprocessing) -> ProbabilityMap:
    """Probabilities whose most probable labels are clean and believed.

    Where :func:`clean` or :func:`believed` changes a label, the new one becomes certain;
    elsewhere the probabilities stay, so that borders are still smooth when they go to
    another grid.
    """
    before = probabilities.argmax()
    after = believed(clean(before, plan), probabilities.p[Label.TUMOUR], plan)
    changed = before.labels != after.labels
    if not changed.any():
        return probabilities
    p = probabilities.p.copy()
    certain: NDArray[np.float32] = np.eye(len(Label), dtype=np.float32)
    p[:, changed] = certain[after.labels[changed]].T
    return ProbabilityMap(p, probabilities.geometry)


def onto_grid(
    probabilities: ProbabilityMap, geometry: Geometry, plan: Postprocessing
) -> tuple[LabelMap, ProbabilityMap]:
    """Postprocessed probabilities on another grid, and clean labels there.

    Interpolating between two labels can make crumbs of a third, or cut off a tip of the
    liver; what :func:`clean` promises therefore is made to hold on this grid as well (but
    for the opening, which belongs to the network's voxels). A lesion that no lesion voxel
    of `probabilities` stands for is not one.
    """
    moved = resample.onto(probabilities, geometry)
    labels = np.array(moved.argmax().labels)
    numbered, sizes = components(labels == Label.TUMOUR)
    if sizes.size:
        meant = resample.onto(probabilities.argmax(), geometry).tumour
        real = np.zeros(sizes.size + 1, bool)
        real[np.unique(numbered[meant])] = True
        labels[(numbered > 0) & ~real[numbered]] = Label.PARENCHYMA
    unopened = msgspec.structs.replace(plan, opening_voxels=0.0)
    return clean(LabelMap(labels, geometry), unopened), moved
