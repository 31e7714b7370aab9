"""Networks in whole numbers: made by NNCF, measured by the segmenter, let through or not."""

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from hepatica import cli, io
from hepatica.core.errors import OutputError
from hepatica.dataset import formats
from hepatica.model import bundle as bundles
from hepatica.model import engines
from hepatica.model.precision import Precisions
from hepatica.train import quantize as quantization
from hepatica.train import sets as measuring
from hepatica.train.quantize import quantize
from hepatica.train.sets import Sets
from tests.phantom import GRID, phantom


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of one phantom."""
    root = tmp_path_factory.mktemp("phantoms")
    volume, labels = phantom(GRID)
    for name in ("images", "labels"):
        (root / name).mkdir()
    io.write_volume(root / "images" / "p1.nii.gz", volume)
    io.write_labelmap(root / "labels" / "p1.nii.gz", labels)
    return root


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(quantization, "SHOWN", 2)
    monkeypatch.setattr(measuring, "POOL", 1)


def test_a_bundle_in_whole_numbers(tiny_bundle, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("hepatica.model.precision.LIVER_LOSS", 1.0)
    monkeypatch.setattr("hepatica.model.precision.LESION_LOSS", 1.0)
    said = []
    sets = Sets(1, 7, (), formats.find(folder))
    made = quantize(tiny_bundle, tmp_path / "faster", sets, said.append)
    assert made.precisions[0] == "int8"
    measured = Precisions.from_json((made.folder / bundles.PRECISIONS).read_bytes())
    assert {c.cases for c in measured.checks} == {
        "1 synthetic patients, seed 7",
        f"1 cases of {formats.find(folder).name}",
    }
    assert {"int8", "fp32"} <= {c.precision for c in measured.checks}
    assert any("int8: liver 0." in line for line in said)
    image = np.random.default_rng(0).standard_normal(made.plan.stages[1].size, np.float32)
    whole, full = (
        engines.load(made, "openvino", precision=p).stages[1](image) for p in ("int8", "fp32")
    )
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=0.02)
    assert 1e-6 < float(np.abs(whole - full).mean()) < 0.05
    # What was measured is done anew, not copied.
    again = quantize(made, tmp_path / "again", Sets(1, 7))
    assert len(Precisions.from_json((again.folder / bundles.PRECISIONS).read_bytes()).checks) < len(
        measured.checks
    )


def test_what_loses_too_much_does_not_ship(tiny_bundle, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("hepatica.model.precision.LIVER_LOSS", -1.0)
    made = quantize(tiny_bundle, tmp_path / "faster", Sets(1, 7, (), formats.find(folder)))
    assert made.precisions == ("fp32",)
    assert not list(made.folder.glob("*.int8.*"))
    manifest = msgspec.json.decode((made.folder / bundles.MANIFEST).read_bytes())
    assert set(manifest["files"]) == {
        p.name for p in made.folder.iterdir() if p.name != bundles.MANIFEST
    }


def test_it_replaces_no_folder_of_others(tiny_bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is no bundle"):
        quantize(tiny_bundle, tmp_path / "mine", Sets(1, 7))


def test_the_verb(tiny_bundle, folder, tmp_path):
    words = ["quantize", str(tiny_bundle.folder), "-o", str(tmp_path / "out"), "-n", "1"]
    done = CliRunner().invoke(cli.app, [*words, "--data", str(folder)])
    assert done.exit_code == 0, done.output
    assert "Let through: " in done.output
    assert bundles.load(str(tmp_path / "out")).precisions[-1] == "fp32"
