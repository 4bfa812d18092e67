"""The stated rules for every form of answer."""

import pickle
from collections import OrderedDict, namedtuple
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.adapters import as_model
from sightline.errors import ModelError, OptionError

IMAGES = np.zeros((4, 6, 5, 3), np.uint8)
ONE = IMAGES[:1]
TABLE = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0], [0.2, 0.5, 0.3]])
COLUMN = np.array([0.0, 0.25, 0.5, 1.0])


def answering(*answers: Any) -> Any:
    """A model that gives these answers, one a call, whatever it is asked; the last one for ever."""
    left = list(answers)
    return lambda images: left.pop(0) if len(left) > 1 else left[0]


def refusal(answer: Any, images: np.ndarray = IMAGES, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        as_model(answering(answer), **options)(images)
    return str(caught.value)


# One column


@given(hnp.arrays(np.float64, 4, elements=st.floats(0, 1)), st.sampled_from([(4,), (4, 1), (4, 1, 1)]))
def test_a_column_within_0_and_1_is_the_probability_of_class_1(column: Any, shape: Any) -> None:
    model = as_model(answering(column.reshape(shape)))
    np.testing.assert_array_equal(model(IMAGES), np.stack([1 - column, column], axis=1))
    assert "one column, a probability of class 1: scores are [1 - p, p]" in repr(model)


@given(
    hnp.arrays(np.float64, 4, elements=st.floats(-50, 50)).filter(lambda v: v.min() < -0.1 or v.max() > 1.1)
)
def test_a_column_beyond_0_and_1_is_a_logit_of_class_1(column: Any) -> None:
    model = as_model(answering(column))
    np.testing.assert_array_equal(model(IMAGES), np.stack([-column, column], axis=1))
    assert "one column, a logit of class 1: scores are [-v, v]" in repr(model)


def test_a_column_that_leaves_0_to_1_later_is_refused() -> None:
    model = as_model(answering(COLUMN, COLUMN - 0.5))
    model(IMAGES)
    with pytest.raises(ModelError) as caught:
        model(IMAGES)
    assert str(caught.value) == (
        "the model returned scores from -0.5 to 0.5, but its first answers were within 0 to 1, so they were "
        'taken for probabilities. If they are logits, pass output="logit", "softmax" or "sigmoid". '
        "[model-range]"
    )


def test_leaving_0_to_1_by_rounding_is_no_leaving() -> None:
    model = as_model(answering(COLUMN, COLUMN + 9e-7, COLUMN - 9e-7, COLUMN + 2e-6))
    for _ in range(3):
        model(IMAGES)
    with pytest.raises(ModelError, match="model-range"):
        model(IMAGES)


def test_a_column_that_began_as_a_logit_stays_one() -> None:
    model = as_model(answering(COLUMN * 8 - 3, COLUMN))
    model(IMAGES)
    np.testing.assert_array_equal(model(IMAGES), np.stack([-COLUMN, COLUMN], axis=1))


def test_output_logit_settles_it_for_a_column_within_0_and_1() -> None:
    model = as_model(answering(COLUMN), output="logit")
    np.testing.assert_array_equal(model(IMAGES), np.stack([-COLUMN, COLUMN], axis=1))


def test_output_probability_refuses_a_column_beyond_0_and_1() -> None:
    told = refusal(COLUMN * 2, output="probability")
    assert told.startswith('the model returned scores from 0 to 2, but output="probability" was given.')


def test_output_softmax_and_sigmoid_make_probabilities_of_logits() -> None:
    logits = np.array([[1.0, -2.0, 0.5]]).repeat(len(IMAGES), axis=0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    soft = as_model(answering(logits), output="softmax")
    np.testing.assert_allclose(soft(IMAGES), shares)
    assert "3 columns of logits: scores are their softmax" in repr(soft)
    apart = as_model(answering(logits), output="sigmoid")
    np.testing.assert_allclose(apart(IMAGES), 1 / (1 + np.exp(-logits)))
    single = as_model(answering(COLUMN * 8 - 3), output="sigmoid")
    p = 1 / (1 + np.exp(3 - COLUMN * 8))
    np.testing.assert_allclose(single(IMAGES), np.stack([1 - p, p], axis=1))
    assert "one column, a logit of class 1: scores are [1 - p, p] of its sigmoid p" in repr(single)


def test_output_softmax_of_one_column_is_refused() -> None:
    told = refusal(COLUMN, output="softmax")
    assert told.startswith(
        'output="softmax" needs a column for each class, but the model returned one column.'
    )
    assert 'pass output="sigmoid"' in told


def test_an_unknown_output_offers_the_nearest() -> None:
    with pytest.raises(OptionError) as caught:
        as_model(answering(COLUMN), output="logits")
    assert str(caught.value) == (
        "there is no output 'logits'. Did you mean 'logit'? Valid: auto, probability, log-probability, "
        "logit, softmax, sigmoid. [option-value]"
    )


def test_a_single_number_is_the_column_of_a_single_image() -> None:
    np.testing.assert_array_equal(as_model(answering(np.float32(0.25)))(ONE), [[0.75, 0.25]])


# Several columns


@pytest.mark.parametrize(
    ("scores", "looks"),
    [
        (TABLE, "probabilities"),
        (TABLE.astype(np.float16), "probabilities"),
        (1 - TABLE, "independent probabilities"),
        (np.log(TABLE + 0.1), "logits"),
        (TABLE * 3, "logits"),
    ],
)
def test_several_columns_are_kept_and_the_repr_says_what_they_look_like(scores: Any, looks: str) -> None:
    model = as_model(answering(scores))
    assert repr(model).endswith("; output='auto', not asked yet)")
    np.testing.assert_array_equal(model(IMAGES), scores)
    assert repr(model).endswith(f"; 3 columns kept as they are: {looks})")


def test_output_logit_leaves_several_columns_as_they_are() -> None:
    np.testing.assert_array_equal(as_model(answering(TABLE - 5), output="logit")(IMAGES), TABLE - 5)


def test_output_probability_holds_for_several_columns_too() -> None:
    assert "from -0.5 to 0.5" in refusal(TABLE - 0.5, output="probability")
    np.testing.assert_array_equal(as_model(answering(TABLE), output="probability")(IMAGES), TABLE)


# Containers and dtypes


class TorchLike:
    """A tensor that needs its gradient cut off and to be fetched from a device first."""

    def __init__(self, values: Any, steps: tuple[str, ...] = (), exact: bool = True) -> None:
        self.values, self.steps, self.exact = values, steps, exact

    def detach(self) -> "TorchLike":
        return TorchLike(self.values, (*self.steps, "detach"), self.exact)

    def cpu(self) -> "TorchLike":
        return TorchLike(self.values, (*self.steps, "cpu"), self.exact)

    def float(self) -> "TorchLike":
        return TorchLike(self.values, self.steps, True)

    def numpy(self) -> Any:
        assert self.steps == ("detach", "cpu")
        if not self.exact:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values

    def __array__(self, *args: Any, **more: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


class FlowLike:
    def __init__(self, values: Any) -> None:
        self.values = values

    def numpy(self) -> Any:
        return self.values


class ArrayLike:
    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.values, dtype)


@pytest.mark.parametrize(
    "answer",
    [
        TABLE.tolist(),
        tuple(map(tuple, TABLE.tolist())),
        list(TABLE),
        [row[np.newaxis] for row in TABLE],
        [TABLE],
        (TABLE,),
        TABLE[:, :, np.newaxis, np.newaxis],
        TABLE[:, np.newaxis, np.newaxis, :],
        np.asfortranarray(TABLE),
        TABLE.astype(object),
        TABLE.astype(np.longdouble),
        TorchLike(TABLE),
        TorchLike(TABLE, exact=False),
        [TorchLike(row) for row in TABLE],
        [TorchLike(TABLE)],
        FlowLike(TABLE),
        ArrayLike(TABLE),
        pd.DataFrame(TABLE, columns=["a", "b", "c"]),
        [pd.Series(row) for row in TABLE],
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_every_container_gives_the_same_scores(answer: Any) -> None:
    scores = as_model(answering(answer))(IMAGES)
    assert scores.dtype == np.float64
    assert scores.flags.c_contiguous
    np.testing.assert_array_equal(scores, TABLE)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "int64", "bool", "bfloat16"])
def test_every_dtype_of_several_columns_becomes_float64(dtype: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes") if dtype == "bfloat16" else np
    answer = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]]).astype(getattr(ml_dtypes, dtype))
    scores = as_model(answering(answer))(IMAGES)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, answer.astype(np.float64))


def test_a_dict_of_numbers_for_each_image_names_the_classes() -> None:
    rows = [dict(zip(("cat", "dog", "fox"), row, strict=True)) for row in TABLE.tolist()]
    model = as_model(answering(rows))
    assert model.class_names is None
    np.testing.assert_array_equal(model(IMAGES), TABLE)
    assert model.class_names == ("cat", "dog", "fox")


def test_dicts_with_other_keys_are_refused() -> None:
    rows = [{"cat": 0.5, "dog": 0.5}, {"cat": 0.5, "fox": 0.5}, {}, {}]
    assert "image 1 has other keys than image 0, which has 'cat', 'dog'" in refusal(rows)
    model = as_model(answering([{"a": 0.1, "b": 0.9}], [{"b": 0.9, "a": 0.1}]))
    model(ONE)
    with pytest.raises(ModelError, match=r"named its classes \('b', 'a'\), but \('a', 'b'\) at its first"):
        model(ONE)


# What cannot be used

Parts = namedtuple("Parts", "scores aux")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "returned None; it has to return an array of scores, one row an image. Does the function end"),
        (object(), "returned an object of type object;"),
        ((row for row in TABLE), "returned an object of type generator;"),
        ({"loss": 1, "p": TABLE}, "a dict with the keys 'loss', 'p'; it has to return an array of"),
        ({"probs": TABLE, "scores": TABLE}, "for example lambda images: model(images)['probs']"),
        (OrderedDict(p=TABLE, q=TABLE), "a OrderedDict with the keys 'p', 'q'"),
        ({}, "a dict with the keys ;"),
        ([{"scores": [1, 2], "label": 3}], "for each image a dict with the keys 'scores', 'label'"),
        (Parts(TABLE, TABLE), "a Parts of 2 arrays of shapes (4, 3), (4, 3). Return the one with the scores"),
        ([TABLE, TABLE[:, :2]], "a list of 2 arrays of shapes (4, 3), (4, 2)"),
        ([[0.5, 0.5], [1.0]], "a list whose rows do not have one length: from 1 to 2 values"),
        (TABLE.astype(complex), "an array of dtype complex128; scores have to be real numbers"),
        (np.array([object()] * 4), "an array of objects such as an object of type object;"),
        (np.array(["2020-01-01"] * 4, "M8[D]"), "an array of dtype datetime64[D];"),
        ([], "but it returned (0,)"),
        (np.zeros((4, 0)), "but it returned (4, 0)"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_an_answer_without_a_table_of_numbers_is_refused_in_its_own_words(answer: Any, told: str) -> None:
    assert told in refusal(answer)


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        (np.array([3, 1, 2, 0]), "whole numbers (int64)"),
        (np.array([[1], [0], [1], [1]], np.uint8), "whole numbers (uint8)"),
        (np.array([True, False, True, True]), "whole numbers (bool)"),
        ([1, 0, 1, 1], "whole numbers (int64)"),
        (np.array(["cat", "dog", "cat", "cat"]), "text such as 'cat'"),
        (np.array(["cat", "dog", "cat", "cat"], object), "text such as 'cat'"),
        (["cat", "dog", "cat", "cat"], "text such as 'cat'"),
        (pd.Series(["cat", "dog", "cat", "cat"]), "text such as 'cat'"),
    ],
)
def test_classes_are_refused_and_predict_proba_is_named(answer: Any, held: str) -> None:
    assert refusal(answer) == (
        f"this returns classes, not scores: one column of {held}. Give predict_proba instead of predict, or, "
        "if these are scores, return them as floats. [model-classes]"
    )


def test_nan_and_infinity_are_counted_and_placed() -> None:
    bad = TABLE.copy()
    bad[1, 2], bad[3] = np.nan, [np.inf, -np.inf, 0]
    assert refusal(bad).startswith(
        "3 of the model's 12 scores are NaN or infinite: in 2 images, the first being image 1 of a batch of "
        "4 images of shape (6, 5, 3), uint8. Look for"
    )
    assert "1 of the model's 4 scores" in refusal([0.5, None, 0.5, 0.5])


@pytest.mark.parametrize(
    ("answer", "images", "hint"),
    [
        (TABLE[:3], IMAGES, "(3, 3)."),
        (TABLE[[0, 1, 2, 3, 0]], IMAGES, "(5, 3)."),
        (TABLE.T, IMAGES, "(3, 4). It seems to be transposed: return scores.T."),
        (
            TABLE[0],
            ONE,
            "(3,). It seems to drop the batch axis of a single image: return scores[np.newaxis].",
        ),
        (np.zeros((4, 6, 5)), IMAGES, "(4, 6, 5). A classifier returns one row of scores an image: reduce"),
        (np.float64(0.5), IMAGES, "()."),
    ],
)
def test_another_shape_is_refused_with_both_shapes(answer: Any, images: Any, hint: str) -> None:
    count = f"{len(images)} image{'s' * (len(images) > 1)}"
    told = refusal(answer, images)
    assert told.startswith(
        f"the model was given {count} of shape (6, 5, 3), uint8, and has to return scores of shape "
        f"({len(images)}, n_classes), but it returned {hint}"
    )
    assert told.endswith("[model-shape]")


def test_columns_that_differ_between_calls_are_refused() -> None:
    model = as_model(answering(TABLE, TABLE[:, :2]))
    model(IMAGES)
    with pytest.raises(ModelError, match=r"returned 2 columns of scores, but 3 at its first call"):
        model(IMAGES)


# The model fails, or is rough with what it is given


def test_an_exception_inside_the_model_is_raised_on_with_the_batch() -> None:
    def model(images: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(ModelError) as caught:
        as_model(model)(IMAGES)
    assert str(caught.value) == (
        "the model failed on a batch of 4 images of shape (6, 5, 3), uint8: RuntimeError: mat1 and mat2 "
        "shapes cannot be multiplied [model-failed]"
    )
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes_untouched(kind: type[BaseException]) -> None:
    def model(images: Any) -> Any:
        raise kind

    with pytest.raises(kind):
        as_model(model)(IMAGES)


def test_an_error_of_ours_is_not_wrapped_again() -> None:
    inner = as_model(answering(None))
    with pytest.raises(ModelError, match=r"^the model returned None"):
        as_model(lambda images: inner(images))(IMAGES)


def test_a_model_may_change_the_batch_and_reuse_its_answer() -> None:
    answer = np.zeros((4, 2))

    def model(images: Any) -> Any:
        images /= 2
        answer[:, 0] = images.mean(axis=(1, 2))
        return answer

    checked, images = as_model(model), np.full((4, 6, 5), 8.0)
    first, second = checked(images), checked(images)
    np.testing.assert_array_equal(first[:, 0], 4)
    np.testing.assert_array_equal(second[:, 0], 2)


def test_the_batch_is_handed_over_without_a_copy() -> None:
    given_images: list[Any] = []
    as_model(lambda images: given_images.append(images) or TABLE)(IMAGES)
    assert given_images[0] is IMAGES


# Names, batch size, wrapping again


def test_class_names_have_to_be_one_a_class() -> None:
    told = refusal(TABLE, class_names=["cat", "dog"])
    assert told.startswith("there are 2 class names, but the model returned 3 columns of scores, which is 3")
    told = refusal(COLUMN, class_names=["a", "b", "c"])
    assert "returned 1 column of scores, which is 2 classes" in told


def test_the_name_of_class_1_is_enough_for_one_column() -> None:
    model = as_model(answering(COLUMN), class_names=["pneumonia"])
    model(IMAGES)
    assert model.class_names == ("not pneumonia", "pneumonia")


@pytest.mark.parametrize("names", ["cat", []])
def test_a_text_or_nothing_is_no_list_of_class_names(names: Any) -> None:
    with pytest.raises(OptionError, match="class_names has to be a list of one name a class"):
        as_model(answering(TABLE), class_names=names)


def test_class_names_may_be_an_array() -> None:
    assert as_model(answering(TABLE), class_names=list(np.array(["a", "b", "c"]))).class_names == (
        "a",
        "b",
        "c",
    )


def test_a_batch_size_below_1_is_refused() -> None:
    with pytest.raises(OptionError, match="batch_size must be a whole number from 1 up, but 0 was given"):
        as_model(answering(TABLE), batch_size=0)
    assert as_model(answering(TABLE), batch_size=7).batch_size == 7


def test_options_on_a_checked_model_replace_its_own_and_forget_its_first_answer() -> None:
    first = as_model(answering(COLUMN), class_names=["sick"], batch_size=3)
    first(IMAGES)
    again = as_model(first, output="logit")
    np.testing.assert_array_equal(again(IMAGES), np.stack([-COLUMN, COLUMN], axis=1))
    assert (again.class_names, again.batch_size) == (("not sick", "sick"), 3)
    assert as_model(first, batch_size=5).batch_size == 5
    assert as_model(again, batch_size=5).output == "logit"


def test_a_checked_model_of_a_function_can_be_pickled() -> None:
    model = as_model(np.mean)
    assert repr(pickle.loads(pickle.dumps(model))) == repr(model)


def test_a_function_that_makes_the_model_is_told_from_the_model() -> None:
    def network() -> object:
        return lambda images: images.mean(axis=(1, 2))

    with pytest.raises(ModelError, match="looks like a function that makes the model: give what it returns"):
        as_model(network)(np.zeros((2, 4, 4)))
