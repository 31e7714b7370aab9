"""The command line: arguments, progress and exit codes, and nothing else.

Exit codes: 0 all done, 1 failure, 2 wrong use, 3 finished but some cases failed.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from hepatica.cli import (
    archive,
    bench,
    case,
    dataset,
    dicom,
    evaluation,
    surgery,
    synthetic,
    training,
    webapp,
)
from hepatica.cli.console import FAILED, WRONG_USE, app, console, errors
from hepatica.core.errors import ConfigError, HepaticaError

__all__ = [
    "app",
    "archive",
    "bench",
    "case",
    "dataset",
    "dicom",
    "evaluation",
    "main",
    "surgery",
    "synthetic",
    "training",
    "webapp",
]


def main() -> None:
    """Run the command line; every expected error ends as one sentence and an exit code."""
    # NumPy is not loaded yet. Its threads wait busily for products that are bound by memory,
    # on the cores that the networks, or another program, could use.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except HepaticaError as error:
        errors.print(f"Error: {error}", style="red", markup=False)
        sys.exit(WRONG_USE if isinstance(error, ConfigError) else FAILED)
    except (OSError, MemoryError) as error:
        # What no room has a better sentence for: a file that may not be read, and the like.
        errors.print(f"Error: {error or 'there is not enough memory.'}", style="red", markup=False)
        sys.exit(FAILED)


def _version(value: bool) -> None:
    if value:
        import hepatica

        console.print(hepatica.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    pass
