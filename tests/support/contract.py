"""What every adapter has to keep, whatever the model behind it."""

import importlib
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sightline.adapters import CheckedModel, as_model
from sightline.errors import MissingExtra
from support.linear import Linear, random_images


@dataclass(frozen=True)
class Case:
    """One source of a model, and the same model written out in NumPy.

    Parameters
    ----------
    source : object
        What `as_model` is given.
    truth : Linear
        Scores of a batch, from its numbers as they are.
    shape : tuple of int
        Of one image.
    dtypes : tuple of str
        Of the images that it takes.
    names : tuple of str or None
        Class names that it has to know after its first answer.
    package : str, optional
        Importable name without which it cannot work.
    tolerance : float
        Of the arithmetic behind it.
    """

    source: Any
    truth: Linear
    shape: tuple[int, ...]
    dtypes: tuple[str, ...] = ("uint8", "float32", "float64")
    names: tuple[str, ...] | None = None
    package: str | None = None
    tolerance: float = 1e-6


def scores_are_the_models_own_for_every_dtype_and_range(case: Case) -> None:
    for dtype in case.dtypes:
        images = random_images(6, case.shape, dtype)
        np.testing.assert_allclose(as_model(case.source)(images), case.truth(images), atol=case.tolerance)


def odd_batch_sizes_give_the_same_rows(case: Case) -> None:
    model, images = as_model(case.source), random_images(13, case.shape, case.dtypes[-1])
    whole = case.truth(images)
    for size in (1, 2, 3, 5, 8, 13):
        parts = [model(images[start : start + size]) for start in range(0, 13, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=case.tolerance)


def the_answer_is_a_new_float64_array(case: Case) -> None:
    model, images = as_model(case.source), random_images(4, case.shape, case.dtypes[-1])
    first = model(images)
    kept = first.copy()
    assert first.dtype == np.float64
    assert first.shape == (4, len(case.truth.offsets))
    assert not np.shares_memory(first, images)
    second = model(images[::-1].copy())
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)


def the_same_images_get_the_same_scores(case: Case) -> None:
    model, images = as_model(case.source), random_images(5, case.shape, case.dtypes[-1])
    np.testing.assert_array_equal(model(images), model(images))


def classes_keep_their_order_and_names(case: Case) -> None:
    model, images = as_model(case.source), random_images(40, case.shape, case.dtypes[-1])
    scores = model(images)
    assert len(set(case.truth(images).argmax(axis=1))) > 1
    np.testing.assert_array_equal(scores.argmax(axis=1), case.truth(images).argmax(axis=1))
    assert model.class_names == case.names


def many_threads_get_their_own_answers(case: Case) -> None:
    model = as_model(case.source)
    batches = [random_images(1 + seed % 4, case.shape, case.dtypes[-1], seed) for seed in range(32)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(model, batches))
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_allclose(answer, case.truth(batch), atol=case.tolerance)


def the_batch_is_neither_changed_nor_kept(case: Case) -> None:
    model, images = as_model(case.source), random_images(3, case.shape, case.dtypes[-1])
    before, watch = images.copy(), weakref.ref(images)
    model(images)
    np.testing.assert_array_equal(images, before)
    del images
    assert watch() is None


def its_repr_says_the_rule(case: Case) -> None:
    model = as_model(case.source)
    assert "output='auto', not asked yet" in repr(model)
    model(random_images(2, case.shape, case.dtypes[0]))
    assert "3 columns kept as they are: probabilities" in repr(model)


def a_checked_model_is_taken_as_it_is(case: Case) -> None:
    model = as_model(case.source)
    assert isinstance(model, CheckedModel)
    assert as_model(model) is model


def without_its_package_the_error_names_the_extra(case: Case) -> None:
    if case.package is None or not isinstance(case.source, str):
        pytest.skip("needs no package of its own")
    extra = {"onnxruntime": "onnx", "httpx": "http"}[case.package]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, case.package, None)
        with pytest.raises(MissingExtra, match=rf"this needs {case.package}.*sightline-xai\[{extra}\]"):
            as_model(case.source)
    importlib.import_module(case.package)


CHECKS: tuple[Callable[[Case], None], ...] = (
    scores_are_the_models_own_for_every_dtype_and_range,
    odd_batch_sizes_give_the_same_rows,
    the_answer_is_a_new_float64_array,
    the_same_images_get_the_same_scores,
    classes_keep_their_order_and_names,
    many_threads_get_their_own_answers,
    the_batch_is_neither_changed_nor_kept,
    its_repr_says_the_rule,
    a_checked_model_is_taken_as_it_is,
    without_its_package_the_error_names_the_extra,
)
