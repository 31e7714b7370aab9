"""Whole runs through the command line, in processes of their own."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from unittest import mock

import msgspec
import pytest
from safetensors.torch import load_file

from hepatica import cli
from hepatica.model import bundle as bundles
from hepatica.train.config import Training
from tests.conftest import tiny_plan

#: One thread a process: two that fight for a core take many times as long.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
TRAIN = [sys.executable, "-m", "hepatica", "train"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A configuration file that takes some seconds: epochs are short, checkpoints frequent."""
    folder = tmp_path_factory.mktemp("preset")
    stages = tiny_plan().stages
    small = tuple(msgspec.structs.replace(s, size=(32, 32, 24), spacing_mm=10.0) for s in stages)
    plan = msgspec.structs.replace(tiny_plan(), stages=(small[0], small[1]))
    (folder / "plan.json").write_bytes(plan.to_json())
    training = Training(
        plan=str(folder / "plan.json"),
        epochs=(4, 4),
        epoch_steps=10,
        procedural=1.0,
        mri=0.0,
        procedural_pool=1,
        validation=1,
        native=1,
        checkpoint_every_s=0.0,
    )
    path = folder / "preset.json"
    path.write_bytes(msgspec.json.encode(training))
    return path


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    code: int
    out: str
    err: str


def run(preset, out, *more):
    """The command line in this process."""
    said, complained = io.StringIO(), io.StringIO()
    arguments = ["hepatica", "train", "--preset", str(preset), "-o", str(out), *more]
    code: object = 0
    with (
        mock.patch.object(sys, "argv", arguments),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return Done(int(code), said.getvalue(), complained.getvalue())


@contextlib.contextmanager
def running(command):
    """A process of its own, which does not outlive the test."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def apart(preset, out, *more):
    """The command line in a process of its own, with one thread: sums differ with their number."""
    with running([*TRAIN, "--preset", str(preset), "-o", str(out), *more]) as process:
        said, complained = process.communicate(timeout=600)
    return Done(process.returncode, said, complained)


@pytest.fixture(scope="module")
def through(preset, tmp_path_factory):
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("through") / "run"
    done = apart(preset, out)
    assert done.code == 0, done.err
    return out


def wait_for(path, process):
    for _ in range(6000):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    how, preset, through, tmp_path
):
    out = tmp_path / "run"
    with running([*TRAIN, "--preset", str(preset), "-o", str(out)]) as process:
        wait_for(out / "stage2.checkpoint.safetensors", process)
        process.send_signal(how)
        output, complaint = process.communicate(timeout=300)
    assert not (out / "bundle").exists(), output
    if how == signal.SIGTERM:
        assert process.returncode == 1
        assert re.search(r"stage2 was stopped at step \d+\. --resume goes on", complaint)
        assert "Traceback" not in complaint
    again = apart(preset, out, "--resume")
    assert again.code == 0, again.err
    assert "stage2: resumed at step" in again.out
    for stage in (1, 2):
        name = f"bundle/stage{stage}.safetensors"
        assert (out / name).read_bytes() == (through / name).read_bytes()
    lines = (out / "stage2.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30, 40]


def test_a_folder_that_holds_a_run_is_not_trained_into(preset, through):
    again = run(preset, through)
    assert again.code == 1
    assert "holds a training run already" in again.err


def test_two_processes_learn_what_one_learns(preset, tmp_path):
    """Half the batch each, the same loss: gradients and losses are averaged."""
    text = json.loads(preset.read_text()) | {
        "epochs": [1, 1],
        "batch": 2,
        "precision": "fp32",
        "ema": 0.0,
        "epoch_steps": 4,
    }
    both, alone = tmp_path / "both.json", tmp_path / "alone.json"
    alone.write_text(json.dumps(text))
    both.write_text(json.dumps(text | {"batch": 1}))
    one = run(alone, tmp_path / "one")
    assert one.code == 0, one.err
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--master-port", "29617", "-m", "hepatica", "train", "--device", "cpu"]
    with running([*launch, "--preset", str(both), "-o", str(tmp_path / "two")]) as process:
        _, complaint = process.communicate(timeout=600)
    assert process.returncode == 0, complaint
    for stage in (1, 2):
        losses = [
            json.loads((tmp_path / name / f"stage{stage}.jsonl").read_text().splitlines()[0])
            for name in ("one", "two")
        ]
        assert losses[0]["loss"] == pytest.approx(losses[1]["loss"], rel=1e-4)
        weights = [
            load_file(tmp_path / name / f"bundle/stage{stage}.safetensors")
            for name in ("one", "two")
        ]
        for key, value in weights[0].items():
            assert (value.float() - weights[1][key].float()).abs().max() < 2e-3


def test_fine_tuning_starts_from_a_bundle_and_may_train_one_stage(preset, through, tmp_path):
    out = tmp_path / "run"
    text = json.loads(preset.read_text()) | {"epochs": [1, 1], "epoch_steps": 2}
    short = tmp_path / "short.json"
    short.write_text(json.dumps(text))
    missing = run(short, out, "--stage", "2")
    assert missing.code == 2
    assert "needs a bundle for the other" in missing.err
    tuned = run(short, out, "--stage", "2", "--from", str(through / "bundle"))
    assert tuned.code == 0, tuned.err
    made, old = bundles.load(str(out / "bundle")), bundles.load(str(through / "bundle"))
    assert made.weights(0).read_bytes() == old.weights(0).read_bytes()
    assert made.weights(1).read_bytes() != old.weights(1).read_bytes()
    new, before = load_file(made.weights(1)), load_file(old.weights(1))
    apart = max(float((new[k].float() - before[k].float()).abs().max()) for k in new)
    assert apart < 0.05  # two steps from there, not from anywhere


def test_a_snapshot_is_a_bundle_of_what_there_is(preset, through, tmp_path):
    half = tmp_path / "half"
    half.mkdir()
    (half / "stage1.checkpoint.safetensors").write_bytes(
        (through / "stage1.checkpoint.safetensors").read_bytes()
    )
    (half / "training.json").write_bytes((through / "training.json").read_bytes())
    refused = run("cpu", half, "--snapshot")
    assert "no checkpoint of stage 2 yet" in refused.err
    made = run("cpu", half, "--snapshot", "--from", str(through / "bundle"))
    assert made.code == 0, made.err
    bundle = bundles.load(str(half / "snapshot"))
    for stage in (0, 1):
        whole = bundles.load(str(through / "bundle")).weights(stage).read_bytes()
        assert bundle.weights(stage).read_bytes() == whole


def test_a_dry_run_says_what_it_would_cost_and_does_not_start(tmp_path):
    out = tmp_path / "run"
    said = run("paper-unet", out, "--dry-run")
    assert said.code == 0, said.err
    assert "this needs a GPU" in said.out
    assert '"loss": "dice_focal"' in said.out
    assert "320×320×160" in said.out
    assert re.search(r"stage 1: unet, .* s and [\d.e+]+ GB a step", said.out)
    assert not out.exists()


def test_the_paper_presets_need_a_data_set(tmp_path):
    refused = run("paper-unet", tmp_path / "run")
    assert refused.code == 2
    assert "Give --data DATASET" in refused.err
