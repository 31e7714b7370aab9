"""Lesions in real images: where they are, what they leave alone, and how they look."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from hepatica import cli, io
from hepatica.core import resample
from hepatica.core.errors import ConfigError, InputError, OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import Label, LabelMap, Source, Volume
from hepatica.io import implants
from hepatica.synth import implant, lesion_kinds, lesions, noise, shapes
from hepatica.synth.recipe import COHORT
from tests.orientations import ORIENTATIONS, oblique, stored
from tests.phantom import phantom

THICK = Geometry.from_spacing((72, 60, 30), (2.5, 2.5, 6.0), (30, 0, -20))
#: Finer than lesions are painted, at the liver's surface.
FINE = Geometry.from_spacing((64, 64, 64), 0.5, (85, 0, -20))
OBLIQUE = oblique(THICK, (12, -20, 35))
LIVER, BODY, SD = 400.0, 100.0, 12.0
CENTRE_MM = np.array([30.0, 0.0, -20.0])


def points(grid):
    index = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    return grid.to_patient(np.stack(index, -1))


def flat(grid=THICK, sd=SD, smooth=0.0):
    """A flat liver in a flat body, with noise; whatever the storage, the same in the patient."""
    upright = grid.canonical()
    liver = (((points(upright) - CENTRE_MM) / (62, 52, 60)) ** 2).sum(axis=-1) < 1
    white = np.random.default_rng(0).standard_normal(upright.shape)
    field = ndimage.gaussian_filter(white, (smooth, smooth, 0))
    image = np.where(liver, LIVER, BODY) + sd * field / field.std()
    labels = LabelMap(liver.astype(np.uint8), upright)
    image = Volume(image.astype(np.float32), upright, Source("flat"))
    return resample.onto(image, grid), resample.onto(labels, grid)


def dark(volume, labels, core=0.4, radius_mm=24.0):
    """An implant of one smooth, dark ball in the middle."""
    drawn = implant.draw(np.random.default_rng(1), volume, labels.liver, COHORT)
    ball = lesions.Lobe(CENTRE_MM, np.full(3, radius_mm), np.eye(3))
    lesion = lesions.Lesion(
        kind="homogeneous", volume_ml=57.9, lobes=(ball,), roughness=0.0, blur_mm=1.0,
        core=core, rim=1.0, rim_mm=0.0, necrosis=1.0, necrotic_share=0.0, mottle=0.0, seed=0,
    )  # fmt: skip
    return replace(drawn, lesions=(lesion,))


def put(seed, volume, labels, recipe=COHORT):
    drawn = implant.draw(np.random.default_rng(seed), volume, labels.parenchyma, recipe)
    return drawn, *implant.apply(drawn, volume, labels)


@pytest.mark.parametrize("grid", [THICK, OBLIQUE, stored(THICK, (0, 1, 2), (-1, -1, 1)), FINE])
def test_lesions_lie_in_the_liver_and_all_else_is_left_alone(grid):
    volume, labels = flat(grid)
    far = ~ndimage.binary_dilation(labels.liver, np.ones((3, 3, 3)))
    for seed in range(6):
        drawn, made, truth = put(seed, volume, labels)
        assert made.geometry is volume.geometry
        assert truth.geometry.matches(labels.geometry, 1e-6)
        np.testing.assert_array_equal(truth.liver, labels.liver)
        assert made.voxels[far].tobytes() == volume.voxels[far].tobytes()
        if not any(lesion.labelled for lesion in drawn.lesions):
            continue
        assert truth.tumour.any()
        assert (made.voxels != volume.voxels)[truth.tumour].mean() > 0.99


def test_the_same_seed_gives_the_same_bytes():
    volume, labels = flat()
    (one, image, truth), (again, second, same) = (put(4, volume, labels) for _ in range(2))
    assert implant.told(one) == implant.told(again)
    assert image.voxels.tobytes() == second.voxels.tobytes()
    assert truth.labels.tobytes() == same.labels.tobytes()
    other, third, _ = put(5, volume, labels)
    assert implant.told(one) != implant.told(other)
    assert (image.voxels != third.voxels).any()


def test_what_was_drawn_is_json():
    volume, labels = flat()
    drawn, *_ = put(4, volume, labels)
    told = msgspec.json.decode(msgspec.json.encode(implant.told(drawn)))
    assert len(told["lesions"]) == len(drawn.lesions) > 0
    assert told["noise"]["sd"] == pytest.approx(SD, rel=0.1)
    assert told["signal"]["liver"] == 1
    wild, *_ = put(4, volume, labels, replace(COHORT, random_contrast=1.0))
    assert implant.told(wild)["protocol"] == "arbitrary contrast"


@pytest.mark.parametrize("smooth", [0.0, 1.2])
def test_a_dark_lesion_is_as_noisy_as_the_liver_about_it(smooth):
    volume, labels = flat(smooth=smooth)
    made, truth = implant.apply(dark(volume, labels), volume, labels)
    deep = ndimage.distance_transform_edt(truth.tumour, THICK.spacing_mm) > 8
    around = labels.liver & ~ndimage.binary_dilation(truth.tumour, iterations=3)
    assert deep.sum() > 200
    assert made.voxels[deep].mean() == pytest.approx(0.4 * LIVER, rel=0.03)
    assert made.voxels[deep].std() == pytest.approx(made.voxels[around].std(), rel=0.12)
    steps = np.diff(made.voxels, axis=0)
    rough = [steps[(mask[1:] & mask[:-1])].std() for mask in (deep, around)]
    assert rough[0] == pytest.approx(rough[1], rel=0.15)  # and of the same grain


@pytest.mark.parametrize("base", [THICK, OBLIQUE])
def test_how_an_image_is_stored_is_no_matter(base):
    volume, labels = flat(base)
    drawn, made, truth = put(7, volume, labels)
    assert truth.tumour.any()
    for axes, flips in ORIENTATIONS[1::9]:
        grid = stored(base, axes, flips)
        other, moved = resample.onto(volume, grid), resample.onto(labels, grid)
        again, image, tumour = put(7, other, moved)
        assert implant.told(again) == implant.told(drawn)
        np.testing.assert_array_equal(resample.onto(tumour, base).labels, truth.labels)
        np.testing.assert_allclose(resample.onto(image, base).voxels, made.voxels, atol=0.01)


def test_a_lesion_that_is_half_in_a_slice_is_half_as_dark():
    thick = Geometry.from_spacing((72, 60, 20), (2.0, 2.0, 9.0), CENTRE_MM)
    volume, labels = flat(thick, sd=0.001)
    made, _ = implant.apply(dark(volume, labels, radius_mm=9.0), volume, labels)
    share = made.voxels[36, 30] / volume.voxels[36, 30]
    # Slices at 4.5 mm from the ball's middle hold some of it, those at 13.5 mm touch it.
    assert 0.4 < share[9] < 0.75
    assert share[9] == pytest.approx(share[10], abs=0.02)
    assert 0.75 < share[8] < 0.99
    assert share[6] == pytest.approx(1, abs=1e-3)


def test_a_small_lesion_between_thick_slices_keeps_a_voxel():
    thick = Geometry.from_spacing((72, 60, 20), (2.0, 2.0, 9.0), CENTRE_MM)  # the ball is between
    volume, labels = flat(thick, sd=0.001)
    _, truth = implant.apply(dark(volume, labels, radius_mm=2.0), volume, labels)
    assert truth.tumour.sum() == 1
    np.testing.assert_array_equal(truth.liver, labels.liver)


def test_a_tumour_that_is_there_stays_as_it_is():
    volume, labels = flat()
    old = np.linalg.norm(points(THICK) - CENTRE_MM - (10, 0, 0), axis=-1) < 15
    before = LabelMap(np.where(old, Label.TUMOUR, labels.labels).astype(np.uint8), THICK)
    made, truth = implant.apply(dark(volume, labels), volume, before)
    assert truth.tumour[old].all()
    assert truth.tumour.sum() > old.sum() + 100
    np.testing.assert_array_equal(made.voxels[old], volume.voxels[old])


def test_whole_numbers_stay_whole_and_nothing_gets_darker_than_air():
    volume, labels = flat()
    whole = Volume(np.rint(volume.voxels), THICK)
    made, _ = implant.apply(dark(whole, labels, core=0.01), whole, labels)
    np.testing.assert_array_equal(made.voxels, np.rint(made.voxels))
    assert made.voxels.min() >= whole.voxels.min()
    fine, _ = implant.apply(dark(volume, labels), volume, labels)
    assert (fine.voxels != np.rint(fine.voxels)).any()


def test_the_phase_says_how_lesions_look():
    volume, labels = flat()
    mean = {}
    for phase in ("portal_venous", "t2"):
        recipe = replace(COHORT.in_phase(phase), look_alikes=0.0)
        found = [put(seed, volume, labels, recipe) for seed in range(9)]
        assert {drawn.protocol.phase for drawn, _, _ in found} == {phase}
        mean[phase] = np.median([made.voxels[truth.tumour].mean() for _, made, truth in found])
    assert mean["portal_venous"] < 0.95 * LIVER < 1.3 * LIVER < mean["t2"]
    with pytest.raises(ConfigError, match="'tea' is not a phase"):
        COHORT.in_phase("tea")


def test_recipes_count():
    volume, labels = flat()
    free = replace(COHORT, lesion_free=1.0, look_alikes=0.0)
    drawn, made, truth = put(3, volume, labels, free)
    assert drawn.lesions == ()
    assert made.voxels.tobytes() == volume.voxels.tobytes()
    assert not truth.tumour.any()
    fakes = replace(COHORT, lesion_free=1.0, look_alikes=1.0)
    drawn, made, truth = put(3, volume, labels, fakes)
    assert drawn.lesions
    assert (made.voxels != volume.voxels).any()
    assert not truth.tumour.any()
    even = replace(COHORT, even_sizes=1.0, look_alikes=0.0)
    radii = [
        lobe.radii_mm.prod() ** (1 / 3)
        for seed in range(20)
        for lesion in put(seed, volume, labels, even)[0].lesions
        for lobe in lesion.lobes[:1]
    ]
    assert min(radii) > 2.2
    assert 20 < max(radii) < 30.1


def test_lesions_take_the_form_of_real_tumours():
    volume, labels = flat()
    tumour = np.zeros((30, 30, 30), bool)
    tumour[5:25, 10:20, 12:18] = True
    pool = shapes.cut(tumour, Geometry.from_spacing((30, 30, 30), 1.0), "real")
    drawn = [
        implant.draw(np.random.default_rng(n), volume, labels.liver, COHORT, pool)
        for n in range(12)
    ]
    names = [x.shape.name for d in drawn for y in d.lesions for x in y.lobes if x.shape]
    assert set(names) == {"real_1"}


def test_no_liver_is_refused_and_no_parenchyma_is_left_alone():
    volume, labels = flat()
    nothing = np.zeros(THICK.shape, bool)
    with pytest.raises(InputError, match="flat has no liver"):
        implant.draw(np.random.default_rng(0), volume, nothing, COHORT)
    drawn = dark(volume, labels)
    empty = LabelMap(np.where(labels.liver, Label.TUMOUR, 0).astype(np.uint8), THICK)
    made, truth = implant.apply(drawn, volume, empty)
    assert made is volume
    assert truth is empty


def test_a_liver_of_one_voxel_does_no_harm():
    volume, _ = flat()
    one = np.zeros(THICK.shape, np.uint8)
    one[0, 30, 29] = 1
    _, made, truth = put(0, volume, LabelMap(one, THICK))
    assert np.isfinite(made.voxels).all()
    assert truth.liver.sum() == 1


@pytest.mark.parametrize("smooth", [0.0, 0.8, 1.5])
def test_noise_is_measured_as_it_is_even_beside_vessels(smooth):
    volume, labels = flat(smooth=smooth)
    voxels = volume.voxels.copy()
    voxels[::9] *= 1.8  # bright sheets
    found = noise.measure(Volume(voxels, THICK), labels.liver)
    assert found.sd == pytest.approx(SD, rel=0.3)
    clean = noise.measure(volume, labels.liver)
    assert clean.sd == pytest.approx(SD, rel=0.08)
    np.testing.assert_allclose(clean.smooth, (smooth, smooth, 0), atol=0.15)
    field = clean.field(3, (60, 60, 20))
    assert field.std() == pytest.approx(clean.sd, rel=1e-3)


def test_no_noise_where_there_is_none_and_in_a_liver_too_small():
    volume, labels = flat(sd=0.0)
    assert noise.measure(volume, labels.liver) == noise.Noise(0.0, (0.0, 0.0, 0.0))
    assert (noise.Noise(0.0, (0.0, 0.0, 0.0)).field(1, (5, 5, 5)) == 0).all()
    speck = np.zeros(THICK.shape, bool)
    speck[30:33, 30:33, 15:17] = True
    assert noise.measure(flat()[0], speck).sd == 0


# --- files


@pytest.fixture
def folder(tmp_path):
    """Two patients with label maps and one without, in two folders."""
    volume, labels = flat()
    whole = Volume(np.rint(volume.voxels), THICK)
    (tmp_path / "images").mkdir()
    (tmp_path / "livers").mkdir()
    for name in ("p1_t1ce", "p2", "p3"):
        io.write_volume(tmp_path / "images" / f"{name}.nii.gz", whole)
    for name in ("p1_organs", "p2_seg"):
        io.write_labelmap(tmp_path / "livers" / f"{name}.nii.gz", labels)
    return tmp_path


def names(pair):
    hosts, alone = pair
    return [(h.case, h.image.name, h.labels.name) for h in hosts], alone


def test_images_find_their_label_maps_by_name(folder):
    expected = [
        ("p1_t1ce", "p1_t1ce.nii.gz", "p1_organs.nii.gz"),
        ("p2", "p2.nii.gz", "p2_seg.nii.gz"),
    ]
    images, livers = folder / "images", folder / "livers"
    assert names(implants.pair(images, livers)) == (expected, ["p3"])
    left = implants.pair(images, livers, ["p1_*"])
    assert names(left) == (expected[1:], ["p1_t1ce", "p3"])
    # Two files belong together, whatever they are called.
    one = implants.pair(images / "p3.nii.gz", livers / "p1_organs.nii.gz")
    assert names(one) == ([("p3", "p3.nii.gz", "p1_organs.nii.gz")], [])
    series = folder / "series"
    series.mkdir()
    (series / "1.dcm").write_bytes(bytes(128) + b"DICM")
    one = implants.pair(series, livers / "p1_organs.nii.gz")
    assert names(one) == ([("series", "series", "p1_organs.nii.gz")], [])
    for path in livers.iterdir():
        path.rename(images / path.name)
    assert names(implants.pair(images, images)) == (expected, ["p3"])


def test_pairs_that_cannot_be_are_refused(folder):
    images, livers = folder / "images", folder / "livers"
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        implants.pair(images, folder / "nowhere")
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        implants.pair(folder / "nowhere", livers)
    with pytest.raises(InputError, match="No image in"):
        implants.pair(images / "p3.nii.gz", livers)
    with pytest.raises(InputError, match="No image in"):
        implants.pair(images, livers, ["*"])
    (images / "p2.nii").write_bytes(b"another")
    with pytest.raises(InputError, match=r"p2.nii .* both the case p2"):
        implants.pair(images, livers)
    (images / "p2.nii").unlink()
    with pytest.raises(InputError, match="No image in"):
        implants.pair(livers, livers)  # label maps are no images
    (livers / "p2_organs.nii.gz").write_bytes(b"another")
    with pytest.raises(InputError, match="both the case p2"):
        implants.pair(images, livers)


def test_label_maps_that_do_not_fit_are_refused(folder):
    (host, *_), _ = implants.pair(folder / "images", folder / "livers")
    _, labels = flat()
    other = LabelMap(labels.labels * 6, THICK)
    io.write_labelmap(host.labels, other)
    with pytest.raises(InputError, match=r"p1_organs.nii.gz has labels \[6\].*--liver-label"):
        implants.read_host(host)
    volume, found = implants.read_host(host, 6)
    assert found.geometry is volume.geometry
    np.testing.assert_array_equal(found.labels, labels.labels)
    with pytest.raises(InputError, match=r"p1_organs.nii.gz has no liver"):
        implants.read_host(host, 5)
    io.write_labelmap(host.labels, LabelMap(labels.labels * 2, THICK))
    with pytest.raises(InputError, match=r"p1_organs.nii.gz has no liver"):
        implants.read_host(host)
    moved = THICK.affine.copy()
    moved[2, 3] += 2
    io.write_labelmap(host.labels, LabelMap(labels.labels, Geometry(THICK.shape, moved)))
    with pytest.raises(InputError, match=r"p1_t1ce.nii.gz and p1_organs.nii.gz .* same grid"):
        implants.read_host(host)


def test_variants_are_written_like_a_cohort(folder):
    hosts, _ = implants.pair(folder / "images", folder / "livers")
    out = folder / "out"
    task = implants.Task(n=2, seed=5)
    written = list(implants.write_implants(out, hosts, task))
    expected = ["p1_t1ce_0001", "p1_t1ce_0002", "p2_0001", "p2_0002"]
    assert [p.name for p in written] == [f"{name}.nii.gz" for name in expected]
    for path in written:
        made, truth = io.read(path), io.read_labelmap(out / "labels" / path.name)
        assert made.geometry.matches(truth.geometry, 1e-6)
        told = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        assert f"{told['into']}_" in told["name"] + "_"
        assert len(told["into_sha256"]) == 64
        assert told["lesions"]
    assert len({p.read_bytes() for p in written}) == 4
    # A variant does not depend on the other images.
    (alone,) = implants.write_implants(folder / "again", hosts[1:], implants.Task(seed=5))
    assert alone.read_bytes() == written[2].read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        list(implants.write_implants(out, hosts, task))
    assert len(list(implants.write_implants(out, hosts, task, overwrite=True))) == 4


def test_workers_give_the_same_bytes(folder):
    hosts, _ = implants.pair(folder / "images", folder / "livers")
    task = implants.Task(seed=5)
    one, two = (
        [p.read_bytes() for p in implants.write_implants(folder / str(n), hosts, task, workers=n)]
        for n in (1, 2)
    )
    assert one == two


def test_the_place_of_the_image_is_stated_as_it_was(tmp_path):
    grid = stored(OBLIQUE, (1, 0, 2), (-1, 1, 1))
    volume, labels = flat(grid)
    io.write_volume(tmp_path / "p.nii.gz", volume)
    io.write_labelmap(tmp_path / "p_seg.nii.gz", labels)
    hosts, _ = implants.pair(tmp_path / "p.nii.gz", tmp_path / "p_seg.nii.gz")
    (path,) = implants.write_implants(tmp_path / "out", hosts, implants.Task())
    before, after = io.read(tmp_path / "p.nii.gz"), io.read(path)
    np.testing.assert_array_equal(after.geometry.affine, before.geometry.affine)
    truth = io.read_labelmap(tmp_path / "out" / "labels" / path.name)
    np.testing.assert_array_equal(truth.geometry.affine, before.geometry.affine)


def call(*words):
    return CliRunner().invoke(cli.app, ["synth", *map(str, words)])


def test_the_command(folder):
    out = folder / "made"
    given = ("--into", folder / "images", "--livers", folder / "livers")
    done = call(*given, "-n", 2, "-o", out, "--seed", 3, "--phase", "pre")
    assert done.exit_code == 0, done.output
    assert "p3 has no label map" in done.output
    assert len(list((out / "images").glob("*.nii.gz"))) == 4
    told = json.loads((out / "images" / "p2_0001.json").read_text())
    assert told["protocol"]["phase"] == "pre"
    assert call("--into", folder / "images", "-o", out).exit_code == 2
    assert call("--livers", folder / "livers", "-o", out).exit_code == 2
    assert call("--liver-label", 1, "-o", out).exit_code == 2
    refused = call(*given, "-o", folder / "other", "--phase", "tea")
    assert isinstance(refused.exception, ConfigError)
    assert not (folder / "other").exists()


def test_lesions_of_a_phantom_are_found_by_their_brightness():
    """The phantom's own lesions stay, and new ones are where the image is dark."""
    grid = Geometry.from_spacing((80, 66, 40), (2.5, 2.5, 5.0), (40, 10, 0))
    volume, labels = phantom(grid)
    # Sizes of which the voxels' own are a small part.
    recipe = replace(COHORT.in_phase("portal_venous"), look_alikes=0.0, even_sizes=1.0)
    shown = there = beyond = 0
    for seed in range(4):
        drawn, made, truth = put(seed, volume, labels, recipe)
        assert drawn.noise.sd == 0  # a phantom has none
        assert truth.tumour[labels.tumour].all()
        new = truth.tumour & ~labels.tumour
        changed = np.abs(made.voxels - volume.voxels) > 0.05 * np.maximum(volume.voxels, 1)
        shown, there = shown + (changed & new).sum(), there + new.sum()
        core = [abs(x.core - 1) for x in drawn.lesions if x.kind != "mixed"]
        assert min(core, default=1) >= lesion_kinds.VISIBLE - 1e-9
        # A lesion that ends at the liver's surface half fills the voxels beyond it.
        outside = changed & (labels.labels == 0)
        beyond += outside.sum()
        assert not (outside & ~ndimage.binary_dilation(labels.liver, np.ones((3, 3, 3)))).any()
    assert there > 200
    assert beyond > 0
    assert shown > 0.9 * there


def test_a_crowded_liver_has_many_lesions_and_a_free_one_none():
    volume, labels = flat()
    crowded = replace(COHORT, crowded=1.0, look_alikes=0.0)
    counts = {len(put(seed, volume, labels, crowded)[0].lesions) for seed in range(40)}
    assert counts <= set(range(6, 16))
    assert len(counts) > 5
    free = replace(crowded, lesion_free=1.0)
    assert put(1, volume, labels, free)[0].lesions == ()
