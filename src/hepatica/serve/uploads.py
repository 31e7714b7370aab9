"""What is dropped on the page: streamed to the disk part by part, under names that are checked.

At no time is more than a block of it in memory, and nothing of it is looked at here.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hepatica.serve.refusal import Refusal

#: Of what is dropped without a folder around it.
LOOSE = "study"
FIELD = b"files"
_DEEPEST, _LONGEST = 16, 200
#: RFC 2046.
_LONGEST_DIVIDER = 70


def safe_path(name: str) -> PurePosixPath:
    """The relative path that a file was dropped with.

    Raises
    ------
    Refusal
        If it leads anywhere but down, or a part of it is no name of a file.
    """
    parts = name.split("/")
    for part in parts:
        if part in ("", ".", "..") or set(part) & set("\\:\0") or not part.isprintable():
            raise Refusal(400, f"{name[:80]!r} is not a path that can be uploaded.", "Rename it.")
        if len(part.encode("utf-8", "replace")) > _LONGEST:
            raise Refusal(400, f"{part[:40]}… has too long a name.", "Rename it.")
    if len(parts) > _DEEPEST:
        raise Refusal(400, f"{parts[0]} holds folders that are too deep.", "Add an inner one.")
    return PurePosixPath(*parts)


def boundary(content_type: str) -> bytes:
    """What divides the parts; raises a Refusal (400) if it is no multipart form."""
    kind, options = parse_options_header(content_type)
    found = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(found) <= _LONGEST_DIVIDER:
        raise Refusal(400, "An upload has to be a multipart form.")
    return found


class Receiver:
    """Takes the body of a form in blocks, and writes its files below `folder`.

    Parameters
    ----------
    most_bytes, most_files
        More is refused as soon as it arrives.
    """

    def __init__(self, folder: Path, divider: bytes, most_bytes: int, most_files: int) -> None:
        self.folder, self.files = folder, 0
        self._left, self._most_files = most_bytes, most_files
        self._file: BinaryIO | None = None
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        self._parser = MultipartParser(
            divider,
            {
                "on_part_begin": self._part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self.close,
                "on_end": self._end,
            },
        )

    def write(self, block: bytes) -> None:
        """Take the next block.

        Raises
        ------
        Refusal
            For a bad name, too much, or what is no form.
        OSError
            If the disk refuses.
        """
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise Refusal(400, "The upload is damaged.", "Try again.") from error

    def finish(self) -> None:
        """The body is over; raises a Refusal (400) if it ended in the middle, or held no file."""
        if not self._ended:
            raise Refusal(400, "The upload ended in the middle.", "Try again.")
        if not self.files:
            raise Refusal(400, "The upload holds no file.", "Drop an image or a folder.")

    def close(self) -> None:
        """The part is over."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _part(self) -> None:
        self._headers, self._name, self._value = {}, b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        if options.get(b"name") != FIELD or name is None:
            return  # a field that is none of ours
        self.files += 1
        if self.files > self._most_files:
            raise Refusal(413, f"These are more than {self._most_files:,} files.", "Add fewer.")
        path = self.folder / safe_path(name.decode("utf-8", "replace"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise Refusal(400, f"{path.name} was dropped twice.", "Drop it once.") from None

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._left -= end - start
        if self._left < 0:
            raise Refusal(413, "That is more than can be uploaded.", "Pick it on this computer.")
        if self._file is not None:
            self._file.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def start_of(folder: Path) -> Path:
    """Where the images of an upload begin: below folders that hold nothing but one folder."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        folder = entries[0]
