"""One data set de-identified: a new one, into which only what the profile keeps is copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import BaseTag

import hepatica
from hepatica.core.errors import InputError
from hepatica.io.dicom import parse
from hepatica.io.dicom.contrast import NO_AGENT
from hepatica.io.dicom.profile import Profile, Rule, plain_code_string, type_of
from hepatica.io.dicom.pseudonyms import Key

#: Stands where a value may not be empty.
DUMMY = "REMOVED"
_DUMMIES: dict[str, Any] = (
    {
        "DA": "19000101",
        "TM": "000000",
        "DT": "19000101000000",
        "AS": "000Y",
        "IS": "0",
        "DS": "0",
        "OB": b"\0\0",
        "OW": b"\0\0",
        "UN": b"",
        "AT": 0,
    }
    | dict.fromkeys(("US", "SS", "UL", "SL", "UV", "SV"), 0)
    | dict.fromkeys(("FL", "FD"), 0.0)
)
#: Never numbers: a position that happens to equal somebody's number stays what it is.
_TEXTS = {"CS", "SH", "LO", "LT", "ST", "UT", "UC", "UR", "PN", "AE"}

#: Of this program, in the file meta information.
IMPLEMENTATION_UID = "2.25.259371530424377064427046361842961361473"


@dataclass
class Audit:
    """What was done with which attribute, how often."""

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def note(self, tag: BaseTag, keyword: str, rule: Rule, done: str) -> None:
        """Count an action."""
        # The number of a private attribute tells of a device, no more.
        self.counts[f"({tag.group:04X},{tag.element:04X})", keyword, rule.code, done] += 1


class Deidentifier:
    """Cleans data sets of a source, alike under one key.

    Parameters
    ----------
    profile
        What to do with which attribute.
    key
        New UIDs and pseudonyms; it remembers those that it gave.
    repeats
        Whether a text repeats something that identifies the patient; texts that are kept
        by the profile go if they do.
    """

    def __init__(self, profile: Profile, key: Key, repeats: Callable[[str], bool]) -> None:
        self.profile, self.key, self.repeats = profile, key, repeats
        self.audit = Audit()
        #: Dates as they were written, which may equal a date of somebody else.
        self.shifted: set[str] = set()
        #: Files of each patient number and the pseudonym that was given for it here.
        self.used: Counter[tuple[str, str]] = Counter()

    def clean(self, source: FileDataset) -> tuple[FileDataset, str]:
        """A de-identified data set with a fresh file header, and the patient's pseudonym.

        The preamble is zero. Pixels are copied as they are stored.

        Raises
        ------
        InputError
            If sequences are nested more deeply than `parse.MAX_DEPTH`.
        """
        identity = identity_of(source)
        pseudonym = self.key.patient(identity)
        if identity["id"]:
            self.used[identity["id"], pseudonym] += 1
        days = self.key.patients[pseudonym].days
        result = FileDataset("", Dataset(), preamble=b"\0" * 128)
        self._copy(source, result, days, 0)
        result.PatientName = result.PatientID = pseudonym
        self._declare(result)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = source.SOPClassUID
        meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
        meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
        meta.ImplementationClassUID = IMPLEMENTATION_UID
        meta.ImplementationVersionName = f"HEPATICA {hepatica.__version__}"[:16]
        result.file_meta = meta
        return result, pseudonym

    def _copy(self, source: Dataset, result: Dataset, days: int, depth: int) -> None:
        if depth > parse.MAX_DEPTH:
            raise InputError("It has too deeply nested sequences.", "It may be damaged.")
        for tag in sorted(source.keys()):
            if tag.element == 0:
                continue  # group lengths are retired, and would be wrong
            raw = source[tag]
            vr = raw.VR if tag.is_private else type_of(tag, raw.VR)
            rule = self.profile.rule(tag, vr)
            keyword = pydicom.datadict.keyword_for_tag(tag) or ""
            element = self._applied(rule, tag, vr, raw.value, days, depth)
            done = "removed" if element is None else _DONE[rule.action]
            if depth == 0 and keyword in ("PatientName", "PatientID"):
                done = "replaced by the pseudonym"
            if rule.action == "U" and element is not None and element.value == raw.value:
                done = "kept: it is of the standard"
            if element is not None and rule.action == "K" and vr in _TEXTS:
                cleaned = self._without_repeats(vr, element.value)
                if cleaned != element.value:
                    # A text that may stay, but for what it says.
                    element = DataElement(tag, vr, cleaned)
                    done = "replaced: it repeated an identifier"
            if element is not None:
                result.add(element)
            self.audit.note(tag, keyword, rule, done)

    def _applied(
        self, rule: Rule, tag: BaseTag, vr: str, value: Any, days: int, depth: int
    ) -> DataElement | None:
        if rule.action == "K":
            return DataElement(tag, vr, value)
        if rule.action == "Z":
            return DataElement(tag, vr, [] if vr == "SQ" else None)
        if rule.action == "D" and "Z" in rule.code and _says_nothing(value):
            # A dummy would state something, such as a contrast agent, where nothing was.
            return DataElement(tag, vr, None)
        if rule.action == "D":
            return None if value in (None, "") and vr == "SQ" else self._replaced(tag, vr)
        if rule.action == "U":
            return DataElement(tag, "UI", self._uids(value))
        if rule.action == "S":
            return DataElement(tag, vr, self._shifted(vr, value, days))
        if rule.action == "C":
            items = []
            for item in value or ():
                cleaned = Dataset()
                self._copy(item, cleaned, days, depth + 1)
                items.append(cleaned)
            return DataElement(tag, "SQ", items)
        return None

    def _replaced(self, tag: BaseTag, vr: str) -> DataElement:
        return DataElement(tag, vr, _DUMMIES.get(vr, DUMMY))

    def _uids(self, value: Any) -> Any:
        """New UIDs for those that identify; classes and syntaxes of the standard stay."""
        if value is None or value == "":
            return None
        if isinstance(value, str):
            return value if parse.of_the_standard(value) else self.key.uid(str(value))
        return [self._uids(str(one)) for one in value]

    def _shifted(self, vr: str, value: Any, days: int) -> Any:
        """Dates moved by `days`; what is no date becomes empty."""
        if value is None or value == "":
            return None
        if not isinstance(value, str) and hasattr(value, "__iter__"):
            moved = [self._shifted(vr, str(one), days) for one in value]
            return moved if all(moved) else None
        text = str(value)
        try:
            moved_to = date(int(text[:4]), int(text[4:6]), int(text[6:8])) + timedelta(days)
        except (ValueError, OverflowError):
            return None
        written = moved_to.strftime("%Y%m%d")
        self.shifted.add(written)
        return written + text[8:] if vr == "DT" else written

    def _without_repeats(self, vr: str, value: Any) -> Any:
        """A text or texts of which those that say more than they should are replaced."""
        if value is None or value == "":
            return value
        if not isinstance(value, str) and hasattr(value, "__iter__"):
            parts = [self._without_repeats(vr, one) for one in value]
            return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
        text = str(value)
        if self.repeats(text) or (vr == "CS" and not plain_code_string(text)):
            return _DUMMIES.get(vr, DUMMY)
        return value

    def _declare(self, result: FileDataset) -> None:
        """Say what was done, in the data set itself (PS3.15 E.1)."""
        options = self.profile.options
        result.SpecificCharacterSet = "ISO_IR 192"
        result.PatientIdentityRemoved = "YES"
        result.DeidentificationMethod = [
            self.profile.name,
            f"Hepatica {hepatica.__version__}",
        ]
        result.DeidentificationMethodCodeSequence = [
            _code(value, meaning) for value, meaning in options.codes
        ]
        result.LongitudinalTemporalInformationModified = (
            "MODIFIED" if options.shift_dates else "REMOVED"
        )


_DONE = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced",
    "U": "replaced",
    "K": "kept",
    "S": "shifted",
    "C": "kept, cleaned inside",
}


def _says_nothing(value: Any) -> bool:
    return str(value or "").strip().lower() in {"", *NO_AGENT}


def identity_of(source: Dataset) -> dict[str, str]:
    """What tells one patient from another: the id and its issuer, else name and birth date."""

    def text(tag: str) -> str:
        return str(source.get(tag) or "").strip()

    identity = {"id": text("PatientID"), "name": text("PatientName")}
    if identity["id"]:
        return identity | {"name": "", "issuer": text("IssuerOfPatientID")}
    if identity["name"]:
        return identity | {"born": text("PatientBirthDate")}
    return identity | {"study": text("StudyInstanceUID")}


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning[:64]
    return item
