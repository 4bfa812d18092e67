"""The sightline command: each function reads arguments, makes one call, and prints."""

import warnings
from typing import Any, NoReturn

import typer

from sightline.cli import many, mend, one
from sightline.cli.options import app
from sightline.errors import SightlineError

__all__ = ["app", "main", "many", "mend", "one"]


def main() -> None:
    """Run the command line; an error or warning raised on purpose is one line, without a place in code."""
    warnings.showwarning = _show
    try:
        app()
    except SightlineError as error:
        _fail(error)


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    typer.secho(f"warning: {message}", fg="yellow", err=True)


def _fail(error: Exception) -> NoReturn:
    typer.secho(f"error: {error}", fg="red", err=True)
    raise SystemExit(2)
