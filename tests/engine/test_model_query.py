"""Asking the model: which targets, which masks, how often."""

import threading

import numpy as np
import pytest

from sightline._batch_sizes import default_batch_size
from sightline.engine.fills import Colour, draw_fill
from sightline.engine.model_query import Classes, ModelQuery, Top, target_matrix
from sightline.errors import ModelError, OptionError, TargetError
from sightline.types import Contrast, Segments
from support import unchecked


def brightness(images: np.ndarray) -> np.ndarray:
    """Two classes: the mean of the left half, and of the right."""
    half = images.shape[2] // 2
    sides = images[:, :, :half], images[:, :, half:]
    return np.stack([side.reshape(len(images), -1).mean(axis=1) for side in sides], axis=1)


def asker(model=brightness, draws: int = 1, batch_size: int = 4, **options) -> ModelQuery:
    image = np.random.default_rng(0).random((4, 6))
    segments = Segments(np.arange(24).reshape(4, 6) // 4)
    hidden = np.arange(1.0, draws + 1)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((4, 6, 1))
    return ModelQuery(model, image, hidden, segments, batch_size, **options)


@pytest.mark.parametrize(
    ("k", "expected"), [(1, (2,)), (2, (2, 0)), (3, (2, 0, 1)), (4, (2, 0, 1, 3)), (99, (2, 0, 1, 3))]
)
def test_top_is_the_highest_classes_and_ties_keep_the_model_s_order(k, expected):
    targets = Top(k=k)(np.array([0.3, 0.1, 0.5, 0.1]))
    assert targets == expected
    assert all(type(target) is int for target in targets)


def test_top_of_none_is_refused():
    with pytest.raises(OptionError, match="k of Top must be a whole number from 1 up, but 0 was given"):
        Top(k=0)


def test_classes_are_kept_in_order():
    chosen = Classes(3, Contrast(3, 1), 0)
    assert chosen(np.zeros(4)) == (3, Contrast(3, 1), 0)
    assert repr(chosen) == "Classes(3, Contrast(a=3, b=1), 0)"


def test_classes_are_compared_by_what_they_name():
    assert Classes(1, 2) == Classes(1, 2)
    assert hash(Classes(1, 2)) == hash(Classes(1, 2))
    assert Classes(1, 2) != Classes(2, 1)
    assert Classes(1) != (1,)


@pytest.mark.parametrize(
    ("targets", "named"), [((4,), 4), ((-1,), -1), ((Contrast(0, 7),), 7), ((0, Contrast(9, 0)), 9)]
)
def test_a_class_that_the_model_does_not_have_is_refused(targets, named):
    with pytest.raises(TargetError, match=rf"has classes 0 to 3, but class {named} was asked for") as caught:
        Classes(*targets)(np.zeros(4))
    assert caught.value.slug == "target-unknown"


def test_no_class_at_all_is_refused():
    with pytest.raises(TargetError, match="at least one class"):
        Classes()


def test_the_chooser_picks_columns_and_differences():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    matrix = target_matrix((2, Contrast(1, 0)), 3)
    assert scores @ matrix == pytest.approx(np.array([[0.2, 0.6], [0.2, -0.2]]))


def test_a_class_beside_itself_is_refused():
    with pytest.raises(OptionError, match=r"Contrast\(2, 2\) is a class beside itself"):
        Contrast(2, 2)


def test_a_target_is_numbered_or_named_and_nothing_else():
    told = unchecked.run(
        "import sightline as sl\n"
        "for build in (lambda: sl.Classes(0.5), lambda: sl.Contrast(None, 1)):\n"
        "    try: build()\n"
        "    except sl.SightlineError as error: print(error)\n"
    )
    assert "Classes takes class numbers, names and contrasts, but 0.5 was given" in told
    assert "Contrast takes the numbers or names of two classes, but None was given" in told


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((64, 64), "uint8", 256),
        ((224, 224, 3), "float32", 27),
        ((224, 224, 3), "uint8", 111),
        ((4000, 4000, 3), "float64", 1),
    ],
)
def test_a_usual_batch_is_at_most_16_mib(shape, dtype, expected):
    image = np.zeros(shape, dtype)
    assert default_batch_size(image) == expected
    assert expected == 1 or expected * image.nbytes <= 16 << 20


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_the_ends_are_the_image_and_the_mean_over_what_hides_it(batch_size):
    made = asker(draws=3, batch_size=batch_size)
    full, empty = made.endpoint_scores()
    assert full == pytest.approx(brightness(made.image[np.newaxis])[0])
    assert empty == pytest.approx([2.0, 2.0])
    assert made.calls == 4


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("draws", [1, 3])
def test_a_mask_s_score_is_the_mean_over_the_draws(draws, batch_size, rng):
    made = asker(draws=draws, batch_size=batch_size)
    keep = rng.random((7, 6)) < 0.5
    values = made.score_masks(keep, np.eye(2), {})
    visible = keep[:, made.segments.labels]
    images = [np.where(visible, made.image, draw[..., 0]) for draw in made.draws]
    assert values == pytest.approx(np.mean([brightness(one) for one in images], axis=0))
    assert made.calls == 7 * draws


def test_what_is_known_is_not_asked_again_and_equal_rows_are_asked_once(rng):
    made, known = asker(), {}
    keep = rng.random((5, 6)) < 0.5
    first = made.score_masks(keep, np.eye(2), known)
    assert made.calls == 5
    again = made.score_masks(np.concatenate([keep, keep[::-1], ~keep[:1], ~keep[:1]]), np.eye(2), known)
    assert made.calls == 6
    assert again[:5] == pytest.approx(first, abs=0)
    assert again[5:10] == pytest.approx(first[::-1], abs=0)
    assert again[10] == pytest.approx(again[11], abs=0)


def large_asker(model, **options) -> ModelQuery:
    """Whose batches of 4 images are large enough to be made by another thread."""
    image = np.random.default_rng(0).random((192, 192))
    segments = Segments(np.arange(192 * 192).reshape(192, 192) // 2304)
    return ModelQuery(model, image, np.zeros((1, 192, 192, 1)), segments, 4, **options)


def test_the_next_batch_is_made_while_the_model_is_asked_and_the_scores_stay_the_same(rng):
    threads = []

    def model(images: np.ndarray) -> np.ndarray:
        threads.append([one.name for one in threading.enumerate()])
        assert threading.current_thread() is threading.main_thread()
        return brightness(images)

    keep = rng.random((31, 16)) < 0.5
    made = large_asker(model)
    values = made.score_masks(keep, np.eye(2), {})
    images = np.where(keep[:, made.segments.labels], made.image, 0.0)
    assert values == pytest.approx(brightness(images), abs=0)
    assert made.calls == 31
    assert sum("sightline-batches_0" in names for names in threads) == 8
    assert not any(one.name.startswith("sightline-batches") for one in threading.enumerate())


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
def test_a_model_that_is_interrupted_leaves_no_thread_behind(raised):
    asked = []

    def model(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        if len(asked) == 3:
            raise raised
        return brightness(images)

    with pytest.raises(raised):
        large_asker(model).score_masks(np.random.default_rng(1).random((30, 16)) < 0.5, np.eye(2), {})
    assert len(asked) == 3
    assert not any(one.name.startswith("sightline-batches") for one in threading.enumerate())


def test_no_masks_are_no_scores():
    values = asker().score_masks(np.zeros((0, 6), dtype=bool), np.eye(2), {})
    assert values.shape == (0, 2)


def test_a_model_that_gives_the_same_answer_repeats_itself():
    made = asker()
    full, _ = made.endpoint_scores()
    assert not made.repeatability(full).any()
    assert made.repeatability(full + np.array([0.25, -0.5])) == pytest.approx([0.25, 0.5])


def test_the_model_may_change_what_it_is_given():
    def rude(images: np.ndarray) -> np.ndarray:
        scores = brightness(images)
        images[...] = -1
        return scores

    polite, changed = asker(), asker(model=rude)
    image, draws = changed.image.copy(), changed.draws.copy()
    keep = np.random.default_rng(1).random((9, 6)) < 0.5
    full, _ = changed.endpoint_scores()
    assert changed.score_masks(keep, np.eye(2), {}) == pytest.approx(polite.score_masks(keep, np.eye(2), {}))
    assert not changed.repeatability(full).any()
    assert np.array_equal(changed.image, image)
    assert np.array_equal(changed.draws, draws)


def test_the_model_sees_the_image_s_own_shape_and_dtype_and_no_more_than_a_batch():
    seen = []

    def model(images: np.ndarray) -> np.ndarray:
        seen.append((images.shape, images.dtype))
        return images.reshape(len(images), -1)[:, :2].astype(np.float16)

    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    segments = Segments(np.arange(24).reshape(4, 6) // 8)
    made = ModelQuery(model, image, draw_fill(image, segments, Colour(0)), segments, 2)
    made.endpoint_scores()
    made.score_masks(np.random.default_rng(0).random((5, 3)) < 0.5, np.eye(2), {})
    assert {dtype for _, dtype in seen} == {np.dtype(np.uint8)}
    assert {shape[1:] for shape, _ in seen} == {(4, 6)}
    assert max(shape[0] for shape, _ in seen) == 2


def test_every_answer_is_ticked():
    ticks = []
    made = asker(draws=2, batch_size=2, tick=ticks.append)
    made.endpoint_scores()
    made.score_masks(np.eye(6, dtype=bool)[:3], np.eye(2), {})
    assert ticks == [2, 1, 2, 1, 2, 1]
    assert sum(ticks) == made.calls


@pytest.mark.parametrize(
    ("answer", "returned"),
    [(np.zeros(2), r"\(2,\)"), (np.zeros((3, 2)), r"\(3, 2\)"), (np.zeros((2, 2, 2)), r"\(2, 2, 2\)")],
)
def test_an_answer_of_another_shape_is_refused(answer, returned):
    made = asker(model=lambda images: answer)
    with pytest.raises(ModelError, match=r"given 2 images of shape \(4, 6\)") as caught:
        made.endpoint_scores()
    assert f"return scores of shape (2, n_classes), but it returned {returned}".replace("\\", "") in str(
        caught.value
    )
    assert caught.value.slug == "model-shape"
