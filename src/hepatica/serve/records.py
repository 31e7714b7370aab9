"""The record of a correction: how long, how much, with what, by whom."""

from __future__ import annotations

import msgspec

from hepatica.serve.refusal import Refusal

_MOST_SESSIONS, _MOST_TOOLS, _LONGEST = 10_000, 100, 64
#: Beyond this the browser, which counts in double precision, does not count.
_LARGEST = 2**53


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    """Use of one tool."""

    edits: int
    seconds: float


class Sitting(msgspec.Struct, forbid_unknown_fields=True):
    """From opening a case to leaving it."""

    started: str
    ended: str
    active_seconds: float


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """How a correction was made, as the browser counts it; numbers never fall.

    Parameters
    ----------
    voxels_changed
        By label, the voxels that edits turned into it, all added up.
    """

    active_seconds: float
    wall_seconds: float
    edits: int
    undos: int
    voxels_changed: dict[str, int]
    tools: dict[str, Tool]
    user: str | None
    sessions: list[Sitting]


class Kept(msgspec.Struct):
    """``record.json`` of a correction.

    Parameters
    ----------
    labels
        Name of the file with the voxels, beside it.
    saved
        When, in UTC.
    """

    revision: int
    labels: str
    saved: str
    record: Record


def parse(text: str | bytes) -> Record:
    """The record that a browser sends.

    Raises
    ------
    Refusal
        422 if it is not one: another form, or a number that is negative or not finite.
    """
    try:
        record = msgspec.json.decode(text, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(422, f"The record cannot be read: {error}.", "Reload the page.") from error
    numbers: list[float] = [
        record.active_seconds,
        record.wall_seconds,
        record.edits,
        record.undos,
        *record.voxels_changed.values(),
        *(n for tool in record.tools.values() for n in (tool.edits, tool.seconds)),
        *(sitting.active_seconds for sitting in record.sessions),
    ]
    if not all(0 <= n <= _LARGEST for n in numbers):
        raise Refusal(422, "A number of the record is negative or not finite.", "Reload the page.")
    texts = [*record.tools, *(t for s in record.sessions for t in (s.started, s.ended))]
    if (
        set(record.voxels_changed) - {"0", "1", "2"}
        or len(record.sessions) > _MOST_SESSIONS
        or len(record.tools) > _MOST_TOOLS
        or any(len(text) > _LONGEST for text in texts)
        or len(record.user or "") > _LONGEST
    ):
        raise Refusal(422, "The record is not one of a correction.", "Reload the page.")
    return record


def merged(earlier: Record, later: Record) -> Record:
    """`later`, but no number below that of `earlier`, and no sitting of it lost.

    Two windows count on their own; whichever saves last has not seen all of it.
    """
    tools = dict(earlier.tools)
    for name, tool in later.tools.items():
        old = tools.get(name, Tool(0, 0.0))
        tools[name] = Tool(max(old.edits, tool.edits), max(old.seconds, tool.seconds))
    changed = dict(earlier.voxels_changed)
    for label, n in later.voxels_changed.items():
        changed[label] = max(changed.get(label, 0), n)
    sittings = {s.started: s for s in (*earlier.sessions, *later.sessions)}
    return Record(
        active_seconds=max(earlier.active_seconds, later.active_seconds),
        wall_seconds=max(earlier.wall_seconds, later.wall_seconds),
        edits=max(earlier.edits, later.edits),
        undos=max(earlier.undos, later.undos),
        voxels_changed=changed,
        tools=tools,
        user=later.user or earlier.user,
        sessions=list(sittings.values())[-_MOST_SESSIONS:],
    )
