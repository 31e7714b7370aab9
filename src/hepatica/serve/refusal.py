"""What the interface itself refuses."""

from __future__ import annotations

from typing import Any

from hepatica.core.errors import HepaticaError


class Refusal(HepaticaError):
    """An error of the interface itself, with the status that says what kind it is.

    `more` are further members of the answer.
    """

    def __init__(self, status: int, message: str, hint: str = "", **more: Any) -> None:
        super().__init__(message, hint)
        self.status, self.more = status, more
