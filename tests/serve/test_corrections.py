"""What is saved is what was sent, on the grid of the input, one revision after the other."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from typer.testing import CliRunner

from hepatica import cli, io
from hepatica.core.errors import InputError
from hepatica.core.geometry import Geometry
from hepatica.core.volume import LabelMap
from hepatica.evaluate.corrections import read_minutes
from hepatica.io import nifti
from hepatica.serve import facts, records, voxels
from hepatica.serve.refusal import Refusal
from tests.phantom import GRID, LESIONS
from tests.serve.conftest import ASKEW, made, packed


def test_voxels_and_header_on_an_oblique_left_handed_anisotropic_grid(served, case, scans, truth):
    assert np.linalg.det(ASKEW.affine[:3, :3]) < 0
    assert len(set(np.round(ASKEW.spacing_mm, 3))) == 3
    answer = served.save(case, truth, 0)
    assert (answer.status_code, answer.json()) == (200, {"revision": 1, "status": "unchecked"})
    source = nib.load(scans / "askew.nii.gz")
    ai, kept = served.labels(case, "ai"), served.labels(case, "corrected")
    assert np.array_equal(np.asarray(kept.dataobj), truth)
    assert kept.get_data_dtype() == np.uint8
    for field in (*nifti._PLACE, "dim"):
        assert source.header[field].tobytes() == kept.header[field].tobytes(), field
        assert ai.header[field].tobytes() == kept.header[field].tobytes(), field
    assert source.header["pixdim"][:4].tobytes() == kept.header["pixdim"][:4].tobytes()
    known = served.get(f"/api/cases/{case}").json()
    assert tuple(known["shape"]) == ASKEW.shape
    np.testing.assert_allclose(known["affine"], ASKEW.affine, atol=1e-4)


def test_the_ai_is_never_overwritten(served, case, truth):
    path = served.service.cases.get(case).path("ai")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    for revision, labels in enumerate((truth, np.zeros_like(truth))):
        assert served.save(case, labels, revision).status_code == 200
        served.edit(case, labels, tool="fill", label=1, inside_liver=False, locked=[])
    headers = {"If-Match": '"2"'}
    answer = served.delete(f"/api/cases/{case}/correction", headers=headers)
    assert answer.json() == {"revision": 3}
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert not served.get(f"/api/cases/{case}").json()["has"]["correction"]
    folder = served.service.cases.folder(case)
    aside = folder / "correction.before-2" / "labels-2.nii.gz"
    assert not np.asarray(nib.load(aside).dataobj).any()
    assert served.save(case, truth, 0).status_code == 409
    assert served.save(case, truth, 3).json()["revision"] == 4


def test_two_windows(served, case, truth):
    assert served.save(case, truth, 0).status_code == 200
    answer = served.save(case, np.zeros_like(truth), 0)
    assert answer.status_code == 409
    assert answer.json()["revision"] == 1
    assert answer.json()["error"]
    assert np.array_equal(np.asarray(served.labels(case, "corrected").dataobj), truth)


def test_of_many_at_once_one_wins(served, case, truth):
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(served.save(case, truth * (n % 2), 0)))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status_code for a in answers) == [200] + [409] * 5


def test_the_record_is_kept_with_the_voxels(served, case, truth):
    served.save(case, truth, 0, made(90.0))
    known = served.get(f"/api/cases/{case}").json()
    assert known["record"] == made(90.0)
    assert known["revision"] == 1
    told = json.loads((served.service.cases.folder(case) / "correction/record.json").read_text())
    assert told["record"] == made(90.0)
    assert (told["revision"], told["labels"]) == (1, "labels-1.nii.gz")
    result = served.get(f"/api/jobs/{case}").json()["result"]
    assert (result["corrected"], result["minutes"]) == (True, 1.5)


def test_numbers_never_fall_and_no_sitting_is_lost():
    earlier = records.parse(json.dumps(made(100.0)))
    other = {"started": "2026-01-03", "ended": "2026-01-03", "active_seconds": 5}
    sent = made(5.0, edits=9, tools={"eraser": {"edits": 1, "seconds": 2}}, sessions=[other])
    both = records.merged(earlier, records.parse(json.dumps(sent)))
    assert (both.active_seconds, both.wall_seconds, both.edits) == (100.0, 200.0, 9)
    assert set(both.tools) == {"brush", "eraser"}
    assert [s.active_seconds for s in both.sessions] == [100.0, 5]
    less = {"brush": {"edits": 1, "seconds": 1.0}}
    fewer = made(5.0, edits=0, undos=0, user=None, tools=less, voxels_changed={"1": 5, "2": 900})
    after = records.merged(earlier, records.parse(json.dumps(fewer)))
    assert (after.edits, after.undos, after.user) == (3, 1, "AB")
    assert after.voxels_changed == {"0": 1, "1": 20, "2": 900}
    assert (after.tools["brush"].edits, after.tools["brush"].seconds) == (3, 100.0)


@pytest.mark.parametrize(
    "bad",
    [made(-1.0), made(float("inf")), made(float("nan")), made(edits=1.5), made(edits=-1),
     made(edits=10**400), made(edits=2**53 + 1), made(wall_seconds=1e300),
     made(voxels_changed={"3": 1}), made(voxels_changed={"1": -1}), made(user=7), {}, [], made(x=1),
     made(tools={"brush": {"edits": 1, "seconds": -2}}),
     made(tools={"b" * 99: {"edits": 1, "seconds": 2}}),
     made(sessions=[{"started": "a", "ended": "b"}]), made(user="x" * 99)],
)  # fmt: skip
def test_records_that_are_none(bad):
    with pytest.raises(Refusal) as refused:
        records.parse(json.dumps(bad))
    assert refused.value.status == 422


def test_what_is_no_label_map_of_the_case(served, case, truth):
    raw = truth.tobytes(order="F")
    wrong = {
        "short": gzip.compress(raw[:-1]),
        "long": gzip.compress(raw + b"\0"),
        "label 3": packed(np.where(truth == 2, 3, truth)),
        "not gzip": raw,
        "cut": packed(truth)[:-20],
        "empty": b"",
    }
    for name, content in wrong.items():
        answer = served.put(
            f"/api/cases/{case}/correction",
            headers={"If-Match": '"0"'},
            files={"voxels": ("v", content)},
            data={"record": json.dumps(made())},
        )
        assert answer.status_code in (400, 422), name
        assert answer.json()["error"], name
    answer = served.save(case, truth, 0, made(-1.0))
    assert answer.status_code == 422
    assert served.get(f"/api/cases/{case}").json()["revision"] == 0


def test_no_more_is_read_than_a_label_map_can_take(served, case, truth):
    noise = np.random.default_rng(0).integers(0, 256, truth.size, np.uint8).tobytes()
    assert len(gzip.compress(noise)) <= voxels.most_bytes(ASKEW.shape)
    content = bytes(voxels.most_bytes(ASKEW.shape) + 1)
    form = {"files": {"voxels": ("v", content)}}
    answer = served.put(
        f"/api/cases/{case}/correction",
        headers={"If-Match": '"0"'},
        data={"record": json.dumps(made())},
        **form,
    )
    assert answer.status_code == 413
    edit = {"tool": "fill", "label": 2}
    answer = served.post(f"/api/cases/{case}/edits", data={"edit": json.dumps(edit)}, **form)
    assert answer.status_code == 413


def test_a_case_of_which_something_was_taken_away(served, case, truth):
    served.save(case, truth, 0)
    folder = served.service.cases.folder(case)
    (folder / "image.nii.gz").unlink()
    (folder / "correction/record.json").write_text("{")
    for path in ("/image.nii.gz", "", "/labels/corrected.nii.gz", "/findings?labels=corrected"):
        answer = served.get(f"/api/cases/{case}{path}")
        assert answer.status_code == 400, path
        assert answer.json()["hint"], path
    assert served.delete(f"/api/jobs/{case}").status_code == 200


def test_a_save_names_its_revision(served, case, truth):
    form = {"files": {"voxels": ("v", packed(truth))}, "data": {"record": json.dumps(made())}}
    for header in ({}, {"If-Match": "*"}, {"If-Match": '"-1"'}, {"If-Match": '"١"'.encode()}):
        answer = served.put(f"/api/cases/{case}/correction", headers=header, **form)
        assert answer.status_code == 428


KILLED = """
import gzip, json, os, signal, sys, threading
from pathlib import Path
import numpy as np
from hepatica.serve import corrections
from hepatica.serve.cases import Case
from hepatica.serve.store import Job
from tests.serve.conftest import made
folder, where = sys.argv[1:]
case = Case(Job(id="x", name="askew", source="", created=""), Path(folder), threading.RLock())
voxels = gzip.compress(bytes(int(np.prod(case.facts.shape))))
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "voxels":
    corrections.io.write_labelmap = die
elif where == "record":
    corrections.io.write_bytes = die
else:
    Path.replace = die
corrections.save(case, 1, voxels, json.dumps(made(999.0)))
"""


@pytest.mark.parametrize("where", ["voxels", "record", "renaming"])
def test_killed_in_the_middle_of_a_save(served, case, truth, where):
    served.save(case, truth, 0, made(90.0))
    folder = served.service.cases.folder(case)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, folder, where],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    known = served.get(f"/api/cases/{case}").json()
    assert known["revision"] == 1
    assert known["record"]["active_seconds"] == 90.0
    assert np.array_equal(np.asarray(served.labels(case, "corrected").dataobj), truth)
    assert served.save(case, np.zeros_like(truth), 1).json()["revision"] == 2
    there = [p.name for p in (served.service.cases.folder(case) / "correction").iterdir()]
    assert sorted(there) == ["labels-2.nii.gz", "record.json"]


# Edits, through the child


def test_an_edit_comes_back_as_it_is_counted(served, case, truth):
    voxel = [int(v) for v in np.rint(ASKEW.to_index(LESIONS[0][0]))]
    liver = (truth > 0).astype(np.uint8)
    common = {"inside_liver": True, "locked": []}
    answer = served.edit(
        case, liver, tool="grow", label=2, voxel=voxel, tolerance=0.1, radius_mm=60, **common
    )
    assert answer.status_code == 200, answer.text
    after = voxels.unpack(answer.content, ASKEW.shape)
    assert int(answer.headers["X-Changed-Voxels"]) == np.count_nonzero(after != liver) > 20
    assert ((after == 2) <= (truth == 2)).all()
    locked = served.edit(
        case, liver, tool="grow", label=2, voxel=voxel, tolerance=0.1, radius_mm=60,
        inside_liver=False, locked=[1],
    )  # fmt: skip
    assert locked.headers["X-Changed-Voxels"] == "0"


@pytest.mark.parametrize(
    "edit",
    [{"tool": "grow", "label": 2, "voxel": [999, 0, 0], "tolerance": 0.1, "radius_mm": 3},
     {"tool": "grow", "label": 2, "voxel": [0, 0], "tolerance": 0.1, "radius_mm": 3},
     {"tool": "grow", "label": 2, "voxel": [0, 0, 0], "tolerance": 1e9, "radius_mm": 3},
     {"tool": "smooth", "label": 0, "mm": 1}, {"tool": "smooth", "label": 1, "mm": -1},
     {"tool": "smooth", "label": 1, "mm": 1e9}, {"tool": "interpolate", "label": 1, "axis": 3},
     {"tool": "fill", "label": 10**400}, {"tool": "fill", "label": 3},
     {"tool": "islands", "label": 1, "minimum_ml": "x"}, {"tool": "hammer", "label": 1}, {}],
)  # fmt: skip
def test_edits_that_make_no_sense(served, case, truth, edit):
    answer = served.edit(case, truth, **edit)
    assert answer.status_code == 422
    assert answer.json()["error"]


# Numbers


def test_findings_and_comparison_are_those_of_the_rooms(served, case, scans, truth):
    from hepatica import io
    from hepatica.core.volume import LabelMap
    from hepatica.results.measure import measure

    served.save(case, truth, 0)
    found = served.get(f"/api/cases/{case}/findings", params={"labels": "corrected"}).json()
    expected = measure(LabelMap(truth, ASKEW), io.read(scans / "askew.nii.gz"))
    assert found["tumour_ml"] == pytest.approx(expected.tumour_ml)
    assert [f["centre_voxel"] for f in found["findings"]] == [
        list(f.centre_voxel) for f in expected.findings
    ]
    result = served.get(f"/api/jobs/{case}").json()["result"]
    assert result["tumour_ml"] == pytest.approx(expected.tumour_ml)
    assert result["lesion_count"] == len(expected.findings) == 2
    ai = np.asarray(served.labels(case, "ai").dataobj)
    said = served.get(f"/api/cases/{case}/compare", params={"a": "ai", "b": "corrected"}).json()
    assert said["changed_voxels"] == np.count_nonzero(ai != truth)
    assert said["changed_ml"] == pytest.approx(said["changed_voxels"] * ASKEW.voxel_ml)
    same = served.get(f"/api/cases/{case}/compare", params={"a": "corrected", "b": "corrected"})
    assert {r: same.json()[r]["dice"] for r in ("liver", "parenchyma", "tumour")} == {
        "liver": 1.0, "parenchyma": 1.0, "tumour": 1.0
    }  # fmt: skip


def test_a_reference_lies_on_the_grid_or_is_refused(served, case, truth, tmp_path):
    path = f"/api/cases/{case}/reference"
    for name, labels, geometry in [
        ("good", truth, ASKEW),
        ("bad", truth.reshape(GRID.shape), GRID),
        ("moved", truth, Geometry(ASKEW.shape, ASKEW.affine + np.eye(4, k=3) * 5)),
    ]:
        io.write_labelmap(tmp_path / f"{name}.nii.gz", LabelMap(labels, geometry))
        content = (tmp_path / f"{name}.nii.gz").read_bytes()
        answer = served.put(path, files={"file": (f"{name}.nii.gz", content)})
        assert answer.status_code == (200 if name == "good" else 400), answer.text
    assert "not on the grid" in answer.json()["error"]
    io.write_labelmap(tmp_path / "3.nii.gz", LabelMap(np.where(truth == 2, 3, truth), ASKEW))
    content = (tmp_path / "3.nii.gz").read_bytes()
    answer = served.put(path, files={"file": ("3.nii.gz", content)})
    assert (answer.status_code, answer.json()["error"][:24]) == (400, "3.nii.gz has a label 3; ")
    assert served.put(path, files={"file": ("x.nii.gz", b"x")}).status_code == 400
    assert np.array_equal(np.asarray(served.labels(case, "reference").dataobj), truth)
    assert served.get(f"/api/cases/{case}").json()["has"]["reference"]


# What was said of a label map, and who has made it


def test_a_decision_does_not_outlive_the_label_map_that_it_was_of(served, case, truth):
    def status():
        told = served.get(f"/api/cases/{case}").json()
        assert served.get(f"/api/jobs/{case}").json()["result"]["status"] == told["status"]
        return told["status"], told["note"]

    said = {"status": "accepted", "note": "as seen"}
    served.save(case, truth, 0)
    served.put(f"/api/cases/{case}/status", json=said)
    again = served.save(case, truth, 1, made(200.0))  # time at work, and not a voxel
    assert (again.json()["status"], status()) == ("accepted", ("accepted", "as seen"))
    other = truth.copy()
    other[0, 0, 0] = 1
    assert served.save(case, other, 2).json()["status"] == "unchecked"
    assert status() == ("unchecked", "as seen")
    served.put(f"/api/cases/{case}/status", json=said)
    assert served.delete(f"/api/cases/{case}/correction", headers={"If-Match": '"3"'}).is_success
    assert status()[0] == "unchecked"


def test_of_the_ai_before_any_correction(served, case):
    ai = np.asarray(served.labels(case, "ai").dataobj)
    served.put(f"/api/cases/{case}/status", json={"status": "rejected"})
    assert served.save(case, ai, 0).json()["status"] == "rejected"
    assert served.save(case, np.zeros_like(ai), 1).json()["status"] == "unchecked"


def test_a_lesion_drawn_by_hand_has_no_confidence_and_the_files_say_what_the_screen_says(
    served, case, truth
):
    # A calibrated bundle's chances are read as its plan says.
    folder = served.service.cases.get(case).path("ai").parents[1]
    file = folder / facts.read(folder).report
    report = json.loads(file.read_bytes())
    rule = {"offset": 0.25, "mean": 0.0, "peak": 0.0, "size": 0.0}
    report["provenance"]["plan"]["postprocessing"]["confidence"] = rule
    file.write_text(json.dumps(report))
    # As of a model that found the lesions, which the tiny one does not.
    io.write_labelmap(served.service.cases.get(case).path("ai"), LabelMap(truth, ASKEW))
    labels = truth.copy()
    drawn = np.zeros(labels.shape, bool)
    drawn[:2, :2, :2] = True
    assert not (labels[drawn] == 2).any()
    labels[drawn] = 2
    served.save(case, labels, 0, made(user="CD"))
    served.put(f"/api/cases/{case}/status", json={"status": "second look", "note": "left lobe?"})
    findings = served.get(f"/api/cases/{case}/findings?labels=corrected").json()["findings"]
    by_hand = [f["confidence"] for f in findings if drawn[tuple(f["centre_voxel"])]]
    by_ai = [f["confidence"] for f in findings if not drawn[tuple(f["centre_voxel"])]]
    assert by_hand == [None]
    assert by_ai
    assert by_ai == pytest.approx([1 / (1 + math.exp(-0.25))] * len(by_ai))
    names = ["json", "report"]
    sent = served.post(
        f"/api/cases/{case}/exports", json={"names": names, "labels": "corrected"}
    ).json()["files"]
    files = {f["name"]: served.get(f["url"]) for f in sent}
    told = files["report.json"].json()
    assert told["measurements"]["findings"] == findings
    assert "Corrected by hand by CD, revision 1; a second look is asked for." in told["warnings"]
    assert "left lobe?" in files["report.html"].text
    # Its name says whose it is, where it is saved.
    assert 'filename="askew_report.html"' in files["report.html"].headers["content-disposition"]


# What all corrections give together


def test_the_study_reads_what_is_written(served, case, truth, scans, tmp_path):
    from hepatica.dataset import formats

    ai = np.asarray(served.labels(case, "ai").dataobj)
    served.save(case, truth, 0, made(90.0))
    table = tmp_path / "record.csv"
    table.write_text(served.get("/api/record.csv").text)
    minutes = read_minutes(table)
    assert 1.5 in minutes.values()
    own = served.post("/api/training-folder", json={}).json()["path"]
    assert Path(own).is_relative_to(served.service.settings.workspace)
    answer = served.post("/api/training-folder", json={"path": str(scans)})
    assert answer.status_code == 200, answer.text
    found = formats.find(tmp_path.__class__(answer.json()["path"]))
    assert len(found.entries) == answer.json()["cases"] == len(minutes)
    mine = next(e for e in found.entries if e.case in ("askew", f"askew_{case}"))
    assert np.array_equal(np.asarray(nib.load(mine.label).dataobj), truth)
    # All that belongs to a case has one name, so that the study can be scored as it lies there.
    folder = Path(answer.json()["path"])
    folders = [str(folder / name) for name in ("ai", "labels", "images", "record.csv")]
    options = ["--images", folders[2], "--corrections", folders[3], "--out", str(tmp_path / "s")]
    scored = CliRunner().invoke(cli.app, ["evaluate", *folders[:2], *options])
    assert scored.exit_code == 0, scored.output
    assert "Minutes of no case" not in scored.output
    lines = list(csv.DictReader((tmp_path / "s" / "corrections.csv").read_text().splitlines()))
    assert {line["case"] for line in lines} == {entry.case for entry in found.entries}
    (line,) = [line for line in lines if line["case"] == mine.case]
    assert float(line["minutes"]) == 1.5
    added = np.count_nonzero((truth == 2) & (ai != 2)) * ASKEW.voxel_ml
    assert float(line["tumour_added_ml"]) == pytest.approx(added, rel=1e-3, abs=1e-3)
    served.put(f"/api/cases/{case}/status", json={"status": "rejected", "note": "other patient"})
    fewer = served.post("/api/training-folder", json={"path": str(scans)})
    assert fewer.status_code == 400 or fewer.json()["cases"] == answer.json()["cases"] - 1
    import shutil

    for path in scans.glob("hepatica-training-*"):
        shutil.rmtree(path)


# Voxels on the wire


@given(labels=hnp.arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 2)))
def test_packed_and_unpacked_is_the_same(labels):
    assert np.array_equal(voxels.unpack(voxels.pack(labels), (3, 4, 5)), labels)
    flat = np.frombuffer(gzip.decompress(voxels.pack(labels)), np.uint8)
    assert flat[1 + 3 * (2 + 4 * 3)] == labels[1, 2, 3]


@given(junk=st.binary(max_size=200))
def test_junk_is_refused(junk):
    with pytest.raises(InputError):
        voxels.unpack(junk, (3, 4, 5))
