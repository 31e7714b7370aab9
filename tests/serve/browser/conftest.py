"""A real browser, a real server, patients that nobody is."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hepatica import demonstration
from tests.serve.browser.desk import Desk
from tests.serve.browser.running import App

CHROMIUM = shutil.which("chromium")
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]


ROOT = Path(__file__).parents[3]


def build_pages():
    """The front end as its sources are now: what the package's own build makes of them."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "packaging/hepatica_build.py")
    assert spec
    assert spec.loader
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.build_app()


@pytest.fixture(scope="session")
def pages():
    build_pages()


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """`plain.nii.gz`, and the same patient lying askew on a left-handed grid as `askew.nii.gz`."""
    folder = tmp_path_factory.mktemp("scans")
    made = demonstration.make(folder / "made", seed=1)
    image = nib.load(made.image)
    nib.save(image, folder / "plain.nii.gz")
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = image.shape[0] - 1
    affine = turn(12, 0, 1) @ turn(-9, 1, 2) @ image.affine @ flip
    assert np.linalg.det(affine[:3, :3]) * np.linalg.det(image.affine[:3, :3]) < 0
    askew = nib.Nifti1Image(np.asarray(image.dataobj)[::-1], affine, image.header)
    askew.header.set_sform(affine, 1)
    askew.header.set_qform(affine, 1)
    nib.save(askew, folder / "askew.nii.gz")
    return folder


def turn(degrees, a, b):
    angle = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


@pytest.fixture(scope="package")
def app(tmp_path_factory, scans, pages):
    """A server that may read the scans."""
    home = tmp_path_factory.mktemp("app")
    running = App(home / "workspace", scans)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium):
    """Opens windows of one person: they share the session's cookie."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    failures: list[str] = []

    def opened(app: App) -> Desk:
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        return Desk(page, app)

    yield opened
    context.close()
    assert failures == []


@pytest.fixture
def desk(window, app):
    """One window, open at the worklist."""
    sat = window(app)
    sat.open()
    return sat


@pytest.fixture
def both(desk, scans):
    """The window, with both patients done."""
    for name in ("plain", "askew"):
        if desk.row(name).count() == 0:
            desk.drop(scans / f"{name}.nii.gz")
    for name in ("plain", "askew"):
        desk.wait_done(name)
    return desk
