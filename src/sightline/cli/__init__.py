"""The sightline command: each function reads arguments, makes one call, and prints."""

import warnings
from typing import Any

from sightline.cli import data_commands, image_commands, repair_commands, study_commands
from sightline.cli.options import app, say_text
from sightline.errors import SightlineError

__all__ = ["app", "data_commands", "image_commands", "main", "repair_commands", "study_commands"]


def main() -> None:
    """Run the command line; an error or warning raised on purpose is one line, without a place in code."""
    warnings.showwarning = _show_warning
    try:
        app()
    except SightlineError as error:
        say_text(f"error: {error}", "red")
        raise SystemExit(2) from None


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    say_text(f"warning: {message}", "yellow")
