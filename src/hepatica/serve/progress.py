"""How far a job is: the steps that people are told of, the share that is done, the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping

#: Steps as shown, each with the steps of `run_case` that it is made of, and the seconds that
#: they take of a typical volume on a laptop until this machine has shown its own.
STEPS: dict[str, tuple[tuple[str, ...], float]] = {
    "read": (("read",), 2.0),
    "stage 1": (("preprocess 1", "network 1", "find liver"), 3.0),
    "stage 2": (("preprocess 2", "network 2"), 3.0),
    "clean": (("postprocess", "back to grid"), 2.0),
    "measure": (("measure",), 1.0),
    "write": (("write", "export", "preview", "models"), 2.0),
    "page": (("page", "open"), 3.0),
}
NAMES = tuple(STEPS)
_SHOWN = {own: shown for shown, (parts, _) in STEPS.items() for own in parts}
#: A step that takes longer than expected stands here, and does not claim to be over.
_MOST = 0.95


class Progress:
    """Of one job; `expected` are seconds by step, as :meth:`seconds` gave them for another."""

    def __init__(self, expected: Mapping[str, float] | None = None) -> None:
        known = expected or {}
        self._expected = {
            name: max(known.get(name, typical), 1e-3) for name, (_, typical) in STEPS.items()
        }
        self._began = self._since = time.monotonic()
        self._taken: dict[str, float] = {}
        self._fraction = 0.0
        self.step: str | None = None

    def begin(self, name: str) -> bool:
        """A step of `run_case` begins; whether that is another one for people, too."""
        shown = _SHOWN.get(name, self.step)
        if shown == self.step:
            return False
        self._end()
        self.step = shown
        return True

    def _end(self) -> None:
        now = time.monotonic()
        if self.step is not None:
            self._taken[self.step] = self._taken.get(self.step, 0.0) + now - self._since
        else:
            self._began = now  # loading the model is not a part of the job
        self._since = now

    def seconds(self) -> dict[str, float]:
        """What each step took, when the job is over."""
        self._end()
        return dict(self._taken)

    @property
    def fraction(self) -> float:
        """Share that is done, 0 to 1; never falls."""
        if self.step is None:
            return 0.0
        number = NAMES.index(self.step)
        done = sum(self._expected[name] for name in NAMES[:number])
        own = self._expected[self.step]
        done += min(time.monotonic() - self._since, _MOST * own)
        self._fraction = max(self._fraction, done / sum(self._expected.values()))
        return self._fraction

    @property
    def seconds_left(self) -> float | None:
        """At the speed so far; None while nothing has begun."""
        if self.step is None:
            return None
        before = sum(self._expected[name] for name in NAMES[: NAMES.index(self.step)])
        pace = (self._since - self._began) / before if before else 1.0
        return round(sum(self._expected.values()) * (1 - self.fraction) * max(pace, 0.1), 1)
