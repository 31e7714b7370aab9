"""A file is there whole, or as it was before."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from hepatica.core.errors import OutputError
from hepatica.io.atomic import atomically, folder_atomically, make_folder, write_bytes, write_text


def test_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_text("old")
    with atomically(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".nii.gz")
        assert temporary.name.startswith(".")
        assert temporary != path
        temporary.write_text("new")
        assert path.read_text() == "old", "until the block ends"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail() -> None:
        with atomically(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_synced_before_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), sync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (done.append("replace"), replace(a, b))[1])
    write_bytes(tmp_path / "a", b"x")
    assert done[:2] == ["sync", "replace"]
    if os.name == "posix":
        assert done[2:] == ["sync"], "of the folder"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "may not write there"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_system_errors(
    code: int, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError) as caught:
        write_bytes(path, b"new")
    assert str(path) in caught.value.message
    assert os.strerror(code) in caught.value.message
    assert hint in caught.value.hint
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Make the folder first"):
        write_text(tmp_path / "none" / "a.txt", "x")


def test_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match="folder of that name is in the way"):
        write_text(tmp_path / "a.txt", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_make_folder(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file of that name is in the way"):
        make_folder(tmp_path / "file")


def test_text(tmp_path: Path) -> None:
    write_text(str(tmp_path / "a.txt"), "naïve\nline")
    assert (tmp_path / "a.txt").read_bytes() == b"na\xc3\xafve\nline"


def test_a_folder_appears_whole_and_replaces_an_earlier_one(tmp_path):
    target = tmp_path / "deep" / "case"
    with folder_atomically(target) as temporary:
        (temporary / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    with folder_atomically(target) as temporary:
        (temporary / "b").write_text("2")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in target.parent.iterdir()] == ["case"]


def interrupted_second_time() -> Any:
    real, calls = Path.replace, []

    def replace(self: Path, target: Path) -> Any:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, target)

    return replace


def test_a_folder_that_fails_is_not_there_and_an_earlier_one_stays(tmp_path, monkeypatch):
    target = tmp_path / "case"
    with folder_atomically(target) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(OutputError, match="No space left"), folder_atomically(target) as temporary:
        (temporary / "b").write_text("2")
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyboardInterrupt), folder_atomically(target) as temporary:
        (temporary / "b").write_text("2")
        monkeypatch.setattr(Path, "replace", interrupted_second_time())
    monkeypatch.undo()
    assert [p.name for p in target.iterdir()] == ["a"]
    with pytest.raises(ZeroDivisionError), folder_atomically(target) as temporary:
        (temporary / "b").write_text("2")
        raise ZeroDivisionError
    assert [p.name for p in target.iterdir()] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_a_folder_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match="file"),
        folder_atomically(tmp_path / "file" / "case"),
    ):
        pytest.fail("the block must not run")
