"""a file with a model in it → what to say where it cannot be loaded."""

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
