import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, ProbabilityMap
from hepatica.results.quality import AGREE, BELIEVED, SURE, Quality, estimate

GRID = Geometry.from_spacing((6, 6, 6), (4, 4, 4))


def labels(*corner):
    """A liver in the box from 0 to `corner`, with a lesion in its first voxel."""
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[tuple(slice(0, n) for n in corner)] = 1
    if all(corner):
        voxels[0, 0, 0] = 2
    return LabelMap(voxels, GRID)


def chances(map_: LabelMap, sure: float) -> ProbabilityMap:
    """What is drawn has the chance `sure`, and the rest of it is background."""
    p = np.zeros((3, *GRID.shape), np.float32)
    for label in (1, 2):
        p[label][map_.labels == label] = sure
    p[0] = 1 - p.sum(axis=0)
    return ProbabilityMap(p, GRID)


def test_two_stages_that_agree_and_are_sure():
    same = labels(4, 4, 4)
    assert estimate(same, chances(same, 1.0), same) == Quality(stages_agree=1.0, expected_dice=1.0)


def test_numbers_by_hand():
    rough, final = labels(4, 4, 2), labels(4, 4, 4)
    found = estimate(rough, chances(final, 0.8), final)
    # 32 voxels of 32 and of 64; 64 voxels of which each is liver at 0.8.
    assert found.stages_agree == pytest.approx(2 * 32 / 96, abs=1e-4)
    assert found.expected_dice == pytest.approx(2 * 51.2 / (64 + 51.2), abs=1e-4)
    assert len(found.doubts) == 2
    assert "0.67" in found.doubts[0]


def test_without_a_liver_nothing_is_known():
    nothing = labels(0, 0, 0)
    found = estimate(labels(3, 3, 3), chances(nothing, 1.0), nothing)
    assert found == Quality()
    assert not found.doubts


def test_there_is_no_doubt_at_the_limit_and_there_is_one_below():
    assert not Quality(stages_agree=AGREE, expected_dice=SURE).doubts
    assert "disagree" in Quality(stages_agree=AGREE - 0.01).doubts[0]
    assert "unsure" in Quality(expected_dice=SURE - 0.01).doubts[0]


def test_what_the_stages_hardly_share_is_not_believed():
    assert Quality(stages_agree=BELIEVED).believed
    doubtful = Quality(stages_agree=BELIEVED - 0.01, expected_dice=0.5)
    assert not doubtful.believed
    assert doubtful.doubts == (
        "The two networks agree on no liver (Dice 0.49); the label map is empty.",
    )
    assert not Quality().believed


def test_only_what_the_image_shows_of_stage_1s_largest_part_counts():
    wide = Geometry.from_spacing((12, 6, 6), (4, 4, 4), (12, 0, 0))
    rough = np.zeros(wide.shape, np.uint8)
    rough[:4, :4, :4] = 1
    rough[7:, :3, :3] = 1  # beyond the image, and not even connected
    rough[5, 5, 5] = 1  # a crumb
    final = labels(4, 4, 4)
    np.testing.assert_allclose(wide.affine[:3, 3], GRID.affine[:3, 3])
    found = estimate(LabelMap(rough, wide), chances(final, 1.0), final)
    assert found.stages_agree == 1.0
