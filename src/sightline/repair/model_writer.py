"""a repaired model → a file that `sightline.adapters.open_model.load_model` reads."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._files import written_by_name
from sightline._optional import require
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.onnx import OnnxModel
from sightline.adapters.torch.model import TorchModel
from sightline.adapters.torch.modules import evaluation_mode
from sightline.errors import FileError, silence_warnings
from sightline.repair.guarded_model import GuardedModel, save_guarded_onnx, unsavable_error
from sightline.repair.training.sklearn import sklearn_estimator

Image = Shaped[np.ndarray, "..."]


def save_model(model: CheckedModel, path: Path, example: Image | None = None) -> Path:
    """Write a model to a file of its framework's own format.

    Parameters
    ----------
    model : CheckedModel
        scikit-learn's go to ``.joblib`` or ``.skops``, Keras' to ``.keras``, PyTorch's to ``.pt2``. A guard
        whose fill is always the same goes with an ONNX model into one ``.onnx`` file.
    path : Path
        Without an ending, the first of those is added.
    example : array, shape (H, W) or (H, W, C), optional
        An image as the model is given them, by which PyTorch and guarded ONNX models learn their size.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    FileError
        If no file can hold such a model, the ending does not suit it, or it cannot be written.
    """
    if model.preprocess is not None:
        raise unsavable_error(
            f"its preprocess={model.preprocess!r} is a function, which goes into no file",
            "Save result.raw in its framework's own format, and give preprocess= again where you load it.",
        )
    endings, write = _format_writer(model, example)
    given = path if path.suffix or not path.name else path.with_suffix(endings[0])
    if given.suffix.lower() not in endings:
        raise FileError(
            f"{given} must end in {' or '.join(endings)}, the files that this kind of model is kept in.",
            slug="repair-keep",
        )
    try:
        with written_by_name(given) as aside:
            write(aside)
    except OSError as error:
        raise FileError(
            f"{given} cannot be written: {error.strerror or error}.", slug="repair-keep"
        ) from error
    return given


def _format_writer(
    model: CheckedModel, example: Image | None
) -> tuple[tuple[str, ...], Callable[[Path], None]]:
    """The endings that suit a model, and what writes it."""
    ask: Any = model.backend
    estimator = sklearn_estimator(model)
    if estimator is not None:
        return (".joblib", ".skops"), lambda path: _save_estimator(estimator, path)
    if isinstance(ask, KerasModel):
        return (".keras",), lambda path: ask.model.save(path)
    if isinstance(ask, TorchModel):
        return (".pt2",), lambda path: _save_torch_program(model, path, example)
    if isinstance(ask, GuardedModel) and isinstance(ask.model.backend, OnnxModel):
        return (".onnx",), lambda path: save_guarded_onnx(ask, path, example)
    raise unsavable_error(
        f"{ask!r} is known by its answers alone",
        "Keep the code that made it; a guard is two lines: sl.repair.Guard(region=…, fill=…)(model).model.",
    )


def _save_estimator(estimator: object, path: Path) -> None:
    if path.suffix.lower() == ".skops":
        require("skops", extra="skops")
        importlib.import_module("skops.io").dump(estimator, path)
        return
    import joblib

    joblib.dump(estimator, path)


def _save_torch_program(model: CheckedModel, path: Path, example: Image | None) -> None:
    """A PyTorch module as an exported program, for batches of any size."""
    torch = require("torch", extra="torch")
    if example is None:
        raise unsavable_error(
            "PyTorch has to know the size of an image", "Give one: result.save(path, example=image)."
        )
    ask: Any = model.backend
    inputs = ask._to_tensor(np.stack([example, example]))
    module = ask.module if ask.preprocess is None else torch.nn.Sequential(ask.preprocess, ask.module)
    if ask.preprocess is None:
        inputs = inputs.to(ask.dtype).contiguous()
    with evaluation_mode(module), silence_warnings(Warning):  # of the exporter's own making
        program = torch.export.export(
            module, (inputs,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},)
        )
        torch.export.save(program, path)
