"""What the server does for a click: tools on the whole map, references, exports, the record."""

from __future__ import annotations

import csv
import zipfile

import nibabel as nib
import numpy as np
import pytest

from tests.serve.browser.running import only, voxels


@pytest.fixture
def correcting(both):
    both.look("askew", "Correct")
    both.start_again()
    return both


def test_grow_fills_what_is_as_bright_and_undo_takes_it_back(correcting, app):
    desk = correcting
    ai = voxels(app.ai("askew"))
    desk.press("g")
    desk.panes.focus()
    desk.press("Enter")
    desk.page.locator(".tool-card").get_by_text("voxels changed").wait_for()
    desk.save()
    grown = voxels(app.corrected("askew"))
    assert (grown != ai).any()
    assert (grown[grown != ai] == 2).all()
    desk.press("Control+z")
    desk.save()
    np.testing.assert_array_equal(voxels(app.corrected("askew")), ai)


def test_an_island_is_removed_and_nothing_else(correcting, app):
    desk = correcting
    desk.brush(8, ball=True)
    desk.press("Enter")
    desk.save()
    with_ball = voxels(app.corrected("askew"))
    desk.page.get_by_text("Whole label: lesion").click()
    desk.page.get_by_label("below").fill("50")
    desk.page.get_by_role("button", name="Remove islands").click()
    desk.page.wait_for_timeout(500)
    desk.page.get_by_text("islands…").wait_for(state="hidden")
    desk.save()
    after = voxels(app.corrected("askew"))
    assert (with_ball == 2).any()
    assert not (after == 2).any()
    np.testing.assert_array_equal(after > 0, with_ball > 0)


def test_a_reference_is_added_and_compared_with(both, app, scans, tmp_path):
    desk = both
    reference = tmp_path / "reference.nii.gz"
    nib.save(app.ai("plain"), reference)
    desk.look("plain")
    desk.page.get_by_role("group", name="Label map shown").get_by_role("button", name="AI").click()
    desk.page.get_by_label("Reference label map").set_input_files(reference)
    against = desk.page.get_by_role("group", name="Compare with")
    against.get_by_role("button", name="Reference").click()
    words = desk.page.get_by_text("voxels differ").inner_text(timeout=60_000)
    assert words.startswith("0 voxels")
    assert desk.page.locator(".scores").inner_text().count("1.000") >= 3


def test_a_reference_on_another_grid_is_refused_in_the_servers_words(both, app, tmp_path):
    desk = both
    wrong = tmp_path / "wrong.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((12, 14, 16), np.uint8), np.eye(4)), wrong)
    desk.look("plain")
    desk.page.get_by_label("Reference label map").set_input_files(wrong)
    desk.page.get_by_role("alert").wait_for()
    assert "grid" in desk.page.get_by_role("alert").inner_text()


def test_files_are_written_and_come_as_one_zip(both, app, tmp_path):
    desk = both
    desk.look("plain", "Export")
    desk.page.get_by_role("button", name="Write the files").click()
    written = desk.page.get_by_role("list", name="Files written")
    written.wait_for(timeout=120_000)
    names = written.get_by_role("link").all_inner_texts()
    assert any(name.endswith(".nii.gz") for name in names)
    with desk.page.expect_download() as download:
        desk.page.get_by_role("link", name="All as one zip").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert len(archive.namelist()) >= len(names)
    with desk.page.expect_download() as download:
        written.get_by_role("link").first.click()
    saved = download.value.suggested_filename
    assert saved.startswith("plain")  # whose it is
    assert any(saved.endswith(name.rsplit("/", 1)[-1]) for name in names)


def test_dicom_files_are_not_offered_to_what_came_from_no_series(both):
    desk = both
    desk.look("plain", "Export")
    desk.page.get_by_label("Label map (NIfTI)").wait_for()
    assert desk.page.get_by_label("DICOM segmentation").is_disabled()
    assert desk.page.get_by_label("Label map (NIfTI)").is_enabled()
    assert desk.page.get_by_text("came from no DICOM series").is_visible()


def test_the_record_comes_as_the_table_that_evaluate_reads(correcting, tmp_path):
    desk = correcting
    desk.brush(10)
    desk.press("Enter")
    desk.save()
    desk.look("askew", "Export")
    with desk.page.expect_download() as download:
        desk.page.get_by_role("link", name="Record of corrections").click()
    download.value.save_as(tmp_path / "record.csv")
    lines = (tmp_path / "record.csv").read_text().splitlines()
    rows = {row["case"]: row for row in csv.DictReader(lines)}
    assert float(rows["askew"]["minutes"]) > 0


def test_a_folder_of_this_computer_is_gone_through(desk, scans):
    page = desk.page
    page.get_by_role("button", name="On this computer").click()
    dialog = page.get_by_role("dialog", name="On this computer")
    dialog.get_by_role("button", name="plain.nii.gz").wait_for()
    dialog.get_by_role("button", name="made", exact=False).first.click()
    dialog.get_by_role("button", name="Folder above").click()
    dialog.get_by_role("button", name="plain.nii.gz").wait_for()
    assert only(scans, "plain.nii.gz").is_file()
