import msgspec
import pytest
import torch
from monai.networks.nets import DynUNet

from hepatica.core.errors import ConfigError
from hepatica.model.networks import Probabilities, _Folded, build, parameters
from hepatica.model.plan import PLANS, NetworkPlan


@pytest.mark.parametrize(("name", "count"), [("unet", 4_807_482), ("highresnet", 809_030)])
def test_parameter_counts_of_the_paper(name, count):
    assert parameters(build(PLANS[f"paper-{name}"].stages[0])) == count


@pytest.mark.parametrize("name", ["unet", "vnet", "segresnet", "highresnet"])
def test_every_network_maps_an_image_to_its_classes(name):
    stage = msgspec.structs.replace(PLANS[f"paper-{name}"].stages[0], size=(32, 32, 32))
    network = Probabilities(build(stage)).eval()
    with torch.no_grad():
        p = network(torch.randn(1, 1, 32, 32, 32))
    assert p.shape == (1, 3, 32, 32, 32)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(1, 32, 32, 32))
    assert (p >= 0).all()


def test_our_network_computes_what_monais_does_and_keeps_each_weight_once():
    torch.manual_seed(0)
    stage = PLANS["default"].stages[1]
    ours = build(stage).eval()
    theirs = DynUNet(
        3, 1, 5, [3] * 5, [1, 2, 2, 2, 2], [2] * 4, [8, 24, 48, 96, 128],
        norm_name=("instance", {"affine": True}),
    ).eval()  # fmt: skip
    theirs.skip_layers.load_state_dict(ours[0].state_dict())
    theirs.output_block.load_state_dict(ours[1].state_dict())
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))
    places = [t.data_ptr() for t in ours.state_dict().values()]
    assert len(places) == len(set(places))


def test_the_papers_head_cannot_say_less_than_zero_and_the_plain_one_can():
    paper = PLANS["paper-highresnet"].stages[0]
    plain = msgspec.structs.replace(
        paper, network=NetworkPlan(name="highresnet", options={"head": "plain"})
    )
    x = torch.randn(1, 1, 16, 16, 16)
    assert build(paper)(x).min() == 0
    assert build(plain)(x).min() < 0


def test_a_folded_network_sees_all_of_a_block_and_answers_for_each_voxel_of_it():
    stage = PLANS["highresnet"].stages[0]
    network = build(stage).eval()
    assert parameters(network) == pytest.approx(809_030, rel=0.02)
    x = torch.zeros(1, 1, 16, 16, 16)
    with torch.no_grad():
        blank = network(x)
        assert blank.shape == (1, 5, 16, 16, 16)
        x[0, 0, 8, 8, 9] = 1
        seen = (network(x) - blank).abs().amax(dim=1)[0]
    assert seen[8, 8, 8] > 0
    assert seen[9, 9, 9] > 0
    # With nothing in between, what is folded is unfolded to where it was.
    whole = torch.arange(4**3, dtype=torch.float32).reshape(1, 1, 4, 4, 4)
    torch.testing.assert_close(_Folded(torch.nn.Identity(), 2)(whole), whole)


def test_helper_classes_count_as_background():
    logits = torch.tensor([1.0, 2, 3, 4, 5]).reshape(1, 5, 1, 1, 1)
    found = Probabilities(torch.nn.Identity())(logits).flatten()
    each = torch.softmax(torch.tensor([1.0, 2, 3, 4, 5]), 0)
    torch.testing.assert_close(found, torch.stack([each[0] + each[3] + each[4], each[1], each[2]]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {}),
        ("unet", {"channels": (4, 8), "res_units": 1, "norm": "none"}),
        ("unet", {"channels": (4, 8), "res_units": 1, "colour": 3}),
        ("highresnet", {"head": "wooden"}),
        ("dynunet", {}),
        ("dynunet", {"filters": [4, 8], "colour": 3}),
    ],
)
def test_refuses_unknown_options(name, options):
    stage = msgspec.structs.replace(
        PLANS["default"].stages[0], network=NetworkPlan(name=name, options=options)
    )
    with pytest.raises(ConfigError):
        build(stage)
