import csv

import msgspec
import pytest

from hepatica import io
from hepatica.core.errors import ConfigError, InputError
from hepatica.dataset import formats, splits
from hepatica.model.plan import PLANS, named_plan
from hepatica.train import compare, material
from hepatica.train.cascade import Settings, epoch_steps, learn, snapshot
from hepatica.train.config import Training, preset
from hepatica.train.material import Material
from tests.phantom import GRID, phantom
from tests.train.conftest import HERE, silent

TOY = Training(
    plan="toy",
    epochs=(1, 1),
    epoch_steps=2,
    procedural=1.0,
    mri=0.0,
    procedural_pool=1,
    validation=0,
    native=2,
    recalibrate=1,
)


@pytest.fixture
def toys(monkeypatch):
    """The comparison's plans on a toy's grid."""
    for name in compare.NETWORKS:
        plan = PLANS[f"small-{name}"]
        stages = tuple(msgspec.structs.replace(s, size=(32, 32, 32)) for s in plan.stages)
        toy = msgspec.structs.replace(plan, name=f"toy-{name}", stages=(stages[0], stages[1]))
        monkeypatch.setitem(PLANS, toy.name, toy)


def test_networks_end_in_the_papers_table(toys, tmp_path):
    networks = ("unet", "segresnet")
    rows = compare.compare(TOY, Material(), tmp_path, Settings(report=silent), networks)
    assert [r.network for r in rows[::6]] == list(networks)
    assert {(r.method, r.region) for r in rows} == {
        (m, r) for m in compare.METHODS for r in ("liver", "tumour")
    }
    assert {r.cases for r in rows} == {2}
    assert {r.steps for r in rows if r.method == compare.METHODS[0]} == {(2,)}
    assert {r.steps for r in rows if r.method != compare.METHODS[0]} == {(2, 2)}
    text = (tmp_path / "comparison.md").read_text()
    assert "| segresnet |" in text
    assert "Research use only" in text
    with (tmp_path / "comparison.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    assert (tmp_path / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    kept = tmp_path / "unet/stage1.checkpoint.safetensors"
    before = kept.read_bytes()
    resume = Settings(report=silent, resume=True)
    again = compare.compare(TOY, Material(), tmp_path, resume, networks[:1])
    assert [r.dice for r in again] == [r.dice for r in rows[:6]]
    assert kept.read_bytes() == before


def test_stage_2_learns_from_stage_1_or_from_scratch(toys, tmp_path, monkeypatch):
    """The ablation starts its two second stages where it says."""
    begun = []
    honest = compare.learn

    def noted(*arguments):
        begun.append(arguments[-1])
        return honest(*arguments)

    monkeypatch.setattr(compare, "learn", noted)
    compare.compare(TOY, Material(), tmp_path, Settings(report=silent), ("unet",))
    assert [start is None for start in begun] == [True, False, True]


def test_a_row_by_hand():
    assert compare._mean([1.0, None, 0.5]) == (0.75, pytest.approx(0.3536, abs=1e-4))
    assert compare._mean([None]) is None
    row = compare.Row("unet", 1234, "Stage 1", "liver", (7,), 3, (0.9, 0.1), None, (0.5, 0), (1, 0))
    line = compare.table([row]).splitlines()[-1]
    assert line == (
        "| unet | 1,234 | Stage 1 | 7 | liver | 0.900 ± 0.100 | – | 0.500 ± 0.000 | 1.00 ± 0.00 |"
    )


@pytest.fixture
def folder(tmp_path):
    """Ten labelled phantoms, told apart by their brightness."""
    volume, labels = phantom(GRID)
    for n in range(10):
        for kind in ("images", "labels"):
            (tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
        one = type(volume)(volume.voxels + n, volume.geometry)
        io.write_volume(tmp_path / f"set/images/p{n}.nii.gz", one)
        io.write_labelmap(tmp_path / f"set/labels/p{n}.nii.gz", labels)
    return tmp_path / "set"


def test_a_data_set_is_learned_from_by_its_split(folder, tmp_path):
    run = tmp_path / "run"
    found = material.gather(data=folder, run=run)
    kept = splits.load_split(run / material.SPLIT)
    assert {c.name for c in found.cases} == set(kept.cases("train"))
    assert {c.name for c in found.validation} == set(kept.cases("validation"))
    assert not set(found.names) & set(kept.cases("test"))
    volume, labels = found.cases[0].read()
    assert volume.geometry.matches(labels.geometry)
    own = splits.draw(formats.find(folder), {"train": 5, "validation": 5}, seed=9)
    splits.write(tmp_path / "own.json", own)
    other = material.gather(data=folder, split=tmp_path / "own.json", run=run)
    assert {c.name for c in other.cases} == set(own.cases("train"))
    folds = splits.cross_validation(formats.find(folder), 5)
    splits.write(tmp_path / "folds.json", folds)
    third = material.gather(data=folder, split=tmp_path / "folds.json", fold=3)
    assert {c.name for c in third.validation} == set(folds.cases("validation", 3))
    with pytest.raises(ConfigError, match="folds"):
        material.gather(data=folder, split=tmp_path / "folds.json")


def test_another_validation_or_other_labels_are_another_run(folder):
    one = material.gather(data=folder)
    assert set(one.names) == set(material.gather(data=folder).names)
    fewer = Material(one.anatomies, one.cases, one.validation[1:], one.meaning)
    swapped = material.gather(data=folder, labels={"liver": 2, "tumour": 1})
    assert len({one.names, fewer.names, swapped.names}) == 3
    assert Material().names == ()


def test_a_split_is_drawn_and_not_kept_for_a_dry_run(folder, tmp_path):
    run = tmp_path / "run"
    assert material.gather(data=folder, run=run, keep=False).cases
    assert not run.exists()


@pytest.mark.parametrize("said", [{"labels": {"liver": 1}}, {"split": "s.json"}, {"fold": 1}])
def test_what_is_said_of_a_data_set_that_is_not_given(said):
    with pytest.raises(ConfigError, match="--data"):
        material.gather(**said)


def test_lesions_that_a_data_set_does_not_know_are_unknown(folder):
    assert all(c.knows_tumour for c in material.gather(data=folder).cases)
    without = material.gather(data=folder, labels={"liver": 1}).cases
    assert not any(c.knows_tumour for c in without)


def test_a_data_set_that_is_not_there(tmp_path):
    with pytest.raises(InputError):
        material.gather(data=tmp_path / "nothing")


def test_an_epoch_of_the_paper_is_its_data_set(folder):
    found = material.gather(data=folder)
    paper = preset("paper-unet")
    assert epoch_steps(paper, found, HERE) == len(found.cases) == 8
    assert epoch_steps(msgspec.structs.replace(paper, batch=3), found, HERE) == 3
    assert epoch_steps(preset("cpu"), found, HERE) == 500
    with pytest.raises(ConfigError, match="--data"):
        epoch_steps(paper, Material(), HERE)


def test_a_snapshot_with_another_plan_is_refused(toys, tmp_path):
    own = msgspec.structs.replace(TOY, plan="toy-unet")
    settings = Settings(report=silent)
    learn(own, named_plan(own.plan), 0, Material(), tmp_path, HERE, settings, 1e9, None)
    other = msgspec.structs.replace(TOY, plan="toy-highresnet")
    with pytest.raises(ConfigError, match="not of the plan toy-highresnet"):
        snapshot(other, tmp_path, None)
    assert not (tmp_path / "snapshot").exists()
