"""`hepatica bench`: it measures what it says, in an install without torch, too."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hepatica import cli
from hepatica.benchmark import machine
from hepatica.benchmark import synthesis as benchmark


def test_bench_synth(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hepatica", "bench", "synth", "-n", "2", "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["cpu"]
    assert len(found["timings"]) == 3
    for timing in found["timings"]:
        assert timing["patients"] == 2
        assert 0.01 < timing["low_s"] <= timing["median_s"] <= timing["high_s"] < 60
    assert found["timings"][0]["wanted_s"] == benchmark.STAGE1_WANTED_S
    assert "96x96x64" in found["timings"][0]["what"]
    slow = found["timings"][0]["median_s"] > found["timings"][0]["wanted_s"]
    assert found["verdict"] == ("slower than wanted" if slow else "as wanted")


def test_the_first_patient_is_not_counted(monkeypatch):
    now = iter([0, 9, 10, 11, 20, 23])
    monkeypatch.setattr(benchmark.time, "process_time", lambda: next(now))
    drawn = []
    timing = benchmark._timed("x", lambda rng: drawn.append(rng.random()), benchmark.Work(2))
    assert (timing.patients, timing.median_s) == (2, 2)
    assert len(set(drawn)) == 3


def test_table_says_what_it_was_measured_on():
    timing = benchmark.Timing("a patient", 3, 0.2, 0.1, 0.4, 0.15)
    lines = benchmark.table(benchmark.Benchmark("A processor", 5, (timing,))).splitlines()
    assert lines[0] == "A processor, one core; 5 anatomies"
    assert "median 0.200 s, 5 to 95 % 0.100 to 0.400 s" in lines[1]
    assert "at most 0.15 s" in lines[1]
    assert machine.cpu_name()
    assert 1 <= machine.cores() <= 4096


@pytest.mark.parametrize(
    ("median_s", "said"),
    [(0.1, "as wanted"), (0.15, "as wanted"), (0.1501, "slower than wanted")],
)
def test_it_ends_with_a_verdict(median_s, said):
    timing = benchmark.Timing("stage 1", 3, median_s, 0.1, 0.4, 0.15)
    # What nothing is asked of may take its time.
    free = benchmark.Timing("stage 2", 3, 9.0, 9.0, 9.0)
    found = benchmark.Benchmark("A processor", 5, (timing, free))
    assert benchmark.table(found).splitlines()[-1] == f"Verdict: {said}."


def test_it_needs_no_torch():
    code = (
        "import sys; sys.modules.update(torch=None, monai=None, safetensors=None);"
        "from hepatica.benchmark import synthesis as s; print(s.measure(s.Work(1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stage 2" in done.stdout
