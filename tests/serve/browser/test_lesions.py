"""Lesions as a whole: joined, judged, walked through; and those of a reference."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from tests.serve.browser.running import millimetres_from, voxels
from tests.serve.browser.test_correct import here


@pytest.fixture
def two_balls(both):
    """The askew case with two lesions more, 40 mm from each other."""
    desk = both
    desk.look("askew", "Correct")
    desk.start_again()
    desk.brush(16, ball=True)
    desk.press("Enter")
    desk.press(*["ArrowLeft"] * round(40 / min_spacing(desk)), "Enter", "v")
    desk.save()
    measured(desk)
    return desk


def min_spacing(desk):
    return float(np.min(desk.app.ai("askew").header.get_zooms()[:3]))


def measured(desk):
    desk.page.wait_for_timeout(200)
    desk.page.get_by_text("measuring…").wait_for(state="hidden")


def pieces(image):
    return ndimage.label(voxels(image) == 2, np.ones((3, 3, 3)))


def rows(desk):
    return desk.page.locator("tr[data-lesion]")


def test_two_lesions_become_one_by_a_bridge_of_liver_and_undo_parts_them(two_balls, app):
    desk = two_balls
    before = voxels(app.corrected("askew"))
    _, count = pieces(app.corrected("askew"))
    assert rows(desk).count() == count >= 2
    join = desk.page.get_by_role("button", name="Join")
    assert join.is_disabled()
    for lesion in (1, 2):  # the balls are the largest
        desk.page.get_by_role("checkbox", name=f"Join lesion {lesion}").check()
    desk.press("j")  # a tick that has the focus does not swallow the key
    desk.page.get_by_text("Joined by").wait_for()
    desk.saved_after_change()
    after = voxels(app.corrected("askew"))
    named, left = pieces(app.corrected("askew"))
    assert left == count - 1
    bridge = after != before
    assert 0 < bridge.sum() < 100
    assert (before[bridge] == 1).all()
    assert (after[bridge] == 2).all()
    assert len(set(named[bridge])) == 1
    measured(desk)
    assert rows(desk).count() == left
    desk.press("Control+z")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("askew")), before)


def test_a_locked_label_is_neither_joined_nor_judged(two_balls, app):
    desk = two_balls
    before = voxels(app.corrected("askew"))
    desk.page.get_by_role("button", name="Lock liver").click()
    for lesion in (1, 2):
        desk.page.get_by_role("checkbox", name=f"Join lesion {lesion}").check()
    desk.page.get_by_role("button", name="Join 2 into one").click()
    desk.page.get_by_text("Liver is locked.").wait_for()
    desk.page.get_by_role("button", name="Lesion 1 is not a lesion").click()
    desk.saved_after_change()
    np.testing.assert_array_equal(voxels(app.corrected("askew")), before)


def test_lesions_are_walked_through_and_refused_by_keys_alone(two_balls, app):
    desk = two_balls
    count = rows(desk).count()
    desk.panes.focus()
    desk.press("n")
    first = here(desk, app.ai("askew"))
    second = rows(desk).nth(1).locator("td.num").first.inner_text()
    desk.press("Delete")
    desk.page.get_by_text("Lesion 1 is now liver").wait_for()
    desk.saved_after_change()
    assert voxels(app.corrected("askew"))[first] == 1
    measured(desk)
    assert rows(desk).count() == count - 1
    desk.press("n")  # the next one, though it has the number of the one before now
    looked = desk.page.locator("tr[aria-current=true]")
    assert looked.get_attribute("data-lesion") == "1"
    assert looked.locator("td.num").first.inner_text() == second


def test_of_many_lesions_the_one_looked_at_is_in_sight(both):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.brush(3)
    for _ in range(14):
        desk.press("Enter", *["ArrowDown"] * 3)
    desk.save()
    measured(desk)
    count = rows(desk).count()
    assert count >= 12
    table = desk.page.get_by_role("region", name="Table of lesions")
    for key in "pnp":  # the last, the first, the last
        desk.press(key)
        desk.settle()
        row, box = desk.page.locator("tr[aria-current=true]").bounding_box(), table.bounding_box()
        assert box["y"] - 1 <= row["y"]
        assert row["y"] + row["height"] <= box["y"] + box["height"] + 1

    # A larger one comes before the last: that one stays looked at and ticked.
    desk.press("m")
    desk.brush(12, ball=True)
    desk.press(*["ArrowRight"] * 12, "Enter")
    desk.save()
    measured(desk)
    assert rows(desk).count() == count + 1
    assert desk.page.locator("tr[aria-current=true]").get_attribute("data-lesion") == str(count + 1)
    assert desk.page.get_by_role("checkbox", name=f"Join lesion {count + 1}").is_checked()
    assert desk.page.get_by_role("checkbox", checked=True, name="Join lesion").count() == 1


def test_a_reference_is_measured_and_compared(both, app, tmp_path):
    desk = both
    desk.look("plain")
    ai = app.ai("plain")
    labels = np.where(voxels(ai) > 0, 1, 0).astype(np.uint8)
    middle = tuple(np.argwhere(labels)[labels.sum() // 2])
    labels[millimetres_from(ai, middle) <= 12] = 2
    ml = (labels == 2).sum() * abs(np.linalg.det(ai.affine[:3, :3])) / 1000
    nib.save(nib.Nifti1Image(labels, ai.affine, ai.header), tmp_path / "expert.nii.gz")
    desk.page.get_by_label("Reference label map").set_input_files(tmp_path / "expert.nii.gz")
    shown = desk.page.get_by_role("group", name="Label map shown")
    desk.page.get_by_text("voxels differ").wait_for(timeout=60_000)  # compared at once
    before = desk.slices()
    desk.page.get_by_role("button", name="Go to where they differ most").click()
    assert desk.slices() != before
    shown.get_by_role("button", name="Reference").click()
    measured(desk)
    volume = rows(desk).first.locator("td.num").first.inner_text()
    assert rows(desk).count() == 1
    assert float(volume) == pytest.approx(ml, abs=0.051)
    shown.get_by_role("button", name="AI").click()
    measured(desk)
    assert desk.page.locator(".sums dd").nth(2).inner_text() == str(pieces(ai)[1])
