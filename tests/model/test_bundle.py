import json
import shutil

import pytest

from hepatica.core.errors import BundleError
from hepatica.model import bundle as bundles


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle.folder, tmp_path / "copy")


def test_loads_and_knows_its_files(tiny_bundle):
    again = bundles.load(str(tiny_bundle.folder))
    assert again == tiny_bundle
    assert again.plan.name == "tiny"
    for stage in (0, 1):
        assert again.weights(stage).is_file()
        assert again.openvino(stage).is_file()


@pytest.mark.parametrize("file", ["plan.json", "card.md", "stage1.safetensors", "stage2.bin"])
def test_a_changed_file_is_refused_by_name(copy, file):
    data = bytearray((copy / file).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(BundleError, match=file.replace(".", r"\.")):
        bundles.load(str(copy))


def test_a_missing_file_is_refused_by_name(copy):
    (copy / "stage2.xml").unlink()
    with pytest.raises(BundleError, match=r"lacks stage2\.xml"):
        bundles.load(str(copy))


def manifest(copy, **change):
    path = copy / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_another_format_and_paths_outside_are_refused(copy):
    manifest(copy, format=99)
    with pytest.raises(BundleError, match="format 99"):
        bundles.load(str(copy))
    manifest(copy, format=1, files={"../card.md": "0"})
    with pytest.raises(BundleError, match="outside"):
        bundles.load(str(copy))
    manifest(copy, files={}, extra=1)
    with pytest.raises(BundleError, match="extra"):
        bundles.load(str(copy))
    (copy / "bundle.json").write_text("not json")
    with pytest.raises(BundleError, match="cannot be read"):
        bundles.load(str(copy))


@pytest.mark.parametrize("file", bundles.REQUIRED)
def test_a_bundle_that_leaves_out_a_file_is_refused(copy, file):
    files = json.loads((copy / "bundle.json").read_text())["files"]
    del files[file]
    manifest(copy, files=files)
    with pytest.raises(BundleError, match=f"no {file}".replace(".", r"\.")):
        bundles.load(str(copy))


def test_a_plan_that_is_none_is_the_bundles_fault(copy):
    (copy / "plan.json").write_text("{}")
    with pytest.raises(BundleError, match="not a valid plan"):
        bundles.seal(copy, "copy")


def test_a_bare_name_is_one_of_ours(copy, monkeypatch):
    monkeypatch.chdir(copy.parent)
    copy.rename(copy.parent / "default")
    assert bundles.find("default") == bundles.shipped("default")
    assert bundles.find("./default").resolve() == copy.parent / "default"


def test_unknown_name_lists_those_that_ship():
    with pytest.raises(BundleError, match="default"):
        bundles.load("no-such-bundle")


def test_the_default_bundle_ships_whole_and_small():
    shipped = bundles.load("default")
    assert shipped.name == "default"
    size = sum(p.stat().st_size for p in shipped.folder.iterdir())
    assert size < 25e6
    card = (shipped.folder / "card.md").read_text()
    assert "Research use only" in card
