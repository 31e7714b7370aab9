"""What a server is started with."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from hepatica.core.errors import ConfigError

#: Hosts that only this machine can reach.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """What is refused before it costs anything.

    Parameters
    ----------
    upload_bytes, upload_files
        Of all that is dropped at once.
    voxels
        Of one image.
    jobs
        That one request may queue.
    job_seconds, task_seconds
        After which a segmentation, or a measurement, edit or export, is ended.
    memory_bytes
        Address space that a child process may take beyond what it starts with; None for
        all memory of the machine.
    """

    upload_bytes: int = 4 * 2**30
    upload_files: int = 20_000
    voxels: int = 2**30
    jobs: int = 1000
    job_seconds: float = 2 * 3600.0
    task_seconds: float = 300.0
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Settings:
    """Where the server keeps things, what it may read, and which model it runs.

    Parameters
    ----------
    workspace
        Cases, corrections and the queue.
    roots
        Folders that may be picked from and written into; resolved.
    """

    workspace: Path
    roots: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 0
    bundle: str = "default"
    engine: str = "auto"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        roots = []
        for root in self.roots:
            if not root.is_dir():
                raise ConfigError(f"{root} is not a folder.", "Give --root a folder.")
            roots.append(root.resolve())
        object.__setattr__(self, "roots", tuple(dict.fromkeys(roots)))
        object.__setattr__(self, "workspace", self.workspace.absolute())

    @property
    def cases(self) -> Path:
        """A folder for each case."""
        return self.workspace / "cases"

    @property
    def uploads(self) -> Path:
        """What came through the browser."""
        return self.workspace / "uploads"

    @property
    def scratch(self) -> Path:
        """What the children unpack; empty where none runs."""
        return self.workspace / "scratch"

    @property
    def database(self) -> Path:
        """The queue."""
        return self.workspace / "app.sqlite"


def default_workspace() -> Path:
    """The user's folder for data of programs, as the system has it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "hepatica"
