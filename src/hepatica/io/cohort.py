"""The folder of a synthetic cohort: images, exact labels, what was drawn, and whose they are."""

from __future__ import annotations

import csv
import io as text
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

import hepatica
from hepatica.core.errors import OutputError
from hepatica.core.volume import LabelMap, Volume
from hepatica.io.atomic import make_folder, write_bytes, write_text
from hepatica.io.nifti import write_labelmap, write_volume
from hepatica.results.notice import RESEARCH_ONLY

IMAGES, LABELS = "images", "labels"
#: Whose the cases are, as a data set is told it: columns case and patient.
PATIENTS = "patients.csv"

_IMAGE, _TOLD = ".nii.gz", ".json"
#: What every version wrote into a case's JSON, beside its name.
_ALWAYS = {"name", "lesions", "seed"}


def labels_of(image: Path) -> Path:
    """Where the label map of a cohort's image lies."""
    return image.parent.parent / LABELS / image.name


def told_of(image: Path) -> dict[str, Any]:
    """What the JSON beside a cohort's image tells; empty if there is none."""
    path = image.with_name(image.name.removesuffix(_IMAGE) + _TOLD)
    try:
        told = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return told if isinstance(told, dict) else {}


def begin(folder: Path, patient_of: Mapping[str, str], overwrite: bool) -> None:
    """Make room for a cohort in `folder`, and say there whose its cases will be.

    That is said first, so that a cohort that is not finished can be split by patient, too.

    Parameters
    ----------
    patient_of
        The patient of each case.
    overwrite
        Remove the cohort that is there, if all in its folders is of a cohort of ours.

    Raises
    ------
    OutputError
        If there is a cohort and `overwrite` is not asked for, if there is anything else,
        or for the disk; nothing is lost then.
    """
    if overwrite:
        _remove(_earlier(folder))
    else:
        _require_new(folder)
    make_folder(folder)
    write_patients(folder, patient_of)


def write_patients(folder: Path, patient_of: Mapping[str, str]) -> None:
    """Write the patient of each case; none at all removes the table. Raises OutputError."""
    if not patient_of:
        _remove([folder / PATIENTS])
        return
    # Not as for a spreadsheet, which changes names that it would take for formulas.
    out = text.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("case", "patient"), *patient_of.items()])
    write_text(folder / PATIENTS, out.getvalue())


def write_case(
    folder: Path, volume: Volume, labels: LabelMap, told: Mapping[str, object], note: str
) -> tuple[Path, Path]:
    """Write an image and its labels; returns the paths.

    Parameters
    ----------
    told
        What was drawn, with the case's `name`; it is written beside the image.
    note
        What the image's header says of it.
    """
    name = str(told["name"])
    image = folder / IMAGES / f"{name}{_IMAGE}"
    truth = labels_of(image)
    for path in (image, truth):
        make_folder(path.parent)
    known = {
        "name": name,
        "hepatica": hepatica.__version__,
        "notice": RESEARCH_ONLY,
        "coordinates": "RAS+ mm",
    }
    encoded = msgspec.json.format(msgspec.json.encode(known | dict(told)), indent=2)
    # First, so that whatever is there after an interruption is known to be ours.
    write_bytes(folder / IMAGES / f"{name}{_TOLD}", encoded + b"\n")
    write_volume(image, volume, note)
    write_labelmap(truth, labels, volume.source.header)
    return image, truth


def _require_new(folder: Path) -> None:
    images, labels, patients = folder / IMAGES, folder / LABELS, folder / PATIENTS
    there = images if images.exists() else labels if labels.is_dir() else patients
    if there.exists():
        raise OutputError(
            f"{there} exists already; two cohorts would mix.",
            "Choose another folder, or use --overwrite.",
        )


def _earlier(folder: Path) -> list[Path]:
    """The files of the cohort in `folder`, the JSON that names a case after its others.

    Hidden files are left to themselves.
    """
    images, labels, patients = folder / IMAGES, folder / LABELS, folder / PATIENTS
    there = [path for part in (images, labels) for path in _entries(part)]
    there += [patients] if patients.exists() else []
    ours: list[Path] = []
    for path in there:
        if path.parent == images and path.suffix == _TOLD and path.is_file():
            image = images / f"{path.stem}{_IMAGE}"
            told = told_of(image)
            if told.keys() >= _ALWAYS and told["name"] == path.stem:
                ours += [image, labels_of(image), path]
    ours.append(patients)
    named = set(ours)
    if others := [path for path in there if path not in named or not path.is_file()]:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        raise OutputError(
            f"{others[0]}{more} is not of a synthetic cohort, so nothing was overwritten.",
            "Move it away, or choose another folder.",
        )
    return ours


def _entries(folder: Path) -> list[Path]:
    """What is in `folder`, but for hidden files; nothing if it does not exist."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _kept(folder, error) from error


def _remove(files: list[Path]) -> None:
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _kept(path, error) from error


def _kept(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    return OutputError(
        f"{path} cannot be overwritten: {reason}.",
        "Choose another folder, or change its permissions.",
    )
