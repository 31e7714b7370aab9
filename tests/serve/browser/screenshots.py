"""The pictures of docs/app.md: ``make pictures``. The patients are synthetic; the rest is real."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from hepatica import demonstration
from tests.serve.browser.conftest import CHROMIUM, FLAGS, build_pages
from tests.serve.browser.desk import Desk
from tests.serve.browser.running import App

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SIZE = {"width": 1440, "height": 900}
PATIENTS = 3


def main() -> None:
    build_pages()
    with tempfile.TemporaryDirectory() as home:
        scans = Path(home) / "scans"
        for seed in range(1, PATIENTS + 1):
            made = demonstration.make(scans / "made", seed)
            shutil.copy(made.image, scans / f"synthetic_{seed}.nii.gz")
        app = App(Path(home) / "workspace", scans)
        app.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                desk = Desk(browser.new_page(viewport=SIZE), app)
                take(desk, scans)
                browser.close()
        finally:
            app.stop()


def take(desk: Desk, scans: Path) -> None:
    """Each screen once, with something on it."""
    desk.open()
    names = [f"synthetic_{seed}" for seed in range(1, PATIENTS + 1)]
    for name in names:
        desk.drop(scans / f"{name}.nii.gz")
    desk.wait_done(names[1])
    picture(desk, "worklist")
    desk.wait_done(names[2])
    name = names[1]  # the model finds a lesion in it
    desk.look(name)
    desk.press("n")
    desk.page.wait_for_timeout(3000)  # 3D follows when the hands are still
    picture(desk, "case")
    desk.look(name, "Correct")
    desk.page.get_by_role("button", name="Axial", exact=True).click()
    desk.press("n")
    desk.brush(20)
    desk.page.get_by_text("Whole label").click()
    x, y = desk.crosshair()
    desk.page.mouse.move(x + 40, y - 30)
    desk.page.mouse.down()
    desk.page.mouse.move(x + 70, y, steps=6)
    desk.page.mouse.up()
    desk.page.wait_for_timeout(3000)
    desk.saved()
    desk.page.get_by_text("measuring…").wait_for(state="hidden")
    picture(desk, "correct")
    desk.look(name)
    against = desk.page.get_by_role("group", name="Compare with")
    against.get_by_role("button", name="AI").click()
    desk.page.get_by_text("voxels differ").wait_for()
    desk.page.get_by_role("button", name="Go to where they differ most").click()
    desk.page.wait_for_timeout(3000)
    picture(desk, "compare")
    desk.look(name, "Export")
    desk.page.get_by_role("button", name="Light theme").click()
    desk.page.get_by_role("button", name="Write the files").click()
    desk.page.get_by_role("list", name="Files written").wait_for(timeout=120_000)
    desk.page.get_by_label("Folder of all").fill("/home/me/training")
    picture(desk, "export")


def picture(desk: Desk, name: str) -> None:
    desk.page.screenshot(path=IMAGES / f"app-{name}.png")
    print(IMAGES / f"app-{name}.png")


if __name__ == "__main__":
    main()
