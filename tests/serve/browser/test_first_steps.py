"""What someone meets who has not used the app before, with the mistakes that they make."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from tests.serve.browser.running import millimetres_from, voxels
from tests.serve.browser.test_correct import here


def test_a_folder_can_be_chosen(desk):
    with desk.page.expect_file_chooser() as chooser:
        desk.page.get_by_role("button", name="Choose a folder").click()
    assert chooser.value.element.evaluate("input => input.webkitdirectory")


def test_the_slices_have_the_keys_of_a_screen_that_opens(both):
    expect = pytest.importorskip("playwright.sync_api").expect
    desk = both
    for screen in ("Case", "Correct"):
        desk.look("plain", screen)
        expect(desk.panes).to_be_focused()
    desk.press("e", "1", "Enter")  # whatever is there goes
    desk.page.locator("button[aria-label=Undo]:not([disabled])").wait_for()
    assert "/correct/" in desk.page.url


def test_a_case_opens_at_its_largest_lesion_with_slices_of_one_scale(both, app):
    desk = both
    desk.look("askew", "Correct")
    desk.start_again()
    middle = here(desk, app.ai("askew"))
    desk.press("PageUp", "PageUp", *["ArrowUp"] * 6)
    desk.brush(36, ball=True)
    desk.press("Enter")
    desk.save()
    ball = here(desk, app.ai("askew"))
    desk.page.reload()
    desk.page.locator(".panes[data-ready=true]").wait_for(timeout=120_000)
    desk.page.locator(".crosshair[data-pane=axial]").wait_for()
    opened = here(desk, app.ai("askew"))
    assert millimetres_from(app.ai("askew"), ball)[opened] < 6
    assert opened != middle
    scales = {pane: desk.pixels_per_mm(pane) for pane in ("axial", "coronal", "sagittal")}
    assert scales["coronal"] == pytest.approx(scales["axial"], rel=0.03)
    assert scales["sagittal"] == pytest.approx(scales["axial"], rel=0.03)
    desk.press("c")
    assert here(desk, app.ai("askew")) == middle


def test_3d_has_letters_and_is_turned_back(both):
    desk = both
    desk.look("plain")
    pane = desk.page.locator(".pane").filter(has_text="3D")

    def letters():
        desk.settle()
        return "".join(pane.locator(".letter").all_inner_texts())

    assert letters() == "RLHF"
    box = pane.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x + 120, y, steps=4)
    desk.page.mouse.up()
    assert letters()[:2] in ("AP", "PA")
    assert desk.page.evaluate("() => String(getSelection())") == ""
    desk.press("r")
    assert letters() == "RLHF"


def test_starting_again_asks_and_is_undone(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.brush(14)
    desk.press("Enter")
    desk.save()
    mine = voxels(app.corrected("plain"))
    again = desk.page.get_by_role("button", name="Start again from the AI")
    dialog = desk.page.get_by_role("dialog", name="Start again from the AI's map?")
    again.click()
    desk.press("Enter")  # meant for the brush: it answers nothing
    dialog.get_by_role("button", name="Leave it").click()
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("plain")), mine)
    again.click()
    dialog.get_by_role("button", name="Start again").click()
    desk.panes.focus()
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("plain")), voxels(app.ai("plain")))
    desk.press("Control+z")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("plain")), mine)


def test_erasing_a_lesion_gives_the_liver_back_and_painting_stays_in_it(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    ai = app.ai("plain")
    at = here(desk, ai)
    desk.brush(60, ball=True, inside=True)
    desk.press("Enter")
    desk.save()
    ball = millimetres_from(ai, at) <= 30
    painted = np.where(ball & (voxels(ai) > 0), 2, voxels(ai))
    np.testing.assert_array_equal(voxels(app.corrected("plain")), painted)
    assert (ball & (voxels(ai) == 0)).any()
    desk.press("e", "Enter")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("plain")) > 0, voxels(ai) > 0)
    assert not (voxels(app.corrected("plain"))[ball] == 2).any()


def test_a_lesion_outside_the_liver_is_named(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    ai = voxels(app.ai("plain"))
    axis = int(np.flatnonzero(nib.io_orientation(app.ai("plain").affine)[:, 0] == 2)[0])
    beyond = np.flatnonzero((ai > 0).any(axis=tuple(a for a in range(3) if a != axis)))
    desk.press(*["PageDown"] * (len(beyond) + 2))
    desk.press("b")
    desk.keep_inside(True)
    desk.press("Enter")
    desk.page.get_by_text("that is not inside the liver").wait_for()
    desk.brush(8)
    desk.press("Enter")
    desk.save()
    desk.page.get_by_text("outside the liver.").wait_for()
    desk.press("Control+z")
    desk.save()
    desk.page.get_by_text("outside the liver.").wait_for(state="hidden")


def test_other_lesions_are_removed_only_when_asked_twice(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.brush(10, ball=True)
    desk.press("Enter")
    desk.save()
    mine = voxels(app.corrected("plain"))
    desk.page.get_by_text("Whole label: lesion").click()
    desk.page.get_by_role("button", name="Keep the largest piece").click()
    dialog = desk.page.get_by_role("dialog", name="Keep the largest lesion alone?")
    dialog.get_by_role("button", name="Leave it").click()
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("plain")), mine)


def test_a_decision_falls_with_the_next_edit(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.page.get_by_role("button", name="Accept").click()
    desk.page.locator(".status[data-status=accepted]").wait_for()
    desk.brush(12)
    desk.press("Enter")
    desk.page.locator(".status[data-status=unchecked]").wait_for()
    desk.save()
    desk.page.goto(f"{app.origin}/#/")
    desk.row("plain").get_by_text("Not yet").wait_for()
