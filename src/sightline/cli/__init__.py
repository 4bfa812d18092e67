"""The sightline command: each function reads arguments, makes one call, and prints."""

import contextlib
import os
import warnings
from collections.abc import Callable
from typing import Any

from sightline.cli import (
    audit_commands,
    data_commands,
    export_commands,
    image_commands,
    repair_commands,
    report_commands,
    study_commands,
)
from sightline.cli.command_wording import command_words
from sightline.cli.options import app, say_text
from sightline.errors import SightlineError

__all__ = [
    "app",
    "audit_commands",
    "data_commands",
    "export_commands",
    "image_commands",
    "main",
    "repair_commands",
    "report_commands",
    "study_commands",
]


def main() -> None:
    """Run the command line; an error or warning raised on purpose is one line, without a place in code."""
    warnings.showwarning = _show_warning
    with _ending_of_job() as keep:
        try:
            app()
        except SightlineError as error:
            told = command_words(str(error))
            keep(told, error.slug)
            say_text(f"error: {told}", "red")
            raise SystemExit(2) from None


def _ending_of_job() -> contextlib.AbstractContextManager[Callable[[str, str], None]]:
    """Of a command that a studio has started, what tells it how the command ends; nothing of others."""
    if not os.environ.get("SIGHTLINE_JOB"):
        return contextlib.nullcontext(lambda text, slug: None)
    from sightline.studio.job_process import said_how_it_ends

    return said_how_it_ends()


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    say_text(f"warning: {command_words(str(message))}", "yellow")
