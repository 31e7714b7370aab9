import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.core.errors import ConfigError, InputError, ResourceError
from hepatica.dataset import Dataset, Entry, balance, load_split, splits
from hepatica.dataset.allocate import table, totals

THREE = ("train", "validation", "test")


def dataset(rows):
    """Of (case, patient, scanner)."""
    entries = tuple(
        Entry(case, Path(f"{case}.nii.gz"), Path(f"{case}_seg.nii.gz"), patient, scanner)
        for case, patient, scanner in rows
    )
    return Dataset("cohort", entries, {"liver": 1})


def even(n, scanner=None, begin=0):
    return [(f"c{begin + k:03d}", f"p{begin + k:03d}", scanner) for k in range(n)]


@st.composite
def cohorts(draw, mixed=False, least=3):
    """Patients with 1 to 4 cases on one of up to five scanners or an unknown one, or on several."""
    n = draw(st.integers(least, 60))
    scanners = [None, "Aera", "Avanto", "Ingenia", "Intera", "Skyra"]
    scanners = scanners[: draw(st.integers(1, 6))]
    rows = []
    for patient in range(n):
        own = draw(st.sampled_from(scanners))
        for session in range(draw(st.integers(1, 4))):
            scanner = draw(st.sampled_from(scanners)) if mixed else own
            rows.append((f"c{patient:02d}_{session}", f"p{patient:02d}", scanner))
    return dataset(draw(st.permutations(rows)))


def patients_in(data, cases):
    return {e.patient for e in data.entries if e.case in set(cases)}


def per_scanner(data):
    found = defaultdict(set)
    for e in data.entries:
        if e.scanner:
            found[e.scanner].add(e.patient)
    return found


@given(cohorts(mixed=True), st.integers(0, 5))
def test_every_case_is_somewhere_and_no_patient_in_two_places(data, seed):
    split = splits.draw(data, seed=seed)
    assert tuple(split.subsets) == THREE
    assert sorted(c for cases in split.subsets.values() for c in cases) == sorted(
        e.case for e in data.entries
    )
    places = [patients_in(data, cases) for cases in split.subsets.values()]
    assert all(places)
    assert len(set.union(*places)) == sum(map(len, places))


@given(cohorts(), st.integers(0, 5))
def test_every_scanner_is_everywhere_if_it_has_three_patients(data, seed):
    split = splits.draw(data, seed=seed)
    for scanner, patients in per_scanner(data).items():
        lacking = [
            name for name, cases in split.subsets.items() if not patients & patients_in(data, cases)
        ]
        assert not lacking or len(patients) < 3
        said = [r for r in balance.remarks(split, data) if r.startswith(f"Scanner {scanner} ")]
        assert bool(said) == bool(lacking)


@given(cohorts(mixed=True))
def test_parts_are_within_one_patient_of_their_share(data):
    split = splits.draw(data)
    n = len({e.patient for e in data.entries})
    spread = sum(len(p) >= 3 for p in per_scanner(data).values())
    for name, part in splits.PARTS.items():
        share = n * part / 80
        off = len(patients_in(data, split.subsets[name])) - share
        if n / 8 >= max(spread, 1):
            assert abs(off) < 1
        # Else small parts grow, no further than they have to.
        assert off < 1 or off <= max(spread, 1) - share
        said = any(r.startswith(f"{name} has") for r in balance.remarks(split, data))
        assert said == (abs(off) > 1)


@given(cohorts(), st.integers(0, 5), st.randoms())
def test_a_split_depends_on_the_seed_and_not_on_the_order(data, seed, chance):
    rows = list(data.entries)
    chance.shuffle(rows)
    again = Dataset(data.name, tuple(rows), data.meaning)
    for draw in (splits.draw, lambda d, seed: splits.cross_validation(d, 3, seed)):
        first, second = (
            {k: set(v) for k, v in draw(d, seed=seed).groups.items()} for d in (data, again)
        )
        assert first == second


def test_another_seed_is_another_split():
    data = dataset(even(40))
    assert splits.draw(data, seed=1) == splits.draw(data, seed=1)
    assert splits.draw(data, seed=1).subsets != splits.draw(data, seed=2).subsets


def test_the_papers_split():
    data = dataset([*even(50, "Aera"), *even(23, "Ingenia", 50), *even(7, "Skyra", 73)])
    split = splits.draw(data)
    assert [len(split.subsets[name]) for name in THREE] == [60, 10, 10]
    assert balance.remarks(split, data) == ["Every case counts as a patient of its own."]
    lines = balance.table(split, data).splitlines()
    assert lines[0].split() == ["patients", "(cases)", *THREE, "all"]
    assert lines[3].split() == ["Skyra", "5", "(5)", "1", "(1)", "1", "(1)", "7", "(7)"]
    assert lines[4].split()[-2:] == ["80", "(80)"]


def test_what_a_reader_should_know_is_said():
    rows = [("a1", "anna", "Aera"), ("a2", "anna", "Aera"), *even(4)]
    split = splits.draw(dataset(rows))
    text = " ".join(balance.remarks(split, dataset(rows)))
    assert "Scanner Aera (1 patient) is not in " in text
    assert "4 of 6 cases state no scanner." in text
    assert "of its own" not in text
    assert "not stated" in balance.table(split, dataset(rows))
    alone = balance.remarks(splits.draw(dataset(even(3))), dataset(even(3)))
    assert "train has 1 patients where its part is 2.2" in alone[0]
    assert "No case states its scanner." in alone


def test_other_parts():
    data = dataset(even(10))
    split = splits.draw(data, {"train": 80, "validation": 20, "test": 0})
    assert {k: len(v) for k, v in split.subsets.items()} == {"train": 8, "validation": 2}
    for parts in ({"train": 1}, {"train": 1, "test": 0}, {"train": 2, "test": -1}):
        with pytest.raises(ConfigError, match="two parts"):
            splits.draw(data, parts)
    with pytest.raises(ConfigError, match=r"too few patients \(2\) for 3 subsets"):
        splits.draw(dataset(even(2)))


def test_rounding_by_hand():
    assert totals(10, [60, 10, 10], [0, 0, 0]).tolist() == [8, 1, 1]
    assert totals(5, [1, 1], [0, 0]).tolist() == [3, 2]
    assert totals(12, [60, 10, 10], [1, 3, 1]).tolist() == [8, 3, 1]
    assert totals(3, [60, 10, 10], [1, 1, 1]).tolist() == [1, 1, 1]
    with pytest.raises(ValueError):
        totals(2, [60, 10, 10], [1, 1, 1])
    least = np.array([[1, 1], [0, 0]])
    assert table([2, 6], np.array([6, 2]), least).tolist() == [[1, 1], [5, 1]]
    with pytest.raises(ValueError):
        table([2, 6], np.array([6, 3]), least)


@given(cohorts(mixed=True, least=5), st.integers(2, 5), st.integers(0, 3))
def test_folds_validate_every_case_once_and_share_no_patient(data, k, seed):
    split = splits.cross_validation(data, k, seed)
    assert split == splits.cross_validation(data, k, seed)
    assert len(split.folds) == k
    assert sorted(c for fold in split.folds for c in fold["validation"]) == sorted(
        e.case for e in data.entries
    )
    for fold in split.folds:
        learned, validated = (patients_in(data, fold[name]) for name in ("train", "validation"))
        assert learned
        assert validated
        assert not learned & validated
        assert len(fold["train"]) + len(fold["validation"]) == len(data.entries)


def test_folds_spread_the_scanners():
    data = dataset([*even(12, "Aera"), *even(6, "Skyra", 12), *even(1, "Avanto", 18)])
    split = splits.cross_validation(data, 3, seed=1)
    skyra = per_scanner(data)["Skyra"]
    for fold in split.folds:
        assert len(skyra & patients_in(data, fold["validation"])) == 2
    (said,) = [r for r in balance.remarks(split, data) if r.startswith("Scanner")]
    assert said.startswith("Scanner Avanto (1 patient) is not in fold ")
    assert "fold 3" in balance.table(split, data)
    for k in (1, 20):
        with pytest.raises(ConfigError, match=f"do not make {k} folds"):
            splits.cross_validation(data, k)


def test_folds_of_scanners_that_all_have_fewer_patients():
    rows = [(f"c{n}", f"p{n}", f"scanner {n}") for n in range(6)]
    split = splits.cross_validation(dataset(rows), 3)
    assert [len(fold["validation"]) for fold in split.folds] == [2, 2, 2]
    assert len(balance.remarks(split, dataset(rows))) == 6 + 1


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(ResourceError, match=r"sklearn.*\[study\]"):
        splits.cross_validation(dataset(even(5)), 2)


@given(cohorts(least=4), st.booleans())
def test_what_is_written_is_read(tmp_path_factory, data, folded):
    path = tmp_path_factory.mktemp("splits") / "new" / "split.json"
    split = splits.cross_validation(data, 2) if folded else splits.draw(data)
    splits.write(path, split)
    assert load_split(path) == load_split(path, data) == split


@pytest.fixture
def written(tmp_path):
    """A split of six patients on disk, one of them with two cases, and how to edit it."""
    rows = [*even(5), ("x1", "xaver", None), ("x2", "xaver", None)]
    path = tmp_path / "split.json"
    splits.write(path, splits.draw(dataset(rows)))

    def edit(change):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return edit, dataset(rows)


def move_one_of_two(content):
    (home,) = [name for name, cases in content["subsets"].items() if "x1" in cases]
    content["subsets"][home].remove("x1")
    content["subsets"]["test" if home != "test" else "train"].append("x1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s["subsets"]["test"].append("nobody"), "the case nobody, which the data set"),
        (lambda s: s["subsets"]["test"].append(s["subsets"]["train"][0]), "in train and test"),
        (lambda s: s["subsets"]["train"].append(s["subsets"]["train"][0]), "in train twice"),
        (move_one_of_two, "has cases of patient xaver in"),
        (lambda s: s.update(subsets={}), "either subsets or folds"),
        (lambda s: s.update(folds=[s["subsets"]]), "either subsets or folds"),
        (lambda s: s.pop("seed"), "is not a split: .*seed"),
        (lambda s: s.update(sed=1), "is not a split: .*sed"),
    ],
)
def test_a_split_that_was_broken_by_hand(written, change, says):
    edit, data = written
    path = edit(change)
    for known in (None, data):
        with pytest.raises(InputError, match=says):
            load_split(path, known)


def test_a_split_of_another_data_set(written):
    edit, data = written
    path = edit(lambda s: None)
    assert load_split(path, data).name == "cohort"
    with pytest.raises(InputError, match="which the data set does not have"):
        load_split(path, data.select(["c001", "x1", "x2"]))
    together = [(e.case, "the same", None) for e in data.entries]
    with pytest.raises(InputError, match="cases of patient the same in"):
        load_split(path, dataset(together))
    with pytest.raises(InputError, match="does not exist"):
        load_split(path.with_name("none.json"))


def test_folds_that_were_broken_by_hand(tmp_path):
    path = tmp_path / "folds.json"
    splits.write(path, splits.cross_validation(dataset(even(6)), 3))
    content = json.loads(path.read_text())
    fold = content["folds"][2]
    fold["train"].append(fold["validation"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="in train and validation"):
        load_split(path)


def test_asking_for_cases():
    data = dataset(even(6))
    split, folds = splits.draw(data), splits.cross_validation(data, 3)
    assert split.cases("test") == split.subsets["test"]
    assert folds.cases("train", 3) == folds.folds[2]["train"]
    for one, asked, says in (
        (split, ("test", 1), "has subsets, not folds"),
        (split, ("exam",), "no subset 'exam'"),
        (folds, ("train",), "has 3 folds"),
        (folds, ("train", 0), "no fold 0"),
        (folds, ("train", 4), "no fold 4"),
        (folds, ("test", 1), "no subset 'test'"),
    ):
        with pytest.raises(ConfigError, match=says):
            one.cases(*asked)
