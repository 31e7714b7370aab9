"""Looking: wheel, zoom, moving, window, layouts, comparison."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect


@pytest.fixture
def case(both):
    both.look("askew")
    both.panes.focus()
    return both


def test_the_wheel_goes_through_slices(case):
    before = case.slices()
    case.page.mouse.move(*case.crosshair("coronal"))
    case.page.mouse.wheel(0, -100)
    after = case.slices()
    assert after == {**before, "coronal": before["coronal"] + 1}


def test_zoom_keeps_the_crosshair_and_what_is_under_the_pointer_is_what_is_clicked(case):
    x, y = case.crosshair()
    before = case.slices()
    case.press("+", "+", "+", "+")
    near = case.crosshair()
    assert near == pytest.approx((x, y), abs=2)
    case.page.mouse.click(*near)
    assert case.slices() == before
    case.page.mouse.click(near[0] + 30, near[1])
    assert case.crosshair() == pytest.approx((near[0] + 30, near[1]), abs=6)
    # Radiological: to the right of the screen is to the patient's left.
    assert case.slices()["sagittal"] < before["sagittal"]


def test_shift_and_drag_move_the_slice_with_the_pointer(case):
    case.press("+", "+")
    for pane in ("axial", "coronal", "sagittal"):
        x, y = case.crosshair(pane)
        case.page.keyboard.down("Shift")
        case.page.mouse.move(x, y)
        case.page.mouse.down()
        case.page.mouse.move(x + 24, y + 16, steps=3)
        case.page.mouse.up()
        case.page.keyboard.up("Shift")
        assert case.crosshair(pane) == pytest.approx((x + 24, y + 16), abs=2), pane


def test_the_right_button_drags_the_window_and_reset_brings_it_back(case):
    values = case.page.locator(".window-values")
    before = values.inner_text()
    x, y = case.crosshair()
    case.page.mouse.move(x, y)
    case.page.mouse.down(button="right")
    case.page.mouse.move(x + 60, y + 20, steps=3)
    case.page.mouse.up(button="right")
    assert values.inner_text() != before
    case.panes.focus()
    case.press("r")
    assert values.inner_text() == before


def test_the_crosshair_goes_and_comes_and_the_browser_remembers(case):
    lines = expect(case.page.locator("svg.crosshair"))
    lines.to_have_count(3)
    case.panes.focus()
    case.press("k")
    lines.to_have_count(0)
    case.page.reload()
    case.settle()
    lines.to_have_count(0)
    case.page.get_by_label("Crosshair", exact=True).click()
    lines.to_have_count(3)


def test_a_layout_makes_one_pane_large(case):
    case.page.get_by_role("button", name="Coronal", exact=True).click()
    case.settle()
    panes = case.page.locator(".pane")
    widths = {
        panes.nth(n).locator(".pane-name").inner_text()[:3]: panes.nth(n).bounding_box()["width"]
        for n in range(panes.count())
    }
    assert widths["Cor"] > 2 * widths["Axi"] - 2
    case.crosshair("coronal")


def test_a_comparison_names_the_voxels_that_differ(both):
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.brush(20, ball=True)
    desk.press("Enter")
    desk.save()
    desk.look("plain")
    against = desk.page.get_by_role("group", name="Compare with")
    against.get_by_role("button", name="AI").click()
    words = desk.page.get_by_text("voxels differ").inner_text(timeout=60_000)
    assert int(words.split()[0].replace(",", "")) > 100


def test_lesions_are_told_from_liver_without_colour(both):
    """Stripes on lesions and on nothing else: the same picture but for them when they are off."""
    desk = both
    desk.look("plain", "Correct")
    desk.start_again()
    desk.brush(40)
    desk.press("Enter", "v", "o")  # areas, not outlines
    x, y = desk.crosshair()
    lesion, liver = (x - 10, y - 10, 20, 20), (x - 10, y + 40, 20, 20)
    hatched = [grey(desk, clip) for clip in (lesion, liver)]
    desk.press("h")
    desk.settle()
    plain = [grey(desk, clip) for clip in (lesion, liver)]
    np.testing.assert_array_equal(plain[1], hatched[1])
    striped = hatched[0] - plain[0]
    # Dark lines, lighter ones beside them, and between them hardly a change.
    assert 0.1 < (striped < -25).mean() < 0.3
    assert (np.abs(striped) < 12).mean() > 0.3


def grey(desk, clip):
    x, y, width, height = clip
    png = desk.page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})
    image = Image.open(io.BytesIO(png)).convert("L")
    return np.asarray(image).astype(int)
