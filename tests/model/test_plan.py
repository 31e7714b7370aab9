import msgspec
import pytest

from hepatica.core.errors import ConfigError
from hepatica.model.plan import PLANS, Margin, Plan, StagePlan, named_plan


@pytest.mark.parametrize("name", PLANS)
def test_json_round_trip(name):
    plan = PLANS[name]
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()


def test_the_papers_numbers():
    sizes = {
        "unet": (320, 320, 160),
        "segresnet": (320, 320, 160),
        "vnet": (128, 128, 128),
        "highresnet": (128, 128, 92),
    }
    for network, size in sizes.items():
        plan = PLANS[f"paper-{network}"]
        for stage in plan.stages:
            assert stage.size == size
            assert stage.spacing_mm is None
            assert stage.intensity == "zscore"
            assert not stage.antialias
            assert stage.classes == ("background", "liver", "tumour")
        assert plan.margin == Margin(amount=20, unit="voxels")
        assert plan.postprocessing.opening_voxels == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": "red"}, "colour"),
        ({"margin": {"amount": -20, "unit": "voxels"}}, "-20"),
        ({"stages": []}, "stages"),
        ({"margin": {"amount": 1, "unit": "inch"}}, "inch"),
    ],
)
def test_refuses_and_names_what_is_wrong(change, says):
    raw = msgspec.json.decode(PLANS["default"].to_json()) | change
    with pytest.raises(ConfigError, match=says):
        Plan.from_json(msgspec.json.encode(raw), "mine.json")


def test_refuses_stages_that_cannot_be():
    network = PLANS["default"].stages[0].network
    with pytest.raises(ValueError, match="between 8 and 1024"):
        StagePlan(network=network, size=(4, 64, 64))
    with pytest.raises(ValueError, match="start with"):
        StagePlan(network=network, size=(64, 64, 64), classes=("liver", "tumour"))
    with pytest.raises(ValueError, match="spacing_mm"):
        StagePlan(network=network, size=(64, 64, 64), spacing_mm=0)


def test_named(tmp_path):
    assert named_plan("paper-unet") is PLANS["paper-unet"]
    file = tmp_path / "own.json"
    file.write_bytes(PLANS["paper-vnet"].to_json())
    assert named_plan(str(file)) == PLANS["paper-vnet"]
    with pytest.raises(ConfigError, match="paper-unet"):
        named_plan("nothing")
    file.write_text("{")
    with pytest.raises(ConfigError, match=r"own\.json"):
        named_plan(str(file))
