"""a file of Keras with a whole network in it → a Backend."""

import importlib
import json
import re
import zipfile
from typing import Any

from sightline._limits import check_archive_size
from sightline._optional import require
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.model_files import load_by_code_hint, unreadable_file, untrusted_file
from sightline.errors import FileError

OWN_PACKAGES = ("keras", "keras_hub", "keras_cv", "keras_nlp", "builtins")
"""Where classes of a file may come from that is opened without trust."""


def load_keras_file(path: str, trust: bool) -> KerasModel:
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
    check_archive_size(path)
    if not trust:
        _refuse_foreign_modules(path)
    try:
        # Without its loss and optimizer, whose classes may be the author's own.
        return KerasModel(keras.models.load_model(path, compile=False, safe_mode=not trust))
    except (TypeError, ValueError, OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise _keras_error(path, error) from error


def _refuse_foreign_modules(path: str) -> None:
    """Refuse a file that names modules other than Keras': older releases import them, in safe mode too."""
    try:
        with zipfile.ZipFile(path) as parts:
            config = json.loads(parts.read("config.json"))
    except (zipfile.BadZipFile, KeyError, OSError, ValueError, RuntimeError):  # deep, locked, odd
        return  # Keras tells what is wrong with it
    own = importlib.import_module("keras").saving.get_custom_objects()
    waiting: list[Any] = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            package = str(one.get("module") or "keras").partition(".")[0]
            named = "module" in one and "class_name" in one and one.get("registered_name") not in own
            if named and package not in OWN_PACKAGES:
                raise _missing_class_error(path, str(one["class_name"]))
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []


def _missing_class_error(path: str, name: str) -> FileError:
    code = f"import keras; net = keras.models.load_model({path!r}, custom_objects={{{name!r}: {name}}})"
    return FileError(
        f"{path!r} needs {name}, which is not in the file but in the code that made it. "
        f"{load_by_code_hint(code)} Import {name} there first.",
        slug="model-text",
    )


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
        return _missing_class_error(path, own[1].rpartition(">")[2])
    if "No model config" in said:
        return FileError(
            f"{path!r} holds weights without their network. Build the network in a file of yours, mine.py, "
            "load the weights into it there (net.load_weights), and give mine:net as the model.",
            slug="model-text",
        )
    if not zipfile.is_zipfile(path) and path.lower().endswith(".keras"):
        return FileError(f"{path!r} cannot be loaded: it is no ZIP, as .keras files are.", slug="model-file")
    return unreadable_file(path, error)
