"""`hepatica bench segment` and `network`: what they count by hand, and that they run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from hepatica import cli, io
from hepatica.benchmark import networks, process, segmentation, tables
from hepatica.benchmark.networks import Speed
from hepatica.benchmark.process import Run
from hepatica.benchmark.segmentation import Found, Ratio, Round
from hepatica.core.errors import HepaticaError
from hepatica.core.geometry import Geometry
from tests.conftest import tiny_plan
from tests.phantom import GRID, phantom


def test_operations_by_hand():
    """A multiplication and an addition for each weight at each voxel."""
    down = nn.Conv3d(1, 2, 3, stride=2, padding=1, bias=False)
    up = nn.ConvTranspose3d(2, 3, 2, stride=2, bias=False)
    n = networks.operations(nn.Sequential(down, nn.ReLU(), up), (8, 8, 4))
    assert n == 2 * (4 * 4 * 2) * (1 * 2 * 27) + 2 * (4 * 4 * 2) * (2 * 3 * 8)
    half = nn.Conv3d(1, 1, 1)
    assert networks.operations(half, (3, 3, 3)) == 2 * 27


def test_the_peer_has_the_shape_that_is_said():
    """About 31 million weights, and 0.96 TFLOP for a patch of 128 voxels a side."""
    network = networks.peer()
    assert sum(w.numel() for w in network.parameters()) == pytest.approx(31e6, rel=0.01)
    assert networks.operations(network, (64, 64, 64)) * 8 == pytest.approx(0.96e12, rel=0.02)
    assert network(torch.zeros(1, 1, 64, 64, 64)).shape == (1, 3, 64, 64, 64)


def test_patches_of_a_sliding_window():
    def patches(*extent_mm):
        return networks.peer_patches(
            Geometry.from_spacing((100, 100, 100), np.array(extent_mm) / 100)
        )

    assert patches(192, 192, 192) == 1
    assert patches(100, 50, 192) == 1
    # 193.5 mm are 129 voxels: a second patch; 256 voxels need three half steps.
    assert patches(193.5, 192, 192) == 2
    assert patches(384, 384, 192) == 9


def test_a_volume_of_any_size():
    volume = process.scan((40, 36, 20))
    assert volume.geometry.shape == (40, 36, 20)
    assert volume.geometry.extent_mm.min() > 100
    assert (volume.voxels == np.rint(volume.voxels)).all()
    assert 500 < volume.voxels.max() <= 1001


def test_a_process_is_timed_and_weighed(tiny_bundle, tmp_path):
    path = tmp_path / "p1.nii.gz"
    io.write_volume(path, phantom(GRID)[0])
    run = process.segment([path], tmp_path / "out", bundle=str(tiny_bundle.folder), threads=1)
    assert 0 < run.network_s < sum(run.steps.values()) < run.seconds
    assert {"start", "load model", "read", "network 1", "write", "page"} <= set(run.steps)
    assert 50 < run.peak_mb < 4000
    with pytest.raises(HepaticaError, match="does not exist"):
        process.segment([tmp_path / "none.nii.gz"], tmp_path / "out")


@pytest.mark.parametrize("precision", networks.possible())
def test_the_rate_of_a_matrix_product(precision):
    """Any processor of this century, and none that is."""
    assert 1e9 < networks.rate(precision, 256) < 1e15


def run(seconds, **steps):
    return Run(seconds, 500.0, {"start": 0.5, **steps})


FOUND = Found(
    machine={"processor": "A processor", "cores": "2"},
    bundle="default",
    rounds=(
        Round(run(4.0, **{"network 1": 0.2, "network 2": 0.3}), 2.0, 10.0),
        Round(run(5.0, **{"network 1": 0.2, "network 2": 0.8}), 3.0, 20.0),
    ),
    patches=18,
    networks=(Speed("stage 1, int8", 0.5, 1e9, 0.4),),
    growth={"200×200×64": run(3.0)},
    threads={"1": run(6.0)},
    folders={"1": run(4.0), "20": run(30.0)},
    large=run(15.0),
)


def test_ratios_are_taken_round_by_round():
    first, second, third = segmentation.ratios(FOUND)
    assert (first.median, first.low, first.high) == (58.5, 45, 72)
    assert (second.low, second.high) == (3, 4)
    assert third.median == pytest.approx(4.5 / 1.5)
    assert Ratio.of("x", [2, 4, 9], [1, 1, 3]).median == 3


def test_tables_say_what_was_measured():
    text = tables.segmentation(FOUND)
    assert "processor A processor; cores 2" in text
    assert "| 58.5 | 45.0 | 72.0 |" in text
    assert "| stage 1, int8 | 0.500 | 1 | 2 | 80% |" in text
    # Of the steps nothing is left out: what they do not name is said.
    assert "| start and end of Python | 3.20 |" in text
    assert "| whole process | 5.00 |" in text
    assert "| 20 cases | 30.0 | 500 |" in text
    assert tables.headline(FOUND).startswith("A whole case takes 4.5 s")
    assert process.to_json(FOUND).startswith(b'{\n  "machine"')


def test_the_verb_network(tmp_path):
    plan = tmp_path / "tiny.json"
    plan.write_bytes(tiny_plan().to_json())
    done = CliRunner().invoke(cli.app, ["bench", "network", str(plan), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output[done.output.index("[") :])
    assert len(found) == 2 * (len(networks.possible()) + 1)
    assert all(0 < s["seconds"] < 60 and s["operations"] > 1e6 for s in found)


def test_the_verb_segment(tiny_bundle, tmp_path, monkeypatch):
    """All of it, on volumes and a peer that are small."""
    for name in ("USUAL", "LARGE"):
        monkeypatch.setattr(segmentation, name, (48, 44, 24))
    monkeypatch.setattr(segmentation, "GROWING", ((40, 36, 20),))
    monkeypatch.setattr(segmentation, "FOLDERS", (1, 20))
    monkeypatch.setattr(networks, "PEER_PATCH", (64, 64, 64))
    monkeypatch.setattr(networks, "SIDE", 64)
    bundle = str(tiny_bundle.folder)
    words = ["bench", "segment", "-o", str(tmp_path), "--bundle", bundle, "--repeats", "1"]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "bench.json").read_bytes())
    assert set(found["folders"]) == {"1", "20"}
    text = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert text.count("| whole process |") == 1
    assert "eager PyTorch fp32" in text


def test_a_network_as_fast_as_the_limit_reaches_all_of_it():
    speed = Speed("x", 2.0, 1e9, 2.0)
    assert speed.share_of_limit == 1
    assert replace(speed, seconds=4.0).share_of_limit == 0.5
