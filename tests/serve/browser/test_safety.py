"""Cancel, two windows on one case, and a server that is killed."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest

from tests.serve.browser.running import eventually, voxels


def test_a_running_case_is_cancelled_and_can_be_tried_again(desk, scans, tmp_path):
    scan = tmp_path / "withdrawn.nii.gz"
    shutil.copy(scans / "plain.nii.gz", scan)
    desk.drop(scan)
    row = desk.row("withdrawn")
    row.get_by_role("progressbar").wait_for(timeout=60_000)
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("Cancelled").wait_for(timeout=20_000)
    row.get_by_role("button", name="Retry").click()
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("Cancelled").wait_for(timeout=20_000)
    desk.page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove withdrawn").click()
    row.wait_for(state="detached")


@pytest.mark.parametrize("choice", ["Take theirs", "Keep mine"])
def test_two_windows_never_overwrite_each_other(both, window, app, choice):
    first = both
    first.look("plain", "Correct")
    first.start_again()
    second = window(app)
    second.look("plain", "Correct")
    for desk in (first, second):
        desk.brush(10)
    first.press("Enter")
    first.save()
    theirs = voxels(app.corrected("plain"))
    second.press("ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter", "s")
    dialog = second.page.get_by_role("dialog", name="This case was saved in another window")
    dialog.wait_for()
    second.press("Enter")  # meant for the brush: it answers nothing
    assert dialog.is_visible()
    np.testing.assert_array_equal(voxels(app.corrected("plain")), theirs)
    dialog.get_by_role("button", name=choice).click()
    dialog.wait_for(state="hidden")
    second.saved()
    if choice == "Take theirs":
        np.testing.assert_array_equal(voxels(app.corrected("plain")), theirs)
        second.press("Control+z")  # what this window had painted is not lost
        second.save()
    mine = voxels(app.corrected("plain"))
    assert (mine != theirs).any()


def test_killed_in_the_middle_nothing_older_than_five_seconds_is_lost(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    before = voxels(app.current("plain"))
    desk.brush(18)
    desk.press("Enter")
    time.sleep(5)
    app.kill()
    kept = voxels(app.corrected("plain"))
    assert (kept != before).any()

    desk.press("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "Enter")
    desk.page.locator(".save[data-state=unreachable]").wait_for(timeout=15_000)
    app.start()
    desk.page.get_by_text("Open the one that it printed").wait_for(timeout=30_000)
    again = desk.page.context.new_page()  # the address that the server prints
    again.goto(app.address)
    desk.saved()  # the old window goes on by itself
    later = voxels(app.corrected("plain"))
    assert (later != kept).any()
    assert (later[kept == 2] == 2).all()


def test_edits_that_never_reached_the_server_are_offered_again(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    app.kill()
    desk.brush(18)
    desk.press("Enter")
    desk.page.locator(".save[data-state=unreachable]").wait_for(timeout=15_000)
    context = desk.page.context
    desk.page.close(run_before_unload=False)  # the window dies too
    app.start()
    before = voxels(app.current("plain"))
    desk.page = context.new_page()
    desk.open()
    desk.look("plain", "Correct")
    dialog = desk.page.get_by_role("dialog", name="Edits that were not saved")
    dialog.get_by_role("button", name="Restore").click()
    eventually(lambda: (voxels(app.current("plain")) != before).any())
