"""a text from the command line → a Model, or any function of the user's."""

import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from sysconfig import get_paths
from types import ModuleType
from typing import Any

from sightline._arguments import clear_arguments
from sightline._files import is_a_file, is_a_folder
from sightline._spec import from_spec, split_spec, to_spec
from sightline._trust import check_secret_known, refuse_other_machine, untrusted_record, without_secrets
from sightline.adapters import as_model
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.model_files import load_by_code_hint, load_skops_file, unreadable_file, untrusted_file
from sightline.adapters.preprocess import Normalized
from sightline.errors import FileError, OptionError

KERAS = (".keras", ".h5", ".hdf5")
TORCH = (".pt2", ".pt", ".pth", ".ts", ".torchscript")
BY_KERAS = "import keras; net = keras.models.load_model({!r})"
ACCEPTED = (
    "the path of a .onnx, .skops or .keras file; with --trust, of a .pt2, TorchScript, .h5, .joblib or .pkl "
    "file; the URL of a served model (http://host:port/v2/models/NAME or http://host:port/v1/models/NAME); "
    "package.module:function or file.py:function"
)

PREPROCESSED = re.compile(r"(.+?):((?:mean|std|preprocess)=.+)", re.DOTALL)
"""A model's text with what is done to the images first."""
PICKLES = (".joblib", ".pkl", ".pickle")
FOLDERS: set[str] = set()
"""Where modules of models may be imported from, besides where Python looks anyway."""
INSTALLED = tuple(f"{get_paths()[one]}{os.sep}" for one in ("stdlib", "platstdlib", "purelib", "platlib"))
FILES = (".onnx", ".skops", *PICKLES, *KERAS, *TORCH)


@clear_arguments
def load_model(text: str, *, trust: bool = False, recorded: str = "") -> CheckedModel:
    """The model that a text names.

    Parameters
    ----------
    text : str
        ``"path.onnx"``, ``"path.skops"``, ``"path.keras"``, ``"path.pt2"``, ``"path.ts"`` (TorchScript),
        ``"path.h5"``, ``"path.joblib"``, ``"path.pkl"``, ``"http://…"``, or ``"package.module:function"``
        and ``"file.py:function"``, which are imported, a module from the working directory too; a function
        that takes nothing is called, and what it returns is the model. What comes
        after a colon as ``mean=0.5,std=0.25`` or ``preprocess=file.py:function`` is done to the images first
        (`split_model_text`).
    trust : bool
        Whether files may run code of their own when they are loaded: needed for joblib, pickle, PyTorch's
        files and .h5, for skops files with types that skops does not know, and for Keras files with
        Python lambdas. For a text that was recorded, also whether a module is imported, or a server asked.
    recorded : str
        The file that the text was read from; empty if the caller's own hand wrote it.

    Returns
    -------
    CheckedModel
        `as_model` of it gives it another output rule, class names or batch size.

    Raises
    ------
    FileError
        If the text names nothing that can be loaded, or loading would run code without `trust`.
    MissingExtra
        If the package that reads such a model is not installed.
    ModelError
        If what was loaded is not a model.

    Examples
    --------
    >>> load_model("numpy:mean")
    CheckedModel(mean; output='auto', not asked yet)
    """
    own, given = split_model_text(text)
    if given:
        opened = load_model(own, trust=trust, recorded=recorded)
        return as_model(opened, preprocess=_preprocess_of(text, given, trust, recorded))
    kind = Path(text).suffix.lower()
    if recorded and not trust:
        refuse_other_machine(text, recorded, "model")
    check_secret_known(text, recorded)
    if text.lower().startswith(("http://", "https://")):
        return as_model(text)
    if is_a_folder(text):
        raise _folder_error(text)
    if kind in FILES and not is_a_file(text):
        raise FileError(f"there is no file {without_secrets(text)!r}.", slug="model-file")
    if kind == ".onnx":
        return as_model(text)
    if kind == ".skops":
        return as_model(load_skops_file(text, trust))
    if kind in PICKLES:
        return as_model(_load_joblib(text, trust))
    if kind in KERAS:
        from sightline.adapters.keras.files import load_keras_file

        return CheckedModel(load_keras_file(text, trust))
    if kind in TORCH:
        from sightline.adapters.torch.files import load_torch_file

        return CheckedModel(load_torch_file(text, trust))
    if ":" in text and "://" not in text and not is_a_file(text):
        if recorded and not trust:
            module, _, name = text.partition(":")
            action = f"import the module {module!r} and run {name!r}"
            raise untrusted_record(recorded, "model", text, action)
        return as_model(_model_or_made(_import_object(text), text))
    raise FileError(
        f"{without_secrets(text)!r} is not a model that can be loaded. It has to be {ACCEPTED}."
        f"{_colon_hint(text)}",
        slug="model-text",
    )


def split_model_text(text: str) -> tuple[str, dict[str, str]]:
    """The text that names a model, and what it says of the preprocessing.

    Examples
    --------
    >>> split_model_text("net.onnx:mean=(0.5, 0.4, 0.4),std=0.25")
    ('net.onnx', {'mean': '(0.5, 0.4, 0.4)', 'std': '0.25'})
    >>> split_model_text("package.module:function")
    ('package.module:function', {})
    """
    found = PREPROCESSED.fullmatch(text)
    return (found[1], split_spec(f"model:{found[2]}")[1]) if found else (text, {})


def join_model_text(text: str, given: Mapping[str, str]) -> str:
    """The text that `split_model_text` takes apart."""
    return to_spec(text, given)


def absolute_model_text(text: str) -> str:
    """The text with the paths of its files as they are found from any working directory."""
    own, given = split_model_text(text)
    if is_a_file(own):
        own = str(Path(own).resolve())
    path, _, name = given.get("preprocess", "").rpartition(":")
    if path.endswith(".py"):
        given["preprocess"] = f"{Path(path).resolve()}:{name}"
    return join_model_text(own, given)


def _model_or_made(found: Any, text: str) -> Any:
    """A model as it was imported, or what a function without parameters returns: it cannot be asked."""
    if not inspect.isfunction(found) or inspect.signature(found).parameters:
        return found
    try:
        return found()
    except Exception as error:
        raise FileError(
            f"{without_secrets(text)!r} takes no images, so it was called for the model, and failed: "
            f"{type(error).__name__}: {error}",
            slug="function-import",
        ) from error


def _preprocess_of(text: str, given: Mapping[str, str], trust: bool, recorded: str) -> Any:
    """The preprocessing that a model's text asks for."""
    if "preprocess" not in given:
        return from_spec(join_model_text("normalized", given), {"normalized": Normalized}, "preprocessing")
    if len(given) > 1:
        raise OptionError(
            f"{without_secrets(text)!r} has preprocess= beside mean= or std=: let the function do both.",
            slug="option-value",
        )
    if recorded and not trust:
        raise untrusted_record(recorded, "model", text, f"run {given['preprocess']!r}")
    return load_function(given["preprocess"])


@clear_arguments
def load_function(text: str) -> Callable[..., Any]:
    """The function that ``"file.py:function"`` or ``"package.module:function"`` names.

    A module is imported from the working directory too.

    Raises
    ------
    FileError
        If the file or module cannot be run, or has no such function.

    Examples
    --------
    >>> load_function("math:floor")(2.5)
    2
    """
    found = _import_object(text)
    if not callable(found):
        raise FileError(
            f"{without_secrets(text)!r} is an object of type {type(found).__name__}, and not a function.",
            slug="function-import",
        )
    return found  # type: ignore[no-any-return]


def _folder_error(text: str) -> FileError:
    """What to give instead of a folder."""
    files = sorted(str(file) for file in Path(text).iterdir() if file.suffix in FILES)
    if files:
        hint = f"Give a file in it, such as {files[0]!r}."
    elif (Path(text) / "__init__.py").exists():
        hint = f"Name a function of the package: {'.'.join(Path(text).parts)}:function."
    else:
        hint = load_by_code_hint(BY_KERAS.format(text))
    return FileError(f"{without_secrets(text)!r} is a folder, and not a model. {hint}", slug="model-text")


def _run_file(path: str) -> Any:
    """What a Python file defines, as a module."""
    if not is_a_file(Path(path)):
        raise FileError(f"there is no file {path!r}.", slug="function-import")
    file = Path(path).resolve()
    _import_from(file.parent)
    _refuse_namesakes(file.parent, opened=file)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise FileError(
            f"{path!r} cannot be run: {type(error).__name__}: {error}", slug="function-import"
        ) from error
    _refuse_namesakes(file.parent, opened=file)
    return module


def _import_from(folder: Path) -> None:
    """Let modules of a folder be imported: after installed packages, and before the folders of other models.

    It stays, because a model's module may import its neighbours as late as its first call.
    """
    here = str(folder)
    if here in sys.path and here not in FOLDERS:
        return
    others = [one for one in sys.path if one != here]
    first = next((at for at, one in enumerate(others) if one in FOLDERS), len(others))
    sys.path[:] = [*others[:first], here, *others[first:]]
    FOLDERS.add(here)


def _refuse_namesakes(folder: Path, opened: Path | None = None) -> None:
    """Refuse a folder with a module of which another folder's namesake is loaded: Python would take that one.

    Installed packages are left alone, as they go before any folder's modules.
    """
    for name in list(sys.modules):
        source = _loaded_from(name)
        if source in (None, folder):
            continue
        package = folder.joinpath(*name.split("."))
        file = package.with_name(f"{package.name}.py")
        if (file != opened and file.exists()) or (package.is_dir() and any(package.glob("*.py"))):
            raise FileError(
                f"{name!r} of {folder} cannot be imported, as that of {source} is already: in one process, "
                "Python has one module of a name. Rename one of them, or open this model in a process of "
                "its own.",
                slug="function-import",
            )


def _loaded_from(name: str) -> Path | None:
    """The folder that a module was looked for in; None if it is not loaded, has no file, or is installed."""
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):
        return None
    # Not by getattr, which loads a lazy module, or whatever else stands in its way.
    file = object.__getattribute__(module, "__dict__").get("__file__")
    if not isinstance(file, str) or file.startswith(INSTALLED) or "-packages" in file:
        return None
    path = Path(file).resolve()
    above = path.parents[1:] if path.stem == "__init__" else path.parents
    return next(iter(above[name.count(".") :]), None)


def _colon_hint(text: str) -> str:
    """The hint for a function that is named with a dot, or a file without its function."""
    if text.endswith(".py"):
        return f" If it is a file of yours, a colon and the function's name go behind it: {text}:function."
    module, dot, name = text.rpartition(".")
    if not dot or not all(part.isidentifier() for part in text.split(".")):
        return ""
    return f" If it is a function, a colon goes before its name: {module}:{name}."


def _load_joblib(path: str, trust: bool) -> Any:
    if not trust:
        raise untrusted_file(path)
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:
        raise unreadable_file(path, error) from error


def _import_object(text: str) -> Any:
    module_name, _, attribute = text.rpartition(":") if ".py:" in text else text.partition(":")
    if not attribute:
        raise FileError(
            f"{without_secrets(text)!r} is not the name of a function. It has to be "
            f"package.module:function or file.py:function.{_colon_hint(text)}",
            slug="function-import",
        )
    found = _run_file(module_name) if module_name.endswith(".py") else _import_module(module_name, text)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise FileError(
                f"{without_secrets(text)!r} cannot be imported: "
                f"{getattr(found, '__name__', type(found).__name__)} has no {name!r}.",
                slug="function-import",
            )
        found = getattr(found, name)
    return found


def _import_module(name: str, text: str) -> Any:
    try:
        here = Path.cwd().resolve()
    except FileNotFoundError:
        raise FileError("the working directory is no more.", slug="function-import") from None
    _import_from(here)
    _refuse_namesakes(here)
    try:
        found = importlib.import_module(name)
    except Exception as error:
        raise FileError(
            f"{without_secrets(text)!r} cannot be imported: {type(error).__name__}: {error}. It has to be "
            "package.module:function, from the working directory or an installed package.",
            slug="function-import",
        ) from error
    top = name.partition(".")[0]
    source = _loaded_from(top)
    if source != here and str(source) in FOLDERS:
        raise FileError(
            f"{without_secrets(text)!r} cannot be imported: {here} has no module {top!r}. That of {source}, "
            "where a model was opened before, is another's: go there, or name its file.",
            slug="function-import",
        )
    _refuse_namesakes(here)
    return found
