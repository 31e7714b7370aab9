"""``hepatica convert`` from end to end: open, convert, write the tables, all or nothing."""

from __future__ import annotations

import csv
import io as text
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hepatica.core.errors import InputError, OutputError
from hepatica.io.atomic import folder_atomically
from hepatica.io.dicom import anonymization, convert, files, leaks, parse
from hepatica.io.dicom.anonymization import key_beside
from hepatica.io.dicom.contrast import VOCABULARY
from hepatica.io.dicom.deidentify import identity_of
from hepatica.io.dicom.identity import Identity
from hepatica.io.dicom.profile import Options, Profile
from hepatica.io.dicom.pseudonyms import Key
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
    anonymize: bool = False,
    key: str | Path | None = None,
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
    anonymize
        Write nothing that identifies: no free text, no file names, dates or UIDs, and
        search what was written for them. The index names each study's pseudonym.
    key
        With `anonymize`: file of the key, as in :func:`hepatica.io.dicom.anonymization.run`.

    Raises
    ------
    HepaticaError
        InputError if there is no volume at all; OutputError if nothing can be written, or
        if the search finds anything.
    """
    source, out = Path(source), Path(out)
    earlier = _earlier(out)
    require_room(out, (source,), convert.SERIES, lambda file: file in earlier, overwrite)
    with ExitStack() as stack:
        opened = stack.enter_context(files.opened(source))
        name, hidden = case_name(source), None
        if anonymize:
            hidden = Hidden.of(source, opened, key_beside(out, key))
            opened = stack.enter_context(files.nameless(opened))
            name = "The source"
        temporary = stack.enter_context(folder_atomically(out))
        lines, _ = convert.convert(name, opened, temporary, nameless=anonymize, progress=progress)
        convert.require_something(name, lines)
        series = convert.series_csv(lines, nameless=anonymize)
        (temporary / convert.SERIES).write_text(series, encoding="utf-8")
        if index or anonymize:
            whose = hidden.pseudonyms(lines) if hidden else None
            listing = convert.index_csv(lines, whose)
            (temporary / convert.INDEX).write_text(listing, encoding="utf-8")
        if hidden is not None:
            hidden.search(temporary)
    return Converted(
        series=series,
        written=sum(bool(line.file) for line in lines),
        failures=tuple(line.status for line in lines if line.failed),
    )


def _earlier(out: Path) -> set[str]:
    """The files that an earlier result in `out` says it wrote."""
    known = {convert.SERIES, convert.INDEX, anonymization.AUDIT}
    listing = out / convert.SERIES
    if listing.is_file():
        rows = csv.DictReader(text.StringIO(listing.read_text(encoding="utf-8", errors="replace")))
        known |= {row.get("file") or "" for row in rows}
    return known


@dataclass(frozen=True)
class Hidden:
    """What a converted study must not tell, and the pseudonyms that it tells instead."""

    identity: Identity
    key: Key
    path: Path

    @classmethod
    def of(cls, source: Path, opened: files.Files, path: Path) -> Hidden:
        """Collect it from all files; those that are damaged are not converted either."""
        identity = Identity()
        identity.add_name(case_name(source))
        for file, name in zip(opened.paths, opened.names, strict=True):
            identity.add_name(name)
            try:
                data = parse.header(file)
                with parse.damaged(file):
                    identity.add(data)
            except InputError:
                continue
        return cls(identity, Key.load(path) if path.exists() else Key.new(), path)

    def pseudonyms(self, lines: Sequence[convert.Line]) -> dict[int, str]:
        """The patient of each study, by its number."""
        whose: dict[int, str] = {}
        for line in lines:
            if line.found is not None and line.study not in whose:
                path = line.found.stack.first.path
                data = parse.header(path)
                with parse.damaged(path):
                    whose[line.study] = self.key.patient(identity_of(data))
        return whose

    def search(self, folder: Path) -> None:
        """Search what was written, say so in the audit, and save the key.

        Raises
        ------
        OutputError
            If anything was found: then nothing is to be kept.
        """
        found = leaks.scan(folder, self.identity, {word.casefold() for word in VOCABULARY})
        if found:
            raise OutputError(
                f"What would be written tells {found[0].kind}, in {found[0].file}.",
                "Nothing was written. Please report this as a fault.",
            )
        audit = anonymization.volumes_audit(Profile(Options()), folder, self.identity)
        (folder / anonymization.AUDIT).write_bytes(audit)
        self.key.save(self.path)
