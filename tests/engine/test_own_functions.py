"""What users' own functions do as options: right answers are taken, wrong ones named with their option."""

from typing import Any

import numpy as np
import pytest

import sightline as sl
from sightline.engine.own_functions import chosen_targets, drawn_masks
from sightline.errors import ImageError, OptionError, SegmentError, SightlineError, TargetError
from sightline.types import Masks, Scores
from support import unchecked

IMAGE = np.linspace(0, 1, 64).reshape(8, 8)
CLASSES = np.array([0.2, 0.5, 0.3])


def model(images: np.ndarray) -> np.ndarray:
    bright = images[:, :4].mean(axis=(1, 2))
    return np.stack([bright, 1 - bright], axis=1)


class Attributing:
    """An attribution of one's own, as a function."""

    sample = sl.Plan(sample="fold-over").sample

    def __init__(self, function: Any) -> None:
        self.function = function
        self.__name__ = function.__name__

    def __call__(self, *given: Any) -> Any:
        return self.function(*given)


def own(option: str, function: Any) -> dict[str, Any]:
    return {option: Attributing(function) if option == "attribute" else function}


def explain(**given: Any) -> sl.Explanation:
    usual = {"segment": "grid:rows=2,columns=4", "fill": "colour", "budget": 40, "progress": False}
    return sl.explain(IMAGE, model, **usual | given)


def fails(*given: object) -> Any:
    return {"a": 1}["my own mistake"]


@pytest.mark.parametrize("option", ["segment", "fill", "sample", "target", "attribute"])
def test_a_function_that_fails_is_named_with_its_option_and_keeps_its_own_error(option: str) -> None:
    with pytest.raises(OptionError, match=rf"^{option}=fails failed: KeyError: 'my own mistake'\.") as caught:
        explain(**own(option, fails))
    assert caught.value.slug == "option-failed"
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    frames = []
    traceback = cause.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames[-1] == "fails"


@pytest.mark.parametrize("option", ["segment", "fill", "sample", "target", "attribute"])
def test_a_function_of_another_number_of_arguments_is_told_what_it_takes(option: str) -> None:
    with pytest.raises(OptionError, match=rf"{option}=.* failed: TypeError: .*It takes .*returns"):
        explain(**own(option, lambda: 0))


@pytest.mark.parametrize(
    ("option", "answer", "kind"),
    [
        ("segment", None, SegmentError),
        ("segment", "text", SegmentError),
        ("segment", np.full((8, 8), np.nan), SegmentError),
        ("segment", [[0], [0, 1]], SegmentError),
        ("segment", np.zeros((8, 9), int), SegmentError),
        ("segment", np.zeros((8, 8), "O"), SegmentError),
        ("fill", None, ImageError),
        ("fill", np.full((8, 8), np.nan), ImageError),
        ("fill", np.full((8, 8), "a"), ImageError),
        ("fill", [[0], [0, 1]], ImageError),
        ("fill", np.full((8, 8), 1j), ImageError),
        ("sample", None, OptionError),
        ("sample", np.ones((3, 8), bool), OptionError),
        ("sample", "text", OptionError),
        ("target", None, TargetError),
        ("target", [], TargetError),
        ("target", 2, TargetError),
        ("target", [0, -1], TargetError),
        ("target", "text", TargetError),
        ("target", 0.5, TargetError),
        ("target", [np.nan], TargetError),
        ("attribute", None, OptionError),
        ("attribute", np.zeros((1, 8)), OptionError),
        ("attribute", "text", OptionError),
    ],
)
def test_a_function_that_returns_something_else_is_named(option: str, answer: object, kind: type) -> None:
    with pytest.raises(kind, match=r"returned|segment ids must be integers|give one id"):
        explain(**own(option, lambda *given: answer))


def test_what_is_written_otherwise_but_means_a_target_is_taken() -> None:
    for answer in (1, np.int64(1), [1], (1,), np.array([1])):
        assert chosen_targets(lambda classes, answer=answer: answer, CLASSES) == (1,)
    assert chosen_targets(lambda classes: [sl.Contrast(1, 2), 0], CLASSES) == (sl.Contrast(1, 2), 0)
    assert explain(target=lambda classes: int(classes.argmin())).targets == (0,)


def test_a_fill_may_return_a_tensor_and_gives_what_the_array_gives() -> None:
    torch = pytest.importorskip("torch")
    array = explain(fill=lambda image, segments: np.zeros(image.shape))
    tensor = explain(
        fill=lambda image, segments: torch.zeros(image.shape, dtype=torch.float64, requires_grad=True)
    )
    np.testing.assert_array_equal(array.attribution.values, tensor.attribution.values)


def test_the_errors_of_the_library_and_warnings_pass_through_a_users_function() -> None:
    def strict(masks: Masks, scores: Scores) -> Any:
        raise SightlineError("too strict.", slug="option-value")

    with pytest.raises(SightlineError, match=r"^too strict\. \[option-value\]$"):
        explain(**own("attribute", strict))


@pytest.mark.slow
def test_masks_of_zeros_and_ones_are_those_of_truth_values() -> None:
    code = """
    import numpy as np, sightline as sl
    from sightline.types import Attribution, Masks
    image = np.linspace(0, 1, 64).reshape(8, 8)
    def model(images):
        bright = images[:, :4].mean(axis=(1, 2))
        return np.stack([bright, 1 - bright], axis=1)
    def ask(**given):
        usual = dict(segment="grid:rows=2,columns=4", fill="colour", budget=40, progress=False)
        try:
            return sl.explain(image, model, **usual | given)
        except sl.SightlineError as error:
            return f"{error.slug}: {error}"
    def sampler(kind=bool, weight=None):
        def sample(segments, rows, rng):
            keep = (rng.random((rows, segments)) < 0.5).astype(kind)
            return Masks(keep, np.ones(rows) if weight is None else np.full(rows, weight))
        return sample
    usual = ask(sample=sampler()).attribution.values
    for kind in (int, float):
        assert np.array_equal(ask(sample=sampler(kind)).attribution.values, usual), kind
    for bad in (sampler(weight=np.nan), sampler(weight=-1.0), sampler(weight=0.0), sampler(weight="a")):
        assert "weight has to be" in ask(sample=bad), ask(sample=bad)
    for keep in (np.full((3, 8), 2), np.full((3, 8), "a"), np.zeros(8, bool), None):
        assert "returned" in ask(sample=lambda *given: Masks(keep, np.ones(3))), keep
    def attribute(**changed):
        fine = dict(values=np.ones((1, 8)), error=np.ones((1, 8)), base=np.zeros(1), fit=np.ones(1))
        return lambda masks, scores: Attribution(**fine | changed)
    assert ask(attribute=attribute(), sample="fold-over").attribution.values.tolist() == [[1.0] * 8]
    for changed in ({"values": np.ones((1, 7))}, {"values": None}, {"values": np.full((1, 8), np.nan)},
                    {"error": -np.ones((1, 8))}, {"error": np.full((1, 8), np.nan)},
                    {"base": 0.0}, {"fit": "a"}):
        told = ask(attribute=attribute(**changed), sample="fold-over")
        assert told.startswith("option-failed: attribute="), (changed, told)
    """
    unchecked.run("\n".join(line[4:] for line in code.splitlines()))


def test_no_masks_at_all_are_masks() -> None:
    empty = Masks(np.zeros((0, 3), bool), np.zeros(0))
    assert drawn_masks(lambda *given: empty, 3, 5, np.random.default_rng(0)).keep.shape == (0, 3)
