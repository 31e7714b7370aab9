"""Livers without bodies: masks alone become anatomies that look like an abdomen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hepatica.core.components import bounding_box
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import anatomies, write_labelmap
from hepatica.synth import patient, transplant
from hepatica.synth.anatomy import Anatomy, from_labels
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT
from hepatica.synth.tissues import LIVER_TISSUES, Tissue
from tests.orientations import ORIENTATIONS, stored

#: Thick slices far from the origin, as CT has them.
GRID = Geometry.from_spacing((70, 64, 36), (3.2, 3.2, 5.0), (-170, -200, 120))
LIVER, VESSEL, TUMOUR = 1, 1, 2


def points(grid):
    index = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    return grid.to_patient(np.stack(index, -1))


def masks(grid=GRID):
    """A liver with a cleft; its vessels, which go on as the cava, and two tumours."""
    p = points(grid) - (-170, -200, 120)
    liver = (((p - (35, -5, -5)) / (62, 75, 75)) ** 2).sum(axis=-1) < 1
    liver |= (((p - (-30, 35, 25)) / (65, 32, 35)) ** 2).sum(axis=-1) < 1
    liver &= ~((np.abs(p[..., 0] + 20) < 4) & (p[..., 1] > 10))
    cava = np.linalg.norm(p[..., :2] - (-10, -80), axis=-1) < 11
    cava &= np.abs(p[..., 2]) < 60
    liver &= np.linalg.norm(p[..., :2] - (-10, -80), axis=-1) > 14
    vein = np.linalg.norm(p[..., 1:] - (-20, 10), axis=-1) < 5
    vein &= np.abs(p[..., 0]) < 50
    second = np.where(cava | vein, VESSEL, 0)
    second[np.linalg.norm(p - (50, 0, 10), axis=-1) < 14] = TUMOUR
    second[np.linalg.norm(p - (91, 0, 0), axis=-1) < 9] = TUMOUR  # beyond the liver's mask
    return (
        LabelMap(np.where(liver, LIVER, 0).astype(np.uint8), grid),
        LabelMap(second.astype(np.uint8), grid),
    )


MAPPING = (
    '{"labels": "*_liver.nii.gz", "label_suffix": "_liver.nii.gz", "image_suffix": "",'
    ' "tissues": {"1": "liver"}, "overlay_suffix": "_more.nii.gz",'
    ' "overlay_tissues": {"1": "liver_vessel", "2": "lesion"}}'
)


def write_masks(folder, liver, more, name="p1"):
    (folder / "anatomies.json").write_text(MAPPING)
    write_labelmap(folder / f"{name}_liver.nii.gz", liver)
    write_labelmap(folder / f"{name}_more.nii.gz", more)


@pytest.fixture(scope="module")
def body():
    return procedural_anatomy(np.random.default_rng(3))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    write_masks(folder, *masks())
    (one,) = anatomies.anatomies(folder)
    return one


def alone(body, liver, name="p1", **known):
    """A mask on the body's own grid as an anatomy of its own."""
    tissue = np.where(liver, np.uint8(Tissue.LIVER), np.uint8(Tissue.AIR))
    return Anatomy(name, tissue, body.geometry, **known)


def half(body):
    """The body's liver with gaps, which leave the faces of its box alone."""
    gaps = np.zeros(body.liver.shape, bool)
    box = bounding_box(body.liver)
    inner = tuple(slice(s.start + 1, s.stop - 1) for s in box)
    gaps[inner] = (np.indices(body.liver.shape).sum(axis=0) % 40 < 15)[inner]
    return body.liver & ~gaps


def test_masks_alone_come_in_a_body(found):
    there = {Tissue(int(t)) for t in np.unique(found.tissue)}
    assert {
        Tissue.FAT, Tissue.MUSCLE, Tissue.BONE, Tissue.LUNG, Tissue.SPLEEN, Tissue.KIDNEY,
        Tissue.LIVER_VESSEL, Tissue.VEIN, Tissue.ARTERY,
    } <= there  # fmt: skip
    assert Tissue.LESION not in there
    assert found.name == "p1"
    assert [s.name for s in found.shapes] == ["p1_1", "p1_2"]


def test_the_liver_sits_on_the_right_under_the_lung(found):
    def centre(tissue):
        return found.geometry.to_patient(np.argwhere(found.tissue == tissue)).mean(axis=0)

    liver = found.liver_centre_mm
    spine = centre(Tissue.SPINAL_CORD)
    assert liver[0] > spine[0] + 20 > centre(Tissue.SPLEEN)[0]  # right is positive
    assert liver[1] > spine[1] + 30
    # Going up from any of the liver, lung comes before skin.
    columns = found.liver.any(axis=2)
    top = found.liver.shape[2] - 1 - np.argmax(found.liver[:, :, ::-1], axis=2)
    i, j = np.nonzero(columns)
    above = [found.tissue[a, b, top[a, b] + 1 :] for a, b in zip(i, j, strict=True)]
    assert np.mean([(column == Tissue.LUNG).any() for column in above]) > 0.95


def test_the_whole_liver_arrives_with_its_form(found):
    liver, more = masks()
    given_ml = ((liver.labels > 0) | (more.labels == TUMOUR)).sum() * GRID.voxel_ml
    assert found.liver.sum() * found.geometry.voxel_ml == pytest.approx(given_ml, rel=0.05)
    box = ndimage.find_objects(found.liver.astype(np.uint8))[0]
    sizes = np.array([s.stop - s.start for s in box]) * found.geometry.spacing_mm
    np.testing.assert_allclose(sizes, (192, 150, 150), atol=12)


def test_nothing_of_the_bodys_own_liver_is_left(body):
    liver = half(body)
    made = transplant.transplant(alone(body, liver), body)
    assert made.geometry.matches(body.geometry, 0.01)
    freed = body.liver & ~liver
    assert freed.sum() > 1000
    assert not made.liver[freed].any()
    assert made.liver[liver].all()
    assert set(np.unique(made.tissue[freed])) <= {Tissue.FAT, Tissue.LUNG}


def test_the_lung_comes_down_to_a_liver_without_its_dome(body):
    where = np.argwhere(body.liver)
    i, j, top = where[np.argmax(where[:, 2])]
    cut = top - 15
    liver = body.liver.copy()
    liver[:, :, cut:] = False
    liver[i, j, cut:] = body.liver[i, j, cut:]  # keeps its box
    made = transplant.transplant(alone(body, liver), body)
    beside = body.tissue[i - 5, j, cut : top + 3]
    assert {Tissue.LIVER, Tissue.FAT, Tissue.LUNG} <= set(beside)
    assert (made.tissue[i - 5, j, cut + 7 : top + 3] == Tissue.LUNG).all()


def test_a_liver_gives_way_to_ribs_and_spine_and_stays_inside(body):
    where = np.argwhere(body.liver)
    low, high = where.min(axis=0), where.max(axis=0)
    block = np.zeros(body.tissue.shape, bool)
    block[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = True
    firm = np.isin(body.tissue, transplant.FIRM)
    assert (block & firm).sum() > 100  # a block with the liver's box reaches into the wall
    made = transplant.transplant(alone(body, block), body)
    np.testing.assert_array_equal(made.tissue[firm], body.tissue[firm])
    # Its wall is a prism; where a kidney opens it in one slice, another slice knows better.
    wall = np.isin(body.tissue, transplant.WALL)
    inside = [ndimage.binary_fill_holes(wall[:, :, k]) for k in range(block.shape[2])]
    assert not (made.liver & ~np.any(inside, axis=0)[:, :, None]).any()
    assert made.liver.sum() > 0.8 * (block & ~firm).sum()


def test_no_lung_in_the_clefts(found):
    near = ndimage.distance_transform_edt(~found.liver) <= 5
    closed = ndimage.distance_transform_edt(near) > 5
    cleft = closed & ~found.liver
    assert cleft.sum() > 200
    # Nearly half of them would be lung if nobody filled them.
    assert (found.tissue[cleft] == Tissue.LUNG).mean() < 0.03


def test_one_cava_is_enough(body):
    """Where the patient's own is known, the body's goes; elsewhere it stays."""
    where = np.argwhere(body.liver)
    middle = int(where[:, 2].mean())
    given = alone(body, body.liver)
    without = transplant.transplant(given, body)
    veins = body.tissue == Tissue.VEIN
    assert (without.tissue == Tissue.VEIN)[:, :, middle].any()
    tissue = given.tissue.copy()
    i, j = np.argwhere(body.liver[:, :, middle])[0]
    tissue[i, j, middle] = Tissue.VEIN
    made = transplant.transplant(replace(given, tissue=tissue), body)
    left = made.tissue == Tissue.VEIN
    assert np.argwhere(left[:, :, middle]).tolist() == [[i, j]]
    np.testing.assert_array_equal(left[:, :, middle + 1], veins[:, :, middle + 1])


@pytest.mark.parametrize("size", [0.5, 1.6])
def test_a_body_is_stretched_within_reason_and_the_liver_does_the_rest(body, size):
    given = alone(body, body.liver)
    given = replace(given, geometry=body.geometry.regrid(body.geometry.shape, 2 * size))
    made = transplant.transplant(given, body)
    stretch = np.clip(size, *transplant.STRETCH)
    np.testing.assert_allclose(
        made.geometry.extent_mm, body.geometry.extent_mm * stretch, rtol=0.02
    )
    expected_ml = body.liver.sum() * body.geometry.voxel_ml * stretch**3
    assert made.liver.sum() * made.geometry.voxel_ml == pytest.approx(expected_ml, rel=0.05)


def test_the_name_chooses_the_body(body):
    given = alone(body, body.liver)
    one, again = transplant.with_body(given), transplant.with_body(given)
    assert one.tissue.tobytes() == again.tissue.tobytes()
    other = transplant.with_body(replace(given, name="p2"))
    assert one.geometry.shape != other.geometry.shape or (one.tissue != other.tissue).any()


def test_who_has_a_body_keeps_it(body):
    assert transplant.with_body(body) is body
    spleen = np.where(body.liver, body.tissue, np.uint8(Tissue.AIR))
    spleen[body.tissue == Tissue.SPLEEN] = Tissue.SPLEEN
    known = Anatomy("with a spleen", spleen, body.geometry)
    assert transplant.with_body(known) is known
    image = np.ones(body.tissue.shape, np.float32)
    mri = alone(body, body.liver, image=image)
    assert transplant.with_body(mri) is mri


def test_how_the_masks_are_stored_is_no_matter(tmp_path, found):
    axes, flips = ORIENTATIONS[29]
    grid = stored(GRID, axes, flips)
    write_masks(tmp_path, *masks(grid))
    (again,) = anatomies.anatomies(tmp_path)
    assert again.geometry.matches(found.geometry, 0.01)
    assert (again.tissue == found.tissue).mean() > 0.999


def test_patients_can_be_made_of_it_with_its_tumours_shapes(found):
    recipe = replace(COHORT, look_alikes=0.0)
    drawn = [patient.draw(np.random.default_rng(n), found, recipe, "x") for n in range(12)]
    taken = {x.shape.name for d in drawn for y in d.lesions for x in y.lobes if x.shape}
    assert taken <= {"p1_1", "p1_2"}
    assert taken
    grid = drawn[0].scan.canonical().regrid((40, 32, 30), 8)
    image, tissue, labels = patient.render(drawn[0], grid)
    assert np.isfinite(image.voxels).all()
    assert np.isin(tissue[labels.liver], LIVER_TISSUES).all()


def test_vessels_beyond_the_liver_are_veins_and_tumours_beyond_it_are_liver(tmp_path):
    liver, more = masks()
    write_masks(tmp_path, liver, more)
    collection = anatomies.find(tmp_path)
    (case,) = collection.cases(tmp_path)
    tissue = collection.tissues_of(case).labels
    vessel, tumour = more.labels == VESSEL, more.labels == TUMOUR
    inside = liver.labels > 0
    assert (tissue[vessel & inside] == Tissue.LIVER_VESSEL).all()
    assert (tissue[vessel & ~inside] == Tissue.VEIN).all()
    assert (tumour & ~inside).any()
    assert (tissue[tumour] == Tissue.LESION).all()
    assert (tissue[~vessel & ~tumour & inside] == Tissue.LIVER).all()


def test_label_maps_that_do_not_fit_are_refused(tmp_path):
    liver, more = masks()
    moved = GRID.affine.copy()
    moved[0, 3] += 3
    write_masks(tmp_path, liver, LabelMap(more.labels, Geometry(GRID.shape, moved)))
    with pytest.raises(InputError, match=r"p1_liver.nii.gz and p1_more.nii.gz .* same grid"):
        list(anatomies.anatomies(tmp_path))
    (tmp_path / "p1_more.nii.gz").unlink()
    with pytest.raises(InputError, match=r"p1_more.nii.gz does not exist"):
        list(anatomies.anatomies(tmp_path))
    write_masks(tmp_path, liver, more)
    (tmp_path / "anatomies.json").write_text(MAPPING.replace("liver_vessel", "gold"))
    with pytest.raises(ConfigError, match="gold"):
        list(anatomies.anatomies(tmp_path))


def test_a_tumour_does_not_show_in_what_is_made_of_a_ct_and_none_is_taken_from_an_mri():
    liver, more = masks()
    labels = LabelMap(np.where(more.labels == TUMOUR, 2, liver.labels).astype(np.uint8), GRID)
    table = np.zeros(256, np.uint8)
    table[:3] = Tissue.AIR, Tissue.LIVER, Tissue.LESION
    p = points(GRID) - (-170, -200, 120)
    rng = np.random.default_rng(0)
    voxels = np.where(
        np.linalg.norm(p[..., :2], axis=-1) < 100, rng.uniform(20, 200, GRID.shape), 0
    )
    voxels[labels.labels == 1] = 160
    voxels[labels.labels == 2] = 90
    image = Volume(voxels.astype(np.float32), GRID)
    made = from_labels("p1", labels, image, table)
    deep = np.linalg.norm(
        made.geometry.to_patient(np.argwhere(made.liver)) - (-120, -200, 130), axis=1
    ) < 8  # fmt: skip
    assert deep.sum() > 100
    assert (np.abs(made.texture[made.liver][deep]) < 20).all()
    assert len(made.shapes) == 2
    with pytest.raises(InputError, match="tumour in an MRI"):
        from_labels("p1", labels, image, table, "mr")


@pytest.mark.data
def test_real_masks(data):
    folder = data / "masks_msd_hepaticvessel"
    for made in anatomies.anatomies(folder):
        assert 1000 < made.liver.sum() * made.geometry.voxel_ml < 2500
        assert made.shapes
        bone = made.geometry.to_patient(np.argwhere(made.tissue == Tissue.BONE))
        assert made.liver_centre_mm[0] > bone[:, 0].mean() + 20
        assert all(0.3 < s.depth <= 1 for s in made.shapes)
