from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from hepatica.core.components import largest
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import anatomies, patients, read, read_labelmap, write_labelmap, write_volume
from hepatica.synth import artefacts, deform, describe, patient, procedural
from hepatica.synth.anatomy import from_labels
from hepatica.synth.filaments import NO_FILAMENTS
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import COHORT, TRAINING
from hepatica.synth.tissues import Tissue


def still(anatomy, **change):
    """A patient of `anatomy` as it is: not deformed, healthy, even in every tissue."""
    drawn = patient.draw(np.random.default_rng(0), anatomy, COHORT, "still")
    unmoved = deform.Deformation(
        np.eye(3),
        np.zeros(3),
        np.zeros((3, 3, 3, 3), np.float32),
        anatomy.geometry.regrid((3, 3, 3), 400),
    )
    plain = replace(
        drawn,
        deformation=unmoved,
        fails=False,
        spread=np.zeros(len(Tissue)),
        mottle=(0.0,) * len(patient.MOTTLE_MM),
        softness_mm=0.0,
        vessels=NO_FILAMENTS,
        strands=NO_FILAMENTS,
        lesions=(),
        artefacts=artefacts.NONE,
    )
    return replace(plain, **change)


@pytest.fixture(scope="module")
def anatomy():
    return procedural_anatomy(np.random.default_rng(5))


def test_organs_are_in_place(anatomy):
    assert 800 < anatomy.liver.sum() * 0.008 < 3500
    assert largest(anatomy.liver).sum() > 0.9 * anatomy.liver.sum()
    x, y, z = (
        {
            t: anatomy.geometry.to_patient(np.argwhere(anatomy.tissue == t).mean(axis=0))[a]
            for t in (Tissue.LIVER, Tissue.SPLEEN, Tissue.BONE, Tissue.LUNG, Tissue.STOMACH)
        }
        for a in range(3)
    )
    assert x[Tissue.LIVER] > 20 > -20 > x[Tissue.SPLEEN]  # right is positive
    assert x[Tissue.STOMACH] < 0
    assert z[Tissue.LUNG] > z[Tissue.LIVER]
    assert y[Tissue.LIVER] > anatomy.body_centre_mm[1] - 60
    found = {Tissue(int(t)) for t in np.unique(anatomy.tissue)}
    assert {Tissue.KIDNEY, Tissue.LIVER_VESSEL, Tissue.VEIN, Tissue.ARTERY, Tissue.FAT} <= found


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        list(patients.write_cohort(tmp_path / folder, 2, seed=3))
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 7  # patients.csv is one
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    one, two = (tmp_path / "a/images" / f"patient_000{n}.nii.gz" for n in (1, 2))
    assert one.read_bytes() != two.read_bytes()


def test_a_patient_does_not_depend_on_the_others():
    alone = patients.patient(3, 2, ())
    again = [patients.patient(3, n, ()) for n in (1, 2)][1]
    assert alone.seed == again.seed
    assert alone.scan.matches(again.scan)


def test_image_and_labels_share_a_grid_and_lesions_lie_in_the_liver(tmp_path):
    image, truth = patients.write_patient(patients.patient(1, 1, ()), tmp_path)
    volume, labels = read(image), read_labelmap(truth)
    assert volume.geometry.matches(labels.geometry, 1e-4)
    liver_signal = np.median(volume.voxels[labels.parenchyma])
    air = np.median(volume.voxels[:2, :2])
    assert liver_signal > 5 * air
    assert set(np.unique(labels.labels)) <= {0, 1, 2}


def test_a_training_sample_is_exact_on_its_grid(anatomy):
    rng = np.random.default_rng(8)
    drawn = patient.draw(rng, anatomy, TRAINING, "x")
    grid = drawn.scan.canonical().regrid((48, 48, 32), 8)
    classes = ("background", "liver", "tumour", "spleen", "kidney")
    image, target = patient.training_sample(drawn, drawn.scan, grid, classes)
    assert image.geometry is drawn.scan
    assert target.shape == grid.shape
    _, tissue, labels = patient.render(drawn, grid)
    np.testing.assert_array_equal(target == 3, tissue == Tissue.SPLEEN)
    np.testing.assert_array_equal(target == 2, labels.tumour)
    np.testing.assert_array_equal(np.isin(target, (1, 2)), labels.liver)


def test_deformations_do_not_fold(anatomy):
    for seed in range(5):
        drawn = deform.draw(np.random.default_rng(seed), anatomy.geometry, np.zeros(3))
        grid = anatomy.geometry.regrid((60, 45, 45), 6)
        index = np.stack(drawn.source_index(grid, anatomy.geometry))
        gradient = np.stack([np.gradient(c) for c in index])
        assert (np.linalg.det(np.moveaxis(gradient, (0, 1), (-2, -1))) > 0).all()


def test_no_deformation_is_the_anatomy_itself(anatomy):
    still = deform.Deformation(
        np.eye(3),
        np.zeros(3),
        np.zeros((3, 3, 3, 3), np.float32),
        anatomy.geometry.regrid((3, 3, 3), 200),
    )
    index = still.source_index(anatomy.geometry, anatomy.geometry)
    np.testing.assert_array_equal(deform.gather(anatomy.tissue, index), anatomy.tissue)


def test_noise_is_rician_and_of_the_strength_that_was_drawn():
    grid = Geometry.from_spacing((40, 40, 40), 2)
    flat = Volume(np.full(grid.shape, 1.0, np.float32), grid)
    drawn = replace(artefacts.NONE, noise=0.05, seed=1)
    found = artefacts.acquire(flat, grid, grid, drawn).voxels
    assert found.std() == pytest.approx(0.05, rel=0.05)
    dark = artefacts.acquire(Volume(flat.voxels * 0, grid), grid, grid, drawn).voxels
    assert dark.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.05)


def test_bias_is_a_smooth_factor():
    grid = Geometry.from_spacing((40, 40, 40), 2)
    flat = Volume(np.full(grid.shape, 1.0, np.float32), grid)
    bias = np.random.default_rng(0).normal(0, 0.2, (4, 4, 4)).astype(np.float32)
    drawn = replace(artefacts.NONE, bias=bias)
    found = artefacts.acquire(flat, grid, grid, drawn).voxels
    half = grid.crop((slice(0, 20), slice(0, 40), slice(10, 30)))
    part = artefacts.acquire(flat, half, grid, drawn).voxels
    np.testing.assert_allclose(part, found[:20, :, 10:30], rtol=1e-4)
    assert found.std() > 0.05
    assert np.abs(np.diff(found, axis=0)).max() < 0.1


def made_up_ct():
    grid = Geometry.from_spacing((60, 50, 40), (5.0, 5.0, 6.0))
    point = grid.to_patient(
        np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), -1)
    )
    ct = np.zeros(grid.shape, np.float32)
    body = (point[..., 0] / 130) ** 2 + (point[..., 1] / 100) ** 2 < 1
    rng = np.random.default_rng(0)
    ct[body] = rng.choice([20.0, 100.0, 150.0, 230.0], p=(0.3, 0.4, 0.2, 0.1), size=body.sum())
    liver = np.linalg.norm(point - (60, 10, 0), axis=-1) < 45
    ct[liver] = 160
    return Volume(ct, grid), LabelMap(np.where(liver, 7, 0).astype(np.uint8), grid)


def test_real_label_maps_come_in_through_a_mapping_file(tmp_path):
    ct, labels = made_up_ct()
    write_volume(tmp_path / "p1_ct.nii.gz", ct)
    write_labelmap(tmp_path / "p1_lab.nii.gz", labels)
    (tmp_path / "anatomies.json").write_text(
        '{"labels": "*_lab.nii.gz", "label_suffix": "_lab.nii.gz", "image_suffix": "_ct.nii.gz",'
        ' "tissues": {"7": "liver"}}'
    )
    (found,) = anatomies.anatomies(tmp_path)
    assert found.name == "p1"
    assert found.liver.sum() * 0.008 == pytest.approx(4 / 3 * np.pi * 4.5**3, rel=0.1)
    assert (found.tissue == Tissue.FAT).sum() > 1000
    assert (found.tissue[0] == Tissue.AIR).all()
    assert found.texture is not None
    # Nobody who names a folder wants procedural patients instead.
    with pytest.raises(InputError, match="not excluded"):
        list(anatomies.anatomies(tmp_path, ("p1_*",)))


def test_mappings_that_are_wrong_are_refused(tmp_path):
    with pytest.raises(InputError, match="known data set"):
        anatomies.find(tmp_path)
    own = tmp_path / "anatomies.json"
    own.write_text(
        '{"labels": "*", "label_suffix": "", "image_suffix": "", "tissues": {"1": "gold"}}'
    )
    with pytest.raises(ConfigError, match="gold") as refused:
        anatomies.find(tmp_path).table()
    assert "liver_vessel" in str(refused.value)
    for wrong in ('"-1": "liver"', '"256": "liver"', '"1": "lesion_rim"', '"1": "cyst"'):
        own.write_text(
            '{"labels": "*", "label_suffix": "", "image_suffix": "", "tissues": {' + wrong + "}}"
        )
        with pytest.raises(ConfigError, match="label"):
            anatomies.find(tmp_path).table()
    own.write_text("[]")
    with pytest.raises(ConfigError, match="not a valid mapping"):
        anatomies.find(tmp_path)


def test_no_liver_no_anatomy():
    ct, labels = made_up_ct()
    with pytest.raises(InputError, match="no liver"):
        from_labels("p1", labels, ct, np.zeros(256, np.uint8))


def test_an_mri_keeps_its_own_image_and_a_curve_bends_it():
    ct, labels = made_up_ct()
    table = np.zeros(256, np.uint8)
    table[7] = Tissue.LIVER
    found = from_labels("p1", labels, ct, table, "mr")
    assert np.median(found.image[found.liver]) == pytest.approx(1, abs=0.02)
    drawn = still(found, curve=np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5]) * 2)
    image, _, truth = patient.render(drawn, found.geometry)
    np.testing.assert_array_equal(truth.liver, found.liver)
    np.testing.assert_allclose(image.voxels, 2 * np.minimum(found.image, 2.5), rtol=1e-5)
    said = describe.patient(drawn)
    assert said["curve"] == [0, 1, 2, 3, 4, 5]
    assert not {"protocol", "signal", "mottle"} & set(said)


def test_every_organ_of_the_list_is_there(anatomy):
    # Tissues up to the adrenals are an anatomy's; the gallbladder may have been removed.
    found = {Tissue(int(t)) for t in np.unique(anatomy.tissue)}
    assert {t for t in Tissue if t <= Tissue.ADRENAL} - found <= {Tissue.FLUID}
    cava, aorta, spine = (
        anatomy.geometry.to_patient(np.argwhere(anatomy.tissue == t).mean(axis=0))
        for t in (Tissue.VEIN, Tissue.ARTERY, Tissue.SPINAL_CORD)
    )
    assert cava[0] > spine[0] + 5 > aorta[0] + 5  # the cava on the right, the aorta on the left
    assert min(cava[1], aorta[1]) > spine[1] + 20
    inside = np.isin(anatomy.tissue, (Tissue.LIVER_VESSEL, Tissue.HEPATIC_VEIN))
    beside = ndimage.binary_dilation(inside) & ~inside
    assert (anatomy.tissue[beside] == Tissue.LIVER).mean() > 0.7  # they run in the liver
    bone = anatomy.geometry.to_patient(np.argwhere(anatomy.tissue == Tissue.BONE))
    assert bone[:, 0].min() < -90 < 90 < bone[:, 0].max()  # ribs, not the spine alone


def test_vessels_branch_as_murray_says():
    tubes = []
    canvas = SimpleNamespace(
        rng=np.random.default_rng(0), tube=lambda *tube, only: tubes.append(tube)
    )
    procedural._branch(canvas, np.zeros(3), np.array([1.0, 0, 0]), 5.0, 3, Tissue.LIVER_VESSEL)
    assert len(tubes) == 7
    for _, end, _, radius, _ in tubes:
        children = [t[2] for t in tubes if t[0] is end]
        if children:
            assert np.cbrt(np.sum(np.power(children, 3))) == pytest.approx(radius)


def test_displacements_stay_below_a_quarter_of_the_distance_between_their_points(anatomy):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        wild = deform.draw(rng, anatomy.geometry, np.zeros(3), strength=9.0)
        distance_mm = wild.control.spacing_mm[0]
        assert 0.2 * distance_mm < np.abs(wild.displacement_mm).max() < 0.25 * distance_mm


def test_a_deformation_turns_about_its_centre_and_reaches_the_whole_scan(anatomy):
    grid, centre = anatomy.geometry, np.array([40.0, -20.0, 30.0])
    for seed in range(5):
        drawn = deform.draw(np.random.default_rng(seed), grid, centre)
        assert (np.abs(drawn.matrix - np.eye(3)) > 1e-3).sum() >= 7  # turned, not only scaled
        assert np.abs(drawn.displacement_mm).max() > 0.1
        stiff = replace(drawn, displacement_mm=0 * drawn.displacement_mm)
        spot = Geometry.from_spacing((1, 1, 1), 1.0, centre)
        index = np.array([float(x[0, 0, 0]) for x in stiff.source_index(spot, grid)])
        np.testing.assert_allclose(grid.to_patient(index), centre, atol=0.01)
        # Control points lie beyond the scan on every side: nothing tears at its border.
        corners = drawn.control.to_index(grid.to_patient([(0, 0, 0), np.array(grid.shape) - 1]))
        assert (corners.min(axis=0) >= 0).all()
        assert (corners.max(axis=0) <= np.array(drawn.control.shape) - 1).all()


def test_what_lies_outside_an_anatomy_is_air(anatomy):
    index = tuple(np.full((1, 1, 1), x, np.float32) for x in (-0.6, 70, 70))
    full = np.full(anatomy.tissue.shape, 9, np.uint8)
    assert deform.gather(full, index)[0, 0, 0] == 0
    index[0][:] = -0.4  # still in the first voxel
    assert deform.gather(full, index)[0, 0, 0] == 9
