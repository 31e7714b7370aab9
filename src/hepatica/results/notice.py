"""The sentence that stands on every view, report and mesh."""

from __future__ import annotations

from typing import Final

#: Shown unshortened and unconditionally, wherever a person reads a result.
RESEARCH_ONLY: Final = "Research use only. Not for diagnosis, treatment or surgical decisions."
