"""Everything in a source that must not be in what is made of it.

It is collected from the source by its own walk, and by types and names of attributes, not
by the table of actions: what the table forgets should be found, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.valuerep import PersonName

from hepatica.io.dicom import parse

#: Shorter words turn up by chance; ...
SHORTEST = 4
#: ... and shorter numbers are a size or a time somewhere.
_SHORTEST_NUMBER = 5
#: Family names in Chinese, Japanese and Korean have one or two characters.
_SHORTEST_IDEOGRAPHIC = 2
#: Of a text that is no name or number of a person.
_SHORTEST_TEXT = 8
#: What people write where nothing is known, and words of anatomy that codes need.
_IDLE = {
    "none", "null", "unknown", "unnamed", "other", "anonymous", "anonymized", "anonymised",
    "removed", "test", "male", "female", "abdomen", "liver", "true", "false", "original",
    "primary", "dicom", "patient",
}  # fmt: skip

_PERSON = {"PN"}
_NUMBERS = {"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "TM"}
_IDENTIFIERS = re.compile(
    r"(ID|IDs|Number|Identifier|Address|Telephone\w*|Phone\w*|Email\w*|Institution\w*|Station\w*"
    r"|AETitle|Location|Residence|Serial\w*|Department\w*|Name)$"
)
#: Identifiers by their names, which are not.
_NO_IDENTIFIERS = {
    "StackID", "SequenceName", "PulseSequenceName", "ReceiveCoilName", "TransmitCoilName",
    "ManufacturerModelName", "InstanceNumber", "SeriesNumber", "AcquisitionNumber",
    "ReferencedFrameNumber", "ReferencedSegmentNumber", "SegmentNumber", "EchoNumbers",
    "TemporalPositionIdentifier", "FrameAcquisitionNumber", "InStackPositionNumber",
}  # fmt: skip
_TEXTS = {"LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE"}
_KEPT_TEXTS = {
    "Manufacturer", "SoftwareVersions", "ImagedNucleus", "RescaleType", "CodeValue",
    "CodeMeaning", "CodingSchemeDesignator", "CodingSchemeVersion", "DimensionDescriptionLabel",
    "WindowCenterWidthExplanation", "ConvolutionKernel", "LongCodeValue", "MappingResource",
}  # fmt: skip


@dataclass
class Identity:
    """What to look for.

    Parameters
    ----------
    names
        Names, numbers and addresses in lower case.
    dates
        As YYYYMMDD.
    uids
        But for those that the standard itself defines.
    spared
        Keywords of attributes that are kept on purpose, and so nothing to look for.
    texts
        Free and private texts in lower case.
    technical
        What technical attributes say: a private text that only repeats it tells nothing.
    """

    names: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    spared: frozenset[str] = frozenset()
    texts: set[str] = field(default_factory=set)
    technical: set[str] = field(default_factory=set)

    @property
    def words(self) -> set[str]:
        """All names and texts to look for."""
        return self.names | (self.texts - self.technical)

    def add(self, data: Any) -> None:
        """Collect from a data set, its sequences and private elements included."""
        for element in _walk(data):
            keyword = keyword_for_tag(element.tag)
            private = element.tag.is_private
            for value in _values(element.value):
                self._add(keyword, element.VR, private, value)

    def add_name(self, file: str) -> None:
        """Collect from the name of a file, folders included."""
        for part in re.split(r"[/\\]", file):
            stem = part.rsplit(".", 1)[0]
            if len(stem) >= _SHORTEST_TEXT and re.search(r"[A-Za-z]{4}", stem):
                self._word(self.texts, stem, _SHORTEST_TEXT)

    def _add(self, keyword: str, vr: str, private: bool, value: str) -> None:
        # What is a number by its type is a measure; as a word it would be found in others.
        if keyword in self.spared or vr in _NUMBERS:
            return
        if vr == "UI" or re.fullmatch(r"[0-9]+(\.[0-9]+){4,}", value):
            if not parse.of_the_standard(value):
                self.uids.add(value)
        elif vr in ("DA", "DT"):
            if re.match(r"[12][0-9]{7}", value):
                self.dates.add(value[:8])
        elif vr in _PERSON:
            for part in (value, *re.split(r"[\^=\s,]+", value)):
                self._word(self.names, part, SHORTEST - 1)
        elif not private and (vr == "CS" or keyword in _KEPT_TEXTS | _NO_IDENTIFIERS):
            self._word(self.technical, value, 0)
        elif keyword and _IDENTIFIERS.search(keyword):
            self._word(self.names, value, SHORTEST)
        elif vr in _TEXTS:
            self._word(self.texts, value, SHORTEST if private else _SHORTEST_TEXT)
        elif private and vr == "UN":
            self._word(self.texts, value, _SHORTEST_TEXT)

    def _word(self, into: set[str], text: str, shortest: int) -> None:
        word = " ".join(text.split()).casefold()
        if shortest and not any(letter.isalpha() for letter in word):
            shortest = max(shortest, _SHORTEST_NUMBER)
        if any("\u2e80" <= letter <= "\uffdc" for letter in word):
            shortest = min(shortest, _SHORTEST_IDEOGRAPHIC)
        if len(word) >= shortest and word not in _IDLE:
            into.add(word)


def _walk(level: Any, depth: int = 0) -> Iterator[Any]:
    if depth > parse.MAX_DEPTH:
        return
    for element in level:
        if element.VR == "SQ":
            for item in element.value or ():
                yield from _walk(item, depth + 1)
        elif element.tag.group < 0x7FE0:
            yield element


def _values(value: Any) -> Iterable[str]:
    if isinstance(value, bytes):
        # Private elements of unknown type are often plain text.
        text = value.rstrip(b"\0 ").decode("ascii", "replace")
        return [text] if text.isprintable() and "\ufffd" not in text else []
    if value is None:
        return []
    if isinstance(value, PersonName):
        return [str(value)]
    if hasattr(value, "__iter__") and not isinstance(value, str):
        parts = list(value)
        return [str(part) for part in parts if not isinstance(part, bytes)]
    return [str(value)]
