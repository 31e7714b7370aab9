"""The main job on real MRI. Skipped, and said so, where the volumes are not at hand."""

from __future__ import annotations

import numpy as np
import pytest

from hepatica import io
from hepatica.case import Model, run_case
from hepatica.core import resample
from hepatica.evaluate import pairs, study

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def model():
    return Model.load("default")


def liver_dice(prediction, reference):
    found, _ = pairs.pair(prediction, reference)
    (one,) = study.evaluate(found, {"liver": 1})
    return one["liver"].dice


def test_t1_of_an_unseen_patient_from_nifti_and_from_dicom(data, model, tmp_path):
    chaos = data / "mri_t1_chaos" / "chaos_10"
    run_case(chaos / "chaos_10_inphase.nii.gz", tmp_path, model)
    written = tmp_path / "chaos_10_inphase" / "chaos_10_inphase_seg.nii.gz"
    assert liver_dice(written, chaos / "chaos_10_organs.nii.gz") >= 0.80
    run_case(chaos / "dicom" / "InPhase", tmp_path, model)
    labels = io.read_labelmap(written)
    dicom = io.read_labelmap(tmp_path / "InPhase" / "InPhase_seg.nii.gz")
    assert dicom.geometry.canonical().matches(labels.geometry.canonical(), 0.05)
    moved = resample.onto(dicom, labels.geometry)
    assert (moved.labels == labels.labels).mean() >= 0.999


def test_t2_of_four_unseen_patients(data, model, tmp_path):
    folder = data / "mri_t2_chaos"
    dice = []
    for patient in (10, 15, 19, 20):
        run_case(folder / f"chaos_{patient}_t2spir.nii.gz", tmp_path, model)
        name = f"chaos_{patient}_t2spir"
        found = tmp_path / name / f"{name}_seg.nii.gz"
        dice.append(liver_dice(found, folder / f"chaos_{patient}_organs.nii.gz"))
    assert np.mean(dice) >= 0.75
