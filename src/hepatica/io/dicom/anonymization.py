"""``hepatica anonymize`` from end to end: collect, clean, write, search, report.

Nothing is ever called anonymous: files are de-identified to a profile of an edition.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

import hepatica
from hepatica.core.errors import InputError
from hepatica.io.atomic import folder_atomically
from hepatica.io.dicom import files, leaks, parse, pixels
from hepatica.io.dicom.deidentify import Audit, Deidentifier
from hepatica.io.dicom.identity import Identity
from hepatica.io.dicom.profile import Options, Profile
from hepatica.io.dicom.pseudonyms import Key, require_apart
from hepatica.io.inputs import case_name
from hepatica.io.replacing import require_room
from hepatica.results.tables import Cell, table

AUDIT, AUDIT_TABLE = "audit.json", "audit.csv"
_AUDIT_COLUMNS = ("tag", "attribute", "code", "action", "count")
_CAUTION = (
    "De-identified, not anonymous: faces, rare findings and pixels can still identify a person."
)

Progress = Callable[[str], None]


class Left(msgspec.Struct, frozen=True):
    """A file that was not written, by its number in the source, and why."""

    number: int
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The audit: everything but the attributes, which are in the table beside it."""

    hepatica: str
    profile: str
    table: str
    edition: str
    codes: dict[str, str]
    caution: str = _CAUTION
    files_written: int
    files_left_out: tuple[Left, ...]
    warnings: tuple[str, ...]
    searched_for: dict[str, int]
    leaks: tuple[leaks.Leak, ...]


@dataclass(frozen=True)
class Deidentified:
    """What came of a source: the audit, and where the key is."""

    report: Report
    key: Path


def run(
    source: str | Path,
    out: str | Path,
    *,
    options: Options = Options(),  # noqa: B008  (frozen)
    key: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = lambda step: None,
) -> Deidentified:
    """De-identify the images of a source into a folder, with an audit beside them.

    The folder appears whole or not at all. A file in which the leak scan finds anything is
    left out, and named in the audit by number.

    Parameters
    ----------
    key
        File of the key: used and added to if it exists, else made. By default beside
        `out`, with ``.key.json`` after its name.
    overwrite
        Replace an earlier result of this function, if nothing else is in its folder.

    Raises
    ------
    HepaticaError
        InputError if there is no image to write; OutputError if nothing can be written.
    """
    source, out = Path(source), Path(out)
    key_path = key_beside(out, key)
    require_room(out, (source,), AUDIT, _ours, overwrite)
    secret = Key.load(key_path) if key_path.exists() else Key.new()
    profile = Profile(options)
    with files.opened(source) as opened, folder_atomically(out) as temporary:
        identity = Identity(spared=profile.retained)
        identity.add_name(case_name(source))
        left = _collect(opened, identity, progress)
        cleaner = Deidentifier(profile, secret, repeater(identity))
        origin, warnings = _write(opened, temporary, cleaner, left, progress)
        if not origin:
            reason = next(iter(left.values()), "It is empty.")
            raise InputError(
                f"{case_name(source)} holds no image that can be de-identified. {reason}",
                "Give a folder, zip or DICOMDIR with DICOM images.",
            )
        progress("searching what was written")
        found = leaks.scan(temporary, identity, cleaner.shifted)
        for file in {leak.file for leak in found}:
            left[origin.pop(file)] = "the leak scan found something that identifies the patient"
            (temporary / file).unlink()
        report = _report(profile, origin, left, warnings, identity, found, cleaner)
        _write_audit(temporary, report, cleaner.audit)
        # First, so that no data set exists whose key is lost.
        secret.save(key_path)
    return Deidentified(report, key_path)


def key_beside(out: Path, key: str | Path | None) -> Path:
    """Where the key of a folder lies, unless `key` says; OutputError if that is in the folder."""
    path = Path(key) if key is not None else out.with_name(f"{out.name}.key.json")
    require_apart(path, out)
    return path


def _ours(file: str) -> bool:
    return file in (AUDIT, AUDIT_TABLE) or (file.startswith("P-") and file.endswith(".dcm"))


def _collect(opened: files.Files, identity: Identity, progress: Progress) -> dict[int, str]:
    """Look at all files for what identifies; those that cannot be read, and why."""
    left = {}
    for number, (path, name) in enumerate(zip(opened.paths, opened.names, strict=True), 1):
        progress(f"reading {number} of {len(opened.paths)}")
        identity.add_name(name)
        try:
            data = parse.header(path)
            with parse.damaged(path):
                identity.add(data)
        except InputError:
            left[number] = "it is damaged"
    return left


def _write(
    opened: files.Files,
    folder: Path,
    cleaner: Deidentifier,
    left: dict[int, str],
    progress: Progress,
) -> tuple[dict[str, int], Counter[str]]:
    """Clean and write each file: the number in the source of each, and warnings."""
    origin: dict[str, int] = {}
    warnings: Counter[str] = Counter()
    for number, path in enumerate(opened.paths, 1):
        if number in left:
            continue
        progress(f"writing {number} of {len(opened.paths)}")
        try:
            data = parse.whole(path)
            with parse.damaged(path):
                refusal = _refusal(data)
                if refusal:
                    left[number] = refusal
                    continue
                pixels.cut(data)
                cleaned, pseudonym = cleaner.clean(data)
                file = f"{pseudonym}/{_short(cleaned.SeriesInstanceUID)}/{number:06d}.dcm"
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                cleaned.save_as(folder / file, enforce_file_format=True)
        except InputError:
            left[number] = "it is damaged"
            continue
        warnings.update(_warnings(data))
        origin[file] = number
    return origin, warnings


def _short(uid: Any) -> str:
    """A folder's name for a series."""
    return "series_" + hashlib.sha256(str(uid).encode()).hexdigest()[:10]


def _refusal(data: Any) -> str:
    """Why an object is not written; empty for images."""
    kind = parse.kind(data)
    if not kind.endswith("Image Storage"):
        return "it is no image, and its texts and documents cannot be cleaned"
    if "Secondary Capture" in kind:
        return "it is a screenshot or scan, whose pixels often show names"
    if any(element.tag.element == 0x0102 and _in_pixels(element) for element in data):
        return "an overlay lies in unused bits of its pixels, and may show names"
    return "" if pixels.complete(data) else "it is damaged: pixels are missing"


def _in_pixels(position: Any) -> bool:
    """Whether an Overlay Bit Position (60xx,0102) says that the overlay is in the pixels."""
    return 0x6000 <= position.tag.group < 0x6100 and position.value not in (None, 0)


def _warnings(data: Any) -> list[str]:
    found = []
    if str(data.get("BurnedInAnnotation", "")).upper() == "YES":
        found.append("it says that text is burned into its pixels; look at it")
    if str(data.get("Modality", "")) in ("US", "ES", "XC", "OT", "SC"):
        found.append("images of this modality often show names in their pixels; look at it")
    if str(data.get("RecognizableVisualFeatures", "")).upper() == "YES":
        found.append("it says that a person can be recognised in it")
    return found


def repeater(identity: Identity) -> Callable[[str], bool]:
    """Whether a text repeats something that identifies, asked once for each text."""
    known: dict[str, bool] = {}

    def repeats(text: str) -> bool:
        if text not in known:
            known[text] = leaks.found_in(text, identity)
        return known[text]

    return repeats


def _report(
    profile: Profile,
    origin: dict[str, int],
    left: dict[int, str],
    warnings: Counter[str],
    identity: Identity,
    found: list[leaks.Leak],
    cleaner: Deidentifier,
) -> Report:
    return Report(
        hepatica=hepatica.__version__,
        profile=profile.name,
        table=profile.table.table,
        edition=profile.table.edition,
        codes=dict(profile.options.codes),
        files_written=len(origin),
        files_left_out=tuple(Left(n, why) for n, why in sorted(left.items())),
        warnings=tuple(f"{count} files: {text}" for text, count in sorted(warnings.items())),
        searched_for=_searched(identity, cleaner.shifted),
        leaks=tuple(found),
    )


def volumes_audit(profile: Profile, folder: Path, identity: Identity) -> bytes:
    """The audit of volumes that were converted to NIfTI, into which no attribute is copied."""
    written = sum(1 for path in folder.rglob("*.nii.gz"))
    report = Report(
        hepatica=hepatica.__version__,
        profile=f"{profile.name}; NIfTI, into which no attribute is copied",
        table=profile.table.table,
        edition=profile.table.edition,
        codes=dict(profile.options.codes),
        files_written=written,
        files_left_out=(),
        warnings=(),
        searched_for=_searched(identity, set()),
        leaks=(),
    )
    return _encoded(report)


def _searched(identity: Identity, shifted: set[str]) -> dict[str, int]:
    return {
        "names, numbers and texts": len(identity.words),
        "dates": len(identity.dates - shifted),
        "UIDs": len(identity.uids),
    }


def _encoded(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def _write_audit(folder: Path, report: Report, audit: Audit) -> None:
    (folder / AUDIT).write_bytes(_encoded(report))
    rows: list[list[Cell]] = [[*key, count] for key, count in sorted(audit.counts.items())]
    (folder / AUDIT_TABLE).write_text(table(_AUDIT_COLUMNS, rows), encoding="utf-8")
