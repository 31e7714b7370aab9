"""Best and worst cases: sides, colours and places, told from the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate.lesions import Lesions
from hepatica.evaluate.overlap import Overlap
from hepatica.evaluate.report import contours, front
from hepatica.evaluate.report.contours import CELLS, choose, decides, draw
from hepatica.evaluate.report.front import BOTH, PREDICTION, REFERENCE
from hepatica.evaluate.scores import CaseScores, RegionScores, score
from hepatica.evaluate.study import Study
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.preview import BACKGROUND, TEXT, write_on

GRID = Geometry.from_spacing((70, 60, 40), (3.0, 3.0, 4.0), (5, -8, 20))
#: Lowest and highest RAS+ mm of the liver, of a lesion in the patient's right, front and head,
#: and of one in the left, in the same slices.
LIVER = ((-61.0, -53.0, -28.0), (71.0, 37.0, 68.0))
RIGHT = ((38.0, -11.0, 16.0), (56.0, 7.0, 40.0))
LEFT = ((-40.0, -8.0, 20.0), (-25.0, 4.0, 36.0))


def block(*corners_mm):
    """The voxels with centres in a box."""
    low, high = np.array(corners_mm)
    centres = GRID.to_patient(np.moveaxis(np.indices(GRID.shape), 0, -1))
    return ((centres > low) & (centres < high)).all(axis=-1)


def labels(*lesions, liver=LIVER):
    voxels = block(*liver).astype(np.uint8)
    for lesion in lesions:
        voxels[block(*lesion)] = 2
    return LabelMap(voxels, GRID)


NONE = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)


def cell(picture, number):
    f = CELLS[number]
    box = (f.left, f.top, f.left + f.width, f.top + f.height)
    return np.asarray(picture.crop(box)).astype(int)


def drawn_in(pixels, colour):
    """x and y of what is of exactly that colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=2))
    return columns, rows


def to_mm(pixels, axes):
    """Pixels to mm by the liver's outline, which both have and is yellow; right and head first."""
    x, y = drawn_in(pixels, BOTH)
    (left, right), (top, bottom) = ((v.min(), v.max()) for v in (x, y))
    low, high = np.array(LIVER)[:, axes]

    def place(columns, rows):
        across = high[0] - (columns - left) / (right - left) * (high[0] - low[0])
        down = high[1] - (rows - top) / (bottom - top) * (high[1] - low[1])
        return across, down

    return place


@pytest.mark.parametrize(("number", "axes"), [(0, (0, 1)), (1, (0, 2))])
def test_contours_lie_on_the_borders_and_the_right_is_on_the_left(number, axes):
    pixels = cell(draw("p", None, labels(RIGHT), labels(LEFT), ""), number)
    place = to_mm(pixels, axes)
    for lesion, colour in ((RIGHT, PREDICTION), (LEFT, REFERENCE)):
        columns, rows = drawn_in(pixels, colour)
        across, down = place(columns, rows)
        low, high = np.array(lesion)[:, axes]
        # Voxels of 3 mm, lines of 4 pixels of 0.4 mm.
        found = (across.min(), down.min()), (across.max(), down.max())
        np.testing.assert_allclose(found, (low, high), atol=2.5)
        # It is an outline: nothing of it inside.
        middle = (low + high) / 2
        inside = (abs(across - middle[0]) < 4) & (abs(down - middle[1]) < 4)
        assert not inside.any()
    assert drawn_in(pixels, PREDICTION)[0].max() < drawn_in(pixels, REFERENCE)[0].min()


def thickness(pixels, colour, side):
    """Pixels of a colour, or nearly, on the middle row of a half, before its first gap."""
    near = np.abs(pixels - colour).sum(axis=2) < 120
    rows = np.flatnonzero(near.any(axis=1))
    row = near[(rows[0] + rows[-1]) // 2]
    start = np.flatnonzero(row)[0 if side == "left" else -1]
    run = row[start:] if side == "left" else row[start::-1]
    return int(np.argmin(run))


def test_the_reference_is_dashed_for_those_who_cannot_tell_red_from_green():
    """Along the lower edge of the left lesion ink and gaps take turns; the prediction has none."""

    def gaps(pixels, colour):
        columns, rows = drawn_in(pixels, colour)
        edge = columns[rows == rows.max() - 1]
        return int((np.diff(np.unique(edge)) > 3).sum())

    assert gaps(cell(draw("p", None, labels(LEFT), labels(RIGHT), ""), 0), PREDICTION) == 0
    assert gaps(cell(draw("p", None, labels(RIGHT), labels(LEFT), ""), 0), REFERENCE) >= 2


def test_lesions_are_thicker_than_the_liver():
    pixels = cell(draw("p", None, labels(RIGHT), NONE, ""), 0)
    liver = thickness(pixels, PREDICTION, "left")
    only = cell(draw("p", None, labels(RIGHT, liver=RIGHT), labels(), ""), 0)
    assert 1 <= liver < thickness(only, PREDICTION, "left") <= 5


def test_however_it_is_stored_it_is_the_same_picture():
    def stored(labelmap):
        affine = labelmap.geometry.affine.copy()
        affine[:3, 3] = labelmap.geometry.to_patient((GRID.shape[0] - 1, 0, GRID.shape[2] - 1))
        affine[:, [0, 2]] *= -1
        flipped = labelmap.labels[::-1, :, ::-1].transpose(2, 0, 1)
        return LabelMap(flipped, Geometry(flipped.shape, affine[:, [2, 0, 1, 3]]))

    plain = np.asarray(draw("p", None, labels(RIGHT), labels(LEFT), ""), int)
    other = np.asarray(draw("p", None, stored(labels(RIGHT)), stored(labels(LEFT)), ""), int)
    assert np.abs(plain - other).max() <= 2


def test_prediction_and_reference_need_not_share_a_grid():
    fine = GRID.regrid((140, 120, 107), 1.5)
    voxels = np.zeros(fine.shape, np.uint8)
    centres = fine.to_patient(np.moveaxis(np.indices(fine.shape), 0, -1))
    for value, box in ((1, LIVER), (2, RIGHT)):
        low, high = np.array(box)
        voxels[((centres > low) & (centres < high)).all(axis=-1)] = value
    pixels = cell(draw("p", None, LabelMap(voxels, fine), labels(RIGHT), ""), 0)
    across, _ = to_mm(pixels, (0, 1))(*drawn_in(pixels, BOTH))
    assert ((across > 30) & (across < 60)).sum() > 20


def test_slices_go_through_the_reference_first():
    """The reference's lesion is lower in the body than the prediction's: only one can be cut."""
    low = ((38.0, -11.0, -20.0), (56.0, 7.0, 0.0))
    pixels = cell(draw("p", None, labels(RIGHT), labels(low), ""), 0)
    assert len(drawn_in(pixels, REFERENCE)[0]) > 50
    assert not len(drawn_in(pixels, PREDICTION)[0])
    pixels = cell(draw("p", None, labels(RIGHT), labels(), ""), 0)
    assert len(drawn_in(pixels, PREDICTION)[0]) > 50


def test_the_image_is_below_and_without_one_all_is_flat():
    image = np.where(block(*LIVER), 100.0, 30.0)
    image[block(*LEFT)] = 60.0
    both = labels(LEFT)
    flat = cell(draw("p", None, both, both, ""), 0)
    seen = cell(draw("p", Volume(image, GRID), both, both, ""), 0)
    x, y = drawn_in(flat, BOTH)
    centre = (y.min() + y.max()) // 2, (x.min() + x.max()) // 2
    outside = (y.min() + y.max()) // 2, x.max() + 15
    assert flat[centre].tolist() == flat[outside].tolist()
    assert flat[centre].max() < 90
    assert seen[centre][0] > seen[outside][0] + 40
    assert np.ptp(seen[centre]) == 0


def ahead(prediction, reference):
    """The view from the front as (rows, columns, 3), and the pixel of a point in RAS+ mm."""
    grid = Geometry.from_spacing((110, 80, 90), 2.0, (5, -8, 20))

    def pixel(point_mm):
        i, _, k = np.rint(grid.to_index(point_mm)).astype(int)
        return grid.shape[2] - 1 - k, grid.shape[0] - 1 - i

    return np.asarray(front.from_the_front(prediction, reference, grid)).astype(int), pixel


def middle(box):
    return np.mean(box, axis=0)


def test_lesions_are_seen_through_the_liver_on_their_side():
    pixels, pixel = ahead(labels(RIGHT), labels(LEFT))
    red, green = pixels[pixel(middle(RIGHT))], pixels[pixel(middle(LEFT))]
    assert red[0] > red[1] + 40
    assert green[1] > green[0] + 40
    grey = pixels[pixel((0, 0, -15))]
    assert np.ptp(grey) < 12
    assert grey.min() > max(BACKGROUND) + 20
    assert pixels[0, 0].tolist() == list(BACKGROUND)
    assert pixel(middle(RIGHT))[1] < pixel(middle(LEFT))[1]
    # The head is at the top: above the liver there is nothing, in its upper part there is.
    assert pixels[pixel((0, 0, 80))].tolist() == list(BACKGROUND)
    assert pixels[pixel((0, 0, 60))].tolist() != list(BACKGROUND)


def test_what_is_in_front_hides_what_is_behind_unless_they_overlap():
    behind = ((38.0, -45.0, 16.0), (56.0, -25.0, 40.0))
    pixels, pixel = ahead(labels(RIGHT), labels(behind))
    red = pixels[pixel(middle(RIGHT))]
    pixels, _ = ahead(labels(behind), labels(RIGHT))
    green = pixels[pixel(middle(RIGHT))]
    pixels, _ = ahead(labels(RIGHT), labels(RIGHT))
    yellow = pixels[pixel(middle(RIGHT))]
    # A false lesion in front of a good one does not look good.
    pixels, _ = ahead(labels(RIGHT, behind), labels(behind))
    false = pixels[pixel(middle(RIGHT))]
    assert red[0] > red[1] + 40
    assert false.tolist() == red.tolist()
    assert green[1] > green[0] + 40
    assert min(yellow[:2]) > yellow[2] + 40


def test_the_liver_is_that_of_the_prediction():
    pixels, _ = ahead(NONE, labels())
    assert (pixels == BACKGROUND).all()


def test_surfaces_that_face_the_light_are_lighter():
    """A ball's right, upper, front part is lighter than its left, lower one."""
    centres = GRID.to_patient(np.moveaxis(np.indices(GRID.shape), 0, -1))
    ball = np.linalg.norm(centres - (5, -8, 20), axis=-1) < 50
    pixels, pixel = ahead(LabelMap(ball.astype(np.uint8), GRID), NONE)
    assert pixels[pixel((30, 0, 45))].sum() > pixels[pixel((-20, 0, -5))].sum() + 20


def test_a_lesion_of_one_voxel_is_seen():
    index = np.round(GRID.to_index((5, -8, 20))).astype(int)
    tiny = block(*LIVER).astype(np.uint8)
    tiny[tuple(index)] = 2
    pixels, pixel = ahead(labels(), LabelMap(tiny, GRID))
    found = pixels[pixel(GRID.to_patient(index))]
    assert found[1] > found[0] + 40


@pytest.mark.parametrize("image", [None, Volume(np.zeros(GRID.shape, np.float32), GRID)])
def test_without_a_liver_there_is_a_picture_that_says_so(image):
    picture = draw("p", image, NONE, NONE, "")
    words = Image.new("RGB", contours.SIZE, BACKGROUND)
    at = (CELLS[2].left + 10, CELLS[2].top + 8)
    write_on(ImageDraw.Draw(words), at, contours.NO_LIVER, "lt", 18)
    assert (cell(picture, 2) == cell(words, 2)).all()
    # The slices are there, of the grid's whole extent.
    assert (cell(picture, 0) != BACKGROUND).any(axis=2).mean() > 0.8


def test_the_notice_is_on_it():
    expected = Image.new("RGB", contours.SIZE, BACKGROUND)
    ImageDraw.Draw(expected).text((20, 570), RESEARCH_ONLY, TEXT, ImageFont.load_default(18))
    box = (0, 568, 1500, 600)
    shown = draw("p", None, labels(), labels(), "")
    assert shown.crop(box).tobytes() == expected.crop(box).tobytes()


def test_long_names_and_captions_end_before_the_edge():
    picture = draw("p" * 500 + "\udcff", None, labels(), labels(), "c\n" * 400)
    edge = np.asarray(picture.crop((1482, 0, 1500, 100))).astype(int)
    assert (edge == BACKGROUND).all()
    # The name stops before the legend.
    assert (np.asarray(picture.crop((955, 10, 1010, 50))) == BACKGROUND).all()


def test_the_same_case_gives_the_same_bytes():
    one, again = (draw("p", None, labels(RIGHT), labels(LEFT), "c") for _ in range(2))
    assert contours.png(one) == contours.png(again)
    assert contours.png(one).startswith(b"\x89PNG")


def case(name, tumour, liver=0.9):
    """Dice of tumours and liver in hundredths, or None."""
    regions = []
    for region, dice in (("liver", liver), ("parenchyma", None), ("tumour", tumour)):
        hit = None if dice is None else round(dice * 100)
        overlap = Overlap(0, 0, 0) if hit is None else Overlap(hit, 100 - hit, 100 - hit)
        regions.append(RegionScores(region, overlap, 0.0, 0.0))
    return CaseScores(name, tuple(regions), Lesions((), ()))


def test_best_and_worst():
    given = {"a": 0.5, "b": 0.9, "c": None, "d": 0.1, "e": 0.7, "f": 0.0, "g": 0.6}
    study = Study(tuple(case(name, dice) for name, dice in given.items()))
    assert choose(study) == (["b", "e", "g"], ["f", "d", "a"])
    assert choose(study, 1) == (["b"], ["f"])
    assert choose(study, 9) == (["b", "e", "g"], ["f", "d", "a"])
    assert choose(Study(())) == ([], [])
    assert choose(Study((case("a", 0.5),))) == (["a"], [])
    assert decides(study) == "tumour"


def test_equals_are_in_order_of_name():
    study = Study(tuple(case(name, 0.5) for name in "dbca"))
    assert choose(study, 2) == (["a", "b"], ["d", "c"])


def test_the_liver_decides_where_no_tumour_is_defined():
    study = Study((case("a", None, 0.2), case("b", None, 0.8), case("c", None, None)))
    assert choose(study, 1) == (["b"], ["a"])
    assert decides(study) == "liver"
    study = Study((*study.cases, case("d", 0.0, 0.5)))
    assert choose(study, 1) == (["d"], [])
    assert choose(Study((case("b", None, None), case("a", None, None))), 1) == (["a"], ["b"])


def test_a_case_in_words():
    found = score("p", labels(RIGHT), labels(RIGHT, LEFT))
    assert contours.in_words(found).endswith("lesions: 1 of 2 found, 0 false")
    assert contours.in_words(found).startswith("Dice: liver 1.000, tumours 0.")
    undrawn = score("p", labels(), labels(), ("liver",))
    assert contours.in_words(undrawn) == "Dice: liver 1.000, tumours undefined"
