"""Whether values are what annotations say, and what that is called."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest
from jaxtyping import Bool, Float, Int, Shaped

from sightline import explain
from sightline._hints import axis_sizes, fits_hint, hint_words
from sightline.errors import FileError
from sightline.regions import grid
from sightline.types import Contrast, Segments
from support import unchecked

SEGMENTS = Segments(np.zeros((2, 2), int))


@pytest.mark.parametrize(
    ("hint", "fits", "others"),
    [
        (int, [3, np.int64(3)], [3.0, True, "3", None, np.zeros(2)]),
        (float | int, [3, 0.5, np.float32(2)], [float("nan"), float("inf"), "1", None, True]),
        (bool, [True, np.True_], [1, "yes", None]),
        (str | None, ["a", None], [b"a", 3]),
        (int | Literal["auto"] | None, [3, "auto", None], ["other", np.array([]), 0.5]),
        (Segments, [SEGMENTS], ["a", None, np.zeros((2, 2), int)]),
        ("Segments | None", [SEGMENTS, None], ["a", 3]),
        ("Sequence[Segments]", [[SEGMENTS], (), [SEGMENTS] * 9], ["a", [3], {}]),
        (Sequence[str], [["a"], (), ("a", "b")], ["ab", [1], {"a"}, 3, np.zeros(2), np.array(3)]),
        (Iterable[str], [["a"], {"a"}, iter("ab")], [3, "ab"]),
        (tuple[int, int, int], [(1, 2, 3), [1, 2, 3]], [(), (1, 2), (1, 2, "3"), {1, 2, 3}]),
        (tuple[float, ...] | None, [(1, 2.5), (), None], [("a",), 3]),
        (Mapping[str, int], [{"a": 1}], [["a"], None]),
        (Callable[..., Any], [len, Segments], [3, None]),
        (
            Float[np.ndarray, "H W"],
            [np.zeros((2, 3)), np.zeros((2, 3), int)],
            [np.zeros(2), "a", [[0.0]], None],
        ),
        (Bool[np.ndarray, "S"], [np.zeros(3, bool)], [np.zeros(3), np.zeros((3, 3), bool)]),
        (Int[np.ndarray, "..."], [np.zeros((), int), np.zeros((2, 2), bool)], [np.zeros(2), np.array(["a"])]),
        (Shaped[np.ndarray, "N"], [np.zeros(2), np.array(["a"])], [np.zeros((2, 2)), 3]),
        (int | str | Contrast, [1, "a", Contrast(0, 1)], [0.5, np.zeros(2)]),
        (Any, [None, 3, "a"], []),
        (object, [None, 3, "a"], []),
    ],
)
def test_a_value_fits_what_is_annotated_or_does_not(hint: Any, fits: list[Any], others: list[Any]) -> None:
    assert [fits_hint(value, hint) for value in fits] == [True] * len(fits)
    assert [fits_hint(value, hint) for value in others] == [False] * len(others)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int | None, "a whole number or None"),
        (int | Literal["auto"], "a whole number or 'auto'"),
        ("Explanation", "an Explanation"),
        ("Comparison | Sequence[Explanation]", "a Comparison or a list"),
        (Segments, "a Segments"),
        (Sequence[str], "a list"),
        (Callable[..., Any], "a function"),
        (Bool[np.ndarray, "S"], "an array of truth values, shape (S,)"),
        (Shaped[np.ndarray, "..."], "an array"),
        (Any, ""),
    ],
)
def test_an_annotation_is_said_in_words(hint: Any, words: str) -> None:
    assert hint_words(hint) == words


def test_axes_are_known_by_their_letters() -> None:
    assert axis_sizes(np.zeros((2, 3)), Float[np.ndarray, "H W"]) == {"H": 2, "W": 3}
    assert axis_sizes(np.zeros(2), Float[np.ndarray, "..."]) == axis_sizes("a", int) == {}


@pytest.mark.slow
def test_a_function_that_fails_says_which_argument_is_of_another_kind_and_no_other_error_is_touched() -> None:
    unchecked.run(
        """
import numpy as np, sightline as sl
from jaxtyping import Float
from sightline._arguments import clear_arguments
def told(function, *given, **named):
    try:
        function(*given, **named)
    except sl.SightlineError as error:
        return str(error), type(error.__cause__)
@clear_arguments
def add(one: Float[np.ndarray, "S"], two: Float[np.ndarray, "S"], *, by: int = 1) -> object:
    return one + two / by
a = np.zeros(3)
assert add(a, a).tolist() == [0, 0, 0]
text, cause = told(add, a, "x")
assert text == "two of add() must be an array of numbers, shape (S,), but 'x' was given. [option-value]", text
assert issubclass(cause, TypeError)
assert told(add, a, np.zeros(4)) == (
    "one and two of add() must agree in S, but have 3 and 4. [option-value]", ValueError)
assert told(add, a, a, by="x")[0].startswith("by of add() must be a whole number, but 'x'")
try:
    @clear_arguments
    def own(one: int) -> None: raise KeyError("mine")
    own(3)
except KeyError as error:
    assert error.args == ("mine",)
square = sl.Segments(np.zeros((2, 2), int))
for call, begins in (
    (lambda: sl.figures.plot_bars("x"), "explanation of plot_bars() must be an Explanation, but 'x'"),
    (lambda: sl.faithfulness.deletion(None, None), "explanation of deletion() must be an Explanation, but"),
    (lambda: sl.Explanation.load(None), "path of Explanation.load() must be text or a Path, but None"),
    (lambda: sl.data.drawn_faces(2, shortcut=0), "shortcut of drawn_faces() must be a Shortcut or None, but"),
    (lambda: sl.Plan(budget=np.ones(3)), "budget of Plan must be a whole number or 'auto', but an array"),
    (lambda: sl.render.segment_heatmap("x", square), "values of segment_heatmap() must be an array of num"),
    (lambda: sl.Segments.renumber("x"), "labels of Segments.renumber() must be an array, shape (H, W), but"),
    (lambda: sl.data.ArrayDataset(a, 3, None), "images and labels must be one of each an image"),
):
    text = told(call)[0]
    assert text.startswith(begins), text
""".strip()
    )


@pytest.mark.parametrize("path", ["", ".", "a\0b"])
def test_what_is_no_name_of_a_file_is_refused_wherever_something_is_written(path: str) -> None:
    with pytest.raises(FileError, match=r"\[regions-save\]|\[regions-file\]"):
        grid(2, 2).save(path)
    made = explain(np.eye(8), lambda some: some[:, :2, 0], segment="grid", fill="colour", budget=200)
    with pytest.raises(FileError, match=r"\[file-write\]"):
        made.save(path)
