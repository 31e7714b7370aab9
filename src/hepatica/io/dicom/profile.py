"""The Basic Application Level Confidentiality Profile of PS3.15, as a table, and what goes beyond.

The table is `profile.json`: which attribute gets which action in the edition that it names.
An attribute that the table does not list is kept only if its type cannot hold free text, or
if it is one of a short list of technical texts. That is stricter than the profile, and what
the profile leaves to "the judgement of the implementer".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Literal

import msgspec
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.tag import BaseTag, Tag

#: Remove, empty, replace by a dummy, replace the UID, keep, shift the date, clean inside.
Action = Literal["X", "Z", "D", "U", "K", "S", "C"]

#: Codes of PS3.16 CID 7050 for what was done.
PROFILE_CODE = ("113100", "Basic Application Confidentiality Profile")
DATES_CODE = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
PATIENT_CODE = ("113108", "Retain Patient Characteristics Option")
DEVICE_CODE = ("113109", "Retain Device Identity Option")

#: Dates of a person, which no option keeps.
_PERSONAL = {"PatientBirthDate", "PatientBirthTime", "PatientBirthDateInAlternativeCalendar"}

#: Short texts that say how an image was made; everything else in words goes.
_TECHNICAL = {
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "SequenceName",
    "PulseSequenceName",
    "ImagedNucleus",
    "ReceiveCoilName",
    "TransmitCoilName",
    "StackID",
    "RescaleType",
    "WindowCenterWidthExplanation",
    "CodeValue",
    "LongCodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodeMeaning",
    "MappingResource",
    "DimensionDescriptionLabel",
    "ConvolutionKernel",
}

_FREE_TEXT = {"LT", "ST", "UT", "UC", "UR", "LO", "SH", "PN", "AE", "UN", "AS"}
_NUMBERS = {"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"}
_DATES = {"DA", "TM", "DT"}
#: Bulk data that makes an image; other bytes may hold anything.
_BULK = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} | {
    f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")
}
_EMPTY_IF_UNLISTED = {"PositionReferenceIndicator"}
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{0,16}")


@dataclass(frozen=True)
class Options:
    """Options of the profile.

    Parameters
    ----------
    retain_device
        Keep which device it was.
    retain_patient
        Keep age, sex, size, weight and the like.
    shift_dates
        Shift dates by days that are the same for all of a patient, instead of removing them.
    """

    retain_device: bool = False
    retain_patient: bool = False
    shift_dates: bool = False

    @property
    def codes(self) -> list[tuple[str, str]]:
        """What the data sets say was done (PS3.16 CID 7050)."""
        chosen = (
            (True, PROFILE_CODE),
            (self.shift_dates, DATES_CODE),
            (self.retain_patient, PATIENT_CODE),
            (self.retain_device, DEVICE_CODE),
        )
        return [code for applies, code in chosen if applies]


class Table(msgspec.Struct, frozen=True):
    """What `profile.json` holds: tags in hexadecimal, ten to a line."""

    table: str
    edition: str
    actions: dict[str, list[str]]
    retain_device: list[str]
    retain_patient: list[str]


@dataclass(frozen=True)
class Rule:
    """What is done with an attribute, and why: a code of the table, or a rule of ours."""

    action: Action
    code: str


class Profile:
    """The actions for all attributes under some options."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.table = _table()

    @cached_property
    def _codes(self) -> dict[int, str]:
        return {tag: code for code, lines in self.table.actions.items() for tag in _tags(lines)}

    @cached_property
    def _kept(self) -> dict[int, str]:
        kept: dict[int, str] = {}
        if self.options.retain_device:
            kept |= dict.fromkeys(_tags(self.table.retain_device), "K: device identity")
        if self.options.retain_patient:
            kept |= dict.fromkeys(_tags(self.table.retain_patient), "K: patient characteristics")
        return kept

    @property
    def retained(self) -> frozenset[str]:
        """Keywords of the attributes that an option keeps as they are."""
        return frozenset(keyword_for_tag(tag) for tag in self._kept)

    @property
    def name(self) -> str:
        """Of the profile, with its edition."""
        # As a value of Deidentification Method it may have 64 characters.
        return f"PS3.15 {self.table.edition} Basic Application Level Confidentiality Profile"

    def rule(self, tag: BaseTag, vr: str) -> Rule:
        """What to do with an attribute of that type."""
        keyword = keyword_for_tag(tag)
        if tag.is_private:
            return Rule("X", "X: private")
        if tag.group % 2 == 0 and 0x5000 <= tag.group < 0x5100:
            return Rule("X", "X: curve")
        if tag.group % 2 == 0 and 0x6000 <= tag.group < 0x6100:
            return Rule("X", "X: overlay")
        if int(tag) in self._kept:
            return Rule("K", self._kept[int(tag)])
        code = self._codes.get(int(tag))
        if self.options.shift_dates and vr in _DATES and keyword not in _PERSONAL:
            return Rule("S" if vr != "TM" else "K", f"C: shifted dates ({code or 'unlisted'})")
        if code is not None:
            return Rule(_resolved(code, vr), code)
        return self._unlisted(tag, keyword, vr)

    def _unlisted(self, tag: BaseTag, keyword: str, vr: str) -> Rule:
        if not keyword:
            return Rule("X", "X: unknown attribute")
        if keyword in _EMPTY_IF_UNLISTED:
            return Rule("Z", "Z: free text")
        if vr == "SQ":
            return Rule("C", "C: cleaned inside")
        if vr == "UI":
            return Rule("U", "U: unlisted UID")
        if vr in _DATES:
            return Rule("Z", "Z: unlisted date")
        if keyword in _TECHNICAL or vr in _NUMBERS or keyword in _BULK or vr == "CS":
            return Rule("K", "K: technical")
        if vr in _FREE_TEXT:
            return Rule("X", "X: free text")
        return Rule("X", "X: bytes")


def _resolved(code: str, vr: str) -> Action:
    """The one action of a combined code that leaves every image valid.

    A dummy value is allowed wherever an empty one is (PS3.15 E.3.1), and does where the
    attribute may not be empty.
    """
    if "U" in code:
        return "C" if vr == "SQ" else "U"
    if vr == "SQ":
        return "X" if "X" in code else "Z"
    if "D" in code:
        return "D"
    return "Z" if "Z" in code else "X"


def plain_code_string(value: str) -> bool:
    """Whether a value of type CS is what the standard allows, and so no hiding place."""
    return bool(_CODE_STRING.fullmatch(value))


def type_of(tag: BaseTag, stated: str) -> str:
    """The type that the dictionary gives an attribute, whatever the file states."""
    try:
        known = dictionary_VR(tag)
    except KeyError:
        return stated
    return stated if " or " in known and stated in known.split(" or ") else known.split(" or ")[0]


def _tags(lines: list[str]) -> list[int]:
    return [int(Tag(int(tag, 16))) for line in lines for tag in line.split()]


@lru_cache(maxsize=1)
def _table() -> Table:
    content = resources.files("hepatica.io.dicom").joinpath("profile.json").read_bytes()
    return msgspec.json.decode(content, type=Table)
