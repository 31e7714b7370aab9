from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepatica.core import resample
from hepatica.core.geometry import Geometry, whole
from hepatica.core.volume import LabelMap
from hepatica.synth import describe, lesion_kinds, lesions, shapes
from hepatica.synth.tissues import Tissue
from tests.orientations import ORIENTATIONS, stored

GRID = Geometry.from_spacing((60, 60, 60), 1.0)
SIGNAL = np.ones(len(Tissue))
SIGNAL[Tissue.LESION] = 0.5


def test_counts_and_volumes_are_the_papers():
    rng = np.random.default_rng(0)
    counts = [lesion_kinds.draw_count(rng) for _ in range(4000)]
    assert np.mean(counts) == pytest.approx(2.8, abs=0.1)
    volumes = lesion_kinds.draw_volumes_ml(rng, 20000)
    assert np.median(volumes) == pytest.approx(1.57, rel=0.08)
    assert volumes.min() >= 0.021
    assert volumes.max() <= 236
    assert lesion_kinds.draw_volumes_ml(rng, 0).size == 0


@pytest.mark.parametrize("volume_ml", [0.5, 4.0, 14.0])
def test_a_lesion_has_about_the_volume_it_was_drawn_with(volume_ml):
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn = lesion_kinds.draw(rng, np.zeros((1, 3)), [volume_ml], SIGNAL)
        image = np.ones(GRID.shape, np.float32)
        found.append(lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image).sum() / 1000)
    assert np.mean(found) == pytest.approx(volume_ml, rel=0.25)


def test_no_lesion_voxel_outside_the_liver_and_signal_where_the_label_is():
    rng = np.random.default_rng(1)
    liver = np.zeros(GRID.shape, bool)
    liver[:30] = True
    drawn = lesion_kinds.draw(rng, np.zeros((1, 3)), [10.0], SIGNAL)
    image = np.ones(GRID.shape, np.float32)
    tumour = lesions.paint(drawn, GRID, liver, image)
    assert tumour.any()
    assert not (tumour & ~liver).any()
    assert (image[~liver] == 1).all()
    assert image[tumour].mean() < 0.85


def test_look_alikes_are_painted_and_not_labelled():
    rng = np.random.default_rng(2)
    signal = SIGNAL.copy()
    signal[signal == 1] = 3
    drawn = lesion_kinds.draw_look_alikes(rng, np.zeros((4, 3)), np.zeros((4, 3)), signal)
    image = np.ones(GRID.shape, np.float32)
    tumour = lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image)
    assert not tumour.any()
    assert image.max() > 1.5


def test_a_lesion_outside_the_grid_is_not_there():
    rng = np.random.default_rng(3)
    drawn = lesion_kinds.draw(rng, np.full((1, 3), 500.0), [1.0], SIGNAL)
    image = np.ones(GRID.shape, np.float32)
    assert not lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image).any()
    assert (image == 1).all()


def test_shape_belongs_to_the_patient_and_not_to_the_grid():
    drawn = lesion_kinds.draw(np.random.default_rng(4), np.zeros((1, 3)), [8.0], SIGNAL)
    volumes = []
    for spacing in (0.8, 1.6):
        n = int(48 / spacing)
        grid = Geometry.from_spacing((n, n, n), spacing)
        image = np.ones(grid.shape, np.float32)
        painted = lesions.paint(drawn, grid, np.ones(grid.shape, bool), image)
        volumes.append(painted.sum() * grid.voxel_ml)
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)


def dumbbell(geometry, axis=0):
    """Two balls of 9 mm with a bar between, as nobody's ellipsoid is: (i, j, k) bool."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij"), -1)
    point = geometry.to_patient(index)
    ends = np.zeros(3)
    ends[axis] = 20
    balls = [np.linalg.norm(point - c, axis=-1) < 9 for c in (ends, -ends)]
    across = np.delete(point, axis, axis=-1)
    bar = (np.linalg.norm(across, axis=-1) < 4) & (np.abs(point[..., axis]) < 20)
    return balls[0] | balls[1] | bar


def slices(spacing=(1.0, 1.0, 5.0)):
    """A grid of thick slices, as masks of tumours have."""
    return Geometry.from_spacing((70, 70, 16), spacing)


def test_a_shape_is_a_normed_distance():
    grid = slices()
    (shape,) = shapes.cut(dumbbell(grid), grid, "p1")
    assert shape.name == "p1_1"
    assert 24 <= len(shape.distance) <= 32
    assert shape.distance.min() == 0
    assert shape.distance[0].min() > 1  # the tumour does not touch the cube's faces
    assert 0.3 < shape.depth < 0.9
    inside_ml = (shape.distance < 1).sum() * shape.step**3
    assert inside_ml == pytest.approx(4 / 3 * np.pi, rel=0.1)
    assert (shape.distance < 1).any(axis=(1, 2)).sum() > 1.6 * (shape.distance < 1).any(
        axis=(0, 2)
    ).sum()
    with pytest.raises(ValueError, match="read-only"):
        shape.distance[0, 0, 0] = 0


def test_the_shape_of_a_ball_is_about_a_ball():
    grid = slices()
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), -1)
    ball = np.linalg.norm(grid.to_patient(index), axis=-1) < 16
    (shape,) = shapes.cut(ball, grid, "p1")
    assert shape.depth == pytest.approx(1, abs=0.15)
    assert shape.reach == pytest.approx(1, abs=0.25)


def test_tumours_become_shapes_from_the_largest_on_and_specks_and_threads_do_not():
    grid = Geometry.from_spacing((60, 60, 60), 1.0)
    tumours = np.zeros(grid.shape, bool)
    tumours[5:15, 5:15, 5:15] = True
    tumours[30:50, 30:50, 30:50] = True
    assert len(shapes.cut(tumours, grid, "p")) == 2
    large, small = (s.depth * s.step for s in shapes.cut(tumours, grid, "p"))
    assert large == pytest.approx(small, rel=0.2)  # the same form, whatever the size
    tumours[55:59, 55:59, 55:59] = True  # 0.064 ml
    tumours[2, 2, :] = tumours[3, 2, :] = True  # 0.12 ml, 1 mm thick and 60 mm long
    assert [s.name for s in shapes.cut(tumours, grid, "p")] == ["p_1", "p_2"]
    assert shapes.cut(np.zeros(grid.shape, bool), grid, "p") == ()


def test_storage_of_a_mask_is_no_matter_for_its_shape():
    grid = slices()
    mask = LabelMap(dumbbell(grid, 1).astype(np.uint8), grid)
    (first,) = shapes.cut(mask.labels > 0, grid, "p")
    for axes, flips in ORIENTATIONS[::11]:
        other = stored(grid, axes, flips)
        (again,) = shapes.cut(resample.onto(mask, other).labels > 0, other, "p")
        np.testing.assert_allclose(again.distance, first.distance, atol=0.02)


@pytest.fixture(scope="module")
def pool():
    grid = slices()
    return shapes.cut(dumbbell(grid), grid, "p1")


def shaped(pool, volume_ml, n):
    """`n` lesions of that volume that have taken the form of one of the pool."""
    found = []
    rng = np.random.default_rng(11)
    while len(found) < n:
        (drawn,) = lesion_kinds.draw(rng, np.zeros((1, 3)), [volume_ml], SIGNAL, pool)
        if drawn.lobes[0].shape is not None:
            found.append(drawn)
    return found


@pytest.mark.parametrize("volume_ml", [0.5, 8.0])
def test_a_shaped_lesion_has_about_the_volume_it_was_drawn_with(pool, volume_ml):
    volumes = []
    for lesion in shaped(pool, volume_ml, 8):
        image = np.ones(GRID.shape, np.float32)
        painted = lesions.paint((lesion,), GRID, np.ones(GRID.shape, bool), image)
        volumes.append(painted.sum() / 1000)
    assert np.mean(volumes) == pytest.approx(volume_ml, rel=0.1)
    np.testing.assert_allclose(volumes, volume_ml, rtol=0.25)


def test_a_shaped_lesion_looks_like_its_shape(pool):
    """Its longest axis is longer than that of any ellipsoid that is drawn."""
    lengths = {}
    for name, drawn in (
        ("shaped", shaped(pool, 4.0, 6)),
        (
            "plain",
            [
                lesion_kinds.draw(np.random.default_rng(n), np.zeros((1, 3)), [4.0], SIGNAL)[0]
                for n in range(6)
            ],
        ),
    ):
        spread = []
        for lesion in drawn:
            image = np.ones(GRID.shape, np.float32)
            painted = lesions.paint((lesion,), GRID, np.ones(GRID.shape, bool), image)
            spread.append(np.linalg.eigvalsh(np.cov(np.argwhere(painted).T)).max() ** 0.5)
        lengths[name] = spread
    assert min(lengths["shaped"]) > max(lengths["plain"])


def test_necrosis_and_rim_follow_the_shape(pool):
    lesion = replace(
        shaped(pool, 8.0, 1)[0],
        kind="target", core=0.6, rim=1.5, rim_mm=1.5, necrosis=0.1, necrotic_share=0.5,
        mottle=0.0, roughness=0.0, blur_mm=0.3,
    )  # fmt: skip
    image = np.ones(GRID.shape, np.float32)
    painted = lesions.paint((lesion,), GRID, np.ones(GRID.shape, bool), image)
    depth = ndimage.distance_transform_edt(painted)
    assert np.median(image[(depth > 0) & (depth <= 1)]) > 1.1
    assert np.median(image[depth > 0.8 * depth.max()]) < 0.3
    assert 0.65 * depth.max() < lesion.radius_mm < depth.max()


def test_three_in_ten_take_a_shape_and_none_without_a_pool(pool):
    rng = np.random.default_rng(5)
    drawn = lesion_kinds.draw(rng, np.zeros((2000, 3)), [1.0] * 2000, SIGNAL, pool)
    assert np.mean([x.lobes[0].shape is not None for x in drawn]) == pytest.approx(0.3, abs=0.03)
    plain = lesion_kinds.draw(rng, np.zeros((300, 3)), [1.0] * 300, SIGNAL)
    assert all(lobe.shape is None for x in plain for lobe in x.lobes)


def test_without_shapes_nothing_is_drawn_for_them(monkeypatch):
    """An empty pool costs no random number: what is drawn after lesions does not move."""
    volumes = np.geomspace(0.03, 200, 20)
    after = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(lesion_kinds, "SHAPED", share)
        rng = np.random.default_rng(7)
        drawn = lesion_kinds.draw(rng, np.zeros((20, 3)), volumes, SIGNAL, ())
        assert all(lobe.shape is None for lesion in drawn for lobe in lesion.lobes)
        after.append((rng.integers(2**31), [x.seed for x in drawn]))
    assert after[0] == after[1]


def test_what_was_drawn_names_the_shape(pool):
    (lesion,) = shaped(pool, 1.0, 1)
    assert describe.lesion(lesion)["lobes"][0]["shape"] == "p1_1"


def test_a_rim_is_brighter_than_its_core_and_shows():
    signal = SIGNAL.copy()
    signal[Tissue.LESION_RIM] = 0.2  # as in no phase
    for seed in range(30):
        rng = np.random.default_rng(seed)
        made = lesion_kinds.metastasis(rng, "rim", np.zeros(3), 12.0, signal)
        assert made.rim >= 1.2 * made.core - 1e-9
        assert 1 <= made.rim_mm <= 4


def test_small_ones_have_neither_rim_nor_necrosis():
    rng = np.random.default_rng(3)
    for diameter_mm, missing in ((5.9, {"rim", "target"}), (19.9, {"target"}), (20.1, set())):
        volume_ml = np.pi / 6 * diameter_mm**3 / 1000
        drawn = lesion_kinds.draw(rng, np.zeros((300, 3)), [volume_ml] * 300, SIGNAL)
        assert {x.kind for x in drawn} == set(lesions.METASTASES) - missing


def test_a_bright_liver_metastasis_is_on_its_tissues_side():
    """Where the tissue is the brighter one (T2), so is every metastasis but a mixed one."""
    signal = SIGNAL.copy()
    signal[Tissue.LESION] = 1.05
    rng = np.random.default_rng(4)
    cores = [
        lesion_kinds.metastasis(rng, "homogeneous", np.zeros(3), 9.0, signal).core
        for _ in range(100)
    ]
    assert min(cores) == pytest.approx(1 + lesion_kinds.VISIBLE)


def test_rotations_are_uniform():
    """Every entry of a uniform rotation has mean 0 and mean square 1 / 3."""
    rng = np.random.default_rng(5)
    turned = np.array([lesion_kinds._rotation(rng) for _ in range(4000)])
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose((turned**2).mean(axis=0), 1 / 3, atol=0.03)
    np.testing.assert_allclose(turned @ np.swapaxes(turned, 1, 2), [np.eye(3)] * 4000, atol=1e-9)


def test_no_lesion_is_lost_between_thick_slices():
    """Two lesions of 2 mm between slices of 8 mm, one of them at the liver's lower end."""
    fine = Geometry.from_spacing((40, 40, 48), 1.0)
    labels = np.ones(fine.shape, np.uint8)
    labels[:, :, :8] = 0
    labels[10:12, 10:12, 23:25] = labels[30:32, 30:32, 8:10] = 2
    coarse = fine.regrid((20, 20, 6), (2.0, 2.0, 8.0))
    plain = resample.onto(LabelMap(labels, fine), coarse)
    assert not plain.tumour.any()
    kept = lesions.sampled(LabelMap(labels, fine), coarse)
    assert np.argwhere(kept.tumour).tolist() == [[5, 5, 2], [15, 15, 1]]
    np.testing.assert_array_equal(kept.liver, plain.liver)
    # What is seen anyway gets nothing more, and what lies off the grid nothing at all.
    part = coarse.crop((slice(10, 20), slice(10, 20), slice(3, 6)))
    assert not lesions.sampled(LabelMap(labels, fine), part).tumour.any()
    labels[18:26, 18:26, 16:32] = 2
    both = lesions.sampled(LabelMap(labels, fine), coarse)
    assert both.tumour.sum() == resample.onto(LabelMap(labels, fine), coarse).tumour.sum() + 2


def test_lesions_of_several_lobes_have_about_their_volume():
    rng = np.random.default_rng(8)
    ratios = []
    while len(ratios) < 25:
        (drawn,) = lesion_kinds.draw(rng, np.zeros((1, 3)), [6.0], SIGNAL)
        if len(drawn.lobes) > 1:
            image = np.ones(GRID.shape, np.float32)
            painted = lesions.paint((drawn,), GRID, np.ones(GRID.shape, bool), image)
            ratios.append(painted.sum() / 6000)
    assert 0.75 < np.median(ratios) < 1.35


def test_bright_ones_are_bright_and_targets_dark_to_their_depth():
    rng = np.random.default_rng(9)
    zero = np.zeros(3)
    bright = [lesion_kinds.metastasis(rng, "bright", zero, 9.0, SIGNAL).core for _ in range(60)]
    assert 1.2 <= min(bright) < 1.3
    lesion = replace(
        lesion_kinds.metastasis(rng, "target", zero, 15.0, SIGNAL),
        lobes=(lesions.Lobe(zero, np.full(3, 15.0), np.eye(3)),),
        core=0.7, rim=1.4, rim_mm=1.0, necrosis=0.1, necrotic_share=0.3,
        mottle=0.0, roughness=0.0, blur_mm=0.2,
    )  # fmt: skip
    image = np.ones(GRID.shape, np.float32)
    lesions.paint((lesion,), GRID, np.ones(GRID.shape, bool), image)
    across = image[:, 30, 30]
    # The necrosis has three tenths of the radius: a ball of 4.5 mm.
    assert (across < 0.4).sum() == pytest.approx(9, abs=1)


def plain(radius_mm=9.0, centre=(0.0, 0.0, 0.0), **change):
    """A smooth dark ball without rim, necrosis or noise."""
    ball = lesions.Lobe(np.array(centre), np.full(3, radius_mm), np.eye(3))
    lesion = lesions.Lesion(
        kind="homogeneous", volume_ml=1.0, lobes=(ball,), roughness=0.0, blur_mm=0.5,
        core=0.5, rim=1.0, rim_mm=0.0, necrosis=1.0, necrotic_share=0.0, mottle=0.0, seed=0,
    )  # fmt: skip
    return replace(lesion, **change)


def painted(*drawn, level=1.0):
    image = np.full(GRID.shape, level, np.float32)
    return image, lesions.paint(drawn, GRID, np.ones(GRID.shape, bool), image, level)


def test_a_later_look_alike_takes_signal_and_label():
    cyst = plain(4.0, kind="cyst", core=0.1)
    image, tumour = painted(plain(), cyst)
    assert image[30, 30, 30] == pytest.approx(0.1, abs=0.01)
    assert not tumour[30, 30, 30]
    assert tumour[30, 30, 23]  # beside the cyst
    assert painted(cyst, plain())[1][30, 30, 30]


def test_a_lesion_is_so_dark_relative_to_its_liver():
    image, _ = painted(plain(), level=3.0)
    assert image[30, 30, 30] == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("blur_mm", [0.5, 1.5])
def test_a_border_is_as_soft_as_drawn(blur_mm):
    """Signal and label meet half way; the slope there is that of the logistic function."""
    fine = Geometry.from_spacing((120, 9, 9), 0.25)
    image = np.ones(fine.shape, np.float32)
    lesions.paint((plain(blur_mm=blur_mm, core=0.0),), fine, np.ones(fine.shape, bool), image)
    line = image[:, 4, 4]
    slope = np.abs(np.diff(line)).max() / 0.25
    assert slope == pytest.approx(0.25 / (0.5 * blur_mm), rel=0.12)


def test_a_mottled_core_varies_and_another_does_not():
    deviations = []
    for mottle in (0.0, 0.3):
        image, tumour = painted(plain(12.0, mottle=mottle, core=0.5))
        deep = ndimage.binary_erosion(tumour, iterations=4)
        deviations.append(image[deep].std())
    assert deviations[0] < 0.005
    assert 0.03 < deviations[1] < 0.2


def test_a_lost_lesion_goes_to_the_voxel_that_holds_most_of_it():
    """Between two slices of 8 mm: one fine slice on this side of the middle, two on the other."""
    fine = Geometry.from_spacing((8, 8, 48), 1.0)
    coarse = fine.regrid((4, 4, 6), (2.0, 2.0, 8.0))
    for low, holder in ((22, 2), (23, 3)):
        labels = np.ones(fine.shape, np.uint8)
        labels[4:6, 4:6, low : low + 3] = 2
        kept = lesions.sampled(LabelMap(labels, fine), coarse)
        assert np.argwhere(kept.tumour).tolist() == [[2, 2, holder]]


def test_counts_reach_fifteen_and_no_further():
    rng = np.random.default_rng(6)
    assert max(lesion_kinds.draw_count(rng) for _ in range(8000)) == 15


def test_a_rim_leaves_room_for_its_core_and_a_necrosis_stands_out():
    signal = SIGNAL.copy()
    signal[Tissue.NECROSIS] = 0.5  # as bright as the core
    for seed in range(40):
        rng = np.random.default_rng(seed)
        small = lesion_kinds.metastasis(rng, "rim", np.zeros(3), 4.0, signal)
        assert small.rim_mm <= 0.4 * 4.0
        target = lesion_kinds.metastasis(rng, "target", np.zeros(3), 12.0, signal)
        assert max(target.necrosis / target.core, target.core / target.necrosis) > 1.25 - 1e-9


def test_borders_are_blurred_by_half_a_millimetre_to_one_and_a_half():
    drawn = lesion_kinds.draw(
        np.random.default_rng(7), np.zeros((300, 3)), np.full(300, 2.0), SIGNAL
    )
    blurs = [x.blur_mm for x in drawn]
    assert 0.5 <= min(blurs) < 0.6
    assert 1.4 < max(blurs) <= 1.5
    lobed = np.mean([len(x.lobes) > 1 for x in drawn])
    assert lobed == pytest.approx(0.15, abs=0.07)


def test_a_quarter_of_haemangiomas_fill_from_their_border():
    rng = np.random.default_rng(8)
    drawn = [lesion_kinds.look_alike(rng, "haemangioma", np.zeros(3), SIGNAL) for _ in range(200)]
    rimmed = [x for x in drawn if x.rim_mm]
    assert len(rimmed) / 200 == pytest.approx(0.25, abs=0.1)
    assert all(x.rim > 1.2 * x.core for x in rimmed)


@pytest.mark.parametrize("kind", lesions.LOOK_ALIKES)
def test_a_look_alike_has_the_signal_of_its_tissue(kind):
    tissue = {
        "cyst": Tissue.CYST, "haemangioma": Tissue.HAEMANGIOMA, "focal_fat": Tissue.FOCAL_FAT,
        "wedge": Tissue.PERFUSION, "duct": Tissue.DUCT, "ablation": Tissue.ABLATION,
        "vessel": Tissue.LIVER_VESSEL,
    }[kind]  # fmt: skip
    signal = np.full(len(Tissue), 9.0)
    signal[tissue] = 2.0
    rng = np.random.default_rng(10)
    levels = [lesion_kinds.look_alike(rng, kind, np.zeros(3), signal).rim for _ in range(80)]
    assert np.median(levels) == pytest.approx(2, rel=0.08)


def test_a_mixed_one_is_about_half_way_from_its_tissue_to_the_liver():
    rng = np.random.default_rng(12)
    zero = np.zeros(3)
    cores = [lesion_kinds.metastasis(rng, "mixed", zero, 9.0, SIGNAL).core for _ in range(200)]
    assert np.median(cores) == pytest.approx(np.sqrt(0.5), rel=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_the_box_that_is_painted_cuts_nothing_off_a_rough_surface(seed, monkeypatch):
    rough = plain(10.0, roughness=0.35, seed=seed)
    kept = painted(rough)[1]
    monkeypatch.setattr(lesions, "_reach", lambda lesion, grid: whole(grid))
    np.testing.assert_array_equal(kept, painted(rough)[1])


def test_what_a_reader_could_not_see_is_not_in_the_truth():
    rng = np.random.default_rng(21)
    zero = np.zeros(3)
    # Rose's criterion by hand: 4 x 0.1 x 5 mm / 10 mm.
    assert lesion_kinds.least_contrast(10.0, 0.1) == pytest.approx(0.2)
    assert lesion_kinds.least_contrast(5.0, 0.1) == pytest.approx(0.4)
    assert lesion_kinds.least_contrast(100.0, 0.1) == lesion_kinds.VISIBLE
    assert lesion_kinds.least_contrast(3.0, 0.3) == lesion_kinds.MOST_CONTRAST
    faint = SIGNAL.copy()
    faint[Tissue.LESION] = 0.97
    for kind in lesions.METASTASES:
        cores = np.array(
            [
                lesion_kinds.metastasis(rng, kind, zero, 5.0, faint, variation=0.15).core
                for _ in range(50)
            ]
        )
        assert np.abs(cores - 1).min() >= 0.3 - 1e-9, kind
        assert (cores > 1).all() == (kind == "bright"), kind


def test_a_lesion_under_the_capsule_lies_inside():
    rng = np.random.default_rng(22)
    # A ball of 60 mm, its surface and its inside.
    towards = rng.normal(size=(200, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    inside = towards * 60 * np.cbrt(rng.random((200, 1)))
    radii = np.full(200, 10.0)
    centres = lesion_kinds.subcapsular(rng, towards * 60, inside, radii)
    depth = 60 - np.linalg.norm(centres, axis=1)
    assert depth.max() <= 10 + 1e-6
    # Inward is known to about 30 degrees from what few points there are.
    assert np.quantile(depth, 0.05) > 2.0
    assert depth.mean() == pytest.approx(6.5, abs=1.0)
    # Nowhere near a point, it stays where it is.
    alone = lesion_kinds.subcapsular(rng, np.full((1, 3), 500.0), inside, radii[:1])
    np.testing.assert_array_equal(alone, np.full((1, 3), 500.0))
