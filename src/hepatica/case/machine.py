"""What a result was made with: versions of packages, and the memory that it took."""

from __future__ import annotations

import platform
import sys
from contextlib import suppress
from importlib import metadata


def versions() -> dict[str, str]:
    """Versions of what computes a voxel."""
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for package in ("numpy", "scipy", "SimpleITK", "nibabel", "openvino", "torch", "monai"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far; None where it is not known."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes.
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
