"""The packages of the extra ``cluster`` are imported where they are used, and named if missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hepatica.core.errors import ResourceError


@contextmanager
def needs_cluster() -> Iterator[None]:
    """Imports of packages of the extra ``cluster``; raises ResourceError if one is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"hepatica batch needs the package {error.name}.",
            "pip install '.[cluster]' in Hepatica's folder",
        ) from error
