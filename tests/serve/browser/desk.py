"""A person at the app, in words: what they see and do, by roles and names as in the page."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from tests.serve.browser.running import App

#: A run of the model on a slow machine.
RUN_MS = 300_000

DROP = """async ([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  const zone = document.querySelector('.drop');
  const how = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const kind of ['dragover', 'drop']) zone.dispatchEvent(new DragEvent(kind, how));
}"""


TWO_FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"""


class Desk:
    """One window of the app."""

    def __init__(self, page: Any, app: App) -> None:
        self.page, self.app = page, app

    def open(self) -> None:
        with self.page.expect_response("**/api/jobs"):
            self.page.goto(self.app.address)
        self.page.get_by_role("region", name="Add cases").wait_for()
        self.settle()

    def drop(self, path: Path) -> None:
        text = base64.b64encode(path.read_bytes()).decode()
        self.page.evaluate(DROP, [path.name, text])

    def row(self, name: str) -> Any:
        return self.page.get_by_role("row").filter(has_text=name)

    def wait_done(self, name: str) -> None:
        self.row(name).get_by_role("link", name=name).wait_for(timeout=RUN_MS)

    def look(self, name: str, screen: str = "Case") -> None:
        """Open a case from the worklist, and one of its screens."""
        self.page.goto(f"{self.app.origin}/#/")
        self.row(name).get_by_role("link", name=name).click()
        self.page.get_by_role("link", name=screen, exact=True).click()
        if screen != "Export":
            self.page.locator(".panes[data-ready=true]").wait_for(timeout=120_000)
            self.page.locator(".crosshair[data-pane=axial]").wait_for()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def brush(self, millimetres: int, *, ball: bool = False, inside: bool = False) -> None:
        self.press("b")
        self.keep_inside(inside)
        size = self.page.get_by_role("slider", name="Size")
        size.fill(str(millimetres))
        self.page.get_by_role("button", name="Ball" if ball else "Disc in the slice").click()
        self.panes.focus()

    def keep_inside(self, inside: bool) -> None:
        """Whether the tool in hand stays in the liver."""
        self.page.get_by_label("Only inside the liver").set_checked(inside)
        self.panes.focus()

    @property
    def panes(self) -> Any:
        return self.page.get_by_role("application")

    def crosshair(self, pane: str = "axial") -> tuple[float, float]:
        """Where the crosshair is in a pane, in pixels of the page."""
        self.settle()
        cross = self.page.locator(f".crosshair[data-pane={pane}]")
        box = self.panes.bounding_box()
        x, y = (float(cross.get_attribute(f"data-{side}")) for side in "xy")
        return box["x"] + x, box["y"] + y

    def pixels_per_mm(self, pane: str) -> float:
        """By the ruler in the corner of a pane."""
        there = self.page.locator(".pane").filter(has=self.page.locator(f"[data-pane={pane}]"))
        ruler = there.locator(".ruler")
        return float(ruler.bounding_box()["width"]) / float(ruler.inner_text().split()[0])

    def slices(self) -> dict[str, int]:
        """The slice shown in each pane, counted from 1 as the page does."""
        self.settle()
        names = self.page.locator(".pane-name").all_inner_texts()
        found = [re.match(r"([A-Za-z]+)\s*(\d+) / \d+", name) for name in names]
        return {match[1].lower(): int(match[2]) for match in found if match}

    def settle(self) -> None:
        """What was asked for is drawn: two frames have gone by, and the words over them."""
        self.page.evaluate(TWO_FRAMES)

    def saved(self) -> None:
        done = ".save[data-state=saved], .save[data-state=untouched]"
        self.page.locator(done).wait_for(timeout=60_000)

    def save(self) -> None:
        self.press("s")
        self.saved()

    def saved_after_change(self) -> None:
        self.page.wait_for_timeout(200)
        self.saved()

    def start_again(self) -> None:
        """Back to the AI's map, saved, with the crosshair in the middle of the liver."""
        button = self.page.get_by_role("button", name="Start again from the AI")
        if button.is_enabled():
            button.click()
            dialog = self.page.get_by_role("dialog", name="Start again")
            dialog.get_by_role("button", name="Start again").click()
            self.panes.focus()
            self.save()
            self.press("v")
        self.panes.focus()
        self.press("c")
