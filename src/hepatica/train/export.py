"""From trained networks to a bundle, and the proof that both engines agree on it."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from hepatica import io
from hepatica.core.errors import BundleError, OutputError
from hepatica.core.geometry import Triple
from hepatica.model import bundle as bundles
from hepatica.model.bundle import Bundle
from hepatica.model.engines import openvino_engine, torch_engine
from hepatica.model.engines.quiet_openvino import openvino
from hepatica.model.networks import Probabilities, contiguous
from hepatica.model.plan import Plan

#: Labels that the engines may set differently on random input, as a share of the voxels.
DISAGREEMENT = 1e-3


def export(networks: tuple[nn.Module, nn.Module], plan: Plan, card: str, folder: Path) -> Bundle:
    """Write a bundle to `folder`, replacing a bundle that is there.

    Weights are kept in half precision, which both engines then read: they start from
    the very same numbers.

    Raises
    ------
    BundleError
        If the engines disagree on more than 0.1 % of the voxels.
    OutputError
        If `folder` is there and is not a bundle.
    """
    require_free(folder)
    with io.folder_atomically(folder) as temporary:
        (temporary / bundles.PLAN).write_bytes(plan.to_json())
        (temporary / bundles.CARD).write_text(card, encoding="utf-8")
        for number, (network, stage) in enumerate(zip(networks, plan.stages, strict=True), 1):
            _write(network, stage.size, temporary / f"stage{number}")
        _check(bundles.seal(temporary, plan.name))
    return bundles.load(str(folder))


def require_free(folder: Path) -> None:
    """Refuse to replace a folder that is no bundle: asked before hours of training, too.

    Raises
    ------
    OutputError
        If `folder` is there and is none.
    """
    if folder.exists() and not (folder / bundles.MANIFEST).is_file():
        raise OutputError(f"{folder} is there and is no bundle.", "Move it away.")


def _write(network: nn.Module, size: Triple, path: Path) -> None:
    """The weights of a stage in half precision, and its OpenVINO model made from these."""
    halved = contiguous(copy.deepcopy(network).eval())
    weights = {k: _half(v) for k, v in halved.state_dict().items()}
    file = path.with_suffix(".safetensors")
    save_file(weights, file)
    file.chmod(0o644)  # safetensors writes for the owner alone; others will read a bundle
    halved.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    )
    model = convert(halved, size)
    openvino.save_model(model, path.with_suffix(".xml"), compress_to_fp16=True)


def convert(network: nn.Module, size: Triple) -> openvino.Model:
    """The OpenVINO model of a network for inputs of one size."""
    example = torch.zeros(1, 1, *size)
    with warnings.catch_warnings():
        # torch deprecates the tracing that OpenVINO's converter still uses.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        return openvino.convert_model(
            Probabilities(network), example_input=example, input=[list(example.shape)]
        )


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()


def _check(bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    engines = (openvino_engine.load(bundle), torch_engine.load(bundle, "cpu"))
    for number, stage in enumerate(bundle.plan.stages):
        image = rng.standard_normal(stage.size, np.float32)
        first, second = (np.argmax(e.stages[number](image), axis=0) for e in engines)
        share = float((first != second).mean())
        if share > DISAGREEMENT:
            raise BundleError(
                f"The engines disagree on {share:.2%} of the voxels in stage {number + 1}."
            )
