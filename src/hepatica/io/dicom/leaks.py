"""An independent look at what was written: plain bytes, without DICOM's help.

The files are searched as anybody with an editor would search them: runs of readable
characters, names of files, the header inside a compressed NIfTI.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hepatica.io.dicom.identity import Identity

_READABLE = re.compile(rb"[\x20-\x7e]{3,}")
_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")
#: Pixel data (7FE0,0010) with its type and length, in either byte order, and without a type.
_PIXELS = re.compile(
    rb"\xe0\x7f\x10\x00O[BW]\0\0(?P<little>.{4})|\x7f\xe0\x00\x10O[BW]\0\0(?P<big>.{4})"
    rb"|\xe0\x7f\x10\x00(?P<untyped>.{4})",
    re.DOTALL,
)
_UNDEFINED = 0xFFFFFFFF
#: Among pixels only what is too long for chance is a find.
_LONG = 8
#: Of a compressed NIfTI: header and extensions.
_NIFTI_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Leak:
    """A file that holds what it must not, and what kind of thing that is; never the thing."""

    file: str
    kind: str


def scan(folder: Path, identity: Identity, allowed: Iterable[str] = ()) -> list[Leak]:
    """All leaks in the files of a folder; empty if there is none.

    Parameters
    ----------
    allowed
        Dates and words that are there by right, such as shifted dates.
    """
    words = _wanted(identity, set(allowed))
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        kinds = set(_kinds(path, words, identity.uids))
        kinds |= {f"{kind} in its name" for kind in _in_text(name.casefold(), words)}
        found += [Leak(name, kind) for kind in sorted(kinds)]
    return found


def found_in(text: str, identity: Identity) -> bool:
    """Whether one text holds anything that identifies; dates and UIDs included."""
    plain = re.sub(r"[\s^]+", " ", text).casefold()
    if not identity.uids.isdisjoint(_UID.findall(plain)):
        return True
    return any(True for _ in _in_text(plain, _wanted(identity, set())))


def _wanted(identity: Identity, allowed: set[str]) -> dict[str, str]:
    """What to look for, in lower case, and what kind of thing it is."""
    wanted = dict.fromkeys(identity.words - allowed, "a name, number or text")
    for date in identity.dates - allowed:
        year, month, day = date[:4], date[4:6], date[6:]
        for written in (
            date, f"{year}-{month}-{day}", f"{day}.{month}.{year}", f"{day}/{month}/{year}",
            f"{month}/{day}/{year}",
        ):  # fmt: skip
            wanted[written] = "a date"
    return wanted


def _kinds(path: Path, words: dict[str, str], uids: set[str]) -> Iterator[str]:
    content = _content(path)
    begin = _pixels_begin(content)
    head, pixels = content[:begin], content[begin:]
    text = _readable(head)
    yield from _in_text(text, words)
    if not uids.isdisjoint(_UID.findall(text)):
        yield "a UID"
    # What ASCII cannot say is looked for as it would have been stored.
    for word, kind in words.items():
        if not word.isascii() and any(form in head for form in _encoded(word)):
            yield kind
    if pixels:
        long = {word: kind for word, kind in words.items() if len(word) >= _LONG}
        yield from _in_text(_readable(pixels, _LONG), long)


def _pixels_begin(content: bytes) -> int:
    """Where the pixels begin; the end where there are none.

    The same bytes may be anywhere. What follows those that are meant is most of the file, and
    as long as they say.
    """
    for found in _PIXELS.finditer(content):
        order: Literal["big", "little"] = "big" if found["big"] else "little"
        length = int.from_bytes(found["little"] or found["big"] or found["untyped"], order)
        rest = len(content) - found.end()
        if length == _UNDEFINED or rest / 2 <= length <= rest:
            return found.start()
    return len(content)


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content += zlib.decompressobj(31).decompress(content, _NIFTI_HEAD_BYTES)
    return content


def _readable(content: bytes, shortest: int = 3) -> str:
    runs = {run for run in _READABLE.findall(content) if len(run) >= shortest}
    lines = (re.sub(rb"[\s^]+", b" ", run).decode("ascii") for run in runs)
    return "\n".join(lines).casefold()


def _in_text(text: str, words: dict[str, str]) -> Iterator[str]:
    for word, kind in words.items():
        # `in` is fast, and the boundaries are looked at only where it finds something.
        plain = re.sub(r"[\s^]+", " ", word)
        if plain in text and re.search(_bounded(plain), text):
            yield kind


def _bounded(word: str) -> str:
    """A long word anywhere, a short one by itself; a number not inside another."""
    if word.replace(" ", "").isdigit():
        return rf"(?<![0-9a-z.]){re.escape(word)}(?![0-9a-z.])"
    if len(word) < 6:
        return rf"(?<![0-9a-z]){re.escape(word)}(?![0-9a-z])"
    return re.escape(word)


def _encoded(word: str) -> list[bytes]:
    """How a word may be stored, in lower case, as a title and in capitals."""
    forms = []
    for written in {word, word.title(), word.upper(), word.capitalize()}:
        for name in ("utf-8", "latin-1", "iso8859-2", "iso8859-5", "gb18030", "shift_jis"):
            try:
                forms.append(written.encode(name))
            except UnicodeEncodeError:
                continue
    return forms
