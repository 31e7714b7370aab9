"""Where compiled models are kept from one run to the next: a folder of the user alone."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

#: Names another folder for it; an empty text: keep nothing.
VARIABLE = "HEPATICA_CACHE"


def folder() -> Path | None:
    """The folder, made if need be; None where there can be none that others cannot write to.

    What is in it is run: a folder that someone else owns or may change is not used.
    """
    named = os.environ.get(VARIABLE)
    if named == "":
        return None
    place = Path(named) if named else _usual() / "hepatica"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
    except OSError:
        # A home that cannot be written to costs a third of a second a run, nothing else.
        return None
    if sys.platform != "win32" and (
        found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        return None
    return place if os.access(place, os.W_OK) else None


def _usual() -> Path:
    """The user's folder for such things, by the custom of the system."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
