"""The sheets that show what the generator makes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFont

from hepatica import gallery
from hepatica.core.errors import OutputError
from hepatica.io import patients
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.sheet import CELL_PX, GAP_PX, TITLE_PX, contact_sheet, corner_px, size_px
from hepatica.synth import lesions, patient, signal
from hepatica.synth.procedural import procedural_anatomy


@pytest.fixture(scope="module")
def anatomy():
    return procedural_anatomy(np.random.default_rng(5))


def opened(path):
    with Image.open(path) as picture:
        return picture.convert("RGB")


def close_up(tile):
    left, top = corner_px(0, 1)
    box = (left, top, left + CELL_PX[0], top + CELL_PX[1])
    return np.asarray(contact_sheet([tile], 1).convert("L").crop(box)).astype(int)


@pytest.mark.parametrize("kind", ["target", "bright", "cyst"])
def test_a_lesion_tile_shows_its_lesion_in_the_middle(anatomy, kind):
    drawn = gallery.with_one(kind, "portal_venous", 4, anatomy)
    tile = gallery.lesion_tile(drawn)
    volume, labels = patient.scan_patient(replace(drawn, lesions=()))
    change = np.abs(close_up(tile) - close_up(replace(tile, volume=volume, labelmap=labels)))
    assert change.max() > 25
    rows, columns = np.nonzero(change > 0.5 * change.max())
    assert abs(columns.mean() - CELL_PX[0] / 2) < 12
    assert abs(rows.mean() - CELL_PX[1] / 2) < 12
    assert tile.title.startswith("metastasis" if kind in lesions.METASTASES else "look-alike")


def test_a_seed_is_one_body_in_every_phase(anatomy):
    drawn = [gallery.with_one("rim", phase, 2, anatomy) for phase in signal.PHASES]
    assert [d.protocol.phase for d in drawn] == list(signal.PHASES)
    first = drawn[0]
    for other in drawn[1:]:
        assert other.scan.matches(first.scan)
        np.testing.assert_array_equal(other.deformation.matrix, first.deformation.matrix)
        (a,), (b,) = first.lesions, other.lesions
        assert a.seed == b.seed
        np.testing.assert_array_equal(a.lobes[0].radii_mm, b.lobes[0].radii_mm)
    # Two phases may both be at the least that can be seen.
    assert len({round(d.lesions[0].core, 6) for d in drawn}) >= len(drawn) - 1


def test_sheets_of_a_cohort_have_a_tile_for_each(tmp_path, anatomy):
    images = list(patients.write_cohort(tmp_path, 1, 6, [anatomy]))
    found = list(gallery.write_sheets(tmp_path, 1, [anatomy], images))
    assert [p.name for p in found] == ["sheet.png", "patients.png"]
    sheet, cohort = (opened(p) for p in found)
    tiles = 2 * len(signal.PHASES) + len(gallery.KINDS)
    assert sheet.size == size_px(tiles, gallery.COLUMNS)
    assert cohort.size == size_px(1, 2)
    for number in range(tiles):
        left, top = corner_px(number, gallery.COLUMNS)
        box = (left, top, left + CELL_PX[0], top + CELL_PX[1])
        assert np.asarray(sheet.crop(box).convert("L")).std() > 10, number


@pytest.fixture(scope="module")
def one(tmp_path_factory, anatomy):
    (image,) = patients.write_cohort(tmp_path_factory.mktemp("one"), 1, 6, [anatomy])
    return image


@pytest.mark.parametrize(("n", "columns"), [(1, 2), (2, 2), (3, 3), (6, 6), (7, 6)])
def test_a_sheet_is_as_wide_as_it_has_patients(one, n, columns):
    assert gallery.cohort([one] * n).size == size_px(n, columns)


def test_no_more_patients_than_can_be_looked_at(one):
    assert gallery.cohort([one] * 30).size == size_px(24, 6)


def test_no_sheet_cuts_the_line_below_it(one):
    wide = ImageFont.load_default(14).getlength(RESEARCH_ONLY)
    assert gallery.cohort([one]).width > wide + 2 * GAP_PX
    assert size_px(1, 1)[0] < wide


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ({"protocol": {"phase": "late_arterial", "fat": "opposed"}}, "p1, late arterial"),
        ({"protocol": "arbitrary contrast"}, "p1, arbitrary contrast"),
        ({"curve": [1, 2]}, "p1, own contrast"),
        (None, "p1, own contrast"),
    ],
)
def test_titles_name_the_phase(tmp_path, told, title):
    if told is not None:
        (tmp_path / "p1.json").write_text(json.dumps(told))
    assert gallery.cohort_title(tmp_path / "p1.nii.gz") == title


def test_what_is_drawn_has_the_title_of_its_phase(one, tmp_path):
    shutil.copytree(one.parents[1], tmp_path, dirs_exist_ok=True)
    image = tmp_path / "images" / one.name
    pictures = []
    for phase in ("pre", "delayed", "delayed"):
        image.with_name("patient_0001.json").write_text(json.dumps({"protocol": {"phase": phase}}))
        pictures.append(np.asarray(gallery.cohort([image])))
    np.testing.assert_array_equal(pictures[1], pictures[2])
    rows, columns = np.nonzero((pictures[0] != pictures[1]).any(axis=2))
    left, top = corner_px(0, 2)
    assert top - TITLE_PX <= rows.min() <= rows.max() < top
    assert left + ImageFont.load_default(14).getlength("patient_0001") < columns.min()


@pytest.mark.parametrize("phase", [*signal.PHASES, "arbitrary contrast"])
def test_a_long_name_stays_in_its_cell(tmp_path, phase):
    name = "a_study_of_the_liver_with_a_very_long_name_site_12_patient_3_0001"
    (tmp_path / f"{name}.json").write_text(json.dumps({"protocol": phase}))
    title = gallery.cohort_title(tmp_path / f"{name}.nii.gz")
    assert ImageFont.load_default(14).getlength(title) < CELL_PX[0]
    assert title.startswith("a_study")
    assert "t_3_0001, " in title


def test_a_saved_sheet_keeps_greys_and_contours(tmp_path):
    ramp = np.repeat(np.linspace(0, 255, 256)[None, :, None], 3, axis=2).repeat(8, axis=0)
    ramp[4:] = (230, 159, 0)
    gallery.write(Image.fromarray(ramp.astype(np.uint8)), tmp_path / "a" / "x.png")
    found = np.asarray(opened(tmp_path / "a" / "x.png")).astype(int)
    assert np.abs(found - ramp).max() <= 6
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.png"]


def test_a_sheet_that_cannot_be_written_is_refused_before_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "gallery", lambda *_: pytest.fail("made for nothing"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file cannot be written"):
        list(gallery.write_sheets(tmp_path / "file", 1, (), ()))
