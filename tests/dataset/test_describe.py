import csv
import json
import sys
from io import BytesIO

import msgspec
import numpy as np
import pytest
from scipy import ndimage

from hepatica import io
from hepatica.core.errors import OutputError, ResourceError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Volume
from hepatica.dataset import find, histograms, pages
from hepatica.dataset.describe import Description, Spread, describe, number, statistics
from hepatica.dataset.examine import CaseRecord, fingerprint, flaws, numbers_of
from hepatica.io import patients
from tests.dataset.conftest import CASES, GRID, pairs, patient, write_pair

TINY = Geometry.from_spacing((6, 6, 6), (1.0, 2.0, 5.0))  # a voxel is 0.01 ml


def tiny():
    """A liver of 4 x 4 x 4 voxels with a lesion of 2, one of 1, and one outside."""
    labels = np.zeros(TINY.shape, np.uint8)
    labels[1:5, 1:5, 1:5] = 1
    labels[2, 2, 2:4] = 2
    labels[4, 4, 4] = 2
    image = np.where(labels == 1, 30, np.where(labels == 2, 15, 0)).astype(np.float32)
    image[0, 0, 0] = 100
    return Volume(image, TINY), LabelMap(labels, TINY)


def test_a_case_by_hand():
    n = numbers_of(*tiny())
    assert n.shape == (6, 6, 6)
    assert n.spacing_mm == (1, 2, 5)
    assert (n.axes, n.slice_spacing_mm, n.in_plane_spacing_mm) == ("RAS", 5, 2)
    assert n.volume_ml == pytest.approx(216 * 0.01)
    assert n.liver_ml == pytest.approx(64 * 0.01)
    assert n.parenchyma_ml == pytest.approx(61 * 0.01)
    assert n.tumour_ml == pytest.approx(3 * 0.01)
    assert n.burden_percent == pytest.approx(100 * 3 / 64)
    assert n.liver_share_of_volume_percent == pytest.approx(100 * 64 / 216)
    assert (n.intensity_min, n.intensity_median, n.intensity_max) == (0, 0, 100)
    assert (n.intensity_p1, n.intensity_p99) == (0, 30)
    assert n.liver_intensity_median == 30
    large, small = n.lesions
    assert (large.id, small.id) == (1, 2)
    assert large.volume_ml == pytest.approx(0.02)
    assert large.share_of_liver_percent == pytest.approx(100 * 2 / 64)
    assert large.share_of_volume_percent == pytest.approx(100 * 2 / 216)
    assert large.diameter_axial_mm == pytest.approx(np.hypot(1, 2))
    assert large.diameter_3d_mm == pytest.approx(np.linalg.norm((1, 2, 10)))
    assert large.mean_signal_ratio == pytest.approx(0.5)
    assert not any(x.outside_liver or x.touches_border for x in n.lesions)
    assert flaws(tiny()[1], n) == []


def test_a_lesion_outside_the_liver():
    volume, labels = tiny()
    drawn = labels.labels.copy()
    drawn[0, 0, 5] = 2  # a corner touches the liver's at (1, 1, 4)
    assert flaws(*judged(volume, drawn)) == []
    drawn[:, 5, 5] = 0
    drawn[4:, 4:, 4:] = 0  # nothing of the liver is near the far corner
    drawn[5, 5, 5] = 2
    drawn[3:5, 3:5, 3:5] = 0
    (problem,) = flaws(*judged(volume, drawn))
    assert problem.kind == "tumour_outside_liver"
    assert problem.text == "Lesion 3 does not touch the liver."


def judged(volume, drawn):
    labels = LabelMap(drawn, TINY)
    return labels, numbers_of(volume, labels)


def test_what_is_not_there_is_unknown():
    volume, labels = tiny()
    empty = numbers_of(volume, LabelMap(np.zeros(TINY.shape, np.uint8), TINY))
    assert (empty.liver_ml, empty.lesions, empty.tumour_ml, empty.burden_percent) == (None,) * 4
    assert empty.liver_intensity_median is None
    assert empty.intensity_max == 100
    lesions = LabelMap(np.where(labels.tumour, 2, 0).astype(np.uint8), TINY)
    alone = numbers_of(volume, lesions)
    assert (alone.liver_ml, alone.parenchyma_ml, alone.burden_percent) == (None,) * 3
    assert [x.share_of_liver_percent for x in alone.lesions] == [None, None]
    assert alone.tumour_ml == pytest.approx(0.03)
    whole = LabelMap((labels.labels > 0).astype(np.uint8), TINY)
    undrawn = numbers_of(volume, whole, knows_tumour=False)
    assert undrawn.liver_ml == pytest.approx(0.64)
    assert (undrawn.lesions, undrawn.parenchyma_ml, undrawn.tumour_ml) == (None,) * 3
    assert numbers_of(volume, whole).lesions == ()


def test_spread_by_hand():
    s = Spread.of([1.0, None, 4.0, 1.0])
    assert (s.n, s.mean, s.median, s.low, s.high) == (3, 2, 1, 1, 4)
    assert s.sd == pytest.approx(np.sqrt(3))
    assert Spread.of([7.0]) == Spread(n=1, mean=7, sd=None, median=7, low=7, high=7)
    assert Spread.of([None]) == Spread(n=0, mean=None, sd=None, median=None, low=None, high=None)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0"), (1.57412, "1.574"), (12345.6, "12346")]
)
def test_numbers_for_people(value, text):
    assert number(value) == text


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """A folder of synthetic patients, and its description."""
    folder = tmp_path_factory.mktemp("synthetic")
    list(patients.write_cohort(folder, 2, seed=3))
    return folder, describe(find(folder))


def test_a_synthetic_cohort_is_described_as_it_was_drawn(synthetic):
    import nibabel as nib

    folder, found = synthetic
    volumes, counts, livers, shares, of_liver, of_volume = [], [], [], [], [], []
    for path in sorted((folder / "labels").glob("*.nii.gz")):
        image = nib.load(path)
        labels = np.asarray(image.dataobj)
        voxel_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
        numbered, n = ndimage.label(labels == 2, np.ones((3, 3, 3)))
        sizes = np.bincount(numbered.ravel(), minlength=n + 1)[1:]
        counts.append(n)
        volumes += (sizes * voxel_ml).tolist()
        of_liver += (100 * sizes / (labels > 0).sum()).tolist()
        of_volume += (100 * sizes / labels.size).tolist()
        livers.append((labels > 0).sum() * voxel_ml)
        shares.append(100 * (labels > 0).mean())
    s = found.statistics
    assert [len(c.numbers.lesions) for c in found.cases] == counts
    assert found.lesions == sum(counts)
    for spread, values in (
        (s.lesions_per_case, counts),
        (s.lesion_volume_ml, volumes),
        (s.lesion_share_of_liver_percent, of_liver),
        (s.lesion_share_of_volume_percent, of_volume),
        (s.liver_ml, livers),
        (s.liver_share_of_volume_percent, shares),
    ):
        assert spread.n == len(values)
        ours = (spread.mean, spread.sd, spread.median, spread.low, spread.high)
        theirs = (
            np.mean(values),
            np.std(values, ddof=1),
            np.median(values),
            min(values),
            max(values),
        )
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert found.flawed == ()
    assert (found.usable, found.patients, found.without_scanner) == (2, 2, 2)


def test_the_page_says_it_as_the_paper_does(synthetic):
    s = synthetic[1].statistics
    text = pages.page(synthetic[1])
    assert f"an average of {number(s.lesions_per_case.mean)} lesions per case" in text
    assert f"(range {number(s.lesion_volume_ml.low)}–{number(s.lesion_volume_ml.high)})" in text
    assert f"largest tumor of {number(s.lesion_share_of_volume_percent.high)}%" in text
    assert len(table(text)) == 18
    assert len({len(line) for line in table(text)}) == 1


def table(page):
    return [line for line in page.splitlines() if line.startswith("|")]


def broken(cohort, name, labels=None, image=None, grid=GRID):
    """Add a case to a cohort: p1's, but for what is given."""
    volume, drawn = patient("p1")
    voxels = volume.voxels + len(name) if image is None else image
    io.write_volume(cohort / f"images/{name}.nii.gz", Volume(voxels, GRID))
    drawn = drawn.labels if labels is None else labels
    io.write_labelmap(cohort / f"labels/{name}.nii.gz", LabelMap(drawn, grid))


@pytest.fixture
def flawed(cohort):
    """Two good cases and one for each thing that can be wrong."""
    truth = patient("p1")[1].labels
    moved = np.roll(truth, 1, axis=0)
    moved[0, 0, 0] = 2
    broken(cohort, "outside", moved)
    broken(cohort, "empty", np.zeros_like(truth))
    broken(cohort, "no_liver", np.where(truth == 2, 2, 0).astype(np.uint8))
    broken(cohort, "spleen", np.where(truth == 2, 3, truth).astype(np.uint8))
    broken(cohort, "elsewhere", grid=Geometry.from_spacing(GRID.shape, (2, 2, 3), (9, 0, 0)))
    broken(cohort, "copied_labels", truth)
    broken(cohort, "copied_image", np.roll(truth, 1, axis=1), patient("p2")[0].voxels)
    turned = np.roll(truth, 1, axis=2)
    broken(cohort, "same", turned, turned.astype(np.float32))
    ct = patient("p1")[0].voxels - 1000
    broken(cohort, "ct", np.roll(truth, 2, axis=1), ct)
    broken(cohort, "truncated")
    path = cohort / "images/truncated.nii.gz"
    path.write_bytes(path.read_bytes()[:900])
    broken(cohort, "holes")
    write_holes(cohort / "images/holes.nii.gz")
    return cohort


def write_holes(path):
    import nibabel as nib

    voxels = patient("p1")[0].voxels.copy()
    voxels[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(voxels, GRID.affine), path)


def test_every_flaw_is_found_and_stops_no_other_case(flawed):
    found = describe(find(flawed))
    problems = {c.case: [(p.kind, p.text) for p in c.problems] for c in found.flawed}
    kinds = {case: [kind for kind, _ in ones] for case, ones in problems.items()}
    assert kinds == {
        "outside": ["tumour_outside_liver"],
        "empty": ["empty_label_map"],
        "no_liver": ["no_liver"],
        "spleen": ["foreign_labels"],
        "elsewhere": ["other_grid", "duplicate_labels"],
        "copied_labels": ["duplicate_labels"],
        "copied_image": ["duplicate_image"],
        "same": ["odd_image", "image_is_label_map"],
        "ct": ["odd_image"],
        "truncated": ["unusable"],
        "holes": ["unusable"],
        "p1": ["duplicate_labels"],
        "p2": ["duplicate_image"],
    }
    assert problems["spleen"][0][1].startswith("spleen.nii.gz has labels 3 besides liver (1)")
    assert problems["elsewhere"][0][1].startswith("elsewhere.nii.gz lies elsewhere")
    assert "1 voxels that are not a number" in problems["holes"][0][1]
    assert "truncated" in problems["truncated"][0][1]
    assert "CT" in problems["ct"][0][1]
    assert problems["p1"][0][1] == "Its label map is that of copied_labels, elsewhere."
    unusable = {c.case for c in found.cases if c.numbers is None}
    assert unusable == {"spleen", "elsewhere", "truncated", "holes"}
    assert found.usable == len(found.cases) - 4
    assert found.statistics.liver_ml.n == found.usable - 2
    assert "4 cannot be used" in pages.page(found)
    assert "- truncated: truncated.nii.gz is truncated or damaged" in pages.page(found)


def test_a_copy_is_known_by_voxels_and_shape(cohort):
    voxels = np.arange(8 * 9 * 10, dtype=np.float32)
    flat = Geometry.from_spacing((8, 9, 10), 1)
    moved = Geometry.from_spacing((8, 9, 10), 2, (5, 0, 0))
    turned = Geometry.from_spacing((10, 9, 8), 1)

    def mark(grid, labels=None):
        drawn = np.zeros(grid.shape, np.uint8) if labels is None else labels
        image = Volume(voxels.reshape(grid.shape, order="F"), grid)
        return fingerprint(image, LabelMap(drawn, grid))

    assert mark(flat) == mark(moved) != mark(turned)
    assert mark(flat).labels is None
    assert mark(flat, np.ones(flat.shape, np.uint8)).labels is not None
    # Two empty label maps are no copies of each other.
    for name in ("empty", "nothing"):
        broken(cohort, name, np.zeros(GRID.shape, np.uint8))
    kinds = {c.case: [p.kind for p in c.problems] for c in describe(find(cohort)).flawed}
    assert kinds == {"empty": ["empty_label_map"], "nothing": ["empty_label_map"]}


def test_a_fault_of_ours_costs_one_case(cohort, monkeypatch):
    real = io.read

    def faulty(path, **kwargs):
        if "p1" in path.name:
            raise ZeroDivisionError("oops")
        return real(path, **kwargs)

    monkeypatch.setattr(io, "read", faulty)
    found = describe(find(cohort))
    assert [(c.case, [p.text for p in c.problems]) for c in found.cases] == [
        ("p1", ["ZeroDivisionError: oops"]),
        ("p2", []),
    ]


def test_a_data_set_without_tumour_labels(tmp_path):
    pairs(tmp_path, "images/{}.nii.gz", "labels/{}.nii.gz", {2: 1})
    found = describe(find(tmp_path, {"liver": 1}))
    assert found.lesions is None
    assert found.statistics.lesions_per_case.n == 0
    assert found.statistics.liver_ml.n == 2
    text = pages.page(found)
    assert "2 cases of 2 patients. Labels: liver 1." in text
    assert "an average of" not in text


def test_a_deviation_that_is_rounding_is_none(cohort):
    found = describe(find(cohort))
    spacing = msgspec.structs.replace(found.statistics.slice_spacing_mm, sd=1e-7)
    changed = msgspec.structs.replace(found.statistics, slice_spacing_mm=spacing)
    text = pages.page(msgspec.structs.replace(found, statistics=changed))
    assert "3 ± 0 " in next(line for line in table(text) if "Slice" in line)


def test_scanners_are_counted(cohort):
    (cohort / "patients.csv").write_text("case,patient,scanner\np1,anna,Aera\np2,anna,\n")
    found = describe(find(cohort))
    assert (found.patients, found.scanners, found.without_scanner) == (1, {"Aera": 1}, 1)
    assert "Cases per scanner: Aera 1, not stated 1." in pages.page(found)


def test_what_is_written(flawed, tmp_path):
    write_pair("p1", flawed / "images/=1+1.nii.gz", flawed / "labels/=1+1.nii.gz")
    found = describe(find(flawed))
    out = tmp_path / "out"
    pages.write(out, found)
    assert sorted(p.name for p in out.iterdir()) == [
        "cases.csv",
        "description.json",
        "description.md",
        "histograms.png",
        "lesions.csv",
    ]
    with (out / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"'=1+1", *(c.case for c in found.cases)} - {"=1+1"}
    assert float(rows["p2"]["liver_ml"]) == pytest.approx(343 * 0.012)
    assert rows["p2"]["lesions"] == "2"
    assert rows["p2"]["scanner"] == ""
    assert (rows["p2"]["shape_i"], rows["p2"]["spacing_k_mm"]) == ("12", "3")
    assert set(rows["truncated"].values()) == {"truncated", "", rows["truncated"]["problems"]}
    assert rows["empty"]["lesions"] == ""
    with (out / "lesions.csv").open(newline="") as file:
        lesions = list(csv.DictReader(file))
    assert len(lesions) == found.lesions
    ours = [x for x in lesions if x["case"] == "p2"]
    assert [float(x["volume_ml"]) for x in ours] == pytest.approx([0.096, 0.012])
    assert msgspec.json.decode((out / "description.json").read_bytes(), type=Description) == found
    assert json.loads((out / "description.json").read_text())["statistics"]["liver_ml"]["n"] > 0
    assert (out / "description.md").read_text() == pages.page(found)
    (out / "cases.csv").write_text("case,status\n")
    with pytest.raises(OutputError, match="another table"):
        pages.write(out, found)


def test_without_matplotlib_the_tables_are_there(cohort, tmp_path, monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ResourceError, match=r"matplotlib.*\[study\]"):
        pages.write(tmp_path / "out", describe(find(cohort)))
    assert (tmp_path / "out/cases.csv").is_file()
    assert (tmp_path / "out/description.md").is_file()


@pytest.mark.parametrize("edges", [histograms._even, histograms._whole, histograms._decades])
@pytest.mark.parametrize("seed", range(20))
def test_no_bar_loses_a_value(edges, seed):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 2, int(rng.integers(1, 300))))
    values = np.ceil(values) if edges is histograms._whole else values
    bars = edges(values)
    assert (np.diff(bars) > 0).all()
    assert len(bars) <= 50
    assert bars[0] <= values.min() * (1 + 1e-9)
    assert bars[-1] >= values.max() * (1 - 1e-9)


def test_the_picture(synthetic):
    from PIL import Image

    drawn = histograms.draw(synthetic[1])
    assert drawn == histograms.draw(synthetic[1])
    assert len(drawn) < 100_000
    with Image.open(BytesIO(drawn)) as picture:
        assert picture.size == (1200, 675)
        assert not {"Software", "Creation Time"} & set(picture.info)
    nothing = CaseRecord(case="a", patient="a", scanner=None, numbers=None)
    bare = msgspec.structs.replace(
        synthetic[1], cases=(nothing,), statistics=statistics((nothing,))
    )
    assert histograms.draw(bare) != drawn
    assert all(line.split()[-4:] == ["-", "|", "0", "|"] for line in table(pages.page(bare))[2:])


def test_progress_is_told(cohort):
    told = []
    describe(find(cohort), lambda n, case: told.append((n, case)))
    assert told == list(enumerate(CASES, 1))
