"""THE MODEL'S SIDE: anything that can score images → a Model. One file a framework, loaded when it is met."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from sightline._arguments import clear_arguments
from sightline._class_names import ClassNames
from sightline._files import is_a_file
from sightline._trust import without_secrets
from sightline.adapters.callable import CallableModel, PipelineModel, package_roots
from sightline.adapters.checked_model import CheckedModel, regressor_error
from sightline.adapters.model_files import load_skops_file
from sightline.adapters.one_label import LabelView
from sightline.adapters.preprocess import per_image
from sightline.errors import FileError
from sightline.types import Backend

if TYPE_CHECKING:
    import torch

__all__ = ["CheckedModel", "as_model", "per_image"]


@clear_arguments
def as_model(
    source: object,
    *,
    output: str = "auto",
    class_names: ClassNames | None = None,
    batch_size: int | None = None,
    preprocess: object = None,
    device: object = None,
    label: int | str | None = None,
    threshold: float | None = None,
) -> CheckedModel:
    """A model that takes images as you have them and returns checked scores.

    Parameters
    ----------
    source : object
        - any callable: gets a batch of images, shape (B, H, W) or (B, H, W, C), in their own dtype and
          range, and returns scores, shape (B, L), (B,) or (B, 1), or a mapping or object with `logits`, a
          tuple of one, or what a pipeline of Hugging Face returns;
        - a PyTorch module: asked in evaluation mode, on its own device, with tensors (B, C, H, W) in its own
          dtype;
        - a Keras 3 model on any backend, or its `predict`: asked in inference mode;
        - a fitted scikit-learn estimator or pipeline: its `predict_proba`, else its `decision_function`;
          the images are flattened if it was trained on as many numbers as they have, and given as they
          are to a pipeline whose first step takes images;
        - an image classification pipeline of Hugging Face, for images in bytes;
        - the path of an ``.onnx``, ``.skops`` or ``.keras`` file, or an `onnxruntime.InferenceSession`;
        - the URL of a served model: ``http://host:port/v2/models/NAME`` (KServe V2, Triton) or
          ``http://host:port/v1/models/NAME`` (TensorFlow Serving REST, KServe V1).
    output : str
        What the columns of scores are. ``"probability"``: probabilities; of class 1 of two where there is
        a single column, so that the scores are [1 - p, p]. ``"logit"``: raw scores, kept; a single column
        becomes [-v, v]. ``"softmax"`` and ``"sigmoid"``: logits, of which these are taken.
        ``"log-probability"``: logarithms of probabilities, of which the exponential is taken. ``"auto"``:
        probabilities if all scores of the first batch are within 0 to 1; else logits, whose softmax (a
        single column: sigmoid) is taken for PyTorch and Keras networks, and which are kept for others. A
        network that can be seen to end in neither softmax nor sigmoid gives logits wherever they lie, one
        that ends in a logarithm of them the logarithms of probabilities; where the end cannot be seen, a
        warning says what was taken. What a single column was taken for is printed with the result.
    class_names : sequence of str, or mapping, optional
        One for each class, or ``{0: "cat", 1: "dog"}`` or ``{"cat": 0, "dog": 1}``; by default those the
        model knows itself. For a single column the name of class 1 is enough. Columns that have these
        names already, in another order, keep them: those of a network or an estimator stay where they are,
        those that only the answers name are put in the given order.
    batch_size : int, optional
        Images in a batch that suit the model; by default what the model itself insists on, if anything.
    preprocess : callable, optional
        The images as you have them → what the model wants; sightline perturbs and draws yours. A
        `torch.nn.Module` (such as torchvision's transforms) gets tensors (B, C, H, W) in the images' own
        dtype on the model's device; any other function gets the array (B, H, W, C), as those of
        ``keras.applications`` do. Wrap a function of one PIL image in `sightline.per_image`.
    device : str or torch.device, optional
        Where a PyTorch module is moved, for good; by default it stays where it is.
    label : int or str, optional
        Of a model whose columns are labels of their own, of which several may be true of one image: which one
        is asked for. The scores are then those of two classes, without it and with it. With ``"auto"``, a
        network's logits go through a sigmoid each; a softmax is refused.
    threshold : float, optional
        Of two classes, which probability class 1 has to exceed to be predicted; 0.5 by default. Log-odds are
        lowered by those of the threshold, so that the higher of the two scores is what is predicted: a score
        of class 1 above 0.5 is a probability above the threshold.

    Returns
    -------
    CheckedModel
        Call it with a batch to get float64 scores of shape (B, L). Its repr says by which rule.

    Raises
    ------
    FileError
        If a text is neither the path of such a file nor a URL, or the file cannot be read.
    MissingExtra
        If the package that runs such a model is not installed.
    ModelError
        If `source` cannot be asked: it is not fitted, a class, …
    OptionError
        If `output` or `device` does not exist, or another option cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> model = as_model(lambda images: images.mean(axis=(1, 2)), class_names=["bright"])
    >>> model(np.array([[[0.0, 0.5]]]))
    array([[0.75, 0.25]])
    >>> model.class_names
    ('not bright', 'bright')
    """
    if isinstance(source, CheckedModel):
        given = (class_names, batch_size, preprocess, device, label, threshold)
        if output == "auto" and all(option is None for option in given):
            return source
        class_names = source.given_names if class_names is None else class_names
        batch_size = source.batch_size if batch_size is None else batch_size
        preprocess = source.preprocess if preprocess is None else preprocess
        output = source.output if output == "auto" and source.output != "network" else output
        label = source.view.label if label is None else label
        threshold = source.view.threshold if threshold is None else threshold
    elif output == "auto":
        _refuse_regressor(source)
    backend = source.backend if isinstance(source, CheckedModel) else _adapter_for(source)
    backend, preprocess = _with_device(backend, preprocess, device)
    return CheckedModel(
        backend,
        output=output,
        class_names=class_names,
        batch_size=batch_size,
        preprocess=preprocess,
        view=LabelView(label, 0.5 if threshold is None else threshold),
    )


def _adapter_for(source: object) -> Backend:
    """The adapter for a source, by its class alone: no framework is imported to find out."""
    if isinstance(source, (str, Path)):
        return _adapter_for_text(str(source))
    if isinstance(source, type):
        return CallableModel(source)
    packages = package_roots(source)
    if "onnxruntime" in packages:
        from sightline.adapters.onnx import OnnxModel

        return OnnxModel(source)
    if "keras" not in packages and _is_module(source):
        from sightline.adapters.torch.model import TorchModel

        return TorchModel(source)
    if "keras" in packages | package_roots(getattr(source, "__self__", None)):
        from sightline.adapters.keras.model import KerasModel, keras_model

        found = keras_model(source)
        if found is not None:
            return KerasModel(found)
    if "transformers" in packages and hasattr(source, "image_processor"):
        return PipelineModel(source)
    estimator, method = _estimator_and_method(source)
    if _is_estimator(estimator, package_roots(estimator)):
        from sightline.adapters.sklearn import SklearnModel

        return SklearnModel(estimator, method)
    return CallableModel(source)


def _with_device(backend: Backend, preprocess: object, device: object) -> tuple[Backend, object]:
    """The adapter on its device, with the preprocessing where that takes tensors; and else that, apart."""
    packages = package_roots(preprocess)
    if "torch" in packages and hasattr(preprocess, "state_dict"):
        return backend.to(device, preprocess), None
    if "torchvision" in packages and callable(preprocess):
        preprocess = per_image(preprocess)
    return backend.to(device, None), preprocess


def _adapter_for_text(text: str) -> Backend:
    if text.lower().startswith(("http://", "https://")):
        from sightline.adapters.http import open_served_model

        return open_served_model(text)
    if text.lower().endswith(".onnx"):
        from sightline.adapters.onnx import OnnxModel

        return OnnxModel.from_file(text)
    if text.lower().endswith((".skops", ".keras")):
        return _adapter_for_safe_file(text)
    raise FileError(
        f"{without_secrets(text)!r} is not a model: a text has to be the path of an .onnx, .skops or .keras "
        "file or the URL of a served model, http://host:port/v2/models/NAME or "
        "http://host:port/v1/models/NAME. Files that run their own code when they are loaded, and functions "
        "by their names, are opened by sightline.adapters.open_model.load_model(text, trust=True).",
        slug="model-text",
    )


def _adapter_for_safe_file(path: str) -> Backend:
    """The adapter of a file that can be read without running what it holds."""
    if not is_a_file(path):
        raise FileError(f"there is no file {path!r}.", slug="model-file")
    if path.lower().endswith(".keras"):
        from sightline.adapters.keras.files import load_keras_file

        return load_keras_file(path, trust=False)
    from sightline.adapters.sklearn import SklearnModel

    return SklearnModel(load_skops_file(path, trust=False))


def _is_module(source: object) -> "TypeGuard[torch.nn.Module]":
    return any(
        base.__module__ == "torch.nn.modules.module" and base.__name__ == "Module"
        for base in type(source).__mro__
    )


def _estimator_and_method(source: object) -> tuple[object, str | None]:
    """An estimator as it is, or the one of scikit-learn whose bound method a source is, and the method."""
    owner, name = getattr(source, "__self__", None), getattr(source, "__name__", "")
    ours = name in ("predict_proba", "decision_function") and "sklearn" in package_roots(owner)
    return (owner, name) if ours else (source, None)


def _refuse_regressor(source: object) -> None:
    """A regressor's answer is a value, which would be taken for the probability or logit of class 1."""
    sklearn = sys.modules.get("sklearn.base")
    owner = source.__self__ if hasattr(source, "__self__") and hasattr(source, "__name__") else source
    if sklearn is None or not (hasattr(owner, "fit") and hasattr(owner, "predict")):
        return
    if isinstance(owner, sklearn.BaseEstimator) and sklearn.is_regressor(owner):
        raise regressor_error(type(owner).__name__)


def _is_estimator(source: object, packages: set[str]) -> bool:
    if isinstance(source, type) or packages & {"torch", "keras", "tf_keras", "tensorflow"}:
        return False
    return hasattr(source, "predict_proba") or ("sklearn" in packages and hasattr(source, "fit"))
