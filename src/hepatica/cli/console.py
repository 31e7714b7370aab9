"""What every verb shares: the application, its two consoles, its exit codes and options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hepatica.core.errors import ResourceError
from hepatica.results.notice import RESEARCH_ONLY

FAILED, WRONG_USE, SOME_FAILED = 1, 2, 3

app = typer.Typer(
    name="hepatica",
    help=f"The liver and its metastases from contrast-enhanced T1 MRI.\n\n{RESEARCH_ONLY}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Bundle = Annotated[str, typer.Option(help="Model bundle: a name that ships, or a folder.")]
EngineOption = Annotated[str, typer.Option(help="auto, openvino or torch.")]
PrecisionOption = Annotated[str, typer.Option(help="auto, int8, bf16 or fp32.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps (with torch).")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print tracebacks too.")]
Anatomies = Annotated[
    list[Path] | None,
    typer.Option(help="Folders of real anatomies (CT or MRI with organs); else procedural ones."),
]
Exclude = Annotated[list[str] | None, typer.Option(help="Patterns of label files to leave out.")]


def plain(line: str) -> None:
    """Print a line as it is."""
    console.print(line, markup=False)


def meaning(text: str) -> dict[str, int] | None:
    """Which label ``liver=5,tumour=7`` calls what; None for an empty text.

    Raises
    ------
    typer.BadParameter
        If it is not of that form.
    """
    if not text:
        return None
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        number = int(value) if value.isascii() and value.isdecimal() else 0
        if name not in ("liver", "tumour") or name in found or not 1 <= number <= 255:
            raise typer.BadParameter(f"{part!r} is not liver=NUMBER or tumour=NUMBER, once each.")
        found[name] = number
    return found


@contextmanager
def needs_torch() -> Iterator[None]:
    """Imports of packages that only an extra brings."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"This needs the package {error.name}.",
            "pip install '.[train]' in Hepatica's folder",
        ) from error
