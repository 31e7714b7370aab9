import json
import math

import msgspec
import numpy as np
import pytest
import torch

from hepatica.core.errors import BundleError, ConfigError, HepaticaError, OutputError
from hepatica.model.networks import build
from hepatica.train import budget_s, checkpoint, losses
from hepatica.train.cascade import train
from hepatica.train.config import Training, preset
from hepatica.train.data import Patients
from hepatica.train.fit import fit
from tests.conftest import tiny_plan

PLAN = tiny_plan()
TRAINING = Training(
    plan="tiny",
    steps=(6, 6),
    warm_up=2,
    procedural=1.0,
    procedural_pool=1,
    mri=0.0,
    validation=1,
    validate_every=3,
    checkpoint_every_s=0.0,
)


@pytest.fixture(scope="module")
def patients():
    return Patients(TRAINING, PLAN, 0, [])


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.state_dict().values()])


def test_a_sample_depends_on_its_number_alone(patients):
    one, again, other = patients.sample(4), patients.sample(4), patients.sample(5)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.target, again.target)
    assert not np.array_equal(one.image, other.image)
    stream = patients.stream(4)
    np.testing.assert_array_equal(next(stream).image, one.image)
    np.testing.assert_array_equal(next(stream).image, other.image)
    assert not np.array_equal(patients.sample(4, purpose=1).image, one.image)


def test_resuming_gives_the_weights_of_an_uninterrupted_run(patients, tmp_path):
    through = fit(TRAINING, PLAN, 0, patients, tmp_path, report=lambda line: None)

    class Stop(Exception):
        pass

    def stop_at_first_report(line):
        raise Stop

    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(Stop):
        fit(TRAINING, PLAN, 0, patients, other, report=stop_at_first_report)
    lines = []
    resumed = fit(TRAINING, PLAN, 0, patients, other, resume=True, report=lines.append)
    assert "resumed at step 2" in lines[0]
    with pytest.raises(OutputError, match="holds a training run"):
        fit(TRAINING, PLAN, 0, patients, other, report=lines.append)
    assert torch.equal(weights(through.network), weights(resumed.network))


def test_a_checkpoint_of_other_settings_is_refused(patients, tmp_path):
    fit(TRAINING, PLAN, 0, patients, tmp_path, report=lambda line: None)
    other = msgspec.structs.replace(TRAINING, rate=5e-4)
    with pytest.raises(ConfigError, match="other training settings or other anatomies"):
        fit(other, PLAN, 0, patients, tmp_path, resume=True, report=lambda line: None)
    network = build(PLAN.stages[0])
    optimiser = torch.optim.AdamW(network.parameters())
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="not a readable checkpoint"):
        checkpoint.restore(broken, "", network, {}, optimiser)


def test_a_loss_that_is_no_number_stops_the_run(patients, tmp_path):
    wild = msgspec.structs.replace(TRAINING, rate=1e30, clip=math.inf, warm_up=1, steps=(50, 50))
    with pytest.raises(HepaticaError, match="the loss at step"):
        fit(wild, PLAN, 0, patients, tmp_path, report=lambda line: None)


def test_both_stages_end_in_a_bundle(tmp_path, monkeypatch):
    import hepatica.train.cascade as cascade

    monkeypatch.setattr(cascade, "named_plan", lambda name: PLAN)
    bundle = train(TRAINING, [], tmp_path / "run", report=lambda line: None)
    assert bundle.plan == PLAN
    card = (bundle.folder / "card.md").read_text()
    assert "Research use only" in card
    log = (tmp_path / "run" / "stage2.jsonl").read_text().splitlines()
    assert json.loads(log[0])["step"] == 3
    kept = [bundle.weights(stage).read_bytes() for stage in (0, 1)]
    again = train(TRAINING, [], tmp_path / "run", resume=True, report=lambda line: None)
    for stage in (0, 1):
        assert again.weights(stage).read_bytes() == kept[stage]


def test_a_few_steps_lower_the_loss_on_one_patient(patients):
    torch.manual_seed(0)
    network = build(PLAN.stages[0])
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    sample = patients.sample(0)
    image = torch.from_numpy(np.array(sample.image))[None, None]
    target = torch.from_numpy(sample.target.astype(np.int64))[None]
    seen = []
    for _ in range(25):
        loss = losses.dice_and_cross_entropy(network(image), target, 2.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.7 * seen[0]


def test_soft_dice_by_hand():
    p = torch.zeros(1, 3, 1, 1, 2)
    p[0, 1, 0, 0, 0], p[0, 0, 0, 0, 1] = 1, 1
    target = torch.tensor([[[[1, 0]]]])
    assert float(losses.soft_dice(p, target)) == pytest.approx(0)
    half = torch.zeros(1, 2, 1, 1, 2)
    half[0, 1, 0, 0] = 0.5
    # Class 1: overlap 0.5, squares 0.5, truth 1 -> (1 + 1) / (1.5 + 1)
    assert float(losses.soft_dice(half, target)) == pytest.approx(1 - 2 / 2.5)


@pytest.mark.parametrize(
    ("text", "seconds"), [("", math.inf), ("90min", 5400), ("2h", 7200), ("30 s", 30)]
)
def test_budgets(text, seconds):
    assert budget_s(text) == seconds


def test_wrong_budgets_and_presets():
    with pytest.raises(ConfigError, match="90min"):
        budget_s("soon")
    with pytest.raises(ConfigError, match="cpu"):
        preset("abacus")


def test_a_budget_counts_the_time_before_an_interruption(patients, tmp_path):
    network = fit(TRAINING, PLAN, 0, patients, tmp_path, budget_s=1e9, report=print).network
    lines = []
    again = fit(
        TRAINING, PLAN, 0, patients, tmp_path, resume=True, budget_s=1.0, report=lines.append
    )
    assert lines == ["stage1: resumed at step 6"]
    assert torch.equal(weights(network), weights(again.network))


def test_a_budget_too_small_for_a_step_is_refused(patients, tmp_path):
    with pytest.raises(HepaticaError, match="before the first step"):
        fit(TRAINING, PLAN, 0, patients, tmp_path, budget_s=1e-9, report=print)


def test_engines_that_disagree_leave_no_bundle(tmp_path, monkeypatch):
    import hepatica.train.export as export

    networks = (build(PLAN.stages[0]), build(PLAN.stages[1]))
    monkeypatch.setattr(export, "DISAGREEMENT", -1.0)
    with pytest.raises(BundleError, match="disagree"):
        export.export(networks, PLAN, "card", tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bundle").mkdir()
    with pytest.raises(OutputError, match="is no bundle"):
        export.export(networks, PLAN, "card", tmp_path / "bundle")
