"""a file of Keras with a whole network in it → a Backend."""

import re
import zipfile

from sightline._optional import require
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.model_files import load_by_code_hint, unreadable_file, untrusted_file
from sightline.errors import FileError


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
    try:
        # Without its loss and optimizer, whose classes may be the author's own.
        return KerasModel(keras.models.load_model(path, compile=False, safe_mode=not trust))
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
            f"{load_by_code_hint(code)} Import {name} there first.",
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
