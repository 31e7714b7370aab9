"""The pages: what stands where, what text from files can do, and what they ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from hepatica.core.errors import OutputError, ResourceError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap, Source, Volume
from hepatica.model.plan import Confidence, Postprocessing, named_plan
from hepatica.results import casepage, hypertext, view3d
from hepatica.results.casepage import AS_IT_IS, CALIBRATED, HEAD, case_page
from hepatica.results.cohortpage import cohort_page
from hepatica.results.keyslices import SIZE_PX, black_white, key_slice
from hepatica.results.measure import measure
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.pdf import pdf_bytes
from hepatica.results.report import (
    BundleRecord,
    CaseRow,
    EngineRecord,
    InputRecord,
    Provenance,
    Report,
    Timing,
    cases_csv,
)
from tests.phantom import phantom

GRID = Geometry.from_spacing((44, 38, 30), (4.0, 4.0, 4.5), (40, 10, 0))
NASTY = '<script>alert("1")</script>&\u202e\n\x00x'


def report(labels, volume=None, case="p1", warnings=(), probability=None):
    source = Source("p1", format="nifti", sha256="ab" * 32)
    return Report(
        hepatica="1.2.3",
        case=case,
        warnings=warnings,
        measurements=measure(labels, volume, probability),
        provenance=Provenance(
            input=InputRecord.of(source, labels.geometry),
            bundle=None,
            plan=None,
            engine=None,
            versions={"numpy": "2.4"},
        ),
        timing=Timing(seconds={"read": 1.0}, peak_memory_mb=None),
    )


class Seen(HTMLParser):
    """Tags and text of a page, and whether every tag is closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.open, self.sources = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        self.sources += [named[k] for k in ("src", "href") if k in named]
        assert not any(k.startswith("on") for k in named)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def case():
    volume, labels = phantom(GRID)
    return volume, labels, case_page(report(labels, volume, NASTY, (NASTY,)), labels, volume)


def test_the_page_is_sound_and_text_from_files_does_nothing(case):
    seen = Seen(case[2])
    assert "script" not in seen.tags
    assert seen.text.count(RESEARCH_ONLY) == 2
    assert "\u202e" not in case[2]
    assert '<script>alert("1")</script>& x' in "".join(seen.text)


def test_the_page_asks_for_nothing(case):
    seen = Seen(case[2])
    assert all(s.startswith("data:image/png;base64,") for s in seen.sources)
    assert not re.search(r"https?://|url\(|@import", case[2])
    assert "default-src 'none'" in case[2]


def test_warnings_come_first_and_provenance_last(case):
    order = ["Warnings", "liver, lesions included", "3D model", "Lesions", "Key slices"]
    order += ["Overview", "Where this comes from", "Made by Hepatica"]
    places = [case[2].index(f">{words}") for words in order]
    assert places == sorted(places)


def test_there_are_two_views_a_slice_per_lesion_and_two_planes(case):
    assert case[2].count("<img") == 2 + 2 + 2
    for words in HEAD:
        assert hypertext.text(words) in case[2]
    finding = measure(case[1]).findings[0]
    assert f"{finding.diameter_axial_mm:.1f} × {finding.diameter_perpendicular_mm:.1f}" in case[2]


def test_no_lesion_no_liver_no_image():
    volume, labels = phantom(GRID)
    healthy = LabelMap(labels.liver.astype(np.uint8), GRID)
    page = case_page(report(healthy, volume), healthy, volume)
    assert "No lesion was found" in page
    assert "No warnings." in page
    assert page.count("<img") == 4
    empty = LabelMap(np.zeros(GRID.shape, np.uint8), GRID)
    page = case_page(report(empty, volume), empty, volume)
    assert "no liver" in page
    assert page.count("<img") == 2
    Seen(page)
    assert case_page(report(labels), labels).count("<img") == 2


def test_forty_one_lesions_are_in_the_table_and_forty_have_slices():
    grid = Geometry.from_spacing((30, 30, 12), 5.0)
    labels = np.ones(grid.shape, np.uint8)
    labels[0] = labels[-1] = 0
    labels[2:28:4, 2:26:4, 2:4] = 2
    labels = LabelMap(labels, grid)
    volume = Volume(labels.labels * 100.0, grid)
    page = case_page(report(labels, volume), labels, volume)
    assert len(measure(labels).findings) == 42
    assert page.count("<tr>") >= 43
    assert page.count("<img") == 2 + 40 + 2
    assert "2 smallest lesions are in the table alone" in page


def test_the_cohort_page_leads_to_the_cases():
    m = measure(phantom(GRID)[1])
    rows = [
        CaseRow("a b", "done", m, 2.0, ("one <thing>",)),
        CaseRow("=x", "done", replace(m, findings=()), 2.0),
        CaseRow("c", "failed", error="c is broken <b>."),
    ]
    page = cohort_page(cases_csv(rows), "My <cohort>")
    seen = Seen(page)
    assert seen.sources == ["a%20b/report.html", "%3Dx/report.html"]
    assert "c: c is broken &lt;b&gt;." in page
    assert page.index("c is broken") < page.index("a b</a>")
    assert "one &lt;thing&gt;" in page
    assert page.count(RESEARCH_ONLY) == 2
    assert Seen(cohort_page(cases_csv([]), "empty")).sources == []
    with pytest.raises(OutputError, match="not a table"):
        cohort_page("my,own\n1,2\n", "x")


def test_the_cohort_in_numbers():
    m = measure(phantom(GRID)[1])
    rows = [
        CaseRow("a", "done", replace(m, liver_ml=1000.0, tumour_ml=30.0, burden_percent=3.0), 2.0),
        CaseRow("b", "done", replace(m, liver_ml=1400.0, findings=(), tumour_ml=0.0), 3.0, ("w",)),
        CaseRow("c", "failed", error="broken"),
    ]
    page = cohort_page(cases_csv(rows), "two")
    figures = {words: value for value, words in re.findall(r"<b>([^<]*)</b> <span>([^<]*)<", page)}
    assert figures == {
        "cases done": "2",
        "failed": "1",
        "with warnings": "1",
        "with lesions": "1",
        "lesions in all": "2",
        "median liver": "1200 ml",
    }
    cells = [re.findall(r"<td>([^<]*)</td>", line) for line in page.split("<tr>")[2:]]
    longest = f"{max(f.diameter_axial_mm for f in m.findings):.1f}"
    assert cells[0] == ["done", "1000", "2", "30.0", "3.0", longest, "2.0", ""]
    assert cells[1][:4] == ["done", "1400", "0", "0.0"]
    assert cells[2] == ["failed", *"––––––", "broken"]


def test_numbers_of_a_case_stand_where_their_heads_say():
    volume, labels = phantom(GRID)
    chance = np.where(labels.tumour, np.float32(0.75), np.float32(0))
    told = report(labels, volume, probability=chance)
    first, second = told.measurements.findings
    first = replace(first, touches_border=True, surface_distance_mm=7.0, next_lesion_mm=None)
    first = replace(first, sphericity=0.81, mean_signal_ratio=0.62, diameter_axial_mm=20.0)
    second = replace(second, surface_distance_mm=2.0, diameter_axial_mm=31.5)
    m = replace(told.measurements, findings=(first, second), liver_touches_border=True)
    m = replace(m, tumour_ml=45.6, burden_percent=4.5)
    page = case_page(msgspec.structs.replace(told, measurements=m), labels, volume)
    figures = {words: value for value, words in re.findall(r"<b>([^<]*)</b> <span>([^<]*)<", page)}
    assert figures["liver, lesions included"].startswith("at least ")
    assert figures["all lesions"] == "45.6 ml"
    assert figures["of the liver is tumour"] == "4.5 %"
    # The longest is not the largest here.
    assert figures["longest: lesion 2"].startswith("31.5 × ")
    assert figures["least distance to the surface"] == "2.0 mm"
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", line) for line in page.split("<tr>")[1:]]
    row = dict(zip(HEAD, rows[1], strict=True))
    assert row["To liver surface, mm"] == "7.0"
    assert row["To next lesion, mm"] == "–"
    assert row["Sphericity"] == "0.81"
    assert row["Signal, of liver's"] == "0.62"
    assert row["Confidence"] == "0.75"
    assert AS_IT_IS in page
    assert CALIBRATED not in page
    rule = Postprocessing(confidence=Confidence(offset=0, mean=1, peak=0, size=0))
    plan = msgspec.structs.replace(named_plan("default"), postprocessing=rule)
    known = msgspec.structs.replace(told.provenance, plan=plan)
    page = case_page(msgspec.structs.replace(told, provenance=known), labels, volume)
    assert CALIBRATED in page
    assert AS_IT_IS not in page
    assert row["Remark"] == "cut by the image&#x27;s edge"
    assert row["Slice"] == str(first.slice_longest)


def test_where_it_comes_from_names_image_label_map_and_model():
    volume, labels = phantom(GRID)
    told = report(labels, volume)
    given = InputRecord.of(Source("drawn", format="nrrd", sha256="cd" * 32), labels.geometry)
    by_hand = msgspec.structs.replace(told.provenance, labelmap=given)
    page = case_page(msgspec.structs.replace(told, provenance=by_hand), labels)
    assert "given: drawn (nrrd)" in page
    assert "cd" * 32 in page
    assert "ab" * 32 in page
    alone = msgspec.structs.replace(told.provenance, input=given, labelmap=given)
    page = case_page(msgspec.structs.replace(told, provenance=alone), labels)
    assert "none was given" in page
    assert page.count("cd" * 32) == 1
    model = msgspec.structs.replace(
        told.provenance,
        bundle=BundleRecord(name="default", sha256="ef" * 32),
        engine=EngineRecord(name="openvino", precision="int8", device="cpu", threads=2),
    )
    page = case_page(msgspec.structs.replace(told, provenance=model), labels)
    assert "ef" * 32 in page
    assert re.search(r">Engine</th><td>openvino, int8, cpu</td>", page)
    assert "given" not in page
    # A table without heads has no empty ones.
    assert '<th scope="col"></th>' not in page


def test_a_key_slice_shows_the_lesion_in_its_surroundings_and_the_liver_in_grey():
    volume, labels = phantom(GRID)
    # Vessels, far brighter than the liver.
    bright = volume.voxels.copy()
    bright[::4][~labels.liver[::4]] = 6 * float(volume.voxels.max())
    volume = Volume(bright, GRID)
    finding = measure(labels).findings[0]
    levels = black_white(volume, labels)
    shown = np.asarray(key_slice(volume, labels, finding, levels), float)
    orange = np.argwhere((shown[..., 0] - shown[..., 2] > 120) & (shown[..., 0] > 150))
    wide = np.ptp(orange, axis=0).max()
    field_mm = np.clip(3 * finding.diameter_axial_mm, 60, 220)
    assert wide == pytest.approx(SIZE_PX * finding.diameter_axial_mm / field_mm, rel=0.2)
    low, high = levels
    signal = float(np.median(volume.voxels[labels.parenchyma]))
    assert (signal - low) / (high - low) == pytest.approx(0.45, abs=0.02)


def test_the_pdf_has_pages_and_loads_nothing(case):
    pytest.importorskip("weasyprint", reason="the extra pdf is not installed")
    data = pdf_bytes(case[2])
    assert data.startswith(b"%PDF-")
    assert len(data) > 20_000
    outside = '<html><body><img src="file:///etc/hostname"><p>x</p></body></html>'
    assert b"hostname" not in pdf_bytes(outside)


def test_without_its_package_a_pdf_says_which_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ResourceError, match=r"hepatica\[pdf\]"):
        pdf_bytes("<p>x</p>")


def test_a_report_of_an_earlier_version_is_still_read():
    labels = phantom(GRID)[1]
    data = msgspec.json.decode(report(labels).to_json())
    for finding in data["measurements"]["findings"]:
        for name in ("sphericity", "surface_distance_mm", "axial_ends_mm", "slice_longest"):
            del finding[name]
    old = Report.from_json(msgspec.json.encode(data))
    assert old.measurements.findings[0].sphericity is None
    assert "–" in case_page(old, labels, Volume(labels.labels * 1.0, GRID))


def test_what_noise_makes_has_no_model_and_a_liver_has():
    solid = np.zeros((20, 20, 20), bool)
    solid[3:17, 3:17, 3:17] = True
    assert not view3d.ragged(solid)
    assert not view3d.ragged(np.zeros((20, 20, 20), bool))
    noise = np.random.default_rng(1).random((20, 20, 20)) < 0.6
    assert view3d.ragged(noise)
    # Where the line is: of a plate of three layers 73 % lies at its surface.
    assert view3d.ragged(np.ones((20, 20, 3), bool))
    assert not view3d.ragged(np.ones((20, 20, 6), bool))
    assert "too ragged" in casepage._model(None, 3)


def test_a_map_full_of_specks_is_drawn_in_part_and_says_so(monkeypatch):
    monkeypatch.setattr("hepatica.results.casepage.MOST_IN_MODEL", 3)
    labels = np.ones((24, 20, 12), np.uint8)
    labels[2:22:4, 2:18:4, 4] = 2
    specks = LabelMap(labels, Geometry.from_spacing(labels.shape, 3.0))
    page = case_page(report(specks), specks)
    assert "Of 20 lesions, the 3 largest are shown." in page
    assert page.count('<th scope="row">') >= 20
