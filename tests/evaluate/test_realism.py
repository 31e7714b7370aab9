import csv
import json
import re
import shlex
import shutil
import sys
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import hepatica
from hepatica import cli
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.evaluate import realism
from hepatica.evaluate.appearance import Appearance, appearance
from hepatica.evaluate.realism import Sample
from hepatica.io import read, read_labelmap, write_labelmap, write_volume
from hepatica.results.sheet import size_px
from hepatica.synth import patient
from hepatica.synth.anatomy import Anatomy
from hepatica.synth.procedural import procedural_anatomy
from hepatica.synth.recipe import TRAINING
from hepatica.synth.tissues import Tissue

GRID = Geometry.from_spacing((120, 110, 14), (1.5, 1.5, 5.0))
LIVER, SPLEEN, KIDNEY, BODY = 400.0, 800.0, 600.0, 200.0


def distance_mm(grid, centre, radii):
    """About the distance from an ellipsoid's surface, inside < 0."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    r = np.linalg.norm((grid.to_patient(index) - centre) / radii, axis=-1)
    return (r - 1) * min(radii)


@pytest.fixture(scope="module")
def tissue():
    made = np.zeros(GRID.shape, np.uint8)
    made[distance_mm(GRID, (35, 0, 0), (40, 50, 28)) < 0] = Tissue.LIVER
    made[distance_mm(GRID, (-40, 30, 0), (18, 18, 18)) < 0] = Tissue.SPLEEN
    made[distance_mm(GRID, (-40, -30, 0), (16, 16, 18)) < 0] = Tissue.KIDNEY
    return made


@pytest.fixture(scope="module")
def image(tissue):
    voxels = np.where(distance_mm(GRID, (0, 0, 0), (85, 78, 900)) < 0, BODY, 0.0)
    for part, signal in ((Tissue.LIVER, LIVER), (Tissue.SPLEEN, SPLEEN), (Tissue.KIDNEY, KIDNEY)):
        voxels[tissue == part] = signal
    return voxels


def look(voxels, tissue, grid=GRID):
    return appearance(Volume(voxels, grid), tissue)


def test_ratios_of_signals(image, tissue):
    found = look(image, tissue)
    assert found.spleen_to_liver == pytest.approx(SPLEEN / LIVER)
    assert found.kidney_to_liver == pytest.approx(KIDNEY / LIVER)
    assert found.body_to_liver == pytest.approx(BODY / LIVER)


def test_air_is_no_part_of_the_body_however_noisy(image, tissue):
    slim = np.where(distance_mm(GRID, (0, 0, 0), (70, 60, 900)) < 0, image, 0)
    rng = np.random.default_rng(0)
    noisy = np.hypot(slim + rng.normal(0, 36, image.shape), rng.normal(0, 36, image.shape))
    assert look(noisy, tissue).body_to_liver == pytest.approx(BODY / LIVER, rel=0.05)


def test_a_flat_liver_has_neither_noise_nor_texture_nor_bias(image, tissue):
    found = look(image, tissue)
    assert (found.noise, found.texture) == (0, pytest.approx(0, abs=1e-6))
    assert found.bias == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("sd", [0.01, 0.08])
def test_white_noise_has_the_deviation_that_it_was_made_with(image, tissue, sd):
    noise = np.random.default_rng(1).normal(0, sd * LIVER, GRID.shape)
    found = look(image + noise, tissue)
    assert found.noise == pytest.approx(sd, rel=0.04)
    assert found.texture == pytest.approx(sd, rel=0.04)
    assert found.bias < 0.1 * sd


def test_a_ramp_is_bias_and_not_noise(image, tissue):
    ramp = np.linspace(0.8, 1.2, GRID.shape[1])[None, :, None]
    found = look(image * ramp, tissue)
    assert found.bias > 0.03
    assert found.noise < 1e-4


def test_what_lies_near_the_surface_is_not_parenchyma(image, tissue):
    depth_mm = ndimage.distance_transform_edt(tissue == Tissue.LIVER, sampling=GRID.spacing_mm)
    found = look(np.where((depth_mm > 0) & (depth_mm < 4), 0.7 * image, image), tissue)
    assert (found.texture, found.bias) == pytest.approx((0, 0), abs=1e-6)


def test_blobs_are_texture_and_not_noise(image, tissue):
    blobs = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=GRID.shape), (2, 2, 0))
    found = look(image * (1 + 0.1 * blobs / blobs.std()), tissue)
    assert found.texture == pytest.approx(0.1, rel=0.1)
    assert found.noise < 0.02


def test_units_of_the_scanner_do_not_matter(image, tissue):
    noisy = image + np.random.default_rng(3).normal(0, 10, GRID.shape)
    np.testing.assert_allclose(
        astuple(look(noisy, tissue)), astuple(look(noisy * 3.7, tissue)), rtol=1e-4
    )


def test_how_the_voxels_are_stored_does_not_matter(image, tissue):
    noisy = image * np.random.default_rng(4).normal(1, 0.05, GRID.shape)
    affine = GRID.affine.copy()
    affine[:3, 0] *= -1
    affine[:3, 3] += GRID.affine[:3, 0] * (GRID.shape[0] - 1)
    order = (2, 1, 0)
    shape = tuple(GRID.shape[a] for a in order)
    stored = Geometry(shape, affine[:, [*order, 3]])
    flipped = [np.transpose(a[::-1], order) for a in (noisy, tissue)]
    np.testing.assert_allclose(
        astuple(look(*flipped, stored)), astuple(look(noisy, tissue)), rtol=1e-5
    )


def test_a_blurred_step_has_the_slope_that_arithmetic_gives(tissue):
    # A straight edge, so that nothing but the blur changes it; half of the liver is to the left.
    straight = np.where(np.arange(GRID.shape[0]) < 60, np.uint8(Tissue.LIVER), 0)
    straight = np.broadcast_to(straight[:, None, None], GRID.shape).astype(np.uint8)
    step = np.where(straight == Tissue.LIVER, LIVER, BODY).astype(float)
    blurred = ndimage.gaussian_filter1d(step, 2 / 1.5, axis=0)
    found = look(blurred, straight)
    # The measure's own 1.5 mm comes on top of the 2 mm.
    slope = (1 - BODY / LIVER) / (np.sqrt(2 * np.pi) * np.hypot(2, 1.5))
    assert found.edge_per_mm == pytest.approx(slope, rel=0.05)


def test_a_surface_drawn_a_voxel_off_has_the_same_slope(image, tissue):
    inside = tissue.copy()
    inside[(tissue == Tissue.LIVER) & (distance_mm(GRID, (35, 0, 0), (40, 50, 28)) > -1.2)] = 0
    exact, drawn = look(image, tissue), look(image, inside)
    assert drawn.liver_ml < 0.95 * exact.liver_ml
    assert drawn.edge_per_mm == pytest.approx(exact.edge_per_mm, rel=0.1)


def test_blur_lowers_edges_and_steepens_the_spectrum(image, tissue):
    speckled = image * np.random.default_rng(5).normal(1, 0.1, GRID.shape)
    sharp = look(speckled, tissue)
    soft = look(ndimage.gaussian_filter(speckled, (1.5, 1.5, 0)), tissue)
    assert soft.edge_per_mm < 0.8 * sharp.edge_per_mm
    assert soft.spectrum_slope < sharp.spectrum_slope - 0.3
    assert soft.fine_share < 0.5 * sharp.fine_share
    assert soft.noise < 0.2 * sharp.noise


def spectral_noise(grid, exponent):
    """A picture whose power falls with frequency to `exponent`, in every slice."""
    frequency = np.hypot(
        np.fft.fftfreq(grid.shape[0], grid.spacing_mm[0])[:, None],
        np.fft.fftfreq(grid.shape[1], grid.spacing_mm[1])[None],
    )
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(np.random.default_rng(6).normal(size=grid.shape), axes=(0, 1))
    made = np.fft.ifft2(spectrum * (frequency ** (exponent / 2))[:, :, None], axes=(0, 1)).real
    return made / made.std()


@pytest.mark.parametrize("exponent", [-3.5, -1.5])
def test_the_spectrum_has_the_exponent_that_it_was_made_with(tissue, exponent):
    # A part of a larger picture: its borders do not fit together, as those of a scan do not.
    wide = Geometry.from_spacing((240, 220, 14), GRID.spacing_mm)
    picture = spectral_noise(wide, exponent)[:120, :110]
    found = look(LIVER * (1 + 0.1 * picture), tissue)
    assert found.spectrum_slope == pytest.approx(exponent, abs=0.15)


def test_the_fine_share_of_white_noise_is_a_ratio_of_rings(tissue):
    found = look(LIVER * (1 + 0.1 * spectral_noise(GRID, 0)), tissue)
    assert found.fine_share == pytest.approx((0.25**2 - 0.15**2) / (0.25**2 - 0.02**2), rel=0.03)


@pytest.mark.parametrize(
    ("pixel_mm", "slope", "fine"), [(1.9, True, True), (3.0, True, False), (4.0, False, False)]
)
def test_what_large_pixels_cannot_hold_is_not_measured(pixel_mm, slope, fine):
    grid = Geometry.from_spacing((80, 80, 6), (pixel_mm, pixel_mm, 5))
    liver = np.zeros(grid.shape, np.uint8)
    liver[20:60, 20:60, 1:5] = Tissue.LIVER
    found = look(LIVER * (1 + 0.1 * spectral_noise(grid, -2)), liver, grid)
    assert (found.spectrum_slope is not None, found.fine_share is not None) == (slope, fine)


@pytest.mark.parametrize("signal", [0.0, -5.0, LIVER])
def test_without_a_liver_nothing_is_measured(image, tissue, signal):
    if signal == LIVER:
        assert look(image, np.where(tissue == Tissue.LIVER, 0, tissue)) == Appearance()
    else:  # a liver without signal can be no unit
        assert look(np.full(GRID.shape, signal), tissue) == Appearance()


def test_an_organ_that_is_absent_is_undefined(image, tissue):
    found = look(image, np.where(tissue == Tissue.SPLEEN, 0, tissue))
    assert (found.spleen_to_liver, found.spleen_ml) == (None, None)
    assert found.kidney_to_liver == pytest.approx(KIDNEY / LIVER)


def test_volumes_are_those_of_the_ellipsoids_unless_the_field_cuts_them(image, tissue):
    found = look(image, tissue)
    assert found.liver_ml == pytest.approx(4 / 3 * np.pi * 40 * 50 * 28 / 1000, rel=0.02)
    assert found.kidneys_ml == pytest.approx(4 / 3 * np.pi * 16 * 16 * 18 / 1000, rel=0.05)
    box = (slice(0, 120), slice(0, 110), slice(5, 14))  # through the liver, the spleen, the kidney
    cut = look(image[box], tissue[box], GRID.crop(box))
    assert (cut.liver_ml, cut.spleen_ml, cut.kidneys_ml) == (None, None, None)
    assert cut.spleen_to_liver == pytest.approx(SPLEEN / LIVER)


def test_a_lesion_belongs_to_the_liver_but_is_not_measured(image, tissue):
    lesion = (distance_mm(GRID, (40, 0, 0), (22, 22, 18)) < 0) & (tissue == Tissue.LIVER)
    voxels, marked = image.copy(), tissue.copy()
    voxels[lesion], marked[lesion] = 3 * LIVER, Tissue.LESION
    found, missed = look(voxels, marked), look(voxels, tissue)
    assert found.texture == pytest.approx(0, abs=1e-6)
    assert missed.bias > 0.1 > 1e-6 > found.bias
    assert found.liver_ml == missed.liver_ml
    # Its border is no surface of the liver.
    assert found.edge_per_mm == pytest.approx(look(image, tissue).edge_per_mm, rel=0.05)


def samples(real, synthetic):
    made = [Sample(f"r{n}", "real", Appearance(noise=v)) for n, v in enumerate(real)]
    return made + [
        Sample(f"s{n}", "synthetic", Appearance(noise=v)) for n, v in enumerate(synthetic)
    ]


def test_a_comparison_names_what_lies_outside():
    made = samples([0.5, 4.0, 50.0, 99.0, None], [*range(101), None])
    (found,) = realism.compare(made, ["noise"])
    assert found.band == (5, 95)
    assert (found.below, found.above) == (("r0", "r1"), ("r3",))
    line = realism.table([found]).splitlines()[-1]
    assert line == ("| noise | 0.5 | 27 | 99 | 5 | 50 | 95 | 1 of 4 | below: r0, r1; above: r3 |")


def test_without_values_there_is_no_band():
    (found,) = realism.compare(samples([0.5], [None]), ["noise"])
    assert (found.band, found.below, found.above) == (None, (), ())
    (none,) = realism.compare(samples([None], [1.0]), ["noise"])
    assert "| 0.5 | 0.5 | 0.5 | – | – | – | – |" in realism.table([found])
    assert "| – | – | – | 1 | 1 | 1 | – |" in realism.table([none])
    assert realism.picture([found, none]).size[1] > realism.picture([found]).size[1]


def test_the_picture_shows_real_values_where_they_lie():
    (low,) = realism.compare(samples([0.0], range(101)), ["noise"])
    (high,) = realism.compare(samples([100.0], range(101)), ["noise"])
    orange = []
    for compared in (low, high):
        pixels = np.asarray(realism.picture([compared])).astype(int)
        orange.append(np.argwhere(pixels[..., 0] - pixels[..., 2] > 150)[:, 1].mean())
    assert orange[0] < orange[1] - 500


def test_a_synthetic_patient_depends_on_the_seed_and_its_number_alone():
    drawn = replace(realism.recipe("t2"), pixel_mm=(3.0, 3.0), slice_mm=(8.0, 8.0))
    two = list(realism.synthetic(2, 5, drawn))
    assert list(realism.synthetic(1, 5, drawn)) == two[:1]
    assert two[0].appearance != two[1].appearance
    assert next(realism.synthetic(1, 6, drawn)).appearance != two[0].appearance


def test_metastases_are_marked_and_left_out(monkeypatch):
    marked = []
    monkeypatch.setattr(
        realism, "appearance", lambda volume, tissue: marked.append((tissue == Tissue.LESION).sum())
    )
    drawn = replace(realism.recipe("t2"), pixel_mm=(3.0, 3.0), slice_mm=(8.0, 8.0))
    for share in (0.0, 1.0):
        list(realism.synthetic(1, 5, replace(drawn, lesion_free=share, even_sizes=1.0)))
    assert marked[0] > 0
    assert marked[1] == 0


def test_the_recipe_is_that_of_training_in_one_phase():
    found = realism.recipe("hepatobiliary")
    assert found.phases == (0, 0, 0, 0, 1, 0)
    assert (found.random_contrast, found.cut, found.look_alikes) == (0, 0, 0)
    assert found.slice_mm == TRAINING.slice_mm
    with pytest.raises(ConfigError, match="portal_venous"):
        realism.recipe("portal")


def test_an_mri_anatomy_has_no_phase():
    grid = Geometry.from_spacing((4, 4, 4), 2)
    tissue = np.full(grid.shape, Tissue.LIVER, np.uint8)
    mri = Anatomy("m1", tissue, grid, image=np.ones(grid.shape, np.float32))
    with pytest.raises(ConfigError, match="m1 is an MRI"):
        next(realism.synthetic(1, 1, realism.recipe("t2"), [mri]))


@pytest.fixture(scope="module")
def real_folder(tmp_path_factory):
    """Two small 'real' T2 patients with organ labels, and their mapping."""
    folder = tmp_path_factory.mktemp("real")
    recipe = replace(realism.recipe("t2"), pixel_mm=(2.0, 2.0), slice_mm=(9.0, 9.0))
    anatomy = procedural_anatomy(np.random.default_rng(3))
    for name in ("p1", "p2"):
        drawn = patient.draw(np.random.default_rng(9), anatomy, recipe, name)
        volume, _ = patient.scan_patient(drawn)
        tissue = patient.tissues(drawn, drawn.scan)
        labels = np.isin(tissue, (Tissue.LIVER, Tissue.LIVER_VESSEL)) * np.uint8(1)
        labels[tissue == Tissue.SPLEEN] = 4
        write_volume(folder / f"{name}_t2.nii.gz", volume)
        write_labelmap(folder / f"{name}_organs.nii.gz", LabelMap(labels, drawn.scan))
    mapping = {
        "labels": "*_organs.nii.gz",
        "label_suffix": "_organs.nii.gz",
        "image_suffix": "_t2.nii.gz",
        "modality": "mr",
        "tissues": {"1": "liver", "4": "spleen"},
    }
    (folder / "anatomies.json").write_text(json.dumps(mapping))
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["hepatica", "realism", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return call


def test_the_command_writes_what_it_prints(run, real_folder, tmp_path):
    out = tmp_path / "out"
    code, text, _ = run(real_folder, "-o", out, "-n", 2, "--exclude", "p2*", "--no-volumes")
    assert code == 0
    assert text.strip() in (out / "realism.md").read_text(encoding="utf-8")
    assert "kidney / liver | – | – | – |" in text
    assert "liver ml" not in text
    rows = list(csv.DictReader((out / "realism.csv").read_text(encoding="utf-8").splitlines()))
    assert [(r["case"], r["kind"]) for r in rows] == [
        ("p1", "real"),
        ("patient_0001", "synthetic"),
        ("patient_0002", "synthetic"),
    ]
    assert rows[0]["kidney_to_liver"] == ""
    (second,) = list(realism.synthetic(2, 1, realism.recipe("t2")))[1:]
    assert float(rows[2]["noise"]) == pytest.approx(second.appearance.noise, rel=1e-5)
    with Image.open(out / "realism.png") as picture:
        assert picture.size[1] > 64 * (len(rows[0]) - 2)
    # The only real one above one synthetic.
    with Image.open(out / "side_by_side.png") as picture:
        assert picture.size == size_px(2, 1)


def test_real_volumes_are_drawn_above_synthetic_ones(real_folder, monkeypatch):
    monkeypatch.setattr(realism, "SHOWN", 2)
    samples = [*realism.real(real_folder), *realism.synthetic(3, 1, realism.recipe("t2"))]
    titles = [s.tile and s.tile.title for s in samples]
    assert titles[:2] == ["real: p1", "real: p2"]
    assert titles[-3:] == ["synthetic: patient_0001", "synthetic: patient_0002", None]
    assert realism.side_by_side(samples).size == size_px(4, 2)
    assert realism.side_by_side(samples[:2]).size == size_px(0, 1)


def test_it_says_how_to_ask_again(run, real_folder, tmp_path):
    out, again = tmp_path / "the first", tmp_path / "second"
    words = ("-n", 2, "--seed", 5, "--phase", "pre", "--exclude", "p2*", "--no-volumes")
    assert run(real_folder, "-o", out, *words)[0] == 0
    page = (out / "realism.md").read_text(encoding="utf-8")
    assert (
        "Synthetic: n = 2, seed 5, phase pre, on procedural anatomies, with Hepatica"
        f" {hepatica.__version__}.\n"
    ) in page
    (command,) = re.findall(r"```sh\nhepatica realism (.*)\n```", page)
    repeated = [again if word == str(out) else word for word in shlex.split(command)]
    assert run(*repeated)[0] == 0
    assert (out / "realism.csv").read_bytes() == (again / "realism.csv").read_bytes()


def test_every_option_is_in_the_command():
    asked = realism.Question(
        Path("mri folder"), 3, 4, "pre", (Path("a"), Path("b c")), ("x*", "y"), True
    )
    assert asked.command(Path("out")) == (
        "hepatica realism 'mri folder' -o out -n 3 --seed 4 --phase pre"
        " --anatomies a --anatomies 'b c' --exclude 'x*' --exclude y"
    )
    assert replace(asked, volumes=False).command(Path("out")).endswith(" --no-volumes")


def test_anatomies_are_named():
    grid = Geometry.from_spacing((4, 4, 4), 2)
    bodies = [Anatomy(name, np.zeros(grid.shape, np.uint8), grid) for name in ("b1", "b2")]
    asked = realism.Question(Path("mri"), 3)
    assert "on 2 real anatomies (b1, b2), with" in realism.conditions(asked, bodies)


@pytest.mark.parametrize("name", ["realism.csv", "realism.md", "realism.png", "side_by_side.png"])
def test_an_earlier_comparison_is_kept(run, real_folder, tmp_path, name):
    (tmp_path / name).write_text("an hour's work")
    code, text, err = run(real_folder, "-o", tmp_path, "-n", 1, "--no-volumes")
    assert (code, text) == (1, "")
    assert f"{name} exists already." in err
    assert "--overwrite" in err
    assert [p.read_text() for p in tmp_path.iterdir()] == ["an hour's work"]
    assert run(real_folder, "-o", tmp_path, "-n", 1, "--no-volumes", "--overwrite")[0] == 0
    assert (tmp_path / name).read_bytes() != b"an hour's work"


def beside(real_folder, folder, change):
    """The first real patient with other labels, given and returned with their grid."""
    shutil.copy(real_folder / "anatomies.json", folder)
    shutil.copy(real_folder / "p1_t2.nii.gz", folder)
    labels = read_labelmap(real_folder / "p1_organs.nii.gz")
    write_labelmap(folder / "p1_organs.nii.gz", change(labels))
    return list(realism.real(folder))


def test_labels_of_another_place_are_refused(real_folder, tmp_path):
    def moved(labels):
        affine = labels.geometry.affine.copy()
        affine[2, 3] += 2000
        return LabelMap(labels.labels, Geometry(labels.geometry.shape, affine))

    with pytest.raises(InputError, match="p1: 100% of the labelled liver lies outside the image"):
        beside(real_folder, tmp_path, moved)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_a_liver_that_is_too_small_to_measure_is_refused(real_folder, tmp_path, share):
    def few(labels):
        kept = np.zeros(labels.labels.shape, np.uint8)
        where = np.argwhere(labels.labels == 1)
        n = int(share * 5 / labels.geometry.voxel_ml)  # 5 ml are needed
        kept[tuple(where[:n].T)] = 1
        return LabelMap(kept, labels.geometry)

    if share > 1:
        (found,) = beside(real_folder, tmp_path, few)
        assert found.appearance.liver_ml == pytest.approx(10, rel=0.02)
        return
    with pytest.raises(InputError, match=r"p1 cannot be measured: its liver has 2\.\d+ ml"):
        beside(real_folder, tmp_path, few)


def test_a_liver_without_signal_is_refused(real_folder, tmp_path):
    beside(real_folder, tmp_path, lambda labels: labels)
    volume = read(tmp_path / "p1_t2.nii.gz")
    write_volume(tmp_path / "p1_t2.nii.gz", Volume(-volume.voxels, volume.geometry))
    with pytest.raises(InputError, match=r"p1 cannot be measured.* or no signal"):
        list(realism.real(tmp_path))


def test_errors_are_sentences(run, real_folder, tmp_path):
    code, _, err = run(real_folder, "-o", tmp_path / "out", "-n", 1, "--exclude", "*")
    assert (code, "not excluded" in err, "--exclude" in err) == (1, True, True)
    code, _, err = run(tmp_path, "-o", tmp_path / "out", "-n", 1)
    assert (code, "anatomies.json" in err) == (1, True)
    code, _, err = run(tmp_path / "nowhere", "-o", tmp_path / "out", "-n", 1)
    assert (code, "nowhere does not exist" in err) == (1, True)
    anatomies = ("--anatomies", tmp_path / "elsewhere")
    code, _, err = run(real_folder, "-o", tmp_path / "out", "-n", 1, *anatomies)
    assert (code, "elsewhere does not exist" in err) == (1, True)
    code, _, err = run(real_folder, "-o", tmp_path / "out", "-n", 1, "--phase", "t3")
    assert (code, "'t3' is not a phase" in err) == (2, True)
    assert run(real_folder, "-o", tmp_path / "out", "-n", 0)[0] == 2
    assert not (tmp_path / "out").exists()


def test_label_maps_without_images_are_refused(real_folder, tmp_path):
    mapping = json.loads((real_folder / "anatomies.json").read_text())
    (tmp_path / "anatomies.json").write_text(json.dumps({**mapping, "image_suffix": ""}))
    grid = Geometry.from_spacing((4, 4, 4), 2)
    write_labelmap(tmp_path / "a_organs.nii.gz", LabelMap(np.ones(grid.shape, np.uint8), grid))
    with pytest.raises(InputError, match="without images"):
        list(realism.real(tmp_path))
