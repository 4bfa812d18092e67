"""any callable → Ask: the images are given to it as they are."""

from typing import Any

from sightline.errors import ModelError

ACCEPTED = (
    "a function of a batch of images (such as model.predict_proba), a PyTorch module, a Keras model, a "
    "fitted scikit-learn estimator or pipeline, the path of an .onnx file, an onnxruntime "
    "InferenceSession, or the URL of a served model"
)


class CallableModel:
    """A function, bound method or callable object, asked as it is."""

    class_names: tuple[str, ...] | None = None
    batch_size: int | None = None
    output = "auto"

    def __init__(self, function: Any) -> None:
        _refuse_source(function)
        self.function = function

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", None) or type(self.function).__name__

    def __call__(self, images: Any) -> Any:
        return self.function(images)


def package_roots(source: Any) -> set[str]:
    """The packages that a value's class and its bases come from: tells a framework without importing it.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(package_roots(np.float64(1)))
    ['builtins', 'numpy']
    """
    return {base.__module__.split(".", maxsplit=1)[0] for base in type(source).__mro__}


def _refuse_source(source: Any) -> None:
    if isinstance(source, type):
        raise ModelError(
            f"{source.__name__} is a class; a model has to be an object made from it, and fitted.",
            slug="model-kind",
        )
    if not callable(source):
        raise ModelError(
            f"an object of type {type(source).__name__} cannot be asked. A model is {ACCEPTED}.",
            slug="model-kind",
        )
    owner = getattr(source, "__self__", None)
    if getattr(source, "__name__", "") == "predict" and _is_classifier(owner):
        raise ModelError(
            f"{type(owner).__name__}.predict returns classes, not scores: give its predict_proba or "
            "decision_function, or the object itself.",
            slug="model-classes",
        )


def _is_classifier(owner: Any) -> bool:
    return hasattr(owner, "predict_proba") or hasattr(owner, "classes_")
