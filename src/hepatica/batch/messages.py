"""What client and workers tell each other: JSON, so that neither takes an object from the other.

Dask itself sends functions as pickles to the workers: whoever can reach a scheduler can run
code on its workers, which is why nothing here listens without TLS beyond this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hepatica.batch.manifest import Cause, Hashes
from hepatica.model.engines import Asked, EngineName

if TYPE_CHECKING:
    from hepatica.case import Wanted

#: The topic under which workers say what they begin.
TOPIC = "hepatica-batch"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How every case of a run is done; `threads` are those of each worker's engine.

    `bundle` is a name that ships, or an absolute folder that all workers see; `gpu` asks for
    workers with that resource of Dask's.
    """

    bundle: str = "default"
    engine: EngineName = "auto"
    device: str = "auto"
    precision: Asked = "auto"
    threads: int = 1
    save_probabilities: bool = False
    exports: tuple[str, ...] = ()
    limit_s: float = 1800.0
    gpu: bool = False

    @property
    def wanted(self) -> Wanted:
        """What a case's folder holds."""
        from hepatica.case import Wanted

        return Wanted(probabilities=self.save_probabilities, exports=self.exports)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one case; `version` is the client's."""

    key: str
    case: str
    source: str
    out: str
    recipe: Recipe
    version: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """It has its folder; `kept` if that was there already, made from the same."""

    seconds: float
    hashes: Hashes
    kept: bool


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It has none, and why."""

    cause: Cause
    reason: str


class Unable(msgspec.Struct, frozen=True, kw_only=True, tag="unable"):
    """The worker can do no case at all: it has another version, or no such model."""

    reason: str
    hint: str


Outcome = Done | Failed | Unable


class Began(msgspec.Struct, frozen=True, kw_only=True):
    """A worker has begun a task: its name, and where it is (``worker`` is a word of Dask's own)."""

    key: str
    place: str


def outcome(data: bytes) -> Outcome:
    """Read what a worker returned; raises msgspec.DecodeError."""
    found: Outcome = msgspec.json.decode(data, type=Outcome)
    return found
