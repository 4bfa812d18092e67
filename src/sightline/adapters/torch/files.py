"""a file of PyTorch with a whole network in it → a Backend."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sightline._optional import require
from sightline._printing import printable_text
from sightline.adapters.model_files import load_by_code_hint, unreadable_file, untrusted_file
from sightline.adapters.torch.exported import ExportedModel
from sightline.adapters.torch.model import TorchModel
from sightline.errors import FileError, silence_warnings
from sightline.types import Backend

BY_TORCH = "import torch; net = torch.load({!r}, weights_only=False).eval()"


def load_torch_file(path: str, trust: bool) -> Backend:
    """The network of a file of PyTorch, told by what is in it: an exported program or TorchScript.

    Parameters
    ----------
    path : str
    trust : bool
        Whether code in the file may run: PyTorch reads both kinds by pickle.

    Raises
    ------
    FileError
        If it is neither, needs trust, or cannot be read.
    MissingExtra
        If PyTorch is not installed.
    """
    kind = _torch_file_kind(path)
    if kind is None:
        raise FileError(
            f"{path!r} is a saved network, which is not loaded from here. "
            f"{load_by_code_hint(BY_TORCH.format(path))} "
            "(Weights alone, a state dict, go into the network that they are of: net.load_state_dict.)",
            slug="model-text",
        )
    if kind == "compiled":
        raise FileError(
            f"{path!r} holds a program compiled for one machine. Give the file of the program itself: "
            "torch.export.save(program, path).",
            slug="model-text",
        )
    if not trust:
        raise untrusted_file(path)
    torch = require("torch", extra="torch")
    try:
        with _silence_torch():
            if kind == "program":
                return _load_program(path, torch)
            # A file saved on a GPU can be read without one.
            where = None if torch.cuda.is_available() else "cpu"
            return TorchModel(torch.jit.load(path, map_location=where))
    except FileError:
        raise
    except Exception as error:
        raise unreadable_file(path, error) from error


def _torch_file_kind(path: str) -> str | None:
    """What a file of PyTorch is, by the names of its parts: nothing in it is run."""
    try:
        with zipfile.ZipFile(path) as parts:
            names = parts.namelist()
    except (zipfile.BadZipFile, OSError):
        return None
    if any("/data/aotinductor/" in name for name in names):
        return "compiled"
    if any("/models/" in name or name == "serialized_exported_program.json" for name in names):
        return "program"
    return "script" if any(name.endswith("/constants.pkl") for name in names) else None


def _load_program(path: str, torch: ModuleType) -> ExportedModel:
    with Path(path).open("rb") as file:  # by its name, it would have to end in .pt2
        program = torch.export.load(file)
    return ExportedModel(program, printable_text(Path(path).name))


@contextlib.contextmanager
def _silence_torch() -> Iterator[None]:
    """Without PyTorch's advice to those who write such files."""
    with (
        silence_warnings(DeprecationWarning, r"`torch\.jit"),
        silence_warnings(UserWarning, "The given buffer is not writable"),
    ):
        yield
