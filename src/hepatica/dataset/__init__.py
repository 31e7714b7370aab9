"""Data sets: found as people have them, described, split by patient.

:func:`find` lists a data set's cases, :func:`read_entry` reads one of them in Hepatica's
labels; :mod:`~hepatica.dataset.describe` and :mod:`~hepatica.dataset.splits` are what
``hepatica dataset`` does with them.
"""

from __future__ import annotations

from hepatica.dataset.entries import Dataset, Entry, read_entry
from hepatica.dataset.formats import find
from hepatica.dataset.splits import Split, load_split

__all__ = ["Dataset", "Entry", "Split", "find", "load_split", "read_entry"]
