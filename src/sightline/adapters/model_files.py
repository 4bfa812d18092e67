"""a file with a model in it → what to say where it cannot be loaded; and a skops file's estimator."""

import importlib
from typing import Any

from sightline._limits import check_archive_size
from sightline._optional import require
from sightline.errors import FileError


def load_by_code_hint(code: str) -> str:
    """The sentence on what to do with a line of code that makes a network."""
    return f"Load it in a file of yours, mine.py, with the line\n    {code}\nand give mine:net as the model."


def unreadable_file(path: str, error: Exception) -> FileError:
    """The error for a file that a package failed to read."""
    said = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
    return FileError(f"{path!r} cannot be loaded: {said}", slug="model-file")


def untrusted_file(path: str) -> FileError:
    """The error for a file that is loaded on trust only."""
    return FileError(
        f"loading {path!r} runs whatever code is stored in it. If you trust where the file comes from, "
        "pass --trust (trust=True); a .skops, .onnx or .keras file needs no such trust.",
        slug="model-trust",
    )


def load_skops_file(path: str, trust: bool) -> Any:
    """The estimator of a skops file; types that skops does not know to be safe need `trust`.

    Raises
    ------
    FileError
        If it cannot be read, or needs trust.
    MissingExtra
        If skops is not installed.
    """
    require("skops", extra="skops")
    skops = importlib.import_module("skops.io")
    check_archive_size(path)
    try:
        unknown = skops.get_untrusted_types(file=path)
    except Exception as error:
        raise unreadable_file(path, error) from error
    if unknown and not trust:
        raise FileError(
            f"{path!r} holds types that skops does not know to be safe: {', '.join(unknown)}. If you trust "
            "where the file comes from, pass --trust (trust=True).",
            slug="model-trust",
        )
    try:
        return skops.load(path, trusted=unknown)
    except Exception as error:
        raise unreadable_file(path, error) from error
