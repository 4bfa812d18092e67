"""a file with a whole network in it, of Keras or PyTorch → a Model."""

import contextlib
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sightline._optional import require
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.errors import FileError

KERAS = (".keras", ".h5", ".hdf5")
TORCH = (".pt2", ".pt", ".pth", ".ts", ".torchscript")
BY_KERAS = "import keras; net = keras.models.load_model({!r})"
BY_TORCH = "import torch; net = torch.load({!r}, weights_only=False).eval()"


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


def load_keras(path: str, trust: bool) -> CheckedModel:
    """The Keras model of a .keras or .h5 file.

    Parameters
    ----------
    path : str
    trust : bool
        Whether code in the file may run. A .keras file needs it only for Python lambdas (Keras's safe
        mode), a .h5 file always: the older releases of Keras have no safe mode for it.

    Raises
    ------
    FileError
        If it cannot be read, needs trust, classes that are not in it, or holds weights alone.
    MissingExtra
        If Keras is not installed.
    """
    if not (trust or path.lower().endswith(".keras")):
        raise untrusted_file(path)
    keras = require("keras", extra="keras")
    try:
        # Without its loss and optimizer, whose classes may be the author's own.
        return as_model(keras.models.load_model(path, compile=False, safe_mode=not trust))
    except (TypeError, ValueError, OSError, KeyError) as error:
        raise _keras_error(path, error) from error


def _keras_error(path: str, error: Exception) -> FileError:
    said = str(error)
    if "safe_mode=False" in said:
        return FileError(
            f"{path!r} holds a Python lambda, which is code that runs. If you trust where the file comes "
            "from, pass --trust (trust=True).",
            slug="model-trust",
        )
    own = re.search(r"(?:Could not locate \w+|Unknown \w+:) '([\w>]+)'", said)
    if own is not None:
        name = own[1].rpartition(">")[2]
        code = f"import keras; net = keras.models.load_model({path!r}, custom_objects={{{name!r}: {name}}})"
        return FileError(
            f"{path!r} needs {name}, which is not in the file but in the code that made it. "
            f"{load_by_code_hint(code)} "
            f"Import {name} there first.",
            slug="model-text",
        )
    if "No model config" in said:
        return FileError(
            f"{path!r} holds weights without their network. Build the network in a file of yours, mine.py, "
            "load the weights into it there (net.load_weights), and give mine:net as the model.",
            slug="model-text",
        )
    if not zipfile.is_zipfile(path) and path.lower().endswith(".keras"):
        return FileError(f"{path!r} cannot be loaded: it is no ZIP, as .keras files are.", slug="model-file")
    return unreadable_file(path, error)


def load_torch(path: str, trust: bool) -> CheckedModel:
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
            return _load_program(path, torch) if kind == "program" else _load_script(path, torch)
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


def _load_program(path: str, torch: Any) -> CheckedModel:
    from sightline.adapters.torch.exported import ExportedModel

    with Path(path).open("rb") as file:  # by its name, it would have to end in .pt2
        program = torch.export.load(file)
    return CheckedModel(ExportedModel(program, Path(path).name))


def _load_script(path: str, torch: Any) -> CheckedModel:
    # A file saved on a GPU can be read without one.
    return as_model(torch.jit.load(path, map_location=None if torch.cuda.is_available() else "cpu"))


@contextlib.contextmanager
def _silence_torch() -> Iterator[None]:
    """Without PyTorch's advice to those who write such files."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="The given buffer is not writable", category=UserWarning)
        yield
