"""a repaired model → a file that `sightline.adapters.open_model.load_model` reads."""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sightline._optional import require
from sightline.adapters.checked_model import CheckedModel
from sightline.adapters.keras.model import KerasModel
from sightline.adapters.onnx import OnnxModel
from sightline.adapters.torch.model import TorchModel
from sightline.adapters.torch.modules import evaluation_mode
from sightline.engine.fills import Colour, Donors, draw_fill
from sightline.engine.image import channels_last
from sightline.errors import FileError
from sightline.repair.guard import GuardedModel
from sightline.repair.training.fine_tune import sklearn_estimator
from sightline.types import Segments

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
    like : array, shape (H, W) or (H, W, C), optional
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
        raise _cannot_save(
            f"its preprocess={model.preprocess!r} is a function, which goes into no file",
            "Save fix.raw in its framework's own format, and give preprocess= again where you load it.",
        )
    endings, write = _format_writer(model, example)
    given = path if path.suffix else path.with_suffix(endings[0])
    if given.suffix.lower() not in endings:
        raise FileError(
            f"{given} must end in {' or '.join(endings)}, the files that this kind of model is kept in.",
            slug="repair-keep",
        )
    try:
        write(given)
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
        return (".onnx",), lambda path: _save_guarded_onnx(ask, path, example)
    raise _cannot_save(
        f"{ask!r} is known by its answers alone",
        "Keep the code that made it; a guard is two lines: sl.repair.Guard(region=…, fill=…)(model).model.",
    )


def _cannot_save(why: str, todo: str) -> FileError:
    return FileError(f"this model cannot be put into a file: {why}. {todo}", slug="repair-keep")


def _save_estimator(estimator: Any, path: Path) -> None:
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
        raise _cannot_save(
            "PyTorch has to know the size of an image", "Give one: fix.save(path, like=image)."
        )
    ask: Any = model.backend
    inputs = ask._moved(np.stack([example, example]))
    module = ask.module if ask.preprocess is None else torch.nn.Sequential(ask.preprocess, ask.module)
    if ask.preprocess is None:
        inputs = inputs.to(ask.dtype).contiguous()
    with evaluation_mode(module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        program = torch.export.export(
            module, (inputs,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},)
        )
        torch.export.save(program, path)


def _save_guarded_onnx(ask: GuardedModel, path: Path, example: Image | None) -> None:
    """The graph with the hidden pixels put in before its first node."""
    onnx = require("onnx", extra="onnx")
    inner: Any = ask.model.backend
    file = getattr(inner.session, "_model_path", None)
    if not file or example is None:
        raise _cannot_save(
            "the guard of an ONNX model goes into its file",
            "Open the model by its path, and give an image for its size: fix.save(path, like=image).",
        )
    if not isinstance(ask.fill, Colour | Donors):
        raise _cannot_save(
            f"the fill {ask.fill!r} differs from image to image", "Guard with a Colour or Donors."
        )
    area = ask.region.mask(example.shape[:2])
    image = draw_fill(example, Segments.renumber(area), ask.fill)[0].reshape(example.shape)
    mask = np.broadcast_to(area[..., np.newaxis], channels_last(example).shape).reshape(example.shape)
    shown, hidden = (_as_model_input(inner, one[np.newaxis].astype(example.dtype)) for one in (image, mask))
    made = onnx.load(file)
    old = made.graph.input[0].name
    for node in made.graph.node:
        node.input[:] = ["guarded" if name == old else name for name in node.input]
    made.graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(hidden > 0, "guard_mask"),
            onnx.numpy_helper.from_array(shown, "guard_image"),
        ]
    )
    made.graph.node.insert(0, onnx.helper.make_node("Where", ["guard_mask", "guard_image", old], ["guarded"]))
    onnx.checker.check_model(made)
    onnx.save(made, path)


def _as_model_input(inner: OnnxModel, images: Image) -> Image:
    from sightline.adapters.inputs import arrange_images

    return np.ascontiguousarray(arrange_images(images, inner.input))
