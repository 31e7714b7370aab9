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
from hepatica.results import casepage, hypertext
from hepatica.results.casepage import HEAD, case_page
from hepatica.results.cohortpage import cohort_page
from hepatica.results.measure import measure
from hepatica.results.notice import RESEARCH_ONLY
from hepatica.results.pdf import pdf_bytes
from hepatica.results.report import (
    CaseRow,
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
    assert not casepage.ragged(solid)
    assert not casepage.ragged(np.zeros((20, 20, 20), bool))
    noise = np.random.default_rng(1).random((20, 20, 20)) < 0.6
    assert casepage.ragged(noise)
    assert "too ragged" in casepage._model(None, 3)


def test_a_map_full_of_specks_is_drawn_in_part_and_says_so(monkeypatch):
    monkeypatch.setattr("hepatica.results.casepage.MOST_IN_MODEL", 3)
    labels = np.ones((24, 20, 12), np.uint8)
    labels[2:22:4, 2:18:4, 4] = 2
    specks = LabelMap(labels, Geometry.from_spacing(labels.shape, 3.0))
    page = case_page(report(specks), specks)
    assert "Of 20 lesions, the 3 largest are shown." in page
    assert page.count('<th scope="row">') >= 20
