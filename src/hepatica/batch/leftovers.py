"""What a process that was killed left half written: under a hidden name, beside the results."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: The names that `hepatica.io.atomic` gives to what is not finished.
_TEMPORARY = re.compile(r"\.(?P<name>.+)-[0-9a-f]{12}(-old)?(\.\w+)*", re.DOTALL)


def find(out: Path) -> Iterator[Path]:
    """All that is half written in `out`; nothing if it cannot be looked at."""
    with suppress(OSError):
        yield from (p for p in out.iterdir() if _TEMPORARY.fullmatch(p.name))


def remove(out: Path, case: str | None = None) -> None:
    """Remove what is half written in `out`; only that of one case, if it is given.

    What cannot be removed stays: it has no name under which anybody takes it for a result.
    """
    for path in find(out):
        found = _TEMPORARY.fullmatch(path.name)
        if case is not None and found is not None and found["name"] != case[:80]:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
