"""The four networks of the paper and one of ours, built from MONAI. Needs torch; only training
and the torch engine come here.

Two traps, both measured. MONAI's HighResNet ends in convolution, batch norm and
ReLU, so its outputs are never negative and voxels clipped at 0 get no gradient; the
paper's 809,030 parameters include that head, so it stays the default and ``head="plain"``
replaces it by a 1x1x1 convolution. And MONAI's plain ``"instance"`` norm has no weights.
"""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import DynUNet, HighResNet, SegResNet, SegResNetVAE, UNet, VNet
from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import nn

from hepatica.core.errors import ConfigError
from hepatica.model.plan import CLASSES, NetworkPlan, StagePlan

_NORMS: dict[str, Any] = {
    "instance": "instance",
    "instance_affine": ("instance", {"affine": True}),
    "batch": "batch",
}


def build(stage: StagePlan) -> nn.Module:
    """The untrained network of a stage: (N, 1, i, j, k) to logits (N, classes, i, j, k).

    Raises
    ------
    ConfigError
        If an option is not one that the network has.
    """
    plan = stage.network
    try:
        return _BUILDERS[plan.name](plan, len(stage.classes), stage)
    except (TypeError, KeyError) as error:
        raise ConfigError(
            f"The options of network {plan.name!r} are not valid: {error}."
        ) from error


def _unet(plan: NetworkPlan, outputs: int, stage: StagePlan) -> nn.Module:
    """Filters double at each stride of 2; kernel 3, PReLU, residual units, no dropout."""
    options = dict(plan.options)
    channels = tuple(options.pop("channels"))
    return UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=outputs,
        channels=channels,
        strides=(2,) * (len(channels) - 1),
        num_res_units=options.pop("res_units"),
        norm=_NORMS[options.pop("norm", "instance")],
        **options,
    )


def _vnet(plan: NetworkPlan, outputs: int, stage: StagePlan) -> nn.Module:
    """Kernel 5, ELU, batch norm; dropout as MONAI places it."""
    options = dict(plan.options)
    dropout = options.pop("dropout")
    return VNet(
        in_channels=1,
        out_channels=outputs,
        dropout_prob_down=dropout,
        dropout_prob_up=(dropout, dropout),
        **options,
    )


class _WithoutSideOutput(nn.Module):
    """SegResNet with its variational branch, whose loss is kept in `side_loss` while training."""

    def __init__(self, network: SegResNetVAE) -> None:
        super().__init__()
        self.network = network
        self.side_loss: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits, self.side_loss = self.network(x)
        return torch.as_tensor(logits)


def _segresnet(plan: NetworkPlan, outputs: int, stage: StagePlan) -> nn.Module:
    """Initial filters doubled at each stride; ReLU, group norm; VAE branch while training."""
    options = dict(plan.options)
    arguments = {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": outputs,
        "init_filters": options.pop("init_filters"),
    }
    if options.pop("vae", False):
        return _WithoutSideOutput(SegResNetVAE(input_image_size=stage.size, **arguments, **options))
    return SegResNet(**arguments, **options)


def _highresnet(plan: NetworkPlan, outputs: int, stage: StagePlan) -> nn.Module:
    """Twenty convolution layers with dilations 1, 2 and 4; ReLU, batch norm, no dropout.

    `fold` 2 makes a channel of each voxel of a block of 2 x 2 x 2: an eighth of the work.
    """
    options = dict(plan.options)
    head, fold = options.pop("head", "paper"), int(options.pop("fold", 1))
    if head not in ("paper", "plain"):
        raise ConfigError(f"HighResNet has no head {head!r}.", "Use 'paper' or 'plain'.")
    norm = _NORMS[options.pop("norm")] if "norm" in options else ("batch", {"affine": True})
    network = HighResNet(
        spatial_dims=3,
        in_channels=fold**3,
        out_channels=outputs * fold**3,
        norm_type=norm,
        **options,
    )
    if head == "plain":
        last = list(network.blocks.children())[-1]
        width = next(m for m in last.modules() if isinstance(m, nn.Conv3d)).in_channels
        network.blocks[-1] = nn.Conv3d(width, outputs * fold**3, kernel_size=1)
    return network if fold == 1 else _Folded(network, fold)


class _Folded(nn.Module):
    """A network that sees blocks of voxels as channels, and whose outputs are unfolded again."""

    def __init__(self, network: nn.Module, fold: int) -> None:
        super().__init__()
        self.network, self.fold = network, fold

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        folded = pixelunshuffle(x, spatial_dims=3, scale_factor=self.fold)
        return pixelshuffle(self.network(folded), spatial_dims=3, scale_factor=self.fold)


def _dynunet(plan: NetworkPlan, outputs: int, stage: StagePlan) -> nn.Module:
    """Two plain convolutions a level, the first at full resolution, as nnU-Net has them.

    MONAI's class names each of its layers twice; this takes what its forward pass goes through.
    """
    options = dict(plan.options)
    filters = list(options.pop("filters"))
    deeper = len(filters) - 1
    network = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=outputs,
        kernel_size=[3] * len(filters),
        strides=[1] + [2] * deeper,
        upsample_kernel_size=[2] * deeper,
        filters=filters,
        norm_name=_NORMS["instance_affine"],
        **options,
    )
    return nn.Sequential(network.skip_layers, network.output_block)


_BUILDERS = {
    "unet": _unet,
    "vnet": _vnet,
    "segresnet": _segresnet,
    "highresnet": _highresnet,
    "dynunet": _dynunet,
}


class Probabilities(nn.Module):
    """What an engine runs: (1, 1, i, j, k) to probabilities (1, 3, i, j, k).

    Classes beyond background, liver and tumour count as background.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = torch.softmax(self.network(x).float(), dim=1)
        inner = p[:, 1 : len(CLASSES)]
        return torch.cat([1 - inner.sum(dim=1, keepdim=True), inner], dim=1)


def parameters(network: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def layout(network: nn.Module) -> torch.memory_format:
    """How a network and its input lie in memory to be fastest.

    Channels last, but for SegResNet's variational branch, which takes nothing else than
    contiguous tensors.
    """
    if any(isinstance(m, SegResNetVAE) for m in network.modules()):
        return torch.contiguous_format
    return torch.channels_last_3d


def arranged(network: nn.Module) -> nn.Module:
    """`network` in the layout in which it is fastest; in place."""
    return network.to(memory_format=layout(network))  # type: ignore[call-overload]


def contiguous(network: nn.Module) -> nn.Module:
    """The layout in which weights are stored; in place."""
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
