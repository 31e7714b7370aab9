import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from hepatica import io
from hepatica.case import (
    Model,
    Wanted,
    failed_row,
    run_case,
    segment_case,
    several,
    write_cases,
    write_cohort_page,
)
from hepatica.core.errors import ConfigError, InputError, OutputError
from hepatica.core.volume import Volume
from hepatica.io.models import ModelOptions
from hepatica.pipeline.cascade import Segmenter
from hepatica.results.notice import RESEARCH_ONLY
from tests.orientations import oblique
from tests.phantom import GRID, PLAN, phantom, threshold_engine


@pytest.fixture(scope="module")
def model(tiny_bundle):
    engine = threshold_engine()
    return Model(tiny_bundle, engine, Segmenter(PLAN, engine))


@pytest.fixture
def image(tmp_path):
    volume, _ = phantom(oblique(GRID, (3, -8, 5)))
    path = tmp_path / "in" / "p1.nii.gz"
    path.parent.mkdir()
    io.write_volume(path, volume)
    return path


def test_what_is_written(model, image, tmp_path):
    steps = []
    report = run_case(image, tmp_path / "out", model, wanted=Wanted(True), progress=steps.append)
    folder = tmp_path / "out" / "p1"
    assert sorted(p.name for p in folder.iterdir()) == [
        "lesions.csv",
        "p1_seg.nii.gz",
        "p1_tumour_probability.nii.gz",
        "preview.png",
        "report.html",
        "report.json",
    ]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["p1"]
    labels = io.read_labelmap(folder / "p1_seg.nii.gz")
    assert labels.geometry.matches(io.read(image).geometry, 1e-4)
    written = json.loads((folder / "report.json").read_text())
    assert written["notice"] == RESEARCH_ONLY
    assert len(written["measurements"]["findings"]) == 2
    assert written["provenance"]["input"]["sha256"] == io.read(image).source.sha256
    assert written["provenance"]["bundle"]["sha256"] == model.bundle.sha256
    assert set(written["timing"]["seconds"]) == set(steps)
    assert {"read", "network 1", "network 2", "measure", "write", "preview", "page"} <= set(steps)
    assert len((folder / "lesions.csv").read_text().splitlines()) == 3
    assert report.measurements.liver_ml > 500


def test_an_earlier_result_is_kept_replaced_or_refused(model, image, tmp_path):
    out = tmp_path / "out"
    run_case(image, out, model)
    stamp = (out / "p1" / "report.json").stat().st_mtime_ns
    with pytest.raises(OutputError, match="--overwrite"):
        run_case(image, out, model)
    run_case(image, out, model, resume=True)
    assert (out / "p1" / "report.json").stat().st_mtime_ns == stamp
    run_case(image, out, model, overwrite=True)
    assert (out / "p1" / "report.json").stat().st_mtime_ns > stamp
    with pytest.raises(OutputError, match=r"p1_tumour_probability.* is missing"):
        run_case(image, out, model, resume=True, wanted=Wanted(True))
    other = replace(model, bundle=replace(model.bundle, sha256="0"))
    with pytest.raises(OutputError, match="another model"):
        run_case(image, out, other, resume=True)
    volume, _ = phantom(GRID)
    io.write_volume(image, volume)
    with pytest.raises(OutputError, match="another image"):
        run_case(image, out, model, resume=True)
    (out / "p1" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        run_case(image, out, model, overwrite=True)


def test_exports_come_with_the_case_and_are_part_of_it(model, image, tmp_path):
    out, exports = tmp_path / "out", ("stl", "glb", "seg-nrrd", "itk-snap", "scene")
    wanted = Wanted(exports=exports, models=ModelOptions(margins_mm=(5.0,)))
    report = run_case(image, out, model, wanted=wanted)
    folder = out / "p1"
    names = {p.name for p in folder.iterdir()}
    assert {"liver.stl", "lesion_01.stl", "lesion_02.stl", "model.glb", "meshes.csv"} <= names
    assert {"lesion_01_margin_05mm.stl", "p1.seg.nrrd", "itksnap_labels.txt", "scene"} <= names
    assert report.timing.seconds["models"] > 0
    assert report.timing.seconds["page"] > 0
    assert report.warnings == ()
    written = json.loads((folder / "report.json").read_text())
    assert written["timing"]["seconds"]["page"] > 0
    assert "report.pdf" not in names
    run_case(image, out, model, wanted=wanted, resume=True)
    with pytest.raises(OutputError, match=r"model\.3mf is missing"):
        run_case(image, out, model, wanted=Wanted(exports=("3mf",)), resume=True)
    with pytest.raises(OutputError, match=r"report\.pdf is missing"):
        run_case(image, out, model, wanted=Wanted(pdf=True), resume=True)
    # What was exported is Hepatica's own, so that it may be replaced; other surfaces are not.
    run_case(image, out, model, overwrite=True)
    assert "liver.stl" not in {p.name for p in folder.iterdir()}
    (folder / "portal_vein.stl").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"portal_vein\.stl"):
        run_case(image, out, model, overwrite=True)
    with pytest.raises(ConfigError, match="'vtk' cannot be exported"):
        run_case(image, tmp_path / "other", model, wanted=Wanted(exports=("vtk",)))


def test_nothing_is_left_of_a_case_that_fails(model, image, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with pytest.raises(InputError):
        run_case(tmp_path / "missing.nii.gz", out, model)
    assert not out.exists()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hepatica.case.run.lesions_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        run_case(image, out, model)
    assert list(out.iterdir()) == []


def test_a_failed_overwrite_keeps_the_old_result(model, image, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_case(image, out, model)
    before = (out / "p1" / "report.json").read_bytes()
    monkeypatch.setattr(
        "hepatica.case.run.preview", lambda *a: (_ for _ in ()).throw(OSError(5, "I/O"))
    )
    with pytest.raises(OutputError):
        run_case(image, out, model, overwrite=True)
    assert (out / "p1" / "report.json").read_bytes() == before
    assert [p.name for p in out.iterdir()] == ["p1"]


def test_nothing_found_is_a_result(model, image, tmp_path):
    volume, _ = phantom(GRID)
    flat = Volume(np.where(volume.voxels > 50, 100, 0) + volume.voxels * 0.001, GRID)
    io.write_volume(image, flat)

    def nothing(voxels):
        p = np.zeros((3, *voxels.shape), np.float32)
        p[0] = 1
        return p

    engine = type(model.engine)("none", "fp32", "cpu", 1, (nothing, nothing))
    empty = Model(model.bundle, engine, Segmenter(PLAN, engine))
    report = run_case(image, tmp_path / "out", empty)
    assert report.warnings == ("No liver was found; the label map is empty.",)
    assert report.measurements.burden_percent is None
    assert (tmp_path / "out" / "p1" / "preview.png").stat().st_size > 0


def test_the_users_own_folders_are_never_replaced(model, image, tmp_path):
    folder = image.parent / "p1"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    for choice in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputError, match="not a result of this command"):
            run_case(image, image.parent, model, **choice)
    inside = folder / "p1.nii.gz"
    inside.write_bytes(image.read_bytes())
    (folder / "report.json").write_text("{}")
    with pytest.raises(OutputError, match="the input itself"):
        run_case(inside, image.parent, model, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_a_damaged_report_is_not_kept(model, image, tmp_path):
    out = tmp_path / "out"
    run_case(image, out, model)
    (out / "p1" / "report.json").write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        run_case(image, out, model, resume=True)
    report = run_case(image, out, model, overwrite=True)
    assert (out / "p1" / "report.json").read_bytes() == report.to_json()


def test_the_table_of_a_cohort_grows(tmp_path):
    write_cases(tmp_path, [failed_row("a", "first"), failed_row("b", "first")])
    write_cases(tmp_path, [failed_row("b", "again, with a comma"), failed_row("c", "new")])
    lines = (tmp_path / "cases.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["case", "a", "b", "c"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "report.json").write_text("{}")
    write_cases(tmp_path, [failed_row("a", "exists already")])
    assert (tmp_path / "cases.csv").read_text().splitlines()[1:] == lines[1:]
    assert lines[1].endswith("first")
    assert lines[2].endswith('"again, with a comma"')
    page = write_cohort_page(tmp_path).read_text()
    assert "again, with a comma" in page
    with pytest.raises(OutputError, match=r"cases\.csv is not there"):
        write_cohort_page(tmp_path / "a")
    (tmp_path / "cases.csv").write_text("my,own,table\n1,2,3\n")
    with pytest.raises(OutputError, match="another table"):
        write_cases(tmp_path, [failed_row("c", "new")])
    assert (tmp_path / "cases.csv").read_text() == "my,own,table\n1,2,3\n"


def test_the_folder_of_a_case_is_filled_after_its_networks_have_run(model, image, tmp_path):
    steps = []
    finish = segment_case(image, tmp_path / "out", model, progress=steps.append)
    assert steps[-1] == "quality"
    assert not (tmp_path / "out" / "p1").exists()
    report = finish(steps.append)
    assert steps[-1] == "page"
    assert json.loads((tmp_path / "out" / "p1" / "report.json").read_text())["case"] == report.case


def test_several_cases_overlap_in_order_and_no_more_than_two(tmp_path):
    """Case n is filled while the networks see n + 1; n + 2 waits until n was asked for."""
    began, filling, seen = [], threading.Event(), []

    def begin(number):
        if number == 1:
            raise InputError("no image")
        began.append(number)

        def finish(progress):
            if number == 2:
                # The networks see the next case while this one is filled.
                assert filling.wait(20)
            return number

        if number == 3:
            filling.set()
        return finish

    for source, future in several(range(5), begin):
        seen.append(source)
        # At most this one, the next, and none beyond.
        assert max(began) <= source + 1
        if source == 1:
            with pytest.raises(InputError, match="no image"):
                future.result()
        else:
            assert future.result() == source
    assert seen == [0, 1, 2, 3, 4]
    assert list(several([], begin)) == []


def test_cases_that_overlap_are_the_same(model, tmp_path):
    for n in range(3):
        volume, _ = phantom(oblique(GRID, (3, -8, 5 * n)))
        io.write_volume(tmp_path / f"p{n}.nii.gz", volume)
    images = sorted(tmp_path.glob("*.nii.gz"))
    for image in images:
        run_case(image, tmp_path / "one", model)
    for _, future in several(images, lambda image: segment_case(image, tmp_path / "all", model)):
        future.result()
    for file in (tmp_path / "one").rglob("*_seg.nii.gz"):
        same = tmp_path / "all" / file.relative_to(tmp_path / "one")
        assert same.read_bytes() == file.read_bytes()
        table = file.with_name("lesions.csv")
        assert same.with_name("lesions.csv").read_bytes() == table.read_bytes()
