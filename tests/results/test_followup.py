"""Two dates: by hand in livers that did not move, and in livers that did."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.results.alignment import Alignment, align
from hepatica.results.followup import (
    REACH_MM,
    REACH_RADII,
    TIMEPOINT_COLUMNS,
    Change,
    FollowUp,
    compare_timepoints,
    match,
    status_of,
    sum_of_diameters_mm,
    timepoints_csv,
)
from hepatica.results.followuppage import followup_page
from hepatica.results.measure import Finding, Measurements
from hepatica.results.notice import RESEARCH_ONLY
from tests.followups import Pair, pair
from tests.livers import points_mm

GRID = Geometry.from_spacing((56, 44, 36), (3.0, 3.0, 3.5))


def liver(*lesions, grid=GRID, shift=(0, 0, 0)):
    """An ellipsoid with balls: (centre, diameter)."""
    place = points_mm(grid) - shift
    labels = ((place / (70, 50, 45)) ** 2).sum(axis=-1) < 1
    labels = labels.astype(np.uint8)
    for centre, diameter in lesions:
        labels[np.linalg.norm(place - centre, axis=-1) < diameter / 2] = 2
    return LabelMap(labels, grid)


A, B, C, D = (-40, 0, 0), (0, 10, 10), (30, -10, -5), (45, 10, 0)


@pytest.fixture(scope="module")
def followup():
    earlier = liver((A, 20), (B, 24), (C, 22))
    return compare_timepoints(earlier, liver((A, 30), (B, 12), (D, 14)))


def test_new_gone_grown_and_shrunk(followup):
    assert [c.status for c in followup.changes] == ["grown", "shrunk", "new", "gone"]
    grown, shrunk, new, gone = followup.changes
    assert grown.later.centre_mm == pytest.approx(A, abs=2)
    assert shrunk.earlier.centre_mm == pytest.approx(B, abs=2)
    assert new.later.centre_mm == pytest.approx(D, abs=2)
    assert gone.earlier.centre_mm == pytest.approx(C, abs=2)
    assert (new.earlier, gone.later) == (None, None)
    assert new.volume_change_ml is new.diameter_change_mm is gone.volume_change_percent is None
    assert grown.volume_change_percent == pytest.approx(100 * (1.5**3 - 1), rel=0.15)
    assert grown.volume_change_ml == pytest.approx(grown.later.volume_ml - grown.earlier.volume_ml)
    assert grown.diameter_change_mm == pytest.approx(10, abs=3.1)
    assert [followup.count(s) for s in ("new", "gone", "grown", "shrunk", "stable")] == [
        1,
        1,
        1,
        1,
        0,
    ]
    assert followup.liver_dice > 0.97
    assert followup.warnings == ()


def test_the_same_date_twice_is_stable_however_it_lies():
    first = liver((A, 20), (B, 8), (C, 14))
    moved = Geometry.from_spacing(GRID.shape, GRID.spacing_mm, (25, -18, 9))
    later = liver((A, 20), (B, 8), (C, 14), grid=moved, shift=(25, -18, 9))
    found = compare_timepoints(first, later)
    assert {c.status for c in found.changes} == {"stable"}
    assert all(c.earlier.id == c.later.id for c in found.changes)
    assert all(c.apart_mm < 1.5 for c in found.changes)


@pytest.mark.parametrize(("later", "status"), [(26, "stable"), (34, "grown"), (16, "shrunk")])
def test_thresholds_are_those_of_recist(later, status):
    found = compare_timepoints(liver((B, 25)), liver((B, later)))
    assert [c.status for c in found.changes] == [status]


@pytest.mark.parametrize(
    ("earlier_mm", "later_mm", "status"),
    [
        (25, 30, "grown"),  # 20 % and 5 mm, both just so
        (25, 29.9, "stable"),
        (50, 59.9, "stable"),  # 5 mm, but not 20 %
        (50, 60, "grown"),
        (10, 14.9, "stable"),  # 20 %, but not 5 mm
        (20, 14, "shrunk"),
        (20, 14.1, "stable"),
        (20, 20, "stable"),
    ],
)
def test_the_thresholds_themselves(earlier_mm, later_mm, status):
    assert status_of(earlier_mm, later_mm) == status


def finding(number, x_mm, radius_mm, **more):
    """A ball's, on the patient's left-right axis."""
    numbers = {"diameter_axial_mm": 2 * radius_mm, "diameter_perpendicular_mm": 2 * radius_mm}
    return Finding(
        id=number,
        volume_ml=4 / 3 * np.pi * radius_mm**3 / 1000,
        **numbers | {"diameter_3d_mm": 2 * radius_mm} | more,
        centre_mm=(float(x_mm), 0.0, 0.0),
        centre_voxel=(0, 0, 0),
        slices=(0, 0),
        mean_signal_ratio=None,
        confidence=None,
        touches_border=False,
    )


def shifted(dice=1.0, by_mm=0.0):
    """An alignment that shifts along the left-right axis."""
    return Alignment(sitk.TranslationTransform(3, (by_mm, 0.0, 0.0)), dice)


def ids(pairs):
    return [(a.id, b.id) for a, b, _ in pairs]


def test_size_decides_between_lesions_that_lie_near():
    earlier = [finding(1, 10, 12), finding(2, 0, 4)]
    later = [finding(1, 2, 12), finding(2, 8, 4)]
    assert ids(match(earlier, later, shifted())) == [(1, 1), (2, 2)]


def test_pairs_are_sought_where_the_earlier_date_lies_on_the_later_and_come_by_later_id():
    earlier = [finding(1, 0, 6), finding(2, 60, 5), finding(3, -60, 4)]
    later = [finding(1, 160, 6), finding(2, 40, 5), finding(3, 102, 4)]
    found = match(earlier, later, shifted(by_mm=100))
    assert ids(found) == [(2, 1), (3, 2), (1, 3)]
    assert [apart for *_, apart in found] == pytest.approx([0, 0, 2])
    assert match(earlier, later, shifted()) == []


def test_the_reach_grows_with_the_larger_of_both():
    reach = REACH_MM + REACH_RADII * 20
    for near, pairs in ((reach - 0.1, [(1, 1)]), (reach + 0.1, [])):
        found = match([finding(1, 0, 20)], [finding(1, near, 8)], shifted())
        assert ids(found) == pairs
        assert ids(match([finding(1, 0, 8)], [finding(1, near, 20)], shifted())) == pairs


def made(*changes, dice=0.9):
    """A follow-up of changes that are known."""

    def date(findings):
        tumour = sum(f.volume_ml for f in findings)
        return Measurements(1500.0, 1500.0 - tumour, tumour, tumour / 15, False, tuple(findings))

    return FollowUp(
        date([c.earlier for c in changes if c.earlier]),
        date([c.later for c in changes if c.later]),
        changes,
        dice,
    )


def test_numbers_stand_where_their_heads_say():
    """Earlier and later, ml and percent, axial and other diameters are not mixed up."""
    first = replace(finding(4, 0, 10), volume_ml=4.0, diameter_axial_mm=21.0, diameter_3d_mm=33.0)
    second = replace(finding(7, 0, 12), volume_ml=10.0, diameter_axial_mm=28.0, diameter_3d_mm=44.0)
    new = replace(finding(8, 0, 3), volume_ml=0.5, diameter_axial_mm=6.0)
    followup = made(Change("grown", first, second, 2.5), Change("new", None, new))
    (row, other) = csv.DictReader(io.StringIO(timepoints_csv(followup)))
    assert list(row.values()) == ["grown", "4", "7", "4", "10", "6", "150", "21", "28", "7", "2.5"]
    assert list(other.values()) == ["new", "", "8", "", "0.5", "", "", "", "6", "", ""]
    assert sum_of_diameters_mm(followup.later.findings) == 34
    page = followup_page(followup, ("A", "B"))
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", line) for line in page.split("<tr>")[1:]]
    assert dict(zip(rows[0], rows[1], strict=True)) | {"": ""} == {
        "Lesion": "4 → 7",
        "Status": "grown",
        "Earlier, ml": "4.00",
        "Later, ml": "10.0",
        "Change, ml": "+6.00",
        "Change, %": "+150",
        "Earlier diameter, mm": "21.0",
        "Later diameter, mm": "28.0",
        "Change, mm": "+7.0",
        "": "",
    }
    assert rows[-2] == ["A", "1500", "4.00", "0.3", "1", "21.0"]
    assert rows[-1] == ["B", "1500", "10.5", "0.7", "2", "34.0"]
    assert "<b>+6.5 ml</b>" in page


@pytest.mark.parametrize(("dice", "doubt"), [(0.84, True), (0.86, False)])
def test_livers_that_overlap_well_enough_raise_no_doubt(monkeypatch, dice, doubt):
    monkeypatch.setattr("hepatica.results.followup.align", lambda *dates: shifted(dice))
    found = compare_timepoints(liver((A, 20)), liver((A, 20)))
    assert any("overlap poorly" in w for w in found.warnings) == doubt
    assert [c.status for c in found.changes] == ["stable"]


def test_no_lesion_is_given_up_for_a_nearer_pair():
    # The right one of two moved towards where the left one was: both are still there.
    earlier = liver(((-10, 0, 0), 8), ((8, 0, 0), 8))
    later = liver(((-20, 0, 0), 8), ((-6, 0, 0), 8))
    found = compare_timepoints(earlier, later)
    pairs = [(c.earlier.centre_mm[0], c.later.centre_mm[0]) for c in found.changes]
    assert sorted(a > 0 for a, _ in pairs) == [False, True]
    assert all((a > 0) == (b > -13) for a, b in pairs)


def test_without_lesions_and_without_a_liver():
    nothing = compare_timepoints(liver(), liver())
    assert nothing.changes == ()
    assert timepoints_csv(nothing).splitlines() == [",".join(TIMEPOINT_COLUMNS)]
    assert "No lesion" in followup_page(nothing, ("a", "b"))
    assert {c.status for c in compare_timepoints(liver((A, 20)), liver()).changes} == {"gone"}
    with pytest.raises(InputError, match="without a liver"):
        align(liver(), LabelMap(np.zeros(GRID.shape, np.uint8), GRID))


def test_what_casts_doubt_is_said():
    whole = liver((B, 20))
    cut = LabelMap(whole.labels[:30], whole.geometry.crop(np.s_[0:30, 0:44, 0:36]))
    found = compare_timepoints(whole, cut)
    assert any("cuts the liver on the later date" in w for w in found.warnings)
    bar = np.zeros(GRID.shape, np.uint8)
    bar[10:14, 3:40, 17:20] = 1
    poor = compare_timepoints(whole, LabelMap(bar, GRID))
    assert any("overlap poorly" in w for w in poor.warnings)


def test_the_table_and_the_page(followup):
    rows = list(csv.DictReader(io.StringIO(timepoints_csv(followup))))
    assert [r["status"] for r in rows] == ["grown", "shrunk", "new", "gone"]
    assert rows[2]["earlier_id"] == rows[2]["change_ml"] == ""
    page = followup_page(followup, ("<b>2024</b>", "2025 & later"))
    assert RESEARCH_ONLY in page
    assert "<b>2024</b>" not in page
    assert "&lt;b&gt;2024&lt;/b&gt; to 2025 &amp; later" in page
    assert "RECIST" in page
    assert "http" not in page.replace("http-equiv", "")


def recovered(made: Pair) -> tuple[int, int, int]:
    """Pairs that are there, those found, and wrong ones."""
    found = compare_timepoints(made.earlier, made.later)

    def who(finding, date):
        away = np.linalg.norm(made.centres[date] - np.array(finding.centre_mm), axis=1)
        return int(np.argmin(away / np.maximum(made.radii[date], 0.1)))

    got = {(who(c.earlier, 0), who(c.later, 1)) for c in found.changes if c.earlier and c.later}
    there = np.flatnonzero((made.radii[0] > 0) & (made.radii[1] > 0))
    hit = sum((int(n), int(n)) in got for n in there)
    return len(there), hit, len(got) - hit


def test_pairs_are_found_in_a_liver_that_bent():
    there, hit, wrong = recovered(pair(0))
    assert hit == there >= 4
    assert wrong == 0


@pytest.mark.slow
def test_nineteen_of_twenty_pairs_are_found():
    there, hit, wrong = np.sum([recovered(pair(seed)) for seed in range(12)], axis=0)
    assert there >= 40
    assert hit / there >= 0.95
    assert wrong / there <= 0.05
