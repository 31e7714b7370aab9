"""What is wrong with a JSON file that a person wrote, in plain words."""

from __future__ import annotations

import re

import msgspec

_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object in braces",
    "array": "a list in brackets",
    "null": "null",
}
_TYPES = re.compile(r"Expected `(\w+)`, got `(\w+)`(?: - at (`key` in )?`\$\.?(.*)`)?")


def told(error: msgspec.DecodeError | UnicodeDecodeError, content: bytes) -> tuple[str, str]:
    """What msgspec found in `content`: the end of a sentence about it, and a hint."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text", "Save it as UTF-8."
    if not isinstance(error, msgspec.ValidationError):
        return _not_json(str(error), content)
    text = str(error)
    if found := re.match(r"Object missing required field `(.*?)`", text):
        return f'"{found[1]}" is missing', "The documentation lists what has to be there."
    if found := re.match(r"Object contains unknown field `(.*?)`", text):
        return f'"{found[1]}" means nothing', "Remove it, or correct its name."
    if found := re.match(r"Invalid enum value (.*) - at `\$\.(.*)`", text):
        return f'"{found[2]}" cannot be {found[1]}', "The documentation lists what it can be."
    if found := _TYPES.match(text):
        wanted, given = (_KINDS.get(kind, kind) for kind in found.group(1, 2))
        place = (found[4] or "").removesuffix("[...]")
        where = f'"{place}"' if place else "the whole"
        if found[3]:
            return f"what {where} lists is not {wanted}", f"Write {wanted} there, between quotes."
        where = f"a value in {where}" if (found[4] or "").endswith("[...]") else where
        return f"{where} is {given}, not {wanted}", f"Write {wanted} there."
    return text, "The documentation shows an example."


def _not_json(text: str, content: bytes) -> tuple[str, str]:
    hint = "Look at its quotes, commas and braces."
    found = re.match(r"JSON is malformed: (.*) \(byte (\d+)\)", text)
    if not found:
        return "it ends too early", hint
    line = content[: int(found[2])].count(b"\n") + 1
    return f"it is not JSON: {found[1]} in line {line}", hint
