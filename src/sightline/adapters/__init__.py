"""THE MODEL'S SIDE: anything that can score images → a Model. One file a framework, loaded when it is met."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline.adapters.model import Ask, CheckedModel
from sightline.errors import FileError

__all__ = ["CheckedModel", "as_model"]


def as_model(
    source: Any,
    *,
    output: str = "auto",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = None,
) -> CheckedModel:
    """A model that takes images as you have them and returns checked scores.

    Parameters
    ----------
    source : object
        - any callable: gets a batch of images, shape (B, H, W) or (B, H, W, C), in their own dtype and
          range, and returns scores, shape (B, L), (B,) or (B, 1);
        - a fitted scikit-learn estimator or pipeline: its `predict_proba`, else its `decision_function`;
          the images are flattened if it was trained on as many numbers as they have, and given as they
          are to a pipeline whose first step takes pictures;
        - the path of an ``.onnx`` file, or an `onnxruntime.InferenceSession`;
        - the URL of a served model: ``http://host:port/v2/models/NAME`` (KServe V2, Triton) or
          ``http://host:port/v1/models/NAME`` (TensorFlow Serving REST, KServe V1).
    output : str
        What a single column of scores is. ``"probability"``: of class 1 of two, so that the scores are
        [1 - p, p]. ``"logit"``: a raw score of class 1, so that they are [-v, v]. ``"auto"``: a
        probability if all scores of the first batch are within 0 to 1, else a logit. Several columns are
        kept as they are.
    class_names : sequence of str, optional
        One for each class; by default those the model knows itself. For a single column the name of class
        1 is enough.
    batch_size : int, optional
        Images in a batch that suit the model; by default what the model itself insists on, if anything.

    Returns
    -------
    CheckedModel
        Call it with a batch to get float64 scores of shape (B, L). Its repr says by which rule.

    Raises
    ------
    FileError
        If a text is neither the path of an ``.onnx`` file nor a URL, or the file cannot be read.
    MissingExtra
        If the package that runs such a model is not installed.
    ModelError
        If `source` cannot be asked: it is not fitted, a class, a bare PyTorch or Keras model, …
    OptionError
        If `output` does not exist, or `class_names` or `batch_size` cannot be used.

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
        if output == "auto" and class_names is None and batch_size is None:
            return source
        return CheckedModel(
            source.ask,
            output=source.output if output == "auto" else output,
            class_names=source.class_names if class_names is None else class_names,
            batch_size=source.batch_size if batch_size is None else batch_size,
        )
    return CheckedModel(_ask(source), output=output, class_names=class_names, batch_size=batch_size)


def _ask(source: Any) -> Ask:
    """The adapter for a source, by its class alone: no framework is imported to find out."""
    from sightline.adapters.plain import Plain, roots

    if isinstance(source, (str, Path)):
        return _from_text(str(source))
    if "onnxruntime" in roots(source):
        from sightline.adapters.onnx import OnnxModel

        return OnnxModel(source)
    if _is_estimator(source, roots(source)):
        from sightline.adapters.sklearn import Estimator

        return Estimator(source)
    return Plain(source)


def _from_text(text: str) -> Ask:
    if text.lower().startswith(("http://", "https://")):
        from sightline.adapters.http import served

        return served(text)
    if text.lower().endswith(".onnx"):
        from sightline.adapters.onnx import OnnxModel

        return OnnxModel.open(text)
    raise FileError(
        f"{text!r} is not a model: a text has to be the path of an .onnx file or the URL of a served model, "
        "http://host:port/v2/models/NAME or http://host:port/v1/models/NAME. "
        "sightline.adapters.load.load_model takes more kinds.",
        slug="model-text",
    )


def _is_estimator(source: Any, packages: set[str]) -> bool:
    if isinstance(source, type) or packages & {"torch", "keras", "tf_keras", "tensorflow"}:
        return False
    return hasattr(source, "predict_proba") or ("sklearn" in packages and hasattr(source, "fit"))
