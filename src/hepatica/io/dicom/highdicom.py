"""highdicom, imported at the edge: it comes with the extra ``dicom``."""

from __future__ import annotations

from typing import Any

from hepatica.core.errors import ResourceError


def load() -> Any:
    """The package highdicom.

    Raises
    ------
    ResourceError
        If it is not installed.
    """
    try:
        import highdicom
        import highdicom.sr  # not loaded by the package itself
    except ImportError as error:
        raise ResourceError(
            "DICOM results need highdicom, which is not installed.",
            "Install it with: pip install 'hepatica[dicom]'.",
        ) from error
    return highdicom
