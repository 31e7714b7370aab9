"""Mutated files through every reader, in a process whose memory is limited.

Run as a program: ``python -m tests.io.dicom.fuzzing FOLDER SEED SECONDS``; FOLDER holds files to
mutate. It prints how many were read, refused and tried; anything but a refusal ends it.
"""

from __future__ import annotations

import faulthandler
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

#: Beyond what the process has after its imports; a slice needs a thousandth of it.
SPARE_BYTES = 1 << 30
#: One file may take no longer, on a busy machine.
SLOWEST_S = 10.0

#: What breaks parsers: lengths without end, signs, zeros, nested items.
_TOKENS = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xfe\xff\xff\x7f",
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
    b"SQ\x00\x00\xff\xff\xff\xff",
    b"UN\x00\x00\xff\xff\xff\xff",
    b"\x28\x00\x10\x00US\x02\x00\xff\xff",
    b"\x28\x00\x08\x00IS\x0a\x00999999999 ",
    b"NaN ",
    b"1e999",
    b"-1",
    b"\\",
    b"\xff\x4f\xff\x51",
    b"\xff\xd9",
)


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    """A few changes of a kind that is drawn first; half of them in the header."""
    data = bytearray(content)
    for _ in range(int(draw.integers(1, 6))):
        end = min(len(data), 2000) if draw.random() < 0.5 else len(data)
        place = int(draw.integers(0, max(end, 1)))
        kind = int(draw.integers(0, 6))
        if kind == 0:
            data[place : place + 1] = bytes([int(draw.integers(0, 256))])
        elif kind == 1:
            token = _TOKENS[int(draw.integers(0, len(_TOKENS)))]
            data[place : place + len(token)] = token
        elif kind == 2:
            data[place:place] = _TOKENS[int(draw.integers(0, len(_TOKENS)))]
        elif kind == 3:
            del data[place : place + int(draw.integers(1, 64))]
        elif kind == 4:
            del data[place:]
        else:
            start = int(draw.integers(0, max(len(data), 1)))
            data[place:place] = data[start : start + int(draw.integers(1, 256))]
    return bytes(data)


def read(path: Path, folder: Path) -> str:
    """What becomes of one file in each reader: ``read`` or ``refused``."""
    from hepatica.core.errors import HepaticaError
    from hepatica.io import read_labelmap
    from hepatica.io.dicom import anonymization, convert, files, frames, parse, pixels
    from hepatica.io.dicom.study import scan

    results = []

    def attempt(call: Any) -> None:
        try:
            call()
        except HepaticaError as error:
            if not error.message or "\n" in error.message:
                raise AssertionError("a refusal is one sentence") from error
            results.append("refused")
        else:
            results.append("read")

    def volumes() -> None:
        with files.opened(path) as opened:
            scan("case", opened)
            convert.convert("case", opened, folder)

    def decompressed() -> None:
        """One slice is no volume; its pixels are decoded all the same."""
        if path.suffix == ".zip":
            return
        data = parse.whole(path)
        for frame in frames.read(path)[:4]:
            pixels.grey(path, data, frame.number, frame.slope, frame.intercept)

    attempt(volumes)
    attempt(decompressed)
    attempt(lambda: read_labelmap(path))
    attempt(lambda: anonymization.run(path, folder / "out", key=folder / "key.json"))
    return "read" if "read" in results else "refused"


def limit_memory() -> None:
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))


def main(source: Path, seed: int, seconds: float) -> None:
    faulthandler.enable()
    originals = [p.read_bytes() for p in sorted(source.iterdir())]
    draw = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for content in originals:  # loads what there is to load
            (folder / "IM").write_bytes(content)
            read(folder / "IM", folder)
            shutil.rmtree(folder / "out", ignore_errors=True)
        if sys.platform == "linux":
            limit_memory()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            original = originals[int(draw.integers(0, len(originals)))]
            content = mutated(original, draw)
            path = folder / ("IM.zip" if original.startswith(b"PK") else "IM")
            path.write_bytes(content)
            began = time.monotonic()
            try:
                counts[read(path, folder)] += 1
            except BaseException:
                (source.parent / "culprit").write_bytes(content)
                raise
            assert time.monotonic() - began < SLOWEST_S, "a file took too long"
            shutil.rmtree(folder / "out", ignore_errors=True)
    print(f"{counts['read']} read, {counts['refused']} refused")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
