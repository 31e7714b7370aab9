"""The verb `app`: the local web app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepatica.cli.console import Bundle, EngineOption, app
from hepatica.core.errors import ResourceError


@app.command("app")
def local_app(
    workspace: Annotated[
        Path | None, typer.Option(help="Cases and corrections; else the user's data folder.")
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="Folder to pick images from, also several; else the home folder."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no window.")] = False,
    bundle: Bundle = "default",
    engine: EngineOption = "auto",
    certificate: Annotated[
        Path | None, typer.Option(help="For another host than this one: its TLS certificate (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's private key (PEM).")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password that takes the token's place.")
    ] = None,
) -> None:
    """See, correct and export cases in the browser; nothing leaves this machine.

    Example: hepatica app --root scans
    """
    try:
        from hepatica.serve import run
    except ModuleNotFoundError as error:
        raise ResourceError(
            f"The app needs the package {error.name}.",
            "pip install '.[app]' in Hepatica's folder",
        ) from error
    from hepatica.serve.settings import Settings, default_workspace

    settings = Settings(
        workspace=workspace or default_workspace(),
        roots=tuple(root or [Path.home()]),
        host=host,
        port=port,
        bundle=bundle,
        engine=engine,
    )
    door = run.Door.of(host, certificate, key, password_file)
    run.serve(settings, door, browser=not no_browser, say=lambda line: print(line, flush=True))
