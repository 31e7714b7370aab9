"""Networks alone: ours in every precision, the same in eager PyTorch, a peer's, and the limit.

The limit is arithmetic: the operations of a network's convolutions over the rate that one large
matrix product reaches on this machine in that precision. A network cannot be faster unless it
does less.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from monai.networks.nets import DynUNet
from torch import nn

from hepatica.core.geometry import Geometry, Triple
from hepatica.model.engines.openvino_engine import abilities
from hepatica.model.engines.quiet_openvino import openvino
from hepatica.model.networks import Probabilities, build, contiguous
from hepatica.model.plan import StagePlan
from hepatica.model.precision import PRECISIONS, Precision

#: nnU-Net's patch, and the spacing at which TotalSegmentator's MR model runs.
PEER_PATCH, PEER_SPACING_MM = (128, 128, 128), 1.5
#: Its filters (about 31 million weights): six levels.
PEER_FILTERS = (32, 64, 128, 256, 320, 320)
#: Side of the matrices whose product gives the rate.
SIDE = 4096


@dataclass(frozen=True)
class Speed:
    """Seconds for one pass of a network, its operations, and what the machine could do.

    `limit_s` is the operations over the rate of a large matrix product in this precision.
    """

    what: str
    seconds: float
    operations: float
    limit_s: float

    @property
    def share_of_limit(self) -> float:
        """1 is as fast as arithmetic allows."""
        return self.limit_s / self.seconds


def peer() -> nn.Module:
    """nnU-Net's plain-convolution network in 3D full resolution, with random weights."""
    deeper = len(PEER_FILTERS) - 1
    network: nn.Module = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=3,
        kernel_size=[3] * len(PEER_FILTERS),
        strides=[1] + [2] * deeper,
        upsample_kernel_size=[2] * deeper,
        filters=list(PEER_FILTERS),
        norm_name=("INSTANCE", {"affine": True}),
        deep_supervision=False,
    )
    return network.eval()


def peer_patches(geometry: Geometry) -> int:
    """How many patches a sliding window with half overlap takes, at the peer's spacing."""
    sizes = np.ceil(geometry.extent_mm / PEER_SPACING_MM)
    steps = [
        max(1, math.ceil((n - p) / (p / 2)) + 1) for n, p in zip(sizes, PEER_PATCH, strict=True)
    ]
    return math.prod(steps)


def operations(network: nn.Module, size: Triple) -> float:
    """Multiplications and additions of all convolutions of one pass, counted apart."""
    found = 0.0

    def count(layer: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        nonlocal found
        assert isinstance(layer, nn.Conv3d | nn.ConvTranspose3d)
        # Each weight meets each voxel of the side that it is laid upon.
        side = out if isinstance(layer, nn.Conv3d) else given[0]
        found += 2.0 * math.prod(side.shape[2:]) * layer.weight.numel()

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 1, *size))
    for hook in hooks:
        hook.remove()
    return found


def rate(precision: Precision, side: int = SIDE) -> float:
    """Operations a second of one product of two square matrices, by OpenVINO."""
    rng = np.random.default_rng(0)
    model = _product(side, rng, whole=precision == "int8")
    run = _compiled(model, precision)
    image = rng.uniform(-1, 1, (side, side)).astype(np.float32)
    return 2.0 * side**3 / fastest(lambda: run(image))


def eager(network: nn.Module, size: Triple) -> Callable[[], object]:
    """A pass of PyTorch as it comes: fp32, channels first."""
    image = torch.zeros(1, 1, *size)

    def run() -> object:
        with torch.inference_mode():
            return network(image)

    return run


def compiled(stage: StagePlan, precision: Precision) -> Callable[[], object]:
    """A pass of OpenVINO over a stage's network with random weights, calibrated on noise."""
    from hepatica.train.export import convert

    model = convert(contiguous(build(stage).eval()), stage.size)
    rng = np.random.default_rng(0)
    image = rng.standard_normal((1, 1, *stage.size), np.float32)
    if precision == "int8":
        from hepatica.train.quantize import in_whole_numbers

        model = in_whole_numbers(model, [image])
    with TemporaryDirectory() as folder:
        # As it ships: weights in half precision, read back.
        path = Path(folder) / "network.xml"
        openvino.save_model(model, path, compress_to_fp16=True)
        run = _compiled(openvino.Core().read_model(path), precision)
    return lambda: run(image)


def fastest(run: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def once(run: Callable[[], object]) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def possible() -> tuple[Precision, ...]:
    """The precisions that this processor has instructions for."""
    able = abilities()
    names: dict[Precision, str] = {"int8": "INT8", "bf16": "BF16", "fp32": "FP32"}
    return tuple(p for p in PRECISIONS if names[p] in able)


def probabilities(stage: StagePlan) -> nn.Module:
    """A stage's network as it ships, with random weights."""
    return Probabilities(build(stage)).eval()


def _compiled(model: openvino.Model, precision: Precision) -> Callable[[object], object]:
    hint = "f32" if precision == "fp32" or "bf16" not in possible() else "bf16"
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    ready = openvino.Core().compile_model(model, "CPU", settings)
    return lambda image: ready([image])


def _product(side: int, rng: np.random.Generator, *, whole: bool) -> openvino.Model:
    """An OpenVINO model that multiplies its input with a constant matrix."""
    ops = openvino.opset13

    image = ops.parameter([side, side], np.float32)
    matrix = ops.constant(rng.uniform(-1, 1, (side, side)).astype(np.float32))
    if not whole:
        return openvino.Model([ops.matmul(image, matrix, False, False)], [image])

    def steps(node: openvino.Node) -> openvino.Node:
        low, high = ops.constant(np.float32(-1)), ops.constant(np.float32(1))
        return ops.fake_quantize(node, low, high, low, high, 255)

    return openvino.Model([ops.matmul(steps(image), steps(matrix), False, False)], [image])
