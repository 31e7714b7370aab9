import shutil

import numpy as np
import pytest

from hepatica import io
from hepatica.core.errors import ConfigError, InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.dataset import Entry, find, read_entry
from tests.dataset.conftest import CASES, FORMATS, GRID, decathlon, declare, nnunet, pairs, patient

FOLDERS = [name for name in FORMATS if not name.startswith(("table", "file"))]


def test_every_format_gives_the_same_data_set(source):
    dataset = find(source)
    assert dataset.name == "cohort"
    assert [(e.case, e.patient, e.scanner) for e in dataset.entries] == [
        (name, name, None) for name in CASES
    ]
    assert set(dataset.meaning) == {"liver", "tumour"}
    assert dataset.unlabelled == ()
    for entry in dataset.entries:
        volume, labels = read_entry(dataset, entry)
        expected, truth = patient(entry.case)
        assert volume.geometry.matches(GRID)
        assert labels.geometry is volume.geometry
        np.testing.assert_array_equal(volume.voxels, expected.voxels)
        np.testing.assert_array_equal(labels.labels, truth.labels)


@pytest.mark.parametrize("source", FOLDERS, indirect=True)
def test_patients_and_scanners_of_a_folder(source):
    (source / "patients.csv").write_text("case;patient;scanner\np2;anna;Aera\np3;x;y\np1;;\n")
    assert [(e.case, e.patient, e.scanner) for e in find(source).entries] == [
        ("p1", "p1", None),
        ("p2", "anna", "Aera"),
    ]


def test_patients_and_scanners_of_a_table(cohort):
    table = cohort / "list.csv"
    rows = [f"images/{n}.nii.gz,labels/{n}.nii.gz,anna,Aera" for n in CASES]
    table.write_text("\n".join(["image,label,patient,scanner", *rows]))
    assert {(e.case, e.patient, e.scanner) for e in find(table).entries} == {
        ("p1", "anna", "Aera"),
        ("p2", "anna", "Aera"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("case,scanner\np1,Aera\n", "patients.csv does not name the case p2"),
        ("case\np1\np2\np1\n", r"line 4: the case p1 is already in line 2"),
        ("scanner,patient\nAera,p1\n", "no column 'case'; it has scanner, patient"),
    ],
)
def test_patients_that_are_not_clear(cohort, text, says):
    (cohort / "patients.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        find(cohort)


GOOD = "images/p1.nii.gz,labels/p1.nii.gz"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image\nimages/p1.nii.gz\n", "no column 'label'"),
        ("# nothing\n", "it has no columns"),
        ("image,label\n", "lists no case"),
        ("image,label,image\n", "two columns 'image'"),
        (f"image,label\n{GOOD}\nimages/p1.nii.gz,labels/p9.nii.gz\n", "line 3: labels/p9.nii.gz"),
        (f"image,label\n\n{GOOD},more\n", "3 cells in line 3 and 2 columns"),
        (f"image,label\n{GOOD}\n,labels/p2.nii.gz\n", "line 3: the image is missing"),
        (f"image,label\n{GOOD}\n{GOOD}\n", "line 3: the case p1 is already in line 2"),
        (f"case,image,label\na,{GOOD}\nb,{GOOD}\n", "line 3: the file .*p1.nii.gz is already"),
        ("image,label\nimages/p1.nii.gz,labels\n", "line 2: labels does not exist"),
    ],
)
def test_a_table_that_is_wrong_names_the_line(cohort, text, says):
    (cohort / "list.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        find(cohort / "list.csv")


def test_a_table_in_another_encoding(cohort):
    (cohort / "list.csv").write_bytes("image,größe".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        find(cohort / "list.csv")
    (cohort / "list.csv").write_text("image,label\n" + "x" * 200_000)
    with pytest.raises(InputError, match="not a table: line 2"):
        find(cohort / "list.csv")


def test_a_trailing_separator_and_quotes_are_no_fault(cohort):
    shutil.move(cohort / "images/p1.nii.gz", cohort / "images/p,1.nii.gz")
    for head in ("image,label", "image,label,,"):
        (cohort / "list.csv").write_text(f'{head}\n"images/p,1.nii.gz",labels/p1.nii.gz,,\n')
        assert [e.case for e in find(cohort / "list.csv").entries] == ["p,1"]


def test_unlabelled_images_are_told_and_lonely_label_maps_refused(cohort):
    shutil.copy(cohort / "images/p1.nii.gz", cohort / "images/p3.nii.gz")
    found = find(cohort)
    assert [e.case for e in found.entries] == ["p1", "p2"]
    assert found.unlabelled == ("p3",)
    shutil.copy(cohort / "labels/p1.nii.gz", cohort / "labels/p4_seg.nii.gz")
    with pytest.raises(InputError, match=r"p4_seg\.nii\.gz in .*labels has no image"):
        find(cohort)


def test_unlabelled_sub_folders_are_told(tmp_path):
    pairs(tmp_path, "{}/image.nii.gz", "{}/seg.nii.gz")
    (tmp_path / "p2/seg.nii.gz").unlink()
    assert find(tmp_path).unlabelled == ("p2/image",)
    shutil.copy(tmp_path / "p1/seg.nii.gz", tmp_path / "p1/image_corrected.nii.gz")
    with pytest.raises(InputError, match="no image of the same name"):
        find(tmp_path)
    shutil.move(tmp_path / "p1/seg.nii.gz", tmp_path / "p1/image_seg.nii.gz")
    with pytest.raises(InputError, match="are both the case image"):
        find(tmp_path)


def test_two_pairs_in_a_sub_folder_are_not_told_apart_by_guessing(tmp_path):
    pairs(tmp_path / "anna", "{}.nii.gz", "{}_seg.nii.gz")
    with pytest.raises(InputError, match="anna holds 2 label maps"):
        find(tmp_path)


def test_a_case_may_be_called_like_a_label_map(tmp_path):
    pairs(tmp_path, "images/{}_mask.nii.gz", "labels/{}_mask.nii.gz")
    assert [e.case for e in find(tmp_path).entries] == ["p1_mask", "p2_mask"]


def test_two_files_of_one_case(cohort):
    (cohort / "images/p1.mha").write_bytes(b"x")
    with pytest.raises(InputError, match="are both the case p1"):
        find(cohort)


def test_what_is_no_data_set(tmp_path):
    for path, says in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path, "holds no image with a label map"),
    ):
        with pytest.raises(InputError, match=says):
            find(path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes\.txt is not a data set"):
        find(tmp_path / "notes.txt")


def test_more_channels_are_named(tmp_path):
    nnunet(tmp_path)
    declare(tmp_path, channel_names={"0": "T1", "1": "T2"}, labels={"liver": 1})
    with pytest.raises(InputError, match="2 channels: 0 T1, 1 T2"):
        find(tmp_path)
    declare(tmp_path, channel_names={"0": "T1"}, labels={"liver": 1})
    shutil.copy(tmp_path / "imagesTr/p1_0000.nii.gz", tmp_path / "imagesTr/p1_0001.nii.gz")
    with pytest.raises(InputError, match=r"p1_0001\.nii\.gz in .*a further channel"):
        find(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"labels": {"liver": [1, 2]}}, r"gives the liver the labels \[1, 2\], not one"),
        ({"labels": {"background": 0}}, "gives the liver no label, not one: background"),
        ({"labels": {"liver": 0}}, "gives the liver no label"),
        ({"labels": {"liver": 1, "tumor": 2, "lesions": 3}}, r"the tumour the labels \[2, 3\]"),
        ({"labels": {"liver": 300}}, "from 0 to 255"),
        ({"labels": {"liver": "one"}}, "does not describe a data set"),
        ({"labels": ["liver"]}, "does not describe a data set"),
        ({"labels": {"liver": 1}, "numTraining": 3}, "announces 3 training cases; there are 2"),
        ({"labels": {"liver": 1}, "file_ending": ".png"}, r"end in \.png, which are not read"),
        (
            {"labels": {"liver": 1}, "training": [{"image": "a.nii.gz", "label": "b.nii.gz"}]},
            r"lists a\.nii\.gz, which does not exist",
        ),
    ],
)
def test_a_declaration_that_is_wrong(tmp_path, content, says):
    declare(nnunet(tmp_path), **content)
    with pytest.raises(InputError, match=says):
        find(tmp_path)


def test_a_case_that_is_listed_twice(tmp_path):
    decathlon(tmp_path)
    pair = {"image": "imagesTr/p1.nii.gz", "label": "labelsTr/p1.nii.gz"}
    declare(tmp_path, labels={"liver": 1}, training=[pair, pair])
    with pytest.raises(InputError, match="the case p1 twice"):
        find(tmp_path)


def test_a_declaration_as_some_editors_save_it(tmp_path):
    nnunet(tmp_path)
    path = tmp_path / "dataset.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert find(tmp_path).meaning == {"liver": 1, "tumour": 2}


def test_only_files_of_the_declared_ending_count(tmp_path):
    nnunet(tmp_path)
    (tmp_path / "imagesTr/p1_0001.nrrd").write_bytes(b"not of this set")
    assert len(find(tmp_path).entries) == 2


def test_a_listed_case_is_called_like_its_image(tmp_path):
    pairs(tmp_path, "a/{}.nii.gz", "b/{}_truth.nii.gz")
    pair = {"image": "a/p1.nii.gz", "label": "b/p1_truth.nii.gz"}
    declare(tmp_path, labels={"1": "liver"}, training=[pair])
    assert [e.case for e in find(tmp_path).entries] == ["p1"]


def test_hidden_folders_are_no_cases(tmp_path):
    pairs(tmp_path, "{}/image.nii.gz", "{}/seg.nii.gz")
    shutil.copytree(tmp_path / "p1", tmp_path / ".p1-old")
    assert [e.case for e in find(tmp_path).entries] == ["p1", "p2"]


def test_files_that_are_missing(tmp_path):
    nnunet(tmp_path)
    (tmp_path / "imagesTr/p2_0000.nii.gz").unlink()
    with pytest.raises(InputError, match="has no image p2_0000"):
        find(tmp_path)
    shutil.rmtree(tmp_path / "labelsTr")
    with pytest.raises(InputError, match="labelsTr does not exist"):
        find(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="does not describe a data set"):
        find(tmp_path)


def test_labels_that_are_given_override_what_is_declared(tmp_path):
    nnunet(tmp_path, {"background": 0, "spleen": 1, "liver": 2})
    assert find(tmp_path).meaning == {"liver": 2}
    dataset = find(tmp_path, {"liver": 1, "tumour": 2})
    _, labels = read_entry(dataset, dataset.entries[0])
    np.testing.assert_array_equal(labels.labels, patient("p1")[1].labels)
    only = find(tmp_path, {"liver": 2})
    assert not only.knows_tumour
    _, labels = read_entry(only, only.entries[0])
    np.testing.assert_array_equal(labels.labels, patient("p1")[1].tumour)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"tumour": 2}, "not tumour"),
        ({}, "not nothing"),
        ({"liver": 1, "spleen": 2}, "not liver, spleen"),
        ({"liver": 1, "tumour": 1}, "different numbers"),
        ({"liver": 0}, "different numbers"),
        ({"liver": 256}, "different numbers"),
    ],
)
def test_labels_that_mean_nothing(cohort, labels, says):
    with pytest.raises(ConfigError, match=says):
        find(cohort, labels)


def test_what_a_data_set_declares_besides_is_background_and_the_rest_refused(tmp_path):
    # Label 3 is drawn in the image; it is background where somebody said what it is.
    nnunet(tmp_path, {"background": 0, "liver": 1, "tumour": 3, "vessel": 2})
    dataset = find(tmp_path)
    assert dataset.background == {2}
    _, labels = read_entry(dataset, dataset.entries[0])
    np.testing.assert_array_equal(labels.labels, patient("p1")[1].parenchyma)
    for declared in ({"liver": 1}, {"liver": 1, "ignore": 2}):
        declare(tmp_path, labels=declared)
        dataset = find(tmp_path)
        assert dataset.meaning == {"liver": 1}
        with pytest.raises(InputError, match=r"p1\.nii\.gz has labels 2 besides liver \(1\)"):
            read_entry(dataset, dataset.entries[0])


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        (Geometry.from_spacing((12, 11, 12), (2, 2, 3)), "has 12 x 11 x 12 voxels, its image 12"),
        (Geometry.from_spacing(GRID.shape, (2, 2, 3), (0.5, 0, 0)), "by up to 0.5 mm"),
    ],
)
def test_other_grids_are_refused(cohort, grid, says):
    io.write_labelmap(cohort / "labels/p1.nii.gz", patient("p1", grid)[1])
    dataset = find(cohort)
    with pytest.raises(InputError, match=says):
        read_entry(dataset, dataset.entries[0])


def test_labels_get_the_grid_of_the_image_to_the_bit(cohort):
    near = Geometry.from_spacing(GRID.shape, (2, 2, 3), (0.02, 0, 0))
    io.write_labelmap(cohort / "labels/p1.nii.gz", LabelMap(patient("p1")[1].labels, near))
    dataset = find(cohort)
    volume, labels = read_entry(dataset, dataset.entries[0])
    assert labels.geometry is volume.geometry


def test_a_selection(cohort):
    dataset = find(cohort)
    chosen = dataset.select(["p2"])
    assert [e.case for e in chosen.entries] == ["p2"]
    assert isinstance(chosen.entries[0], Entry)
    with pytest.raises(InputError, match="cohort has no case p7"):
        dataset.select(["p2", "p7"])
