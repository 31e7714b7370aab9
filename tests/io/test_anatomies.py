"""Folders of real anatomies: what is wrong with one is a sentence that says what to do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hepatica import io
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.io import anatomies
from hepatica.synth.tissues import Tissue
from tests.orientations import oblique

GRID = Geometry.from_spacing((50, 40, 30), (5.0, 5.0, 6.0))
LIVER, SPLEEN = 5, 3
MAPPING = {
    "labels": "*_organs.nii.gz",
    "label_suffix": "_organs.nii.gz",
    "image_suffix": "_image.nii.gz",
    "tissues": {str(LIVER): "liver", str(SPLEEN): "spleen"},
}


def points(grid):
    index = np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij")
    return grid.to_patient(np.stack(index, -1))


def labels(radius_mm=45.0, grid=GRID):
    """A ball of liver, 382 ml at 45 mm, and one of spleen."""
    p = points(grid)
    made = np.zeros(grid.shape, np.uint8)
    made[np.linalg.norm(p - (40, 0, 0), axis=-1) < radius_mm] = LIVER
    made[np.linalg.norm(p - (-60, 0, 0), axis=-1) < 25] = SPLEEN
    return made


def image(grid=GRID):
    """A body of several greys; whatever the grid, the same in the patient."""
    p = points(grid)
    body = (p[..., 0] / 110) ** 2 + (p[..., 1] / 85) ** 2 < 1
    greys = np.random.default_rng(0).choice([20.0, 90.0, 160.0, 230.0], grid.shape)
    return Volume(np.where(body, greys, 0).astype(np.float32), grid)


def write(folder, organs, picture, **mapping):
    organs = organs if isinstance(organs, LabelMap) else LabelMap(organs, GRID)
    io.write_labelmap(folder / "p1_organs.nii.gz", organs)
    io.write_volume(folder / "p1_image.nii.gz", picture)
    (folder / "anatomies.json").write_text(json.dumps({**MAPPING, **mapping}))


def load(folder):
    (found,) = anatomies.anatomies(folder)
    return found


def refused(folder, kind, match):
    with pytest.raises(kind, match=match) as caught:
        load(folder)
    assert caught.value.hint
    return caught.value


def test_what_is_right_is_taken(tmp_path):
    write(tmp_path, labels(), image())
    found = load(tmp_path)
    assert found.liver.sum() * 0.008 == pytest.approx(4 / 3 * np.pi * 4.5**3, rel=0.05)


# --- The folder and its mapping


def test_a_path_that_is_not_there_is_said(tmp_path):
    refused(tmp_path / "nowhere", InputError, "nowhere does not exist")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", InputError, "file is a file, not a folder")
    refused(tmp_path, InputError, "holds no label maps of a known data set")


MANGLED = [
    ("", "it ends too early"),
    ('{\n  "labels": "x",\n}', "it is not JSON: trailing comma in object in line 3"),
    ("[]", "the whole is a list in brackets, not an object in braces"),
    ("{}", '"labels" is missing'),
    ({"labels": 3}, '"labels" is a whole number, not text in quotes'),
    ({"tissues": {"five": "liver"}}, 'what "tissues" lists is not a whole number'),
    ({"tissues": {"5": 6}}, 'a value in "tissues" is a whole number, not text in quotes'),
    ({"tissues": ["liver"]}, '"tissues" is a list in brackets, not an object in braces'),
    ({"label": "x"}, '"label" means nothing'),
    ({"modality": "xr"}, "\"modality\" cannot be 'xr'"),
]


@pytest.mark.parametrize(("text", "said"), MANGLED, ids=[said for _, said in MANGLED])
def test_what_is_wrong_with_a_mapping_is_said_in_plain_words(tmp_path, text, said):
    text = text if isinstance(text, str) else json.dumps({**MAPPING, **text})
    (tmp_path / "anatomies.json").write_text(text)
    found = refused(tmp_path, ConfigError, "anatomies.json is not a valid mapping")
    assert f"mapping: {said}." in found.message
    assert "`" not in str(found)
    assert "$" not in str(found)


def test_text_of_another_encoding_is_said_and_a_mark_at_the_beginning_is_none(tmp_path):
    (tmp_path / "anatomies.json").write_bytes(b'{"labels": "\xff"}')
    refused(tmp_path, ConfigError, "it is not UTF-8 text")
    write(tmp_path, labels(), image())
    (tmp_path / "anatomies.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(MAPPING).encode())
    assert load(tmp_path).name == "p1"


@pytest.mark.parametrize(
    "pattern", ["", " ", ".", "/data/*.nii.gz", "C:/data/*", "../*", "a/../../*", "**x"]
)
def test_patterns_that_match_nothing_or_lead_elsewhere_are_refused(tmp_path, pattern):
    inside = tmp_path / "inside"
    inside.mkdir()
    write(inside, labels(), image(), labels=pattern)
    assert repr(pattern) in str(refused(inside, ConfigError, '"labels" cannot be'))


@pytest.mark.parametrize("key", ["label_suffix", "image_suffix", "overlay_suffix"])
def test_an_ending_is_no_path(tmp_path, key):
    write(tmp_path, labels(), image(), **{key: "/../p1_image.nii.gz"})
    refused(tmp_path, ConfigError, f'"{key}" cannot be')


def test_label_maps_may_lie_in_folders(tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a", labels(), image())
    (tmp_path / "anatomies.json").write_text(json.dumps({**MAPPING, "labels": "*/*_organs.nii.gz"}))
    assert load(tmp_path).name == "p1"


def test_mri_is_mr(tmp_path):
    for modality in ("mr", "mri"):
        write(tmp_path, labels(), image(), modality=modality)
        assert load(tmp_path).image is not None
    write(tmp_path, labels(), image(), modality="ct")
    assert load(tmp_path).image is None


# --- The liver


def test_without_a_liver_the_labels_are_told(tmp_path):
    write(tmp_path, labels(), image(), tissues={"6": "Liver", "3": "spleen"})
    found = refused(tmp_path, InputError, r"p1_organs\.nii\.gz has no liver")
    assert "Its labels are 3, 5, and the mapping calls 6 liver" in found.hint
    assert "--exclude" in found.hint
    write(tmp_path, labels() * 0, image(), tissues={"3": "spleen"})
    found = refused(tmp_path, InputError, "no liver")
    assert "Its labels are all 0, and the mapping calls none liver" in found.hint


def test_a_piece_of_a_liver_is_no_anatomy(tmp_path):
    # 4/3 pi 28^3 mm^3 = 92 ml; of 30 mm it would be 113 ml.
    write(tmp_path, labels(28), image())
    found = refused(
        tmp_path, InputError, r"p1 has a liver of 9\d\.?\d? ml; an anatomy needs 100 ml"
    )
    assert "--exclude" in found.hint
    write(tmp_path, labels(30), image())
    assert load(tmp_path).liver.any()


def test_vessels_are_of_the_liver_when_it_is_weighed(tmp_path):
    made = labels(30)
    made[:33][made[:33] == LIVER] = 7  # the half of it below its middle, x = 40 mm
    assert (made == LIVER).sum() * GRID.voxel_ml < 100
    write(tmp_path, made, image(), tissues={"5": "liver", "7": "liver_vessel"})
    assert load(tmp_path).liver.any()


# --- The image


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_an_image_that_is_turned_against_its_labels_is_refused(tmp_path, modality):
    write(tmp_path, labels(), image(oblique(GRID, (20, 0, 0))), modality=modality)
    refused(tmp_path, InputError, "p1: the image's axes are turned against those of its labels")


def test_both_may_be_turned_alike(tmp_path):
    grid = oblique(GRID, (20, 0, 0))
    write(tmp_path, LabelMap(labels(grid=grid), grid), image(grid))
    assert load(tmp_path).liver.any()


@pytest.mark.parametrize(("shift_mm", "percent"), [(1000.0, 100), (165.0, 50)])
@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_an_image_of_another_place_is_refused(tmp_path, shift_mm, percent, modality):
    # The image begins at -125 mm and 165 mm further on in the middle of the ball of liver.
    moved = GRID.affine.copy()
    moved[0, 3] += shift_mm
    picture = Volume(image().voxels, Geometry(GRID.shape, moved))
    write(tmp_path, labels(), picture, modality=modality)
    found = refused(tmp_path, InputError, "of the labelled liver lies outside the image")
    outside = int(found.message.split("p1: ")[1].split("%")[0])
    assert outside == pytest.approx(percent, abs=3)


def test_an_image_may_miss_a_little_of_the_liver(tmp_path):
    # It begins at 0 mm, and the ball at -5 mm: a cap of less than 1 % is missed.
    moved = GRID.affine.copy()
    moved[0, 3] += 125
    write(tmp_path, labels(), Volume(image().voxels, Geometry(GRID.shape, moved)))
    assert load(tmp_path).liver.any()


def test_a_ct_that_is_labelled_in_the_air_too_is_refused(tmp_path):
    whole = labels()
    whole[whole == 0] = 9
    tissues = {**MAPPING["tissues"], "9": "muscle"}
    write(tmp_path, whole, image(), tissues=tissues)
    refused(tmp_path, InputError, "p1 has a label in every voxel")


def test_a_body_may_be_labelled_wholly(tmp_path):
    whole, picture = labels(), image()
    whole[(whole == 0) & (picture.voxels > 0)] = 9
    # The skin's outermost voxels, too: what is half a voxel further out shows some grey.
    p = points(GRID)
    whole[(whole == 0) & ((p[..., 0] / 118) ** 2 + (p[..., 1] / 93) ** 2 < 1)] = 9
    write(tmp_path, whole, picture, tissues={**MAPPING["tissues"], "9": "muscle"})
    found = load(tmp_path)
    assert set(np.unique(found.tissue)) <= {
        Tissue.AIR, Tissue.LIVER, Tissue.LIVER_VESSEL, Tissue.SPLEEN, Tissue.MUSCLE
    }  # fmt: skip


@pytest.mark.parametrize("level", [0.0, -50.0])
def test_an_mri_without_a_positive_signal_is_refused(tmp_path, level):
    voxels = np.where(labels() == LIVER, np.float32(level), image().voxels)
    write(tmp_path, labels(), Volume(voxels, GRID), modality="mr")
    refused(tmp_path, InputError, f"the liver's median signal is {level:g} in an MRI")


# --- What is at hand


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["ct_btcv", "ct_totalseg_example", "masks_msd_hepaticvessel", "mri_t2_chaos"]
)
def test_real_livers_are_far_from_the_limit(data, name):
    collection = anatomies.find(data / name)
    for case in collection.cases(data / name):
        tissues = collection.tissues_of(case)
        liver = np.isin(tissues.labels, (Tissue.LIVER, Tissue.LIVER_VESSEL, Tissue.LESION))
        assert liver.sum() * tissues.geometry.voxel_ml > 1000
