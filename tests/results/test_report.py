"""The report and the tables: what is in them, what unknown looks like, what a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.model.plan import PLANS, Plan
from hepatica.results.measure import measure
from hepatica.results.report import (
    BundleRecord,
    CaseRow,
    EngineRecord,
    InputRecord,
    Provenance,
    Report,
    Timing,
    cases_csv,
    lesions_csv,
)

GEOMETRY = Geometry.from_spacing((6, 6, 6), (1, 2, 4))

#: As a bundle gives it: read from JSON.
PLAN = Plan.from_json(PLANS["default"].to_json())


def two_lesions(with_image=False):
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[1:5, 1:5, 1:5] = 1
    labels[1:3, 1, 1] = 2
    labels[5, 4, 4] = 2
    image = Volume(np.ones((6, 6, 6)), GEOMETRY) if with_image else None
    return measure(LabelMap(labels, GEOMETRY), image, image and image.voxels)


NOTHING = measure(LabelMap(np.zeros((6, 6, 6), np.uint8), GEOMETRY))


def report(measurements, **changes):
    fields = {
        "hepatica": "1.2.3",
        "case": "case_01",
        "warnings": ("The liver is cut.",),
        "measurements": measurements,
        "provenance": Provenance(
            input=InputRecord.of(Source("case_01.nii.gz", format="nifti", sha256="ab"), GEOMETRY),
            bundle=BundleRecord(name="default", sha256="cd"),
            plan=PLAN,
            engine=EngineRecord(name="openvino", precision="bf16", device="CPU", threads=2),
            versions={"numpy": "2.4"},
        ),
        "timing": Timing(seconds={"read": 0.25, "segment": 3.0}, peak_memory_mb=812.5),
    }
    return Report(**(fields | changes))


@pytest.mark.parametrize("with_image", [False, True])
def test_a_report_reads_back_as_it_was(with_image):
    original = report(two_lesions(with_image))
    assert len(original.measurements.findings) == 2
    assert Report.from_json(original.to_json()) == original


def test_the_json_has_the_documented_form():
    text = report(two_lesions(with_image=True)).to_json()
    assert text.endswith(b"}\n")
    data = json.loads(text)
    assert list(data) == [
        "hepatica",
        "notice",
        "case",
        "warnings",
        "measurements",
        "quality",
        "provenance",
        "timing",
    ]
    assert data["hepatica"] == "1.2.3"
    assert data["notice"] == (
        "Research use only. Not for diagnosis, treatment or surgical decisions."
    )
    assert data["provenance"]["input"] == {
        "name": "case_01.nii.gz",
        "format": "nifti",
        "sha256": "ab",
        "geometry": {
            "shape": [6, 6, 6],
            "spacing_mm": [1, 2, 4],
            "axes": "RAS",
            "affine": [[1, 0, 0, -2.5], [0, 2, 0, -5], [0, 0, 4, -10], [0, 0, 0, 1]],
        },
    }
    assert data["provenance"]["bundle"] == {"name": "default", "sha256": "cd"}
    assert data["provenance"]["plan"]["name"] == "default"
    assert data["provenance"]["engine"] == {
        "name": "openvino",
        "precision": "bf16",
        "device": "CPU",
        "threads": 2,
    }
    assert data["timing"] == {
        "seconds": {"read": 0.25, "segment": 3.0},
        "shared_seconds": {},
        "peak_memory_mb": 812.5,
    }
    measured = data["measurements"]
    assert measured["liver_ml"] == pytest.approx(65 * 0.008)
    first, second = measured["findings"]
    assert list(first) == [
        "id",
        "volume_ml",
        "diameter_axial_mm",
        "diameter_perpendicular_mm",
        "diameter_3d_mm",
        "centre_mm",
        "centre_voxel",
        "slices",
        "mean_signal_ratio",
        "confidence",
        "touches_border",
        "sphericity",
        "surface_distance_mm",
        "next_lesion_mm",
        "slice_longest",
        "axial_ends_mm",
        "perpendicular_ends_mm",
    ]
    assert first["centre_voxel"] == [1, 1, 1]
    assert first["mean_signal_ratio"] == first["confidence"] == 1
    assert (first["touches_border"], second["touches_border"]) == (False, True)


def test_numbers_are_not_rounded_in_json():
    original = two_lesions()
    data = json.loads(report(original).to_json())
    assert data["measurements"]["findings"][0]["diameter_axial_mm"] == 8**0.5
    assert data["measurements"]["burden_percent"] == original.burden_percent


def test_unknown_is_null_and_never_zero():
    data = json.loads(report(NOTHING).to_json())["measurements"]
    assert data == {
        "liver_ml": 0,
        "parenchyma_ml": 0,
        "tumour_ml": 0,
        "burden_percent": None,
        "liver_touches_border": False,
        "findings": [],
    }
    finding = json.loads(report(two_lesions()).to_json())["measurements"]["findings"][0]
    assert finding["mean_signal_ratio"] is None
    assert finding["confidence"] is None


def test_a_label_map_that_was_given_has_no_model():
    where = report(NOTHING).provenance
    given = msgspec.structs.replace(where, bundle=None, plan=None, engine=None)
    data = json.loads(report(NOTHING, provenance=given).to_json())["provenance"]
    assert (data["bundle"], data["plan"], data["engine"]) == (None, None, None)


@pytest.mark.parametrize("text", [b"{}", b"[1]", b"{", b'{"hepatica": 3}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(msgspec.DecodeError):
        Report.from_json(text)


def table(text):
    return list(csv.DictReader(io.StringIO(text), strict=True))


def test_the_table_of_lesions():
    rows = table(lesions_csv(two_lesions(with_image=True)))
    assert list(rows[0]) == [
        "id",
        "volume_ml",
        "diameter_axial_mm",
        "diameter_perpendicular_mm",
        "diameter_3d_mm",
        "sphericity",
        "mean_signal_ratio",
        "surface_distance_mm",
        "next_lesion_mm",
        "centre_x_mm",
        "centre_y_mm",
        "centre_z_mm",
        "centre_i",
        "centre_j",
        "centre_k",
        "slice_first",
        "slice_last",
        "slice_longest",
        "confidence",
        "touches_border",
    ]
    # Two voxels in a row, 2 by 2 by 4 mm, at index (1.5, 1, 1), on the liver's edge; the
    # other lesion is 2, 4 and 8 mm away along the axes.
    assert 0.9 < float(rows[0].pop("sphericity")) < 1
    assert list(rows[0].values()) == [
        "1", "0.016", "2.82843", "2.82843", "4.89898", "1", "0", "9.16515", "-1", "-3", "-6",
        "1", "1", "1", "1", "1", "1", "1", "false",
    ]  # fmt: skip
    assert [row["id"] for row in rows] == ["1", "2"]
    assert rows[1]["touches_border"] == "true"


def test_unknown_is_an_empty_cell_and_no_lesion_no_line():
    row = table(lesions_csv(two_lesions()))[0]
    assert (row["mean_signal_ratio"], row["confidence"]) == ("", "")
    assert lesions_csv(NOTHING).count("\n") == 1


def test_the_table_of_cases():
    measured = two_lesions()
    # The longest need not be the one of the largest volume.
    second = replace(measured.findings[1], diameter_axial_mm=33.25)
    measured = replace(measured, findings=(measured.findings[0], second))
    done, none, failed = table(
        cases_csv(
            [
                CaseRow("a", "done", measured, 4.5, ("one", "two")),
                CaseRow("b", "done", NOTHING, 0.0),
                CaseRow("c", "failed", error='no "file", sorry'),
            ]
        )
    )
    assert list(done) == [
        "case",
        "status",
        "liver_ml",
        "parenchyma_ml",
        "tumour_ml",
        "burden_percent",
        "lesions",
        "largest_mm",
        "seconds",
        "warnings",
        "error",
    ]
    assert list(done.values()) == [
        "a", "done", "0.52", "0.496", "0.024", "4.61538", "2", "33.25", "4.5", "one; two", "",
    ]  # fmt: skip
    assert list(none.values()) == ["b", "done", "0", "0", "0", "", "0", "", "0", "", ""]
    assert list(failed.values()) == ["c", "failed", *[""] * 8, 'no "file", sorry']


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r+", "\n-", " @"])
def test_text_that_a_spreadsheet_would_run_is_marked_as_text(start):
    evil = f"{start}cmd|' /C calc'!A0"
    (row,) = table(cases_csv([CaseRow(evil, "failed", warnings=(evil,), error=evil)]))
    expected = (
        "'" + start.replace("\t", " ").replace("\r", " ").replace("\n", " ") + evil[len(start) :]
    )
    assert row["case"] == row["warnings"] == row["error"] == expected


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_no_text_begins_a_line_of_its_own(end):
    text = cases_csv([CaseRow(f"a{end}=1+1", "failed", error=f"b{end}=1+1")])
    assert len(text.splitlines()) == 2
    (row,) = table(text)
    assert row["case"].split() == ["a", "=1+1"]


@pytest.mark.parametrize("text", ["case-1", "a=b", "x@y", 'Müller, "J"', "'"])
def test_other_text_is_left_alone(text):
    assert table(cases_csv([CaseRow(text, "done")]))[0]["case"] == text


def test_negative_numbers_are_not_text():
    assert table(lesions_csv(two_lesions()))[0]["centre_x_mm"] == "-1"
    assert "'" not in lesions_csv(two_lesions())
