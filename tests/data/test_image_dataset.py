"""Labelled images: taken by place, and split as scikit-learn splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from sightline.data import ArrayDataset
from sightline.errors import ImageError, OptionError


def numbered(count: int, classes: int = 3) -> ArrayDataset:
    """Images whose only pixel is their number."""
    images = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    return ArrayDataset(images, np.arange(count) % classes, tuple("abcdefgh"[:classes]))


def numbers(images: ArrayDataset) -> list[int]:
    return images.images.ravel().astype(int).tolist()


def test_one_place_gives_an_image_and_its_label():
    image, label = numbered(7)[5]
    assert image.shape == (1, 1, 1)
    assert (image.item(), label) == (5.0, 2)
    assert numbered(7)[-1][1] == 0


def test_several_places_give_labelled_images_of_the_same_classes():
    images = numbered(7)
    for which in (slice(1, 6, 2), [1, 3, 5], np.array([1, 3, 5]), np.arange(7) % 2 == 1):
        taken = images[which]
        assert numbers(taken) == [1, 3, 5]
        assert taken.labels.tolist() == [1, 0, 2]
        assert taken.class_names == ("a", "b", "c")
    assert len(images[:0]) == 0


def test_it_can_be_looped_over():
    assert [label for _, label in numbered(4)] == [0, 1, 2, 0]


@given(st.integers(4, 60), st.floats(0.3, 0.7), st.integers(0, 9))
def test_it_splits_as_the_tutorial_does(count, train, seed):
    batch = numbered(count)
    first, second = batch.split(train=train, seed=seed)
    images, labels = batch.images, batch.labels
    expected = train_test_split(images, labels, train_size=train, random_state=seed)
    found = (first.images, second.images, first.labels, second.labels)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_stratified_split_keeps_the_classes_in_proportion():
    first, second = numbered(30).split(train=0.6, seed=4, stratify=True)
    assert np.bincount(first.labels).tolist() == [6, 6, 6]
    assert np.bincount(second.labels).tolist() == [4, 4, 4]
    assert sorted(numbers(first) + numbers(second)) == list(range(30))


@pytest.mark.parametrize("train", [0.0, 1.0, 1.5, -0.2, 30, 0])
def test_a_split_that_leaves_nothing_is_refused(train):
    with pytest.raises(OptionError, match=rf"^30 images of 3 classes cannot be split with train={train},"):
        numbered(30).split(train=train)


def test_a_stratified_split_of_too_few_images_is_refused():
    with pytest.raises(OptionError, match=r"4 images of 3 classes cannot be split with .*stratify=True"):
        numbered(4).split(stratify=True)


def test_its_repr_is_one_line_however_large_it_is():
    assert repr(numbered(7)) == "Labelled(7 images of 1×1×1 float32, 3 classes: a, b, c)"
    many = ArrayDataset(np.zeros((900, 30, 20, 3), np.uint8), np.zeros(900, int), tuple("abcdefgh"))
    assert repr(many) == "Labelled(900 images of 30×20×3 uint8, 8 classes: a, b, c, …)"
    assert repr(many[:0]) == "Labelled(0 images of 30×20×3 uint8, 8 classes: a, b, c, …)"


def test_each_image_needs_one_label():
    with pytest.raises(ImageError, match="2 images and 3 labels were given: each image needs one label"):
        # Shapes are wrong on purpose, so the type check must not answer first.
        ArrayDataset.__post_init__(_unchecked(np.zeros((2, 1, 1, 1)), np.zeros(3, int), ("a",)))


@pytest.mark.parametrize("labels", [[0, 2], [-1, 1]])
def test_each_label_needs_a_name(labels):
    with pytest.raises(
        ImageError, match=rf"0 to 1, places in the 2 class names, but they go from {labels[0]}"
    ):
        ArrayDataset(np.zeros((2, 1, 1, 1)), np.array(labels), ("a", "b"))


def _unchecked(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> ArrayDataset:
    made = object.__new__(ArrayDataset)
    for name, value in (("images", images), ("labels", labels), ("class_names", names)):
        object.__setattr__(made, name, value)
    return made
