"""What an archive's tables and page say, and what is done again when something changed."""

from __future__ import annotations

import csv
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hepatica
from hepatica import case
from hepatica.batch import cohort
from hepatica.batch.distributions import Quantity, histogram, summary, unusual
from hepatica.batch.manifest import Hashes, Manifest
from hepatica.batch.messages import Failed, Recipe, Task, Unable
from hepatica.batch.run import reconcile
from hepatica.batch.sources import fingerprint
from hepatica.batch.work import attempt
from hepatica.case.folder import LESIONS
from hepatica.results.report import CASE_COLUMNS, LESION_COLUMNS
from tests.batch.conftest import NAMES


@pytest.fixture
def done(archive, serial_folder, bundle, tmp_path):
    """A folder in which all are done but the last two, which failed."""
    out = tmp_path / "out"
    shutil.copytree(serial_folder, out)
    manifest = Manifest.write(out)
    manifest.add((name, archive / f"{name}.nii.gz") for name in NAMES)
    for name in NAMES[:4]:
        report = case.earlier(out / name, sha256(out / name), bundle.sha256)
        manifest.finish(
            name,
            seconds=1.0,
            worker="w",
            fingerprint=fingerprint(archive / f"{name}.nii.gz"),
            hashes=Hashes(
                report.provenance.input.sha256, bundle.sha256, "plan", hepatica.__version__
            ),
        )
    for name in NAMES[4:]:
        shutil.rmtree(out / name)
    manifest.fail(NAMES[4], "quarantined", "input", "=torn, <b>", counts=True, alone=False)
    manifest.fail(NAMES[5], "failed", "disk", "The disk is full.", counts=False, alone=False)
    yield out, manifest
    manifest.close()


def sha256(folder):
    from hepatica.results.report import Report

    return Report.from_json((folder / case.REPORT).read_bytes()).provenance.input.sha256


def rows(path):
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def test_tables_hold_every_case_and_lesion(done):
    out, manifest = done
    cohort.write(out, manifest)
    head, *lines = rows(out / case.CASES)
    assert tuple(head) == CASE_COLUMNS
    assert [line[:2] for line in lines] == [
        *([name, "done"] for name in NAMES[:4]),
        *([name, "failed"] for name in NAMES[4:]),
    ]
    assert [line[-1] for line in lines[4:]] == ["'=torn, <b>", "The disk is full."]
    head, *lines = rows(out / LESIONS)
    assert tuple(head) == ("case", *LESION_COLUMNS)
    single = [[name, *line] for name in NAMES[:4] for line in rows(out / name / LESIONS)[1:]]
    assert single
    assert lines == single


def test_parquet_is_the_same_table(done):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    out, manifest = done
    cohort.write(out, manifest)
    for name in ("cases", "lesions"):
        head, *lines = rows(out / f"{name}.csv")
        table = parquet.read_table(out / f"{name}.parquet")
        assert table.column_names == head
        assert table.num_rows == len(lines)
        for n, column in enumerate(head):
            for cell, value in zip((line[n] for line in lines), table[column], strict=True):
                found = value.as_py()
                if isinstance(found, bool):
                    assert cell == str(found).lower()
                elif isinstance(found, int | float):
                    assert float(cell) == found
                else:
                    assert cell == (found or "")


def test_the_page_names_failures_and_shows_pictures(done):
    out, manifest = done
    *_, page = cohort.write(out, manifest)
    html = page.read_text(encoding="utf-8")
    assert "Research use only." in html
    assert "the image cannot be used" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html.replace("<li><b>", "")
    assert len(re.findall(r'<a href="p0\d/report.html"><img', html)) == 4
    assert html.count("<svg") == 5


def test_a_folder_without_cases_has_a_page(tmp_path):
    manifest = Manifest.write(tmp_path)
    *_, page = cohort.write(tmp_path, manifest)
    assert "No case is done." in page.read_text(encoding="utf-8")
    manifest.close()


@pytest.mark.parametrize(
    "change",
    ["nothing", "result gone", "report of another", "bundle", "source", "version", "lesions"],
)
def test_what_changed_is_done_again(done, bundle, archive, change, tmp_path):
    out, manifest = done
    sealed, again, recipe = bundle.sha256, [NAMES[0]], Recipe()
    if change == "nothing":
        again = []
    elif change == "result gone":
        shutil.rmtree(out / NAMES[0])
    elif change == "report of another":
        shutil.copy(out / NAMES[1] / case.REPORT, out / NAMES[0] / case.REPORT)
    elif change == "bundle":
        sealed, again = "0" * 64, list(NAMES[:4])
    elif change == "source":
        manifest._set("fingerprint = 'other'", "name = ?", NAMES[0])
    elif change == "version":
        manifest._set("version = '0.0.1'", "name = ?", NAMES[0])
    elif change == "lesions":
        (out / NAMES[0] / LESIONS).unlink()
    assert reconcile(out, manifest, sealed, recipe) == len(again)
    assert [e.name for e in manifest.entries("queued")] == again


def test_a_worker_of_another_version_does_nothing(tmp_path):
    task = Task(key="k", case="c", source="s", out=str(tmp_path), recipe=Recipe(), version="9.9")
    found = attempt(task, None)
    assert isinstance(found, Unable)
    assert "this is 9.9" in found.reason
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_the_model_says_so(tmp_path):
    recipe = Recipe(bundle=str(tmp_path / "no_bundle"))
    task = Task(
        key="k",
        case="c",
        source="s",
        out=str(tmp_path),
        recipe=recipe,
        version=hepatica.__version__,
    )
    found = attempt(task, None)
    assert isinstance(found, Unable)
    assert "cannot load the model" in found.reason


def test_a_volume_that_does_not_fit_is_refused_before_it_is_read(tmp_path, archive, bundle):
    recipe = Recipe(bundle=str(bundle.folder))
    task = Task(
        key="k",
        case="p00",
        source=str(archive / "p00.nii.gz"),
        out=str(tmp_path / "out"),
        recipe=recipe,
        version=hepatica.__version__,
    )
    found = attempt(task, 1)
    assert isinstance(found, Failed)
    assert found.cause == "memory"
    assert "0.0 GB are available" in found.reason


def test_unusual_by_hand():
    # Median 3, absolute deviations 2 1 0 1 97, their median 1.
    scores = unusual(np.array([1.0, 2.0, 3.0, 4.0, 100.0, np.nan]))
    assert scores[:5] == pytest.approx(0.6745 * np.array([-2, -1, 0, 1, 97]))
    assert np.isnan(scores[5])
    assert unusual(np.array([5.0, 5.0, 5.0, 9.0])).tolist() == [0, 0, 0, 0]
    assert unusual(np.array([])).size == 0


def test_a_summary_by_hand():
    assert summary(np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])) == ("5", "1", "2", "3", "4", "5")
    assert summary(np.array([np.nan])) == ("0", *"–––––")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_a_histogram_draws_every_bar_inside(values):
    svg = histogram(Quantity("Liver", "ml", np.array(values)))
    bars = re.findall(r'x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)" fill', svg)
    assert 1 <= len(bars) <= 40
    assert all(float(y) >= 0 and float(y) + float(h) <= 130.2 for _, y, _, h in bars)


def test_a_histogram_of_nothing_says_so():
    assert "No case has it" in histogram(Quantity("Liver", "ml", np.array([np.nan])))
