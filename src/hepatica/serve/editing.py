"""Edits as a browser asks for them, checked, and done by :mod:`hepatica.results.edits`."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hepatica.core.geometry import Triple
from hepatica.core.volume import LabelMap, Volume
from hepatica.results import edits
from hepatica.serve.refusal import Refusal

_LARGEST_MM, _LARGEST_ML = 1000.0, 1e6


class _Edit(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="tool", forbid_unknown_fields=True
):
    """What all edits have: the label, and what may not change."""

    label: int
    inside_liver: bool = False
    locked: tuple[int, ...] = ()


class Grow(_Edit, frozen=True, kw_only=True, tag="grow"):
    """What is as bright as a voxel, and connected with it."""

    voxel: Triple
    tolerance: float
    radius_mm: float


class Interpolate(_Edit, frozen=True, kw_only=True, tag="interpolate"):
    """Slices between slices, across a voxel axis."""

    axis: int


class Smooth(_Edit, frozen=True, kw_only=True, tag="smooth"):
    """A rounder surface."""

    mm: float


class Islands(_Edit, frozen=True, kw_only=True, tag="islands"):
    """Small parts go."""

    minimum_ml: float
    keep_largest: bool = False


class Fill(_Edit, frozen=True, kw_only=True, tag="fill"):
    """Holes go."""


Edit: TypeAlias = Grow | Interpolate | Smooth | Islands | Fill


def parse(text: str | bytes) -> Edit:
    """The edit that a browser asks for.

    Raises
    ------
    Refusal
        422 if it is none, or a number makes no sense.
    """
    try:
        edit: Edit = msgspec.json.decode(text, type=Edit)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(422, f"The edit cannot be read: {error}.", "Reload the page.") from error
    sizes = {
        name: (getattr(edit, name), most)
        for name, most in (
            ("tolerance", 10.0),
            ("radius_mm", _LARGEST_MM),
            ("mm", 50.0),
            ("minimum_ml", _LARGEST_ML),
            ("label", 2),
            ("axis", 2),
        )
        if hasattr(edit, name)
    }
    for name, (value, most) in sizes.items():
        least = 1 if name == "label" else 0
        if not least <= value <= most:
            raise Refusal(422, f"{name} is not between {least} and {most:g}.")
    return edit


def require_inside(edit: Edit, shape: Triple) -> None:
    """Refuse (422) an edit at a voxel that the image does not have."""
    if isinstance(edit, Grow) and not all(
        0 <= v < n for v, n in zip(edit.voxel, shape, strict=True)
    ):
        raise Refusal(422, "That voxel is outside of the image.")


def apply(edit: Edit, before: LabelMap, image: Volume | None) -> LabelMap:
    """The label map after an edit that was checked; growing needs the image."""
    label = edit.label
    if isinstance(edit, Grow):
        assert image is not None
        after = edits.grow(
            before,
            image,
            edit.voxel,
            label,
            tolerance=edit.tolerance,
            radius_mm=edit.radius_mm,
        )
    elif isinstance(edit, Interpolate):
        after = edits.interpolate(before, label, edit.axis)
    elif isinstance(edit, Smooth):
        after = edits.smooth(before, label, edit.mm)
    elif isinstance(edit, Islands):
        after = edits.remove_islands(
            before, label, minimum_ml=edit.minimum_ml, keep_largest=edit.keep_largest
        )
    else:
        after = edits.fill_holes(before, label)
    return edits.protected(before, after, locked=edit.locked, inside_liver=edit.inside_liver)
