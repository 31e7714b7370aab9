import json
import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from hepatica.core.errors import ConfigError, HepaticaError, OutputError
from hepatica.model.networks import build
from hepatica.train import budget_s, checkpoint
from hepatica.train.cascade import Settings, told, train
from hepatica.train.config import preset, presets
from hepatica.train.fit import Job, Start, Stopped, checkpoint_path, fit
from hepatica.train.learner import Learner
from hepatica.train.material import Material
from hepatica.train.world import World
from tests.train.conftest import HERE, PLAN, TRAINING, silent, weights


class Halt(Exception):
    pass


def halt_at_first_report(line):
    raise Halt


def test_resuming_gives_the_weights_of_an_uninterrupted_run(job, tmp_path):
    through = fit(job, tmp_path, HERE, report=silent).network
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(Halt):
        fit(job, other, HERE, report=halt_at_first_report)
    lines = []
    resumed = fit(job, other, HERE, resume=True, report=lines.append).network
    assert "resumed at step 2" in lines[0]
    with pytest.raises(OutputError, match="holds a training run"):
        fit(job, other, HERE, report=silent)
    assert torch.equal(weights(through), weights(resumed))
    logs = [(f / "stage1.jsonl").read_text().splitlines() for f in (tmp_path, other)]
    kept = [
        [{k: v for k, v in json.loads(x).items() if k != "seconds"} for x in log] for log in logs
    ]
    assert kept[0] == kept[1]
    assert [line["step"] for line in kept[0]] == [3, 6]
    assert (tmp_path / "progress.png").read_bytes()[:4] == b"\x89PNG"
    assert list((tmp_path / "tensorboard" / "stage1").iterdir())


def test_a_run_that_is_told_to_stop_saves_itself(job, tmp_path):
    asked = iter([False, False, True])
    with pytest.raises(Stopped, match="stopped at step 2"):
        fit(job, tmp_path, HERE, stop=lambda: next(asked), report=silent)
    lines = []
    fit(job, tmp_path, HERE, resume=True, report=lines.append)
    assert "resumed at step 2" in lines[0]


def test_a_checkpoint_of_other_settings_is_refused(job, tmp_path):
    fit(job, tmp_path, HERE, report=silent)
    for other in (
        replace(job, training=msgspec.structs.replace(TRAINING, rate=5e-4)),
        replace(job, data=("somebody",)),
        replace(job, plan=msgspec.structs.replace(PLAN, name="another")),
    ):
        with pytest.raises(ConfigError, match="other training settings or other data"):
            fit(other, tmp_path, HERE, resume=True, report=silent)
    kept = msgspec.json.decode((tmp_path / "training.json").read_bytes(), type=type(TRAINING))
    assert kept == TRAINING
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="not a readable checkpoint"):
        checkpoint.restore(broken, "", Learner(TRAINING, PLAN.stages[0], HERE))


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_the_running_mean_goes_on_where_the_network_is(tmp_path):
    """On a GPU too, for which a device without memory stands in here."""
    learner = Learner(TRAINING, PLAN.stages[0], HERE)
    learner.best = {k: v.clone() for k, v in learner.average.items()}
    path = tmp_path / "one.safetensors"
    checkpoint.save(path, checkpoint.Progress(), "mine", learner)
    other = Learner(TRAINING, PLAN.stages[0], World(0, 1, torch.device("meta")))
    checkpoint.restore(path, "mine", other)
    for weights_ in (other.average, other.best):
        assert weights_
        assert {v.device.type for v in weights_.values()} == {"meta"}


def test_a_loss_that_is_no_number_stops_the_run(job, tmp_path):
    wild = msgspec.structs.replace(TRAINING, rate=1e30, clip=None, warm_up=0, epochs=(20, 1))
    with pytest.raises(HepaticaError, match="the loss at step"):
        fit(replace(job, training=wild), tmp_path, HERE, report=silent)


def test_a_stage_ends_when_validation_no_longer_improves(job, tmp_path):
    # A rate of nearly nothing: the first epoch is the best, two more bring nothing.
    tired = msgspec.structs.replace(
        TRAINING, rate=1e-30, weight_decay=0.0, warm_up=0, ema=0.0, epochs=(50, 1), patience=2
    )
    network = fit(replace(job, training=tired), tmp_path, HERE, report=silent).network
    steps = [json.loads(x)["step"] for x in (tmp_path / "stage1.jsonl").read_text().splitlines()]
    assert steps == [3, 6, 9]
    at_first = Learner(tired, PLAN.stages[0], HERE).network
    torch.testing.assert_close(weights(network), weights(at_first), atol=1e-20, rtol=0)


def test_the_best_epoch_is_kept_where_patience_is_asked_for(job, tmp_path, monkeypatch):
    from hepatica.train import validate

    losses = iter([1.0, 3.0, 2.0, 4.0])
    monkeypatch.setattr(validate, "on_grid", lambda *a: {"validation_loss": next(losses)})
    patient = msgspec.structs.replace(TRAINING, epochs=(4, 1), patience=9, ema=0.0)
    best = fit(replace(job, training=patient), tmp_path, HERE, report=silent).network
    one = replace(job, training=msgspec.structs.replace(patient, epochs=(1, 1)))
    first = Learner(one.training, PLAN.stages[0], HERE)
    from hepatica.train.fit import _rate

    for step in range(3):
        first.step(
            [job.samples.sample(step)], step, _rate(replace(job, training=patient), step, step / 12)
        )
    assert torch.equal(weights(best), weights(first.network))


def test_an_epoch_ends_with_as_many_cases_as_there_are(job, samples, tmp_path, monkeypatch):
    from hepatica.train import validate
    from hepatica.train.samples import Samples

    asked = []
    monkeypatch.setattr(validate, "on_grid", lambda *a: asked.append(a[-1]) or {})
    monkeypatch.setattr(Samples, "different", lambda self, most: min(most, 3))
    many = msgspec.structs.replace(TRAINING, validation=10, epochs=(1, 1))
    fit(replace(job, training=many), tmp_path, HERE, report=silent)
    assert asked == [3]


def test_equation_6_by_hand():
    from hepatica.train.fit import _rate

    paper = preset("paper-unet")
    job = Job(paper, PLAN, 0, None, 60, ())
    assert _rate(job, 0, 0.0) == pytest.approx(1e-5)
    assert _rate(job, 59, 0.5) == pytest.approx(1e-5)  # still epoch 0, whatever the clock says
    assert _rate(job, 60 * 500, 0.5) == pytest.approx(1e-5 * 0.5**0.9)


def test_a_budget_counts_the_time_before_an_interruption(job, tmp_path):
    network = fit(job, tmp_path, HERE, budget_s=1e9, report=silent).network
    lines = []
    again = fit(job, tmp_path, HERE, resume=True, budget_s=1.0, report=lines.append).network
    assert lines == ["stage1: resumed at step 6"]
    assert torch.equal(weights(network), weights(again))


def test_a_budget_too_small_for_a_step_is_refused(job, tmp_path):
    with pytest.raises(HepaticaError, match="before the first step"):
        fit(job, tmp_path, HERE, budget_s=1e-9, report=silent)
    assert not checkpoint_path(tmp_path, 0).exists()


@pytest.mark.parametrize(
    ("text", "seconds"), [("", math.inf), ("90min", 5400), ("2h", 7200), ("30 s", 30)]
)
def test_budgets(text, seconds):
    assert budget_s(text) == seconds


def test_wrong_budgets_and_presets(tmp_path):
    with pytest.raises(ConfigError, match="90min"):
        budget_s("soon")
    with pytest.raises(ConfigError, match="no time"):
        budget_s("0min")
    with pytest.raises(ConfigError, match="cpu"):
        preset("abacus")
    own = tmp_path / "own.json"
    own.write_text('{"plan": "default", "epochs": [1, 2], "rate": 0.01}')
    assert preset(str(own)).rate == 0.01
    for text, why in (
        ('{"plan": "default"}', "epochs"),
        ('{"plan": "default", "epochs": [1, 2], "rte": 1}', "rte"),
        ('{"plan": "default", "epochs": [1, 2], "mri": 1.0}', "more than 1"),
        ('{"plan": "default", "epochs": [1, 2], "curve": 7}', "curve"),
        ('{"plan": "default", "epochs": [0, 2]}', "at least 1"),
        ('{"plan": "default", "epochs": [1, 2], "rate": 0}', "positive"),
        ('{"plan": "default", "epochs": [1, 2], "weight_decay": -1}', "weight_decay -1"),
        ('{"plan": "default", "epochs": [1, 2], "seed": -1}', "seed -1"),
        ('{"plan": "default", "epochs": [1, 2], "box_margin_voxels": -9}', "less than 0"),
        ('{"plan": "default", "epochs": [1, 2], "procedural_pool": 0}', "not more than 0"),
        ('{"plan": "default", "epochs": [1, 2], "clip": 0}', "clip 0"),
        ('{"plan": "default", "epochs": [1, 2], "patience": 3, "validation": 0}', "patience"),
        ("\x00", "valid"),
    ):
        own.write_text(text)
        with pytest.raises(ConfigError, match=why):
            preset(str(own))


def test_all_presets_are_there_and_the_papers_differ_in_the_plan_alone():
    assert {"cpu", "gpu", "multi-gpu", "smoke", "fine-tune", "highresnet"} < set(presets())
    papers = [preset(f"paper-{n}") for n in ("highresnet", "unet", "vnet", "segresnet")]
    same = {msgspec.json.encode(msgspec.structs.replace(p, plan="")) for p in papers}
    assert len(same) == 1
    paper = papers[0]
    assert (paper.rate, paper.power, paper.patience, paper.augment) == (1e-5, 0.9, 20, 0.2)
    assert (paper.box_margin_voxels, paper.stage2_from) == (10, "stage1")


def test_stage_2_starts_from_given_weights(job, tmp_path):
    start = build(PLAN.stages[0])
    still = msgspec.structs.replace(TRAINING, rate=1e-30, weight_decay=0.0, ema=0.0, epochs=(1, 1))
    started = replace(job, training=still, start=Start(start.state_dict(), "a bundle"))
    kept = fit(started, tmp_path, HERE, report=silent).network
    torch.testing.assert_close(weights(kept), weights(start), atol=1e-20, rtol=0)


def test_batch_norm_takes_its_statistics_anew(samples):
    network = msgspec.structs.replace(
        PLAN.stages[0].network, options={"channels": [4, 8], "res_units": 1, "norm": "batch"}
    )
    stage = msgspec.structs.replace(PLAN.stages[0], network=network)
    learner = Learner(TRAINING, stage, HERE)
    sample = samples.sample(0)
    stale = learner.result()
    fresh = learner.result([sample])
    name = next(k for k in fresh.state_dict() if k.endswith("running_mean"))
    assert torch.count_nonzero(stale.state_dict()[name]) == 0
    assert torch.count_nonzero(fresh.state_dict()[name]) > 0


def test_a_finished_stage_gives_the_same_network_again(job, tmp_path):
    """Dropout too is the same while batch norm takes its statistics anew."""
    options = {"channels": [4, 8], "res_units": 1, "norm": "batch", "dropout": 0.5}
    network = msgspec.structs.replace(PLAN.stages[0].network, options=options)
    stage = msgspec.structs.replace(PLAN.stages[0], network=network)
    dropping = replace(
        job,
        training=msgspec.structs.replace(TRAINING, recalibrate=2),
        plan=msgspec.structs.replace(PLAN, stages=(stage, stage)),
    )
    first = fit(dropping, tmp_path, HERE, report=silent).network
    again = fit(dropping, tmp_path, HERE, resume=True, report=silent).network
    assert torch.equal(weights(first), weights(again))


def test_a_batch_is_the_mean_of_its_samples(samples):
    learner = Learner(TRAINING, PLAN.stages[0], HERE)
    learner.network.eval()
    first, second = samples.sample(0), samples.sample(1)
    alone = [learner.loss(learner.network, [s]).item() for s in (first, second)]
    both = learner.loss(learner.network, [first, second]).item()
    assert both == pytest.approx(sum(alone) / 2, rel=1e-3)


@pytest.mark.parametrize(("has", "computed"), [(True, "bf16"), (False, "fp32")])
def test_bfloat16_is_for_processors_that_have_it(monkeypatch, has, computed):
    """Emulated, a step took 25 times as long as in fp32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": has})
    assert HERE.computes_in("bf16") == computed
    assert HERE.computes_in("fp32") == "fp32"
    with HERE.autocast("bf16"):
        made = torch.ones(2, 2) @ torch.ones(2, 2)
    assert made.dtype == (torch.bfloat16 if has else torch.float32)


def test_a_gradient_that_is_no_number_is_computed_again_in_full_precision(samples, monkeypatch):
    """And where that is none either, nothing is learned from it."""
    learner = Learner(TRAINING, PLAN.stages[0], HERE)
    honest, asked = learner.loss, []

    def broken(network, batch, precision):
        asked.append(precision)
        return honest(network, batch, precision) * (math.nan if precision in bad else 1)

    monkeypatch.setattr(learner, "loss", broken)
    before, bad = weights(learner.network), {"bf16"}
    assert math.isfinite(learner.step([samples.sample(0)], 0, 1e-3))
    assert asked == ["bf16", "fp32"]
    after, bad = weights(learner.network), {"bf16", "fp32"}
    assert not torch.equal(before, after)
    assert math.isnan(learner.step([samples.sample(0)], 1, 1e-3))
    assert torch.equal(weights(learner.network), after)


def test_the_running_mean_is_young_at_first(samples):
    """After step n its decay is (2 + n) / (11 + n), until that is more than what is asked for."""
    for number, decay in ((0, 2 / 11), (10**6, TRAINING.ema)):
        learner = Learner(TRAINING, PLAN.stages[0], HERE)
        before = weights(learner.network)
        learner.step([samples.sample(0)], number, 1e-2)
        expected = decay * before + (1 - decay) * weights(learner.network)
        torch.testing.assert_close(weights(learner.averaged()), expected)


def test_the_settings_say_what_each_lesion_counts(samples):
    sample = samples.sample(0)
    found = []
    for weight in (0.0, 1.0, 2.0):
        learner = Learner(
            msgspec.structs.replace(TRAINING, lesion_weight=weight), PLAN.stages[0], HERE
        )
        learner.network.eval()
        found.append(learner.loss(learner.network, [sample]).item())
    assert found[1] > found[0] + 0.01
    assert found[2] - found[1] == pytest.approx(found[1] - found[0], rel=1e-3)


def test_a_side_loss_counts_a_tenth_and_only_while_training(samples):
    learner, sample = Learner(TRAINING, PLAN.stages[0], HERE), samples.sample(0)
    plain = learner.loss(learner.network, [sample]).item()
    learner.network.side_loss = torch.tensor(5.0)
    assert learner.loss(learner.network, [sample]).item() == pytest.approx(plain + 0.5, rel=1e-4)
    learner.network.eval()
    quiet = learner.loss(learner.network, [sample]).item()
    learner.network.side_loss = None
    assert learner.loss(learner.network, [sample]).item() == quiet


class Fixed(torch.nn.Module):
    """A network that always answers the same."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


def test_what_a_sample_does_not_know_is_not_learned(samples):
    """Liver that may be a lesion: no gradient tells the two apart."""
    learner, known = Learner(TRAINING, PLAN.stages[0], HERE), samples.sample(0)
    whole = np.minimum(known.target, 1)
    unknown = replace(known, target=whole, counts_as=(0, 1, 1))
    logits = torch.zeros(1, 3, *whole.shape)
    logits[:, 1] = 9
    swapped = logits[:, [0, 2, 1]]
    found = [learner.loss(Fixed(x), [unknown]).item() for x in (logits, swapped)]
    assert found[0] == pytest.approx(found[1])


def test_gradients_are_clipped_and_the_optimiser_is_the_one_asked_for(samples):
    norms = []
    for clip in (None, 1e-3):
        learner = Learner(msgspec.structs.replace(TRAINING, clip=clip), PLAN.stages[0], HERE)
        learner.step([samples.sample(0)], 0, 1e-3)
        grads = [p.grad.flatten() for p in learner.network.parameters()]
        norms.append(float(torch.cat(grads).norm()))
    assert norms[0] > 2e-3
    assert norms[1] == pytest.approx(1e-3, rel=0.01)
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        training = msgspec.structs.replace(TRAINING, optimiser=name)
        assert type(Learner(training, PLAN.stages[0], HERE).optimiser) is kind


def test_other_weights_to_start_from_and_other_processes_are_another_run(job):
    one, other = (replace(job, start=Start({}, origin)) for origin in ("one", "other"))
    prints = [job.fingerprint(), job.fingerprint(2), one.fingerprint(), other.fingerprint()]
    assert len(set(prints)) == 4
    assert replace(job, start=Start({}, "one")).fingerprint() == one.fingerprint()


def test_a_folder_that_is_no_bundle_is_refused_before_the_training(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is no bundle"):
        train(preset("smoke"), Material(), tmp_path, Settings(report=lambda line: None))
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_without_a_run_has_no_snapshot(tmp_path):
    with pytest.raises(ConfigError, match="holds no training run"):
        told(tmp_path)
