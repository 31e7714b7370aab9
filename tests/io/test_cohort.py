"""A synthetic cohort's folder: one cohort at a time, nothing of others lost, and whose it is."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

import hepatica
from hepatica import io
from hepatica.core.errors import InputError, OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.dataset import find
from hepatica.io import cohort, implants, patients
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.synth.procedural import procedural_anatomy
from tests.phantom import GRID, phantom

SMALL = Geometry.from_spacing((9, 10, 11), 2)
#: What the first version wrote.
FIRST = {"lesions": [], "seed": 1}


def case(folder, name, told=FIRST):
    voxels = np.arange(SMALL.voxels, dtype=np.float32).reshape(SMALL.shape)
    labels = (voxels > 500).astype(np.uint8)
    known = {"name": name, **told}
    return cohort.write_case(folder, Volume(voxels, SMALL), LabelMap(labels, SMALL), known, "x")


def made(folder, n, overwrite=False):
    names = [f"patient_{number:04d}" for number in range(1, n + 1)]
    cohort.begin(folder, dict(zip(names, names, strict=True)), overwrite)
    for name in names:
        case(folder, name)


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- One cohort at a time


def test_overwrite_leaves_nothing_of_a_larger_cohort(tmp_path):
    made(tmp_path / "c", 3)
    made(tmp_path / "c", 1, overwrite=True)
    made(tmp_path / "fresh", 1)
    assert len(content(tmp_path / "c")) == 4
    assert content(tmp_path / "c") == content(tmp_path / "fresh")


def test_the_earlier_cohort_goes_before_the_first_new_case(tmp_path):
    made(tmp_path, 3)
    cohort.begin(tmp_path, {"a": "a"}, True)
    assert content(tmp_path) == {"patients.csv": b"case,patient\na,a\n"}


def test_a_cohort_of_an_earlier_version_is_one(tmp_path):
    made(tmp_path, 2)
    (tmp_path / "patients.csv").unlink()
    for path in (tmp_path / "images").glob("*.json"):
        path.write_text(json.dumps({"name": path.stem, **FIRST}))
    made(tmp_path, 1, overwrite=True)
    assert len(content(tmp_path)) == 4


@pytest.mark.parametrize(
    "stranger",
    [
        "images/mine.nii.gz",
        "images/notes.txt",
        "images/patient_0001.nii",
        "images/mine.json",
        "images/folder/mine.nii.gz",
        "labels/mine.nii.gz",
        "labels/patient_0001_corrected.nii.gz",
        "labels/patient_0001.json",
    ],
)
def test_what_is_not_of_a_cohort_is_not_overwritten(tmp_path, stranger):
    made(tmp_path, 2)
    path = tmp_path / stranger
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"name": "mine"}')
    before = content(tmp_path)
    named = path.parent if path.parent.name == "folder" else path
    with pytest.raises(OutputError, match="nothing was overwritten") as refused:
        made(tmp_path, 1, overwrite=True)
    assert refused.value.message.startswith(str(named))
    assert refused.value.hint
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "told",
    [
        b"not JSON",
        b"\xff",
        b"[]",
        b'{"name": "patient_0002", "lesions": [], "seed": 1}',
        b'{"name": "patient_0001"}',
    ],
)
def test_a_case_that_our_json_does_not_name_is_not_ours(tmp_path, told):
    made(tmp_path, 2)
    (tmp_path / "images" / "patient_0001.json").write_bytes(told)
    before = content(tmp_path)
    with pytest.raises(OutputError, match=r"patient_0001\.json \(and 2 more\)"):
        made(tmp_path, 1, overwrite=True)
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["patients.csv", "labels/patient_0001.nii.gz"])
def test_a_folder_is_no_file_of_a_cohort(tmp_path, name):
    made(tmp_path, 2)
    (tmp_path / name).unlink()
    (tmp_path / name / "inside").mkdir(parents=True)
    before = content(tmp_path)
    with pytest.raises(OutputError, match="nothing was overwritten") as refused:
        made(tmp_path, 1, overwrite=True)
    assert refused.value.message.startswith(str(tmp_path / name))
    assert content(tmp_path) == before


def test_hidden_files_neither_go_nor_stand_in_the_way(tmp_path):
    made(tmp_path, 2)
    (tmp_path / "images" / ".DS_Store").write_bytes(b"x")
    made(tmp_path, 1, overwrite=True)
    assert len(content(tmp_path)) == 5


@pytest.mark.parametrize("there", ["images/", "labels/", "patients.csv"])
def test_without_overwrite_nothing_of_a_cohort_may_be_there(tmp_path, there):
    if there.endswith("/"):
        (tmp_path / there).mkdir()
    else:
        (tmp_path / there).write_text("case,patient\np1,anna\n")
    before = content(tmp_path)
    with pytest.raises(OutputError, match="two cohorts would mix") as refused:
        made(tmp_path, 1)
    assert "--overwrite" in refused.value.hint
    assert content(tmp_path) == before


def test_overwrite_may_be_asked_for_where_nothing_is(tmp_path):
    made(tmp_path / "new", 1, overwrite=True)
    assert len(content(tmp_path / "new")) == 4


def test_files_in_the_way_of_folders_are_a_sentence(tmp_path):
    (tmp_path / "images").write_text("in the way")
    with pytest.raises(OutputError, match=r"images cannot be overwritten: Not a directory"):
        made(tmp_path, 1, overwrite=True)
    assert (tmp_path / "images").read_text() == "in the way"


def test_what_an_interruption_leaves_can_be_overwritten(tmp_path):
    cohort.begin(tmp_path, {"a": "a"}, False)
    (tmp_path / "labels" / "a.nii.gz").mkdir(parents=True)
    with pytest.raises(OutputError):
        case(tmp_path, "a")  # after its image
    (tmp_path / "labels" / "a.nii.gz").rmdir()
    assert {"images/a.nii.gz", "images/a.json"} < set(content(tmp_path))
    made(tmp_path, 1, overwrite=True)
    assert len(content(tmp_path)) == 4


# --- Whose the cases are


def test_the_table_says_of_every_case_whose_it_is(tmp_path):
    names = {"=1+1": "a,b", 'say "x"_0001': "-anna", "ö": "ö"}
    cohort.begin(tmp_path, names, False)
    for name in names:
        case(tmp_path, name)
    found = find(tmp_path)
    assert {e.case: e.patient for e in found.entries} == names
    assert [e.scanner for e in found.entries] == [None] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_all_that_are_made_of_one_anatomy_are_one_patient(tmp_path, workers):
    pool = [procedural_anatomy(np.random.default_rng(n), f"body {n}") for n in range(2)]
    written = list(patients.write_cohort(tmp_path, 3, 5, pool, workers=workers))
    told = [cohort.told_of(path) for path in written]
    bodies = [t["anatomy"] for t in told]
    # Two of three have to share one.
    assert len(set(bodies)) < 3
    rows = [f"patient_{n:04d},{body}" for n, body in enumerate(bodies, 1)]
    assert (tmp_path / "patients.csv").read_text() == "\n".join(["case,patient", *rows, ""])
    assert [e.patient for e in find(tmp_path).entries] == bodies
    assert [(t["cohort_seed"], t["number"]) for t in told] == [(5, 1), (5, 2), (5, 3)]


def test_a_procedural_patient_is_its_own(tmp_path):
    (image,) = patients.write_cohort(tmp_path, 1, 4)
    assert (tmp_path / "patients.csv").read_text() == "case,patient\npatient_0001,patient_0001\n"
    told = json.loads((tmp_path / "images" / "patient_0001.json").read_text())
    assert told["name"] == "patient_0001"
    assert told["hepatica"] == hepatica.__version__
    assert told["notice"] == RESEARCH_ONLY
    assert told["coordinates"] == "RAS+ mm"
    assert (told["cohort_seed"], told["number"]) == (4, 1)
    assert isinstance(told["number"], int)
    assert told["lesions"] is not None
    assert said(image) == "Hepatica: synthetic, no person was imaged; not for diagnosis"


def said(image):
    return bytes(nib.load(image).header["descrip"]).rstrip(b"\0").decode()


# --- Lesions in real images


@pytest.fixture
def hosts(tmp_path):
    """Three images with label maps; the header of one has something to say."""
    volume, labels = phantom(GRID)
    whole = Volume(np.rint(volume.voxels), GRID)
    for name in ("p1", "p2", "p3"):
        (tmp_path / "real").mkdir(exist_ok=True)
        io.write_volume(tmp_path / "real" / f"{name}.nii.gz", whole, "Anna's, 1970")
        io.write_labelmap(tmp_path / "real" / f"{name}_seg.nii.gz", labels)
    return tmp_path / "real"


def paired(folder):
    return implants.pair(folder, folder)[0]


def test_variants_of_an_image_are_one_patient(hosts, tmp_path):
    written = list(implants.write_implants(tmp_path / "c", paired(hosts), implants.Task(n=2)))
    assert (tmp_path / "c" / "patients.csv").read_text() == (
        "case,patient\np1_0001,p1\np1_0002,p1\np2_0001,p2\np2_0002,p2\np3_0001,p3\np3_0002,p3\n"
    )
    told = cohort.told_of(written[3])
    assert (told["name"], told["cohort_seed"], told["number"]) == ("p2_0002", 1, 2)
    assert (told["hepatica"], told["notice"]) == (hepatica.__version__, RESEARCH_ONLY)
    assert told["coordinates"] == "RAS+ mm"
    for path in written:
        assert said(path) == "Hepatica: real image with synthetic lesions; not for diagnosis"


def test_images_that_share_a_label_map_are_one_patient(hosts, tmp_path):
    (hosts / "p1.nii.gz").rename(hosts / "p1_t1ce.nii.gz")
    (hosts / "p2.nii.gz").rename(hosts / "p1_t2.nii.gz")
    (hosts / "p2_seg.nii.gz").unlink()
    list(implants.write_implants(tmp_path / "c", paired(hosts), implants.Task()))
    assert (tmp_path / "c" / "patients.csv").read_text() == (
        "case,patient\np1_t1ce_0001,p1\np1_t2_0001,p1\np3_0001,p3\n"
    )


def spoil(hosts):
    """The second image is damaged."""
    path = hosts / "p2.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_image_does_not_cost_the_others(hosts, tmp_path, workers):
    (alone,) = implants.write_implants(tmp_path / "alone", paired(hosts)[2:], implants.Task(seed=5))
    spoil(hosts)
    failures = []
    written = list(
        implants.write_implants(
            tmp_path / "c",
            paired(hosts),
            implants.Task(seed=5),
            workers=workers,
            failures=failures,
        )
    )
    assert [p.name for p in written] == ["p1_0001.nii.gz", "p3_0001.nii.gz"]
    assert written[1].read_bytes() == alone.read_bytes()
    (failure,) = failures
    assert failure.case == "p2"
    assert failure.sentence.startswith("p2.nii.gz is truncated or damaged.")
    assert (tmp_path / "c" / "patients.csv").read_text() == (
        "case,patient\np1_0001,p1\np3_0001,p3\n"
    )


def test_who_keeps_no_list_of_failures_gets_the_error(hosts, tmp_path):
    spoil(hosts)
    with pytest.raises(InputError, match="p2"):
        list(implants.write_implants(tmp_path / "c", paired(hosts), implants.Task()))


def test_where_all_images_are_bad_nothing_is_left_in_the_way(hosts, tmp_path):
    spoil(hosts)
    bad, failures = paired(hosts)[1:2], []
    assert not list(
        implants.write_implants(tmp_path / "c", bad, implants.Task(), failures=failures)
    )
    assert len(failures) == 1
    assert content(tmp_path / "c") == {}


def test_a_disk_that_refuses_ends_it(hosts, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "labels").write_text("in the way")
    failures = []
    with pytest.raises(OutputError, match="labels cannot be written"):
        list(
            implants.write_implants(
                tmp_path / "c", paired(hosts), implants.Task(), failures=failures
            )
        )
    assert failures == []


def test_what_is_to_get_lesions_is_not_removed(tmp_path, hosts):
    out = tmp_path / "c"
    list(implants.write_implants(out, paired(hosts)[:1], implants.Task()))
    again, _ = implants.pair(out / "images", out / "labels")
    before = content(out)
    with pytest.raises(OutputError, match=r"p1_0001\.nii\.gz .* is to be overwritten"):
        list(implants.write_implants(out, again, implants.Task(), overwrite=True))
    assert content(out) == before
    assert len(list(implants.write_implants(tmp_path / "d", again, implants.Task()))) == 1


def test_the_variants_of_fewer_images_take_the_place_of_more(hosts, tmp_path):
    out = tmp_path / "c"
    list(implants.write_implants(out, paired(hosts)[:2], implants.Task(n=2)))
    list(implants.write_implants(out, paired(hosts)[2:], implants.Task(), overwrite=True))
    list(implants.write_implants(tmp_path / "fresh", paired(hosts)[2:], implants.Task()))
    assert content(out) == content(tmp_path / "fresh")


@pytest.mark.parametrize("level", [0.0, -300.0])
def test_a_liver_without_a_positive_signal_is_refused(hosts, level):
    volume, labels = phantom(GRID)
    voxels = np.where(labels.parenchyma, np.float32(level), volume.voxels)
    io.write_volume(hosts / "p1.nii.gz", Volume(voxels, GRID))
    with pytest.raises(InputError, match=rf"signal in p1\.nii\.gz is {level:g};") as refused:
        implants.read_host(paired(hosts)[0])
    assert "magnitude" in refused.value.hint
