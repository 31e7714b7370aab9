"""Drop, watch, see, jump, brush, undo, redo, save, reload: exactly the painted voxels differ."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from tests.serve.browser.running import canonical_voxel, millimetres_from, voxels

CASES = pytest.mark.parametrize("name", ["plain", "askew"])


def here(desk, image):
    """The file's voxel under the crosshair, from the slice numbers and the affine alone."""
    at = desk.slices()
    return canonical_voxel(image, (at["sagittal"] - 1, at["coronal"] - 1, at["axial"] - 1))


def head_foot(image):
    """The file's axis that axial slices are stacked along."""
    return int(np.flatnonzero(nib.io_orientation(image.affine)[:, 0] == 2)[0])


def test_a_dropped_volume_is_watched_until_it_is_done(desk, scans):
    desk.drop(scans / "plain.nii.gz")
    desk.row("plain").get_by_role("progressbar").wait_for(timeout=60_000)
    desk.wait_done("plain")
    assert "Done" in desk.row("plain").inner_text()


@CASES
def test_what_is_saved_differs_from_the_ai_in_exactly_the_painted_voxels(both, app, scans, name):
    desk = both
    desk.look(name, "Correct")
    desk.start_again()
    ai, source = app.ai(name), nib.load(scans / f"{name}.nii.gz")
    at = here(desk, ai)
    desk.brush(20)
    desk.press("Enter")
    desk.save()

    corrected = app.corrected(name)
    np.testing.assert_allclose(corrected.affine, source.affine, atol=1e-4)
    assert corrected.shape == source.shape
    index = np.indices(ai.shape)[head_foot(ai)]
    disc = (millimetres_from(ai, at) <= 10) & (index == at[head_foot(ai)])
    assert disc.sum() > 20
    expected = np.where(disc, 2, voxels(ai))
    assert (expected != voxels(ai)).any()
    np.testing.assert_array_equal(voxels(corrected), expected)

    desk.press("Control+z")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected(name)), voxels(ai))
    desk.press("Control+y")
    desk.save()
    desk.page.reload()
    desk.page.locator(".panes[data-ready=true]").wait_for(timeout=120_000)
    np.testing.assert_array_equal(voxels(app.corrected(name)), expected)
    np.testing.assert_array_equal(voxels(app.ai(name)), voxels(ai))


@CASES
def test_a_ball_reaches_through_slices(both, app, name):
    desk = both
    desk.look(name, "Correct")
    desk.start_again()
    ai = app.ai(name)
    at = here(desk, ai)
    desk.brush(24, ball=True)
    desk.press("Enter")
    desk.save()
    ball = millimetres_from(ai, at) <= 12
    np.testing.assert_array_equal(voxels(app.corrected(name)), np.where(ball, 2, voxels(ai)))


@CASES
def test_a_stroke_of_the_mouse_covers_its_way(both, app, name):
    desk = both
    desk.look(name, "Correct")
    desk.start_again()
    ai = app.ai(name)
    start = here(desk, ai)
    x, y = desk.crosshair()
    desk.page.mouse.click(x + 45, y + 30)  # the crosshair goes where the stroke will end
    end = here(desk, ai)
    desk.brush(16)
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x + 45, y + 30, steps=4)
    desk.page.mouse.up()
    desk.save()
    painted = (voxels(app.corrected(name)) == 2) & (voxels(ai) != 2)
    axis = head_foot(ai)
    assert {int(v) for v in np.argwhere(painted)[:, axis]} == {start[axis]}
    # Both ends are known to half a voxel of the slice, and to a pixel.
    slack = 2.5
    way = np.linspace(start, end, 60)
    nearest = np.min([millimetres_from(ai, tuple(p)) for p in way], axis=0)
    plane = np.indices(ai.shape)[axis] == start[axis]
    assert not (painted & (nearest > 8 + slack)).any()
    assert (voxels(app.corrected(name))[plane & (nearest < 8 - slack)] == 2).all()


@CASES
def test_an_outline_is_filled_or_cut_out(both, app, name):
    desk = both
    desk.look(name, "Correct")
    desk.start_again()
    ai = app.ai(name)
    at = here(desk, ai)
    x, y = desk.crosshair()
    half, pixel = 30, 1 / desk.pixels_per_mm("axial")
    draw = [(-half, -half), (half, -half), (half, half), (-half, half)]
    desk.press("f")
    desk.keep_inside(False)

    def outline():
        desk.page.mouse.move(x + draw[0][0], y + draw[0][1])
        desk.page.mouse.down()
        for dx, dy in draw[1:]:
            desk.page.mouse.move(x + dx, y + dy, steps=5)
        desk.page.mouse.up()
        desk.save()
        return voxels(app.corrected(name))

    filled = outline()
    distance = millimetres_from(ai, at)
    axis = head_foot(ai)
    plane = np.indices(ai.shape)[axis] == at[axis]
    slack = 2.5  # mm: half a voxel, and a pixel
    assert (filled[plane & (distance < half * pixel - slack)] == 2).all()
    far = ~plane | (distance > half * pixel * np.sqrt(2) + slack)
    np.testing.assert_array_equal(filled[far], voxels(ai)[far])
    others = [n for n in range(3) if n != axis]
    sides = np.linalg.norm(ai.affine[:3, :3], axis=0)[others]
    expected = (2 * half * pixel) ** 2 / sides.prod()
    assert (filled[plane & ~far] == 2).sum() == pytest.approx(expected, rel=0.1)

    desk.page.get_by_role("button", name="Cut out").click()
    cut = outline()
    assert ((filled == 2) & (cut == 0)).sum() == pytest.approx(expected, rel=0.1)
    np.testing.assert_array_equal(cut[far], voxels(ai)[far])
    desk.press("Control+z", "Control+z")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected(name)), voxels(ai))


def test_a_lesion_is_jumped_to_and_judged(both, app):
    desk = both
    desk.look("askew", "Correct")
    desk.start_again()
    ai = app.ai("askew")
    at = here(desk, ai)
    desk.brush(30, ball=True)
    desk.press("Enter", "v")
    desk.save()
    desk.page.get_by_text("measuring…").wait_for(state="hidden")
    row = desk.page.locator("tr[data-lesion='1']")
    row.wait_for()
    desk.press("r", "PageUp", "PageUp", "ArrowLeft")
    assert here(desk, ai) != at
    row.get_by_role("button", name="Show lesion 1").click()
    desk.page.locator("tr[data-lesion='1'][aria-current=true]").wait_for()
    found = here(desk, ai)
    corrected = voxels(app.corrected("askew"))
    assert corrected[found] == 2
    row.get_by_role("button", name="is not a lesion").click()
    desk.saved_after_change()
    assert voxels(app.corrected("askew"))[found] == 1


def test_the_record_tells_time_edits_and_tools(both, app):
    desk = both
    desk.look("plain", "Correct")
    desk.brush(12)
    desk.press("ArrowLeft", "Enter", "ArrowRight", "Enter", "Control+z")
    desk.save()
    told = json.loads((app.folder("plain") / "correction" / "record.json").read_text())
    record = told["record"]
    assert 0 < record["active_seconds"] <= record["wall_seconds"] + 1
    assert record["edits"] >= 2
    assert record["undos"] >= 1
    assert record["tools"]["brush"]["edits"] >= 2
    assert record["voxels_changed"]["2"] > 0
