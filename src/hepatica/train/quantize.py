"""A bundle's networks in whole numbers, and what each precision costs in Dice.

Weights and activations become int8 by NNCF's post-training quantisation, calibrated on synthetic
patients as each stage's own preprocessing shows them. What is lost is then measured, in every
precision that this processor has, by the segmenter that ships.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepatica import io
from hepatica.core.errors import ConfigError, ResourceError
from hepatica.evaluate.overlap import Overlap
from hepatica.model import bundle as bundles
from hepatica.model.bundle import Bundle
from hepatica.model.engines import openvino_engine
from hepatica.model.engines.quiet_openvino import openvino
from hepatica.model.precision import PRECISIONS, Check, Precision, Precisions
from hepatica.pipeline.cascade import Segmenter
from hepatica.train.export import require_free
from hepatica.train.samples import VALIDATION, Case
from hepatica.train.sets import Sets
from hepatica.train.validate import REGIONS

#: Images that show NNCF the range of each layer's values.
SHOWN = 24


def quantize(
    bundle: Bundle,
    folder: Path,
    sets: Sets,
    report: Callable[[str], None] = lambda line: None,
) -> Bundle:
    """Write `bundle` with ``precisions.json`` to `folder`, and with int8 models if these pass.

    Raises
    ------
    ResourceError
        If NNCF is not installed.
    OutputError
        If `folder` is there and is not a bundle.
    """
    require_free(folder)
    with io.folder_atomically(folder) as temporary:
        for path in bundle.folder.iterdir():
            if path.is_file() and path.name != bundles.PRECISIONS and ".int8." not in path.name:
                shutil.copyfile(path, temporary / path.name)
        for number in (0, 1):
            report(f"Stage {number + 1} in whole numbers")
            stream = sets.stream(bundle.plan, number)
            images = [
                stream.sample(np.random.default_rng([sets.seed, n]), n, VALIDATION).image
                for n in range(SHOWN)
            ]
            full = openvino.Core().read_model(bundle.openvino(number))
            model = in_whole_numbers(full, [image[None, None] for image in images])
            path = temporary / bundle.openvino(number, "int8").name
            openvino.save_model(model, path, compress_to_fp16=True)
        trial = bundles.seal(temporary, bundle.name)
        checks = []
        for name, cases in sets.named(bundle.plan).items():
            for precision in _possible(trial):
                checks.append(_measured(trial, name, precision, cases()))
                report(_in_words(checks[-1]))
        measured = Precisions(tuple(checks))
        (temporary / bundles.PRECISIONS).write_bytes(measured.to_json())
        if "int8" not in measured.passed:
            for path in temporary.glob("*.int8.*"):
                path.unlink()
        made = bundles.seal(temporary, bundle.name)
        report(f"Let through: {', '.join(made.precisions)}")
    return bundles.load(str(folder))


def in_whole_numbers(
    model: openvino.Model, images: Sequence[NDArray[np.float32]]
) -> openvino.Model:
    """`model` in int8, calibrated on `images` (1, 1, i, j, k).

    Raises
    ------
    ResourceError
        If NNCF is not installed.
    """
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"Models in whole numbers need the package {error.name}.",
            "pip install '.[train]' in Hepatica's folder.",
        ) from error
    return nncf.quantize(
        model,
        nncf.Dataset(images),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
    )


def _possible(bundle: Bundle) -> tuple[Precision, ...]:
    """The precisions that this processor has."""
    able = openvino_engine.abilities()
    found = []
    for precision in PRECISIONS:
        try:
            found.append(openvino_engine.choose(bundle, precision, able))
        except ConfigError:
            continue
    return tuple(found)


def _measured(bundle: Bundle, name: str, precision: Precision, cases: Iterable[Case]) -> Check:
    segmenter = Segmenter(bundle.plan, openvino_engine.load(bundle, precision=precision))
    dice: dict[str, list[float]] = {region: [] for region in REGIONS}
    for case in cases:
        found = segmenter(case.volume).labelmap.labels
        for region, classes in REGIONS.items():
            if region == "tumour" and not case.knows_tumour:
                continue
            value = Overlap.of(np.isin(found, classes), np.isin(case.labels.labels, classes)).dice
            if value is not None:
                dice[region].append(value)
    liver, tumour = (float(np.mean(d)) if (d := dice[r]) else None for r in ("liver", "tumour"))
    return Check(name, precision, liver, tumour)


def _in_words(check: Check) -> str:
    liver, lesions = ("–" if d is None else f"{d:.4f}" for d in (check.liver, check.lesions))
    return f"{check.cases}, {check.precision}: liver {liver}, lesions {lesions}"
