"""Who uses it: eyes, keyboards, screen readers, and people who know which side is right."""

from __future__ import annotations

import pytest

NOTICE = "Research use only. Not for diagnosis, treatment or surgical decisions."
SCREENS = ["Worklist", "Case", "Correct", "Export", "Keys", "Model"]


def show(desk, screen):
    if screen == "Keys":
        desk.page.get_by_role("button", name="Keyboard shortcuts").click()
        desk.page.get_by_role("dialog").wait_for()
    elif screen == "Model":
        desk.page.get_by_role("button", name="Model:").click()
        desk.page.get_by_role("dialog").get_by_text("Model card").wait_for()
    elif screen != "Worklist":
        desk.look("plain", screen)
    if screen == "Export":
        desk.page.get_by_role("heading", name="Files of plain").wait_for()
    desk.page.wait_for_timeout(500)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing(both, screen, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    desk = both
    if theme == "light":
        desk.page.get_by_role("button", name="Light theme").click()
    show(desk, screen)
    found = axe.Axe().run(desk.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("screen", ["Worklist", "Case", "Correct", "Export"])
def test_every_view_says_what_it_is_not_for(both, screen):
    show(both, screen)
    assert both.page.get_by_text(NOTICE).first.is_visible()


@pytest.mark.parametrize("name", ["plain", "askew"])
def test_the_patients_right_is_on_the_left(both, name):
    desk = both
    desk.look(name)
    for pane, sides in {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}.items():
        assert letters(desk, pane) == sides
    before, (x, _) = desk.slices()["sagittal"], desk.crosshair()
    desk.panes.focus()
    desk.press("ArrowLeft")
    desk.page.wait_for_timeout(300)
    # Sagittal slices are numbered towards the patient's right (RAS).
    assert desk.slices()["sagittal"] == before + 1
    assert desk.crosshair()[0] < x


@pytest.mark.parametrize("name", ["plain", "askew"])
def test_the_patients_right_can_be_on_the_right(both, name):
    desk = both
    desk.look(name)
    desk.page.get_by_label("Patient's right on the left").uncheck()
    desk.settle()
    for pane, sides in {"axial": "LRAP", "coronal": "LRHF", "sagittal": "APHF"}.items():
        assert letters(desk, pane) == sides
    desk.panes.focus()
    for pane in ("axial", "coronal", "sagittal"):
        before, (x, y) = desk.slices(), desk.crosshair(pane)
        desk.press("ArrowLeft")
        near = desk.crosshair(pane)
        assert near[0] < x
        assert near[1] == pytest.approx(y, abs=1)
        desk.page.mouse.click(x, y)  # what is under the pointer is still what is clicked
        assert desk.slices() == before
        desk.press("x")  # the arrow keys' next slices
    desk.page.reload()  # it is remembered
    desk.page.locator(".panes[data-ready=true]").wait_for(timeout=120_000)
    desk.page.locator(".crosshair[data-pane=axial]").wait_for()
    assert letters(desk, "axial") == "LRAP"


def letters(desk, pane):
    there = desk.page.locator(".pane").filter(has=desk.page.locator(f"[data-pane={pane}]"))
    return "".join(there.locator(".letter").all_inner_texts())


def test_letters_and_crosshairs_follow_a_window_that_is_resized(both):
    desk = both
    desk.look("plain")
    desk.crosshair()
    desk.page.set_viewport_size({"width": 900, "height": 700})
    desk.settle()
    whole = desk.panes.bounding_box()
    panes = desk.page.locator(".pane")
    boxes = [panes.nth(n).bounding_box() for n in range(panes.count())]
    assert len(boxes) == 4
    assert max(b["x"] + b["width"] for b in boxes) == pytest.approx(
        whole["x"] + whole["width"], abs=3
    )
    assert max(b["y"] + b["height"] for b in boxes) == pytest.approx(
        whole["y"] + whole["height"], abs=3
    )
    before = desk.slices()
    desk.page.mouse.click(*desk.crosshair())
    assert desk.slices() == before


def test_the_keyboard_alone_opens_corrects_and_accepts(both):
    desk = both
    page = desk.page
    page.locator("body").click(position={"x": 2, "y": 2})
    tab_to(page, "askew")
    desk.press("Enter")
    page.locator(".panes[data-ready=true]").wait_for(timeout=120_000)
    tab_to(page, "Correct")
    desk.press("Enter")
    page.get_by_role("toolbar", name="Tools").wait_for()
    desk.press("b", "]", "Enter")
    page.get_by_role("button", name="Undo").wait_for()
    tab_to(page, "Accept")
    desk.press("Enter")
    page.locator(".status[data-status=accepted]").wait_for(timeout=60_000)


def tab_to(page, name):
    for _ in range(120):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label')"
            " ?? document.activeElement.textContent"
        )
        if (focused or "").strip() == name:
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"no Tab reaches {name}")


def test_the_sheet_gives_the_focus_back(both):
    expect = pytest.importorskip("playwright.sync_api").expect
    desk = both
    desk.look("plain")
    desk.panes.focus()
    desk.press("?")
    desk.page.get_by_role("dialog").wait_for()
    desk.press("Escape")
    desk.page.get_by_role("dialog").wait_for(state="hidden")
    expect(desk.panes).to_be_focused()  # once the sheet has gone


@pytest.mark.parametrize("screen", ["Worklist", "Case", "Correct", "Export"])
def test_at_200_percent_nothing_runs_out_of_the_window(both, screen):
    both.page.set_viewport_size({"width": 640, "height": 400})
    show(both, screen)
    wide = "() => document.scrollingElement.scrollWidth - window.innerWidth"
    assert both.page.evaluate(wide) <= 0
