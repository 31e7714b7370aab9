"""Write the tables of docs/speed.md from what `hepatica bench` has measured.

The machine has to be quiet for the first two:

    hepatica bench segment -o speed
    hepatica bench network paper-highresnet --json > speed/network.json
    python -m benchmarks.speed speed
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
from benchmarks.page import DOCS, into_page

from hepatica.benchmark import tables
from hepatica.benchmark.networks import Speed
from hepatica.benchmark.segmentation import Found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with bench.json and network.json")
    parser.add_argument("--page", type=Path, default=DOCS / "speed.md")
    given = parser.parse_args(arguments)
    whole = msgspec.json.decode((given.folder / "bench.json").read_bytes(), type=Found)
    paper = msgspec.json.decode(
        (given.folder / "network.json").read_bytes(), type=tuple[Speed, ...]
    )
    into_page(given.page, "whole cases", "speed.py", tables.segmentation(whole))
    into_page(given.page, "the paper's network", "speed.py", tables.speeds(paper))


if __name__ == "__main__":
    main()
