"""any callable → Backend: the images are given to it as they are."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sightline._class_names import ordered_names
from sightline.errors import ModelError
from sightline.types import Backend

ACCEPTED = (
    "a function of a batch of images (such as model.predict_proba), a PyTorch module, a Keras model, a "
    "fitted scikit-learn estimator or pipeline, the path of an .onnx file, an onnxruntime "
    "InferenceSession, or the URL of a served model"
)

TASK = "image-classification"
"""What a pipeline of Hugging Face has to be for."""


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
    """An image classification pipeline of Hugging Face: takes PIL images, and is asked for all classes.

    Its columns are in the order of its network's outputs, as that network's own are.

    Raises
    ------
    ModelError
        If it is a pipeline for another task.
    """

    def __init__(self, pipeline: object) -> None:
        super().__init__(pipeline)
        task = getattr(pipeline, "task", TASK)
        if task != TASK:
            raise ModelError(
                f"a pipeline of Hugging Face for {task!r} does not score images by class; one for {TASK!r} "
                "does. Else give a function: images, shape (B, H, W, 3) → scores, shape (B, L).",
                slug="model-kind",
            )
        names = _labels_of(pipeline)
        self.class_names = ordered_names(names) if names is not None and len(names) > 1 else None

    is_costly = True

    def __call__(self, images: object) -> object:
        from PIL import Image

        batch = np.asarray(images)
        if batch.dtype != np.uint8:
            raise ModelError(
                f"a pipeline of Hugging Face takes images as they are in their files, uint8 (0 to 255), but "
                f"the image is {batch.dtype}. One of 0 to 1 becomes one by (image * 255).round()"
                '.astype("uint8").',
                slug="preprocess",
            )
        grey = batch.ndim == 4 and batch.shape[3] == 1  # which PIL has without the axis
        given = [Image.fromarray(image).convert("RGB") for image in (batch[..., 0] if grey else batch)]
        ask: Any = self.function
        names = _labels_of(ask)
        if names is None:
            return ask(given, top_k=None)
        size = getattr(ask, "_batch_size", None) or len(given)  # else one image at a time
        answers = _numbered_pipeline(ask, len(names))(given, top_k=None, batch_size=size)
        scores = np.full((len(batch), len(names)), np.nan)
        for row, answer in zip(scores, answers, strict=True):
            for entry in answer:
                row[int(entry["label"])] = entry["score"]
        return scores


def _labels_of(pipeline: Any) -> Mapping[object, object] | None:
    """Number and name of each class, where the network of a pipeline tells them."""
    names = getattr(getattr(getattr(pipeline, "model", None), "config", None), "id2label", None)
    return names if isinstance(names, Mapping) and names else None


def _numbered_pipeline(pipeline: Any, count: int) -> Any:
    """A pipeline that calls its classes by their numbers, with the same network, where that is now.

    It sorts what it says of an image by score, and two classes may have one name, as two of ImageNet's have.
    """
    made = copy.copy(pipeline)
    made.model = copy.copy(pipeline.model)
    made.model.config = copy.copy(pipeline.model.config)
    made.model.config.id2label = {number: str(number) for number in range(count)}
    return made


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
