"""``hepatica convert`` from end to end: open, convert, write the tables, all or nothing."""

from __future__ import annotations

import csv
import io as text
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hepatica.io.atomic import folder_atomically
from hepatica.io.dicom import convert, files
from hepatica.io.inputs import case_name
from hepatica.io.replacing import require_room

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Converted:
    """What came of a source.

    Parameters
    ----------
    series
        The table ``series.csv``.
    written
        How many volumes were written.
    failures
        A sentence for each volume or file that could not be used and should have been.
    """

    series: str
    written: int
    failures: tuple[str, ...]


def run(
    source: str | Path,
    out: str | Path,
    *,
    index: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda step: None,
) -> Converted:
    """Write the volumes of a study and ``series.csv`` into a folder, which appears whole or not.

    Parameters
    ----------
    index
        Also write ``index.csv``, a line per study with its T1CE, which is a list for
        ``hepatica segment``.
    overwrite
        Replace an earlier result of this function, if nothing else is in its folder.

    Raises
    ------
    HepaticaError
        InputError if there is no volume at all, OutputError if nothing can be written.
    """
    source, out = Path(source), Path(out)
    name = case_name(source)
    earlier = _earlier(out)
    require_room(out, source, convert.SERIES, lambda file: file in earlier, overwrite)
    with files.opened(source) as opened, folder_atomically(out) as temporary:
        lines, _ = convert.convert(name, opened, temporary, progress=progress)
        convert.require_something(name, lines)
        series = convert.series_csv(lines)
        (temporary / convert.SERIES).write_text(series, encoding="utf-8")
        if index:
            (temporary / convert.INDEX).write_text(convert.index_csv(lines), encoding="utf-8")
    return Converted(
        series=series,
        written=sum(bool(line.file) for line in lines),
        failures=tuple(line.status for line in lines if line.failed),
    )


def _earlier(out: Path) -> set[str]:
    """The files that an earlier result in `out` says it wrote."""
    known = {convert.SERIES, convert.INDEX}
    listing = out / convert.SERIES
    if listing.is_file():
        rows = csv.DictReader(text.StringIO(listing.read_text(encoding="utf-8", errors="replace")))
        known |= {row.get("file") or "" for row in rows}
    return known
