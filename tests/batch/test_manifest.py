"""The manifest: its states, what it refuses, and a client that no kill confuses."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepatica.batch import manifest as manifests
from hepatica.batch.manifest import MANIFEST, STATES, Hashes, Manifest
from hepatica.core.errors import InputError, OutputError

HASHES = Hashes("image", "bundle", "plan", "0.1.0")


@pytest.fixture
def manifest(tmp_path):
    found = Manifest.write(tmp_path)
    yield found
    found.close()


def cases(n, folder):
    return [(f"c{k}", folder / f"c{k}.nii.gz") for k in range(n)]


def finish(manifest, name):
    manifest.finish(name, seconds=1.5, worker="w", fingerprint="f", hashes=HASHES)


def test_a_case_goes_from_queued_to_done(manifest, tmp_path):
    manifest.add(cases(2, tmp_path))
    manifest.begin("c0", "w1")
    assert manifest.counts() == dict.fromkeys(STATES, 0) | {"queued": 1, "running": 1}
    finish(manifest, "c0")
    entry = manifest.entry("c0")
    assert (entry.state, entry.tries, entry.seconds, entry.worker) == ("done", 1, 1.5, "w")
    assert (entry.input_sha256, entry.bundle_sha256, entry.plan_sha256, entry.version) == (
        "image",
        "bundle",
        "plan",
        "0.1.0",
    )
    assert [e.name for e in manifest.next(9)] == ["c1"]


def test_the_new_before_those_that_failed_before_those_alone(manifest, tmp_path):
    manifest.add(cases(4, tmp_path))
    manifest.fail("c0", "failed", "memory", "too large", counts=True, alone=True)
    manifest.fail("c1", "failed", "input", "torn", counts=True, alone=False)
    manifest.fail("c2", "quarantined", "input", "torn", counts=True, alone=False)
    assert [e.name for e in manifest.next(9)] == ["c3", "c1", "c0"]
    assert [e.name for e in manifest.next(9, alone=False)] == ["c3", "c1"]
    assert [e.name for e in manifest.next(9, alone=True)] == ["c0"]
    assert manifest.causes() == {"input": 2, "memory": 1}


def test_what_was_running_is_queued_again(tmp_path):
    first = Manifest.write(tmp_path)
    first.add(cases(2, tmp_path))
    first.begin("c0", "w")
    # As after a kill -9: nothing is closed.
    second = Manifest.write(tmp_path)
    assert second.entry("c0").state == "running"
    second.release()
    assert second.entry("c0").state == "queued"
    first.close()
    second.close()


def test_adding_again_changes_nothing_but_a_moved_source(manifest, tmp_path):
    manifest.add(cases(2, tmp_path))
    finish(manifest, "c0")
    finish(manifest, "c1")
    manifest.add([("c0", tmp_path / "c0.nii.gz"), ("c1", tmp_path / "elsewhere.nii.gz")])
    assert [e.state for e in manifest.entries(*STATES)] == ["done", "queued"]


def test_retrying_forgets_the_tries(manifest, tmp_path):
    manifest.add(cases(3, tmp_path))
    finish(manifest, "c0")
    for name in ("c1", "c2"):
        manifest.fail(name, "quarantined", "fault", "no", counts=True, alone=False)
    assert manifest.retry() == 2
    entry = manifest.entry("c1")
    assert (entry.state, entry.tries, entry.cause, entry.reason) == ("queued", 0, None, None)


@given(st.lists(st.sampled_from(STATES), max_size=40))
def test_every_case_is_in_one_state(states):
    with_memory = Manifest._checked(memory(), manifests.Path("memory"))
    names = [(f"c{n}", manifests.Path(f"/{n}")) for n in range(len(states))]
    with_memory.add(names)
    for (name, _), state in zip(names, states, strict=True):
        with_memory._set("state = ?", "name = ?", state, name)
    assert sum(with_memory.counts().values()) == len(states)
    assert [e.state for e in with_memory.entries(*STATES)] == states
    with_memory.close()


def memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(manifests._TABLE)
    return database


def test_pages_of_entries_lose_none(manifest, tmp_path):
    manifest.add(cases(1203, tmp_path))
    assert [e.name for e in manifest.entries("queued")] == [f"c{n}" for n in range(1203)]


def test_a_reader_sees_it_while_it_is_written(manifest, tmp_path):
    manifest.add(cases(1, tmp_path))
    reader = Manifest.read(tmp_path)
    manifest.begin("c0", "w")
    assert reader.entry("c0").state == "running"
    with pytest.raises(OutputError, match="readonly"):
        reader.begin("c0", "x")
    reader.close()


def test_what_is_no_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"has no {MANIFEST}"):
        Manifest.read(tmp_path)
    (tmp_path / MANIFEST).write_text("something else altogether" * 100)
    with pytest.raises(OutputError, match="file is not a database"):
        Manifest.write(tmp_path)


def test_another_versions_manifest_is_refused(tmp_path, manifest):
    manifest._database.execute("PRAGMA user_version = 7")
    with pytest.raises(OutputError, match="of format 7"):
        Manifest.write(tmp_path)
    with pytest.raises(OutputError, match="of format 7"):
        Manifest.read(tmp_path)


def test_an_unknown_name_is_an_error(manifest):
    with pytest.raises(KeyError):
        manifest.entry("nobody")
