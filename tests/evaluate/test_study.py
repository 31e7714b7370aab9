import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.core.errors import InputError, OutputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate import pairs, study, tables
from hepatica.evaluate.overlap import Overlap
from hepatica.io import write_labelmap

GRID = Geometry.from_spacing((10, 10, 10), 2)


def test_by_hand():
    found = Overlap(true_positive=6, false_positive=2, false_negative=4)
    assert found.dice == pytest.approx(12 / 18)
    assert found.sensitivity == 0.6
    assert found.precision == 0.75


def test_empty_masks():
    nothing, something = np.zeros(8, bool), np.arange(8) < 3
    both = Overlap.of(nothing, nothing)
    assert (both.dice, both.sensitivity, both.precision) == (None, None, None)
    false = Overlap.of(something, nothing)
    assert (false.dice, false.sensitivity, false.precision) == (0, None, 0)
    missed = Overlap.of(nothing, something)
    assert (missed.dice, missed.sensitivity, missed.precision) == (0, 0, None)


@given(st.integers(0, 10_000))
def test_dice_agrees_with_monai(seed):
    torch = pytest.importorskip("torch")
    from monai.metrics import DiceMetric

    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 5, 6, 7)) < rng.uniform(0.1, 0.9, (2, 1, 1, 1))
    if not b.any():
        return
    theirs = DiceMetric()(torch.tensor(a[None, None]).float(), torch.tensor(b[None, None]).float())
    assert Overlap.of(a, b).dice == pytest.approx(float(theirs), abs=1e-6)


def labelmap(liver, tumour=()):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[liver] = 1
    if tumour:
        labels[tumour] = 2
    return LabelMap(labels, GRID)


@pytest.fixture
def cohort(tmp_path):
    for name in ("predictions", "references"):
        (tmp_path / name).mkdir()
    whole, half = np.s_[2:8, 2:8, 2:8], np.s_[2:8, 2:8, 2:5]
    spot = np.s_[3:5, 3:5, 3:5]
    write_labelmap(tmp_path / "predictions/p1_seg.nii.gz", labelmap(half))
    write_labelmap(tmp_path / "references/p1.nii.gz", labelmap(whole, spot))
    write_labelmap(tmp_path / "predictions/p2_seg.nii.gz", labelmap(whole))
    write_labelmap(tmp_path / "references/p2.nii.gz", labelmap(whole))
    write_labelmap(tmp_path / "references/p3.nii.gz", labelmap(whole))
    return tmp_path


def test_a_cohort_by_hand(cohort):
    found, lonely = pairs.pair(cohort / "predictions", cohort / "references")
    assert [p.case for p in found] == ["p1", "p2"]
    assert lonely == pairs.Lonely(references=("p3",))
    made = study.Study(tuple(study.evaluate(found)), lonely)
    scores = {(c.case, s.region): s for c in made.cases for s in c.regions}
    assert scores["p1", "liver"].dice == pytest.approx(2 * 108 / (108 + 216))
    assert scores["p1", "liver"].volume_error_ml == pytest.approx(-108 * 0.008)
    assert scores["p1", "tumour"].dice == 0
    assert scores["p2", "tumour"].dice is None
    out = cohort / "out"
    tables.write(out, made)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["regions"]["liver"]["dice"]["mean"] == pytest.approx((2 / 3 + 1) / 2)
    assert summary["regions"]["tumour"]["dice"]["undefined"] == 1
    assert summary["without_partner"] == {"predictions": [], "references": ["p3"]}
    assert "undefined" in summary["rule"]
    lines = (out / "cases.csv").read_text().splitlines()
    assert lines[0].startswith("case,region,dice")
    assert "p2,tumour,,,," in [line[: len("p2,tumour,,,,")] for line in lines]
    assert "Without partner: p3 (reference only)" in tables.text(made)
    # p1's lesion of eight voxels is missed, and nothing false was predicted.
    assert summary["lesions"]["missed"] == 1
    assert summary["lesions"]["false_per_case"] == 0
    assert summary["lesions"]["by_diameter"]["5 to 10 mm"] == {"found": 0, "reference": 1}
    assert summary["regions"]["liver"]["pooled"]["dice"] == pytest.approx(
        2 * (108 + 216) / (108 + 216 + 2 * 216)
    )
    assert summary["agreement"]["lesion_count"]["bias"] == -0.5
    (lesion,) = (out / "lesions.csv").read_text().splitlines()[1:]
    assert lesion == "p1,1,0.064,5.65685,0,false,false,0,"


def test_workers_change_nothing(cohort):
    found, _ = pairs.pair(cohort / "predictions", cohort / "references")
    assert list(study.evaluate(found)) == list(study.evaluate(found, workers=2))


def test_false_lesions_have_a_row_without_hits(cohort):
    write_labelmap(cohort / "predictions/p2_seg.nii.gz", labelmap(np.s_[2:8], np.s_[3:5, 3:5, 3:5]))
    found, lonely = pairs.pair(cohort / "predictions", cohort / "references")
    made = study.Study(tuple(study.evaluate(found)), lonely)
    rows = tables.lesions_csv(made).splitlines()[1:]
    assert rows[1] == "p2,1,0.064,5.65685,,,true,,"
    assert tables.summary(made)["lesions"]["false_per_case"] == 0.5


def test_nothing_at_all():
    none = study.Study(())
    assert none.summary("liver", "dice").mean is None
    assert none.pooled("liver").dice is None
    assert tables.summary(none)["lesions"]["false_per_case"] is None
    assert none.agreement()["liver_ml"].bias is None


def test_other_labels_need_a_meaning(tmp_path):
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2:8] = 5
    reference = tmp_path / "r.nii.gz"
    write_labelmap(reference, LabelMap(labels, GRID))
    write_labelmap(tmp_path / "p.nii.gz", labelmap(np.s_[2:8]))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", reference)
    with pytest.raises(InputError, match=r"labels \[5\]"):
        list(study.evaluate(found))
    (scores,) = study.evaluate(found, {"liver": 5})
    assert scores["liver"].dice == 1


def test_other_grids_are_refused(tmp_path):
    other = Geometry.from_spacing((10, 10, 10), 2, (3, 0, 0))
    write_labelmap(tmp_path / "p.nii.gz", LabelMap(np.zeros(GRID.shape, np.uint8), GRID))
    write_labelmap(tmp_path / "r.nii.gz", LabelMap(np.zeros(GRID.shape, np.uint8), other))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    with pytest.raises(InputError, match="same grid"):
        list(study.evaluate(found))


def test_another_grid_comes_over_if_that_is_asked_for(tmp_path):
    """A reference on voxels of half the size: every one is what the coarse voxel about it is."""
    fine = GRID.regrid((20, 20, 20), 1)
    coarse = labelmap(np.s_[2:8, 2:8, 2:8])
    write_labelmap(tmp_path / "p.nii.gz", coarse)
    labels = coarse.labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    write_labelmap(tmp_path / "r.nii.gz", LabelMap(labels, fine))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    (scores,) = study.evaluate(found, resampled=True)
    assert scores["liver"].dice == 1
    assert scores["liver"].volume_error_ml == pytest.approx(0)


def test_the_table_of_a_run_is_not_overwritten_by_scores(tmp_path):
    (tmp_path / "cases.csv").write_text("case,status,liver_ml\n")
    with pytest.raises(OutputError, match="another table"):
        tables.write(tmp_path, study.Study(()))


def test_pairs_are_never_guessed(tmp_path):
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    names = {
        "p": ("study_1_2_seg", "chaos_1_delayed_v2_seg", "p7_t1ce_seg"),
        "r": ("study_1_organs", "chaos_1_organs", "chaos_1_delayed_organs", "p7_labels"),
    }
    for folder, files in names.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        for file in files:
            write_labelmap(tmp_path / folder / f"{file}.nii.gz", empty)
        (tmp_path / "r").mkdir(exist_ok=True)
        (tmp_path / "r" / "p7_t1ce.nii.gz").write_bytes(b"an image beside the label maps")
    found, lonely = pairs.pair(tmp_path / "p", tmp_path / "r")
    assert [(p.case, p.prediction.name) for p in found] == [
        ("chaos_1_delayed", "chaos_1_delayed_v2_seg.nii.gz"),
        ("p7", "p7_t1ce_seg.nii.gz"),
    ]
    assert lonely == pairs.Lonely(("study_1_2",), ("chaos_1", "study_1"))
    write_labelmap(tmp_path / "p" / "p7_t1ce_labels.nii.gz", empty)
    with pytest.raises(InputError, match="both the case p7_t1ce"):
        pairs.pair(tmp_path / "p", tmp_path / "r")
    with pytest.raises(InputError, match="does not exist"):
        pairs.pair(tmp_path / "nowhere", tmp_path / "r")


def test_what_was_not_drawn_is_unknown(tmp_path):
    write_labelmap(tmp_path / "p.nii.gz", labelmap(np.s_[2:8], np.s_[3:5, 3:5, 3:5]))
    write_labelmap(tmp_path / "r.nii.gz", labelmap(np.s_[2:8]))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    (by,) = study.evaluate(found, {"liver": 1})
    assert by.lesions is None
    assert by["liver"].dice == 1
    assert by["tumour"].dice is None
    assert by["parenchyma"].volume_error_ml is None
    (by,) = study.evaluate(found)
    assert by["tumour"].dice == 0


def test_a_prediction_with_foreign_labels_is_refused(tmp_path):
    write_labelmap(tmp_path / "p.nii.gz", LabelMap(np.full(GRID.shape, 3, np.uint8), GRID))
    write_labelmap(tmp_path / "r.nii.gz", labelmap(np.s_[2:8]))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    with pytest.raises(InputError, match=r"p\.nii\.gz has labels \[3\]"):
        list(study.evaluate(found))


def test_what_predictions_call_their_labels(tmp_path):
    """Another program's label map: 7 is its liver, 9 its tumours, 3 something else."""
    true = np.zeros(GRID.shape, np.uint8)
    true[2:8, 2:8, 2:8], true[3:5, 3:5, 3:5] = 1, 2
    other = np.select([true == 1, true == 2], [7, 9], 3).astype(np.uint8)
    for name, labels in (("p.nii.gz", other), ("r.nii.gz", true)):
        write_labelmap(tmp_path / name, LabelMap(labels, GRID))
    found, _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    with pytest.raises(InputError, match=r"labels \[3, 7, 9\]") as raised:
        list(study.evaluate(found))
    assert "--prediction-labels" in raised.value.hint
    (case,) = study.evaluate(found, None, {"liver": 7, "tumour": 9})
    assert [case[region].dice for region in ("liver", "parenchyma", "tumour")] == [1, 1, 1]
    # What the predictions do not name, they do not claim: it is no miss.
    (case,) = study.evaluate(found, None, {"tumour": 9})
    assert (case["tumour"].dice, case["liver"].dice) == (1, None)


def test_label_maps_of_two_places_are_not_resampled(tmp_path):
    far = Geometry.from_spacing(GRID.shape, 10.0, (5000.0, 0.0, 0.0))
    ones = np.ones(GRID.shape, np.uint8)
    write_labelmap(tmp_path / "p.nii.gz", LabelMap(ones, far))
    write_labelmap(tmp_path / "r.nii.gz", LabelMap(ones, GRID))
    (found,), _ = pairs.pair(tmp_path / "p.nii.gz", tmp_path / "r.nii.gz")
    with pytest.raises(InputError, match="no place in common"):
        pairs.read_pair(found, resampled=True)
