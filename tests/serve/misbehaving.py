"""Tasks of a child that goes wrong, each in another way."""

from __future__ import annotations

import errno
import tempfile
import time
from pathlib import Path

from hepatica.core.errors import InputError


def prepare():
    return {"linger": linger, "babble": babble, "odd name": odd_name, "full": full, "fine": fine}


def linger(step):
    """Ended in the middle of what it unpacks."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "patient").write_text("Jane")
        step(folder)
        time.sleep(60)


def babble(step):
    """A step that has no name."""
    step({"run": "this"})


def odd_name(step):
    """An error that names a file as it is called on a disk of another system."""
    raise InputError("B\udce4rbel.nii is damaged.")


def full(step):
    raise OSError(errno.ENOSPC, "No space left on device")


def fine(step):
    return "done"
