import subprocess
import sys

import numpy as np
import pytest

from hepatica.core.errors import BundleError, ConfigError, ResourceError
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.pipeline.cascade import Segmenter
from tests.phantom import GRID, phantom


@pytest.fixture(params=["openvino", "torch"])
def engine(request, tiny_bundle):
    return engines.load(tiny_bundle, request.param, device="cpu")


def test_contract_of_every_engine(engine, tiny_bundle):
    rng = np.random.default_rng(0)
    for run, stage in zip(engine.stages, tiny_bundle.plan.stages, strict=True):
        image = rng.standard_normal(stage.size, np.float32)
        kept = image.copy()
        p = run(image)
        assert p.shape == (3, *stage.size)
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-4)
        assert p.min() >= -1e-6
        np.testing.assert_array_equal(image, kept)
        np.testing.assert_allclose(run(image), p, atol=1e-5)
        image.flags.writeable = False
        run(image)


@pytest.mark.parametrize("name", ["tiny", "default"])
def test_openvino_and_torch_give_the_same_labels(tiny_bundle, name):
    bundle = tiny_bundle if name == "tiny" else bundles.load("default")
    volume, _ = phantom(GRID)
    first, second = (
        Segmenter(bundle.plan, engines.load(bundle, e, device="cpu"))(volume).labelmap.labels
        for e in ("openvino", "torch")
    )
    assert (first == second).mean() >= 0.999


def test_threads_are_reported(tiny_bundle):
    assert engines.load(tiny_bundle, "openvino", threads=1).threads == 1


def test_unknown_engine_and_device(tiny_bundle):
    with pytest.raises(ConfigError, match="tensorflow"):
        engines.load(tiny_bundle, "tensorflow")
    with pytest.raises(ConfigError, match="cuda"):
        engines.load(tiny_bundle, "openvino", device="cuda")
    with pytest.raises(ResourceError, match="abacus"):
        engines.load(tiny_bundle, "torch", device="abacus")


def test_an_openvino_file_that_is_none(tiny_bundle, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "broken")
    (folder / "stage1.xml").write_text("<net/>")
    bundle = bundles.seal(folder, "broken")
    with pytest.raises(BundleError, match=r"stage1\.xml is not a model"):
        engines.load(bundle, "openvino")
    shutil.copy(tiny_bundle.openvino(1), folder / "stage1.xml")
    shutil.copy(tiny_bundle.openvino(1).with_suffix(".bin"), folder / "stage1.bin")
    with pytest.raises(BundleError, match="the plan says"):
        engines.load(bundles.seal(folder, "broken"), "openvino")
    (folder / "stage1.safetensors").write_bytes(b"nothing")
    with pytest.raises(BundleError, match=r"stage1\.safetensors"):
        engines.load(bundles.seal(folder, "broken"), "torch")


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_segmenting_imports_neither_torch_nor_monai():
    loaded = run_python(
        "import sys, hepatica.case, hepatica.io.nifti, hepatica.model.engines.openvino_engine\n"
        "print(*[m for m in ('torch', 'monai', 'safetensors') if m in sys.modules])"
    )
    assert loaded == []


def test_openvinos_telemetry_is_never_loaded():
    loaded = run_python(
        "import sys, hepatica.model.engines.openvino_engine\n"
        "print(sys.modules['openvino_telemetry'],"
        " *[m for m in sys.modules if m.startswith('openvino_telemetry.')])"
    )
    assert loaded == ["None"]
