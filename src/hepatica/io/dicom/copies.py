"""The same picture sent twice under two names."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from hepatica.io.dicom import parse
from hepatica.io.dicom.frames import Frame
from hepatica.io.dicom.stacks import SAME_MM, Stack


def without_equal_pixels(stack: Stack) -> Stack:
    """The stack without frames whose place and stored pixels are those of another.

    Archives send images again under new UIDs. Pixels are read only where a place is
    taken more than once; InputError for what `parse.whole` refuses.
    """
    heights = [float(f.position @ stack.first.normal) for f in stack.frames]
    close = np.diff(heights) <= SAME_MM
    if not close.any():
        return stack
    kept: list[Frame] = []
    here: set[Hashable] = set()
    for k, frame in enumerate(stack.frames):
        if k and not close[k - 1]:
            here = set()
        shared = bool((k and close[k - 1]) or (k < len(close) and close[k]))
        mark: Hashable = _digest(frame) if shared else frame.uid
        if mark not in here:
            kept.append(frame)
        here.add(mark)
    left = len(stack.frames) - len(kept)
    if not left:
        return stack
    note = f"{left} slices that were there twice, under different names, were left out."
    return replace(
        stack, frames=tuple(kept), copies=stack.copies + left, notes=(*stack.notes, note)
    )


def _digest(frame: Frame) -> bytes:
    """Of the frame's stored pixels."""
    data = parse.whole(frame.path)
    with parse.damaged(frame.path):
        stored = bytes(data.PixelData)
    return hashlib.sha256(stored + str(frame.number).encode()).digest()
