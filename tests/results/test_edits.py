import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.results import edits
from tests.orientations import ORIENTATIONS, oblique, stored
from tests.phantom import GRID, LESIONS, phantom

CUBE = Geometry.from_spacing((9, 9, 9), 1.0)
MAPS = hnp.arrays(np.uint8, (6, 5, 7), elements=st.integers(0, 2))
SMALL = oblique(Geometry.from_spacing((6, 5, 7), (1.0, 1.5, 3.0)), (4, 9, -7))


def drawn(shape=(9, 9, 9), *boxes, geometry=CUBE):
    labels = np.zeros(shape, np.uint8)
    for label, *box in boxes:
        labels[tuple(slice(a, b) for a, b in box)] = label
    return LabelMap(labels, geometry)


def changed(before, after):
    return int(np.count_nonzero(before.labels != after.labels))


TOOLS = {
    "smooth": lambda m, label: edits.smooth(m, label, 1.5),
    "islands": lambda m, label: edits.remove_islands(m, label, minimum_ml=0.02),
    "largest": lambda m, label: edits.remove_islands(m, label, keep_largest=True),
    "fill": edits.fill_holes,
    "interpolate": lambda m, label: edits.interpolate(m, label, 2),
    "grow": lambda m, label: edits.grow(
        m, Volume(np.arange(210.0).reshape(6, 5, 7), SMALL), (2, 2, 3), label,
        tolerance=0.2, radius_mm=4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS)
@given(labels=MAPS, label=st.sampled_from([1, 2]))
def test_laws_of_every_tool(tool, labels, label):
    before = LabelMap(labels, SMALL)
    after = TOOLS[tool](before, label)
    assert after.geometry is before.geometry
    assert set(np.unique(after.labels)) <= {0, 1, 2}
    if label == 2:  # an edit of lesions takes nothing from the liver
        assert not (before.liver & ~after.liver).any()
    else:  # and one of the liver makes no lesion
        assert not (after.tumour & ~before.tumour).any()
    for locked in (0, 1, 2):
        safe = edits.protected(before, after, locked=[locked])
        assert np.array_equal(safe.labels == locked, before.labels == locked)
        free = (before.labels != locked) & (after.labels != locked)
        assert np.array_equal(safe.labels[free], after.labels[free])
    inside = edits.protected(before, after, inside_liver=True)
    assert not (inside.liver & ~before.liver).any()


@given(labels=MAPS, label=st.sampled_from([1, 2]))
def test_twice_is_once(labels, label):
    before = LabelMap(labels, SMALL)
    for tool in ("islands", "largest", "fill"):
        once = TOOLS[tool](before, label)
        assert changed(once, TOOLS[tool](once, label)) == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_drawn(tool):
    empty = LabelMap(np.zeros((6, 5, 7), np.uint8), SMALL)
    after = TOOLS[tool](empty, 2)
    assert bool(after.labels.any()) == (tool == "grow")


def test_only_liver_and_lesions_are_edited():
    with pytest.raises(ValueError, match="label 3"):
        edits.fill_holes(drawn(), 3)


# Growing


def test_a_click_takes_the_whole_lesion_and_nothing_else():
    image, truth = phantom(oblique(GRID, (5, -4, 8)))
    voxel = tuple(int(n) for n in np.rint(image.geometry.to_index(LESIONS[0][0])))
    only_liver = LabelMap(truth.liver.astype(np.uint8), truth.geometry)
    after = edits.grow(only_liver, image, voxel, 2, tolerance=0.1, radius_mm=100)
    one, _ = edits.components(truth.tumour)
    assert np.array_equal(after.tumour, one == one[voxel])
    assert np.array_equal(after.liver, truth.liver)


def test_growing_follows_tolerance_and_radius():
    line = np.zeros((9, 9, 9), np.float32)
    line[:, 4, 4] = np.arange(9) * 10.0
    line[0, 0, 0], line[8, 8, 8] = -400, 600
    image = Volume(line, Geometry.from_spacing((9, 9, 9), (2.0, 1.0, 1.0)))
    low, high = np.percentile(line, (1, 99))
    empty = LabelMap(np.zeros((9, 9, 9), np.uint8), image.geometry)
    # The median of the click's 27 neighbours is 0: everything within 29 of that, on the line.
    after = edits.grow(empty, image, (1, 4, 4), 2, tolerance=29 / (high - low), radius_mm=4)
    assert list(np.flatnonzero(after.labels[:, 4, 4])) == [0, 1, 2]
    assert after.labels[4, 4, 4] == 0
    ball = edits.grow(empty, image, (4, 4, 4), 1, tolerance=1e9, radius_mm=2.0)
    # In mm: one voxel to each side along i, two along j and k.
    assert ball.labels[:, 4, 4].sum() == 3
    assert ball.labels[4, :, 4].sum() == ball.labels[4, 4, :].sum() == 5
    alone = edits.grow(empty, image, (4, 4, 4), 2, tolerance=0, radius_mm=0)
    assert np.argwhere(alone.labels).tolist() == [[4, 4, 4]]


def test_the_neighbours_on_both_sides_say_how_bright_a_place_is():
    # A click on the first of the bright slices; the dark one beside it is outvoted.
    for bright in (slice(4, 9), slice(0, 5)):
        voxels = np.zeros((9, 9, 9), np.float32)
        voxels[bright] = 100
        after = edits.grow(drawn(), Volume(voxels, CUBE), (4, 4, 4), 2, tolerance=0, radius_mm=99)
        assert np.array_equal(after.tumour, voxels > 0)


def test_growing_takes_a_whole_ball_where_the_axes_are_not_at_right_angles():
    affine = np.diag([1.0, 1.5, 2.0, 1.0])
    affine[0, 1], affine[1, 2] = 2.0, 1.0
    sheared = Geometry((15, 15, 15), affine)
    image = Volume(np.arange(15.0**3).reshape(15, 15, 15), sheared)
    empty = LabelMap(np.zeros((15, 15, 15), np.uint8), sheared)
    after = edits.grow(empty, image, (7, 7, 7), 2, tolerance=1e9, radius_mm=4)
    steps = np.stack(np.mgrid[:15, :15, :15], axis=-1) - 7
    distance = np.linalg.norm(steps @ affine[:3, :3].T, axis=-1)
    assert np.array_equal(after.tumour, distance <= 4)


def test_growing_is_the_same_in_every_orientation():
    place = GRID.to_patient(np.rint(GRID.to_index(LESIONS[0][0])))
    volumes = set()
    for axes, flips in ORIENTATIONS[::7]:
        grid = stored(GRID, axes, flips)
        turned, _ = phantom(grid)
        voxel = tuple(int(n) for n in np.rint(grid.to_index(place)))
        empty = LabelMap(np.zeros(grid.shape, np.uint8), grid)
        after = edits.grow(empty, turned, voxel, 2, tolerance=0.1, radius_mm=40)
        volumes.add(int(after.tumour.sum()))
    assert len(volumes) == 1
    assert volumes.pop() > 50


def test_growing_refuses_another_grid_and_a_place_outside():
    image = Volume(np.zeros((9, 9, 9)), CUBE)
    with pytest.raises(ValueError, match="not in a grid"):
        edits.grow(drawn(), image, (9, 0, 0), 2, tolerance=1, radius_mm=1)
    other = Volume(np.zeros((9, 9, 9)), Geometry.from_spacing((9, 9, 9), 2.0))
    with pytest.raises(ValueError, match="not on the grid"):
        edits.grow(drawn(), other, (0, 0, 0), 2, tolerance=1, radius_mm=1)


# Between slices


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_between_a_point_and_a_square_of_five_lies_one_of_three(axis):
    before = drawn((9, 9, 9), (2, (4, 5), (4, 5), (2, 3)), (2, (2, 7), (2, 7), (4, 5)))
    before = LabelMap(np.moveaxis(before.labels, 2, axis), CUBE)
    after = edits.interpolate(before, 2, axis)
    between = np.moveaxis(after.labels, axis, 0)[3]
    assert changed(before, after) == 9
    assert (between[3:6, 3:6] == 2).all()


def test_slices_near_a_shape_are_more_like_it():
    # By hand: at a quarter, a half and three quarters of the way to a square of seven.
    before = drawn((9, 9, 9), (2, (4, 5), (4, 5), (1, 2)), (2, (1, 8), (1, 8), (5, 6)))
    after = edits.interpolate(before, 2, 2)
    assert [int(after.tumour[:, :, k].sum()) for k in range(9)] == [0, 1, 1, 9, 25, 49, 0, 0, 0]


@given(labels=MAPS, axis=st.sampled_from([0, 1]))
def test_the_axis_has_no_name(labels, axis):
    spacing = (1.0, 1.5, 3.0)
    labels = labels.copy()
    labels[:, :, [1, 2, 4, 5]] = 0
    before = LabelMap(labels, Geometry.from_spacing(labels.shape, spacing))
    turned = np.moveaxis(labels, 2, axis)
    order = list(spacing)
    order.insert(axis, order.pop(2))
    grid = Geometry.from_spacing(turned.shape, tuple(order))
    after = edits.interpolate(LabelMap(turned, grid), 2, axis)
    expected = edits.interpolate(before, 2, 2)
    assert np.array_equal(np.moveaxis(after.labels, axis, 2), expected.labels)


def test_what_is_between_lies_in_both_or_at_least_in_one():
    near, far = (0, 4), (2, 6)
    alone = (2, (7, 9), (7, 9), (3, 4))  # in the second slice, too, and met by nothing
    before = drawn((9, 9, 9), (2, near, near, (1, 2)), (2, far, far, (3, 4)), alone)
    between = edits.interpolate(before, 2, 2).tumour[:, :, 2]
    one, other = before.tumour[:, :, 1], before.tumour[:, :, 3]
    assert (one & other <= between).all()
    assert (between <= one | other).all()
    assert not between[7:, 7:].any()


def test_parts_that_touch_at_a_corner_are_one_shape():
    corner = [(2, (0, 2), (0, 2), (1, 2)), (2, (2, 4), (2, 4), (1, 2))]
    # It goes on in the next slice already, so nothing is missing.
    before = drawn((9, 9, 9), *corner, (2, (2, 4), (2, 4), (2, 3)), (2, (0, 1), (0, 1), (3, 4)))
    assert changed(before, edits.interpolate(before, 2, 2)) == 0


def test_the_same_shape_stays_the_same_and_the_ends_are_kept():
    before = drawn((9, 9, 9), (2, (1, 8), (3, 5), (1, 2)), (2, (1, 8), (3, 5), (7, 8)))
    after = edits.interpolate(before, 2, 2)
    expected = drawn((9, 9, 9), (2, (1, 8), (3, 5), (1, 8)))
    assert np.array_equal(after.labels, expected.labels)


def test_other_lesions_between_do_not_matter_and_apart_is_not_joined():
    mine = [(2, (0, 3), (0, 3), (1, 2)), (2, (0, 3), (0, 3), (5, 6))]
    other = (2, (6, 8), (6, 8), (2, 5))
    after = edits.interpolate(drawn((9, 9, 9), *mine, other), 2, 2)
    expected = drawn((9, 9, 9), (2, (0, 3), (0, 3), (1, 6)), other)
    assert np.array_equal(after.labels, expected.labels)
    far = Geometry.from_spacing((9, 9, 9), (1, 1, 10.0))
    apart = LabelMap(drawn((9, 9, 9), *mine).labels, far)
    assert changed(apart, edits.interpolate(apart, 2, 2)) == 0
    aside = drawn((9, 9, 9), (2, (0, 3), (0, 3), (1, 2)), (2, (5, 8), (5, 8), (4, 5)))
    assert changed(aside, edits.interpolate(aside, 2, 2)) == 0


# Smoothing


def test_a_wall_stays_and_a_spike_goes():
    before = drawn((9, 9, 9), (1, (0, 5), (0, 9), (0, 9)))
    for mm in (2.0, 6.0):
        assert changed(before, edits.smooth(before, 1, mm)) == 0
    spiked = drawn((9, 9, 9), (1, (0, 5), (0, 9), (0, 9)), (1, (5, 8), (4, 5), (4, 5)))
    assert changed(before, edits.smooth(spiked, 1, 1.0)) <= 1
    assert changed(spiked, edits.smooth(spiked, 1, 0)) == 0


def test_smoothing_is_in_mm():
    # A plate of two voxels: 10 mm thick, or 1 mm.
    thick = LabelMap(
        drawn((9, 9, 9), (2, (0, 9), (0, 9), (4, 6))).labels,
        Geometry.from_spacing((9, 9, 9), (1, 1, 5.0)),
    )
    assert changed(thick, edits.smooth(thick, 2, 2.0)) == 0
    thin = LabelMap(thick.labels, Geometry.from_spacing((9, 9, 9), (1, 1, 0.5)))
    assert edits.smooth(thin, 2, 2.0).tumour.sum() == 0
    assert edits.smooth(thin, 2, 2.0).parenchyma.sum() == thin.tumour.sum()
    # The spacing across it counts, not that of the others.
    flat = LabelMap(thick.labels, Geometry.from_spacing((9, 9, 9), (0.5, 0.5, 5.0)))
    assert changed(flat, edits.smooth(flat, 2, 4.0)) == 0


# Islands and holes


def test_small_parts_go_and_the_largest_stays():
    before = drawn((9, 9, 9), (1, (0, 4), (0, 4), (0, 4)), (1, (6, 8), (6, 8), (6, 8)),
                   (2, (1, 2), (1, 2), (1, 2)))  # fmt: skip
    after = edits.remove_islands(before, 1, minimum_ml=0.009)
    assert after.labels[6:8, 6:8, 6:8].max() == 0
    assert np.array_equal(after.labels[:4, :4, :4], before.labels[:4, :4, :4])
    # Exactly the minimum is kept.
    assert changed(before, edits.remove_islands(before, 1, minimum_ml=0.008)) == 0
    assert np.array_equal(edits.remove_islands(before, 1, keep_largest=True).labels, after.labels)
    lesion = edits.remove_islands(before, 2, minimum_ml=0.002)
    assert lesion.labels[1, 1, 1] == 1


def test_a_hole_is_filled_and_a_tunnel_is_not():
    before = drawn((9, 9, 9), (2, (2, 7), (2, 7), (2, 7)), (1, (4, 5), (4, 5), (4, 5)))
    after = edits.fill_holes(before, 2)
    assert after.labels[4, 4, 4] == 2
    assert changed(before, after) == 1
    open_ = drawn((9, 9, 9), (2, (2, 7), (2, 7), (2, 7)), (0, (4, 5), (4, 5), (0, 5)))
    assert changed(open_, edits.fill_holes(open_, 2)) == 0
    liver = drawn((9, 9, 9), (1, (2, 7), (2, 7), (2, 7)), (2, (3, 4), (3, 4), (3, 4)),
                  (0, (4, 5), (4, 5), (4, 5)))  # fmt: skip
    filled = edits.fill_holes(liver, 1)
    assert filled.labels[4, 4, 4] == 1
    assert filled.labels[3, 3, 3] == 2
