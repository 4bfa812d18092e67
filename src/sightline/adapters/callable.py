"""any callable → Backend: the images are given to it as they are."""

from collections.abc import Callable

import numpy as np

from sightline.errors import ModelError
from sightline.types import Backend

ACCEPTED = (
    "a function of a batch of images (such as model.predict_proba), a PyTorch module, a Keras model, a "
    "fitted scikit-learn estimator or pipeline, the path of an .onnx file, an onnxruntime "
    "InferenceSession, or the URL of a served model"
)


class CallableModel(Backend):
    """A function, bound method or callable object, asked as it is.

    Raises
    ------
    ModelError
        If it cannot be called, or returns classes instead of scores.
    """

    def __init__(self, function: object) -> None:
        self.function = _check_source(function)

    def __repr__(self) -> str:
        return callable_name(self.function)

    def __call__(self, images: object) -> object:
        return self.function(images)


class PipelineModel(CallableModel):
    """An image classification pipeline of Hugging Face: takes PIL images, and is asked for all classes."""

    def __call__(self, images: object) -> object:
        from PIL import Image

        batch = np.asarray(images)
        if batch.dtype != np.uint8:
            raise ModelError(
                f"a pipeline of Hugging Face takes images as they are in their files, uint8 (0 to 255), but "
                f"the image is {batch.dtype}.",
                slug="preprocess",
            )
        ask: Callable[..., object] = self.function
        return ask([Image.fromarray(image).convert("RGB") for image in batch], top_k=None)


def callable_name(function: object) -> str:
    """A function's own name, or that of its class.

    Examples
    --------
    >>> callable_name(len), callable_name(callable_name)
    ('len', 'callable_name')
    """
    return getattr(function, "__qualname__", None) or type(function).__name__


def package_roots(source: object) -> set[str]:
    """The packages that a value's class and its bases come from: tells a framework without importing it.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(package_roots(np.float64(1)))
    ['builtins', 'numpy']
    """
    return {base.__module__.split(".", maxsplit=1)[0] for base in type(source).__mro__}


def _check_source(source: object) -> Callable[[object], object]:
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
    if getattr(source, "__name__", "") == "predict" and (
        hasattr(owner, "predict_proba") or hasattr(owner, "classes_")
    ):
        raise ModelError(
            f"{type(owner).__name__}.predict returns classes, not scores: give its predict_proba or "
            "decision_function, or the object itself.",
            slug="model-classes",
        )

    return source
