import numpy as np
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.components import components
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, ProbabilityMap
from hepatica.model.plan import Confidence, Postprocessing
from hepatica.pipeline.postprocess import clean, onto_grid, postprocess

GRID = Geometry.from_spacing((20, 20, 20), 2)
PAPER = Postprocessing()
KEEP = Postprocessing(opening_voxels=0)


def labels_of(**boxes):
    labels = np.zeros(GRID.shape, np.uint8)
    for name, (low, high) in boxes.items():
        labels[low:high, low:high, low:high] = 2 if name.startswith("tumour") else 1
    return LabelMap(labels, GRID)


def test_only_the_largest_liver_stays():
    found = clean(labels_of(liver=(2, 12), crumb=(15, 18)), KEEP)
    assert found.liver.sum() == 1000


def test_lesions_count_as_liver_for_the_largest_part_and_must_be_inside():
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2:8, 2:12, 2:12] = 1
    labels[8:12, 2:12, 2:12] = 2
    labels[16:18, 16:18, 16:18] = 2
    found = clean(LabelMap(labels, GRID), KEEP)
    assert found.liver.sum() == 1000
    assert found.tumour.sum() == 400


def test_opening_of_the_paper_removes_specks_and_keeps_a_ball():
    labels = np.array(labels_of(liver=(1, 19)).labels)
    labels[4, 4, 4] = 2
    index = np.stack(np.meshgrid(*[np.arange(20)] * 3, indexing="ij"), axis=-1)
    labels[np.linalg.norm(index - 12, axis=-1) <= 3] = 2
    found = clean(LabelMap(labels, GRID), PAPER)
    assert found.labels[4, 4, 4] == 1
    assert found.labels[12, 12, 12] == 2
    assert found.liver.sum() == 18**3


def test_small_lesions_go_by_volume():
    labels = np.array(labels_of(liver=(1, 19)).labels)
    labels[3:5, 3:5, 3:5] = 2  # 8 voxels of 0.008 ml
    labels[10:13, 10:13, 10:13] = 2  # 27 voxels
    limit = Postprocessing(opening_voxels=0, min_lesion_ml=0.1)
    found = clean(LabelMap(labels, GRID), limit)
    assert found.tumour.sum() == 27
    at_limit = Postprocessing(opening_voxels=0, min_lesion_ml=0.064)
    assert clean(LabelMap(labels, GRID), at_limit).tumour.sum() == 35


def test_holes_are_filled_when_asked():
    labels = np.array(labels_of(liver=(1, 19)).labels)
    labels[8:10, 8:10, 8:10] = 0
    assert clean(LabelMap(labels, GRID), KEEP).liver.sum() == 18**3 - 8
    filled = Postprocessing(opening_voxels=0, fill_holes=True)
    assert clean(LabelMap(labels, GRID), filled).liver.sum() == 18**3


def test_empty_stays_empty():
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    assert not clean(empty, PAPER).labels.any()


def test_what_was_removed_does_not_come_back_on_another_grid():
    rng = np.random.default_rng(3)
    p = rng.random((3, *GRID.shape)).astype(np.float32)
    p[0] += 0.75  # few voxels outside are liver by chance, too few to connect
    p[1, 3:15, 3:15, 3:15] += 2
    p /= p.sum(axis=0)
    before = ProbabilityMap(p, GRID)
    after = postprocess(before, Postprocessing(opening_voxels=1, min_lesion_ml=0.1))
    np.testing.assert_array_equal(
        after.argmax().labels,
        clean(before.argmax(), Postprocessing(opening_voxels=1, min_lesion_ml=0.1)).labels,
    )
    grid = GRID.regrid((50, 50, 50), 0.8)
    allowed = resample.onto(after.argmax(), grid).liver
    # Interpolation moves a border by less than a voxel of the coarse grid, 2.5 of the fine.
    allowed = ndimage.binary_dilation(allowed, iterations=3)
    assert not (resample.onto(after, grid).argmax().liver & ~allowed).any()
    assert (resample.onto(before, grid).argmax().liver & ~allowed).sum() > 20


def test_promises_hold_on_the_grid_that_is_written():
    rule = Postprocessing(opening_voxels=1, min_lesion_ml=0.1, fill_holes=True)
    rng = np.random.default_rng(5)
    p = rng.random((3, *GRID.shape)).astype(np.float32)
    p[1, 3:15, 3:15, 3:15] += 0.4
    p[2, 6:11, 6:11, 6:11] += 1.2
    p /= p.sum(axis=0)
    fine = postprocess(ProbabilityMap(p, GRID), rule)
    for spacing in (0.8, 1.7, 3.1):
        labels, _ = onto_grid(fine, GRID.regrid((40, 40, 40), spacing), rule)
        assert components(labels.liver)[1].size == 1
        sizes = components(labels.tumour)[1] * labels.geometry.voxel_ml
        assert sizes.size
        assert sizes.min() >= 0.1
        assert not (ndimage.binary_fill_holes(labels.liver) & ~labels.liver).any()


def test_interpolation_makes_no_lesion_that_no_voxel_meant():
    p = np.zeros((3, 2, 20, 20), np.float32)
    grid = Geometry.from_spacing((2, 20, 20), 4)
    # Between "background or tumour" and "liver or tumour", tumour is what both half mean.
    p[:, 0] = np.array([0.48, 0.06, 0.46])[:, None, None]
    p[:, 1] = np.array([0.06, 0.48, 0.46])[:, None, None]
    between = grid.regrid((8, 80, 80), 1)
    raw = resample.onto(ProbabilityMap(p, grid), between).argmax()
    assert raw.tumour.any()
    labels, _ = onto_grid(ProbabilityMap(p, grid), between, Postprocessing(opening_voxels=0))
    assert not labels.tumour.any()


def test_lesions_that_are_not_likely_enough_are_parenchyma():
    p = np.zeros((3, *GRID.shape), np.float32)
    p[0] = 1
    inside = (slice(2, 18),) * 3
    p[0][inside], p[1][inside] = 0, 1
    for low, chance in ((4, 0.9), (10, 0.6)):
        lesion = (slice(low, low + 3),) * 3
        p[1][lesion], p[2][lesion] = 1 - chance, chance
    # The odds of the mean probability, and nothing else: 0.9 and 0.6.
    trust = Confidence(offset=0.0, mean=1.0, peak=0.0, size=0.0)
    for least, left in ((0.5, 54), (0.7, 27), (0.95, 0)):
        rule = Postprocessing(opening_voxels=0, confidence=trust, min_confidence=least)
        found = postprocess(ProbabilityMap(p, GRID), rule).argmax()
        assert found.tumour.sum() == left
        assert found.liver.sum() == 16**3
    known = Postprocessing(opening_voxels=0, confidence=trust)
    assert postprocess(ProbabilityMap(p, GRID), known).argmax().tumour.sum() == 54
    larger = Confidence(offset=0.0, mean=1.0, peak=0.0, size=1.0)  # 27 voxels are 0.216 ml
    rule = Postprocessing(opening_voxels=0, confidence=larger, min_confidence=0.5)
    assert postprocess(ProbabilityMap(p, GRID), rule).argmax().tumour.sum() == 27
