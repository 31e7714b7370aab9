"""Does a volume fit into this machine, before any of it is read; and a limit where it grows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hepatica.core.errors import ResourceError

#: The voxels as stored, as float32, and what the pipeline holds beside them: 37 measured
#: where the liver fills the field of view.
BYTES_PER_VOXEL = 40

#: What an ordinary laptop has; taken where the system does not say.
FALLBACK_BYTES = 8 * 10**9


def available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Memory that can be used without swapping, in bytes.

    `MemAvailable` of `meminfo`; where there is none, the free pages, then all pages
    that the system reports; where it reports nothing, :data:`FALLBACK_BYTES`.
    """
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux, or a kernel that does not say: ask the system instead
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        try:
            found = os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, OSError, ValueError):
            continue
        if found > 0:
            return found
    return FALLBACK_BYTES


def require_memory(name: str, voxels: int, available: int | None = None) -> None:
    """Refuse a volume that is larger than the memory.

    Parameters
    ----------
    name
        The file's name, for the sentence.
    voxels
        Number of voxels that the header states.
    available
        Bytes that may be used; None asks the machine.

    Raises
    ------
    ResourceError
        If `voxels` times :data:`BYTES_PER_VOXEL` is more than is available.
    """
    if available is None:
        available = available_bytes()
    needed = voxels * BYTES_PER_VOXEL
    if needed > available:
        raise ResourceError(
            f"{name} states {voxels:,} voxels, which need about {needed / 1e9:.1f} GB of memory;"
            f" {available / 1e9:.1f} GB are available.",
            "Crop or resample it, close other programs, or use a machine with more memory;"
            " if the size makes no sense, the file is damaged.",
        )


def limit_memory(more_bytes: int | None) -> None:
    """Let this process map no more than `more_bytes` beyond what it has mapped already.

    None is all memory of the machine. Where the system has no such limit nothing happens.
    """
    if sys.platform != "linux":
        return
    import resource

    page = os.sysconf("SC_PAGE_SIZE")
    if more_bytes is None:
        more_bytes = os.sysconf("SC_PHYS_PAGES") * page
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * page
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + more_bytes
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0  # not Linux
    return pages * os.sysconf("SC_PAGE_SIZE")
