"""Which precision runs: what was measured, what the processor has, and what is asked for."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.core.errors import BundleError, ConfigError
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.engines import cache, openvino_engine, torch_engine
from hepatica.model.precision import LESION_LOSS, LIVER_LOSS, Check, Precisions

FULL = Check("a", "fp32", 0.95, 0.7)


def passed(*checks):
    return Precisions(checks).passed


def test_nothing_measured_is_fp32():
    assert passed() == passed(FULL) == ("fp32",)


def test_a_precision_passes_up_to_the_limit_and_not_beyond():
    at = Check("a", "bf16", 0.95 - LIVER_LOSS, 0.7 - LESION_LOSS)
    assert passed(FULL, at) == ("bf16", "fp32")
    assert passed(FULL, Check("a", "bf16", 0.9479, 0.7)) == ("fp32",)
    assert passed(FULL, Check("a", "bf16", 0.95, 0.6949)) == ("fp32",)
    # To be better is no loss.
    assert passed(FULL, Check("a", "int8", 0.97, 0.8)) == ("int8", "fp32")


def test_it_has_to_hold_on_every_set():
    other = [Check("b", "fp32", 0.9, None), Check("b", "int8", 0.8, None)]
    assert passed(FULL, Check("a", "int8", 0.95, 0.7), *other) == ("fp32",)
    # Measured on one set alone: nothing is known of the other.
    assert passed(FULL, Check("a", "int8", 0.95, 0.7), other[0]) == ("fp32",)


def test_what_is_undefined_is_so_in_both():
    healthy = Check("h", "fp32", 0.9, None)
    assert passed(healthy, Check("h", "bf16", 0.9, None)) == ("bf16", "fp32")
    assert passed(healthy, Check("h", "bf16", 0.9, 0.0)) == ("fp32",)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.1))
def test_who_loses_less_passes_where_one_who_loses_more_does(liver, lesions, more, again):
    full = Check("a", "fp32", liver, lesions)
    little = passed(full, Check("a", "int8", liver - more, lesions - again))
    less = passed(full, Check("a", "int8", liver - more / 2, lesions - again / 2))
    assert len(less) >= len(little)


def test_it_comes_back_from_its_file():
    known = Precisions((FULL, Check("a", "int8", None, 0.5)))
    assert Precisions.from_json(known.to_json()) == known
    with pytest.raises(BundleError, match=r"precisions\.json"):
        Precisions.from_json(b'{"checks": [{"cases": "a"}]}')


@pytest.fixture
def quick(tiny_bundle, tmp_path):
    """A bundle that was measured: both faster precisions lose nothing."""
    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "quick")
    for stage in (0, 1):
        for end in (".xml", ".bin"):
            # An fp32 model under the other name: here it is about which file is taken.
            shutil.copyfile(
                tiny_bundle.openvino(stage).with_suffix(end),
                folder / f"stage{stage + 1}.int8{end}",
            )
    checks = tuple(Check("a", p, 0.9, 0.5) for p in ("int8", "bf16", "fp32"))
    (folder / "precisions.json").write_bytes(Precisions(checks).to_json())
    return bundles.seal(folder, "quick")


def test_the_fastest_that_passed_and_is_to_be_had(quick, tiny_bundle):
    def chosen(bundle, *able):
        return openvino_engine.choose(bundle, "auto", able)

    assert chosen(quick, "FP32", "BF16", "INT8") == "int8"
    assert chosen(quick, "FP32", "BF16") == "bf16"
    assert chosen(quick, "FP32") == "fp32"
    assert chosen(replace(quick, precisions=("bf16", "fp32")), "BF16", "INT8") == "bf16"
    # What was not measured is not taken unless it is asked for.
    assert chosen(tiny_bundle, "FP32", "BF16", "INT8") == "fp32"
    assert openvino_engine.choose(tiny_bundle, "bf16", ["BF16"]) == "bf16"
    assert torch_engine.choose(quick, "auto", bfloat16=True) == "bf16"
    assert torch_engine.choose(quick, "auto", bfloat16=False) == "fp32"


def test_what_is_not_to_be_had_is_refused(quick, tiny_bundle):
    with pytest.raises(ConfigError, match="no bf16"):
        openvino_engine.choose(quick, "bf16", ["FP32"])
    with pytest.raises(ConfigError, match="has no int8 models"):
        openvino_engine.choose(tiny_bundle, "int8", ["FP32", "INT8"])
    with pytest.raises(ConfigError, match="no int8"):
        torch_engine.choose(quick, "int8", bfloat16=True)
    with pytest.raises(ConfigError, match="no instructions"):
        torch_engine.choose(quick, "bf16", bfloat16=False)
    with pytest.raises(ConfigError, match="'fp64'"):
        engines.load(quick, precision="fp64")


def test_an_engine_says_in_which_precision_it_runs(quick):
    assert engines.load(quick, "openvino", precision="fp32").precision == "fp32"
    assert engines.load(quick, "openvino", precision="int8").precision == "int8"
    assert quick.openvino(1, "int8").name == "stage2.int8.xml"


def test_compiled_models_are_kept_for_the_next_run(quick, tmp_path, monkeypatch):
    kept = tmp_path / "cache"
    monkeypatch.setenv(cache.VARIABLE, str(kept))

    def run():
        stages = zip(engines.load(quick, "openvino").stages, quick.plan.stages, strict=True)
        return [network(np.zeros(plan.size, np.float32)) for network, plan in stages]

    first = run()
    blobs = {p.name: p.stat().st_mtime_ns for p in kept.iterdir()}
    assert blobs
    again = run()
    assert {p.name: p.stat().st_mtime_ns for p in kept.iterdir()} == blobs
    assert all(np.array_equal(*both) for both in zip(first, again, strict=True))
    # A blob that was damaged is made anew.
    for path in kept.iterdir():
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:100])
    assert all(np.array_equal(*both) for both in zip(first, run(), strict=True))


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "own"))
    assert cache.folder() == tmp_path / "own"
    (tmp_path / "own").chmod(0o777)
    assert cache.folder() is None
    monkeypatch.setenv(cache.VARIABLE, "")
    assert cache.folder() is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "below"))
    assert cache.folder() is None
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "hepatica"
