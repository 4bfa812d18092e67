"""A grid of images: what it takes, how many it reads and shows, and what labels are called."""

import numpy as np
import pytest

from sightline import figures
from sightline.data import ArrayDataset
from sightline.errors import OptionError
from support.drawn_figures import texts, tiles

BATCH = (np.random.default_rng(0).random((32, 6, 5, 3)), np.arange(32) % 3)


def shown(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(("images", "titles"), [(0, 0), (2, 3)])
def test_unequal_numbers_are_refused(images, titles):
    with pytest.raises(OptionError, match=rf"{images} images and {titles} titles were given") as caught:
        figures.plot_images([np.zeros((4, 4))] * images, ["a"] * titles)
    assert caught.value.slug == "figure-number"


def test_a_grid_has_rows_of_five_with_each_title_over_its_image(rng):
    images = [rng.random((28, 28)) for _ in range(15)]
    figure = figures.plot_images(images, range(15), heading="Fifteen")
    assert texts(figure) == ["Fifteen", *map(str, range(15))]
    places = [image.get_extent() for axes in figure.axes for image in axes.images]
    assert len({left for left, *_ in places}) == 5
    assert len({top for *_, top in places}) == 3
    for title, (left, _, _, top) in zip(figure.axes[0].texts[1:], places, strict=True):
        x, y = title.get_position()
        assert x == left
        assert 0 < top - y < 40


def test_a_grid_takes_images_of_any_size_dtype_and_number_of_channels(rng):
    images = [
        rng.random((28, 28)),
        rng.integers(0, 256, (300, 90, 3)).astype(np.uint8),
        rng.integers(0, 256, (40, 400, 4)).astype(np.uint8),
        rng.normal(size=(64, 64, 1)),
    ]
    assert len(tiles(figures.plot_images(images, "abcd"))) >= 3


@pytest.mark.parametrize(
    "data",
    [
        BATCH,
        (list(BATCH[0]), BATCH[1][:, np.newaxis].astype(np.float32)),
        zip(*BATCH, strict=True),
        ArrayDataset(*BATCH, ("a", "b", "c")),
    ],
    ids=["arrays", "keras binary", "pairs", "labelled"],
)
def test_a_batch_is_three_rows_of_five_under_their_classes(data):
    figure = figures.plot_images(data, class_names=["a", "b", "c"])
    assert shown(figure) == list("abcabcabcabcabc")
    assert len(tiles(figure)) == 15


def test_a_batch_names_its_own_classes_and_reads_no_more_than_it_shows():
    read = []

    class Reading:
        class_names = ("well", "ill")

        def __iter__(self):
            for i in range(1000):
                read.append(i)
                yield np.eye(4), i % 2

    assert shown(figures.plot_images(Reading(), rows=1, columns=4)) == ["well", "ill", "well", "ill"]
    assert read == [0, 1, 2, 3]


def test_labels_without_names_are_numbers_and_strange_ones_are_refused():
    assert shown(figures.plot_images(BATCH, rows=1)) == ["0", "1", "2", "0", "1"]
    with pytest.raises(OptionError, match="a label is 2, but there are 2 class names"):
        figures.plot_images(BATCH, class_names=["a", "b"])
    with pytest.raises(OptionError, match=r"one is 'cat'. sightline.data.batches makes them"):
        figures.plot_images(([np.eye(3)], ["cat"]))
    with pytest.raises(OptionError, match="needs images"):
        figures.plot_images(([], []))


def test_rows_are_the_most_that_are_shown():
    assert len(tiles(figures.plot_images(list(BATCH[0]), range(32), rows=2, columns=4))) == 8


def test_images_without_labels_are_drawn_without_words():
    assert shown(figures.plot_images([np.eye(8), np.ones((8, 8))])) == ["", ""]
    assert shown(figures.plot_images(np.ones((3, 8, 8, 3)))) == ["", "", ""]
    with pytest.raises(OptionError, match=r"'a.png' names a file.*read_image"):
        figures.plot_images(["a.png", "b.png"])


def test_batches_of_loaders_and_data_sets_are_labelled_images():
    torch = pytest.importorskip("torch")
    images, labels = torch.rand(6, 3, 8, 12), torch.arange(6) % 2
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=4)
    expected = ["0", "1", "0", "1", "0", "1"]
    assert shown(figures.plot_images(loader)) == expected
    assert shown(figures.plot_images(next(iter(loader)))) == expected[:4]


def test_of_images_that_lie_class_by_class_every_class_is_shown():
    images, labels = np.zeros((40, 8, 8, 1)), np.repeat([0, 1], 20)
    data = ArrayDataset(images, labels, ("well", "ill"))
    assert set(shown(figures.plot_images(data, rows=1))) == {"well", "ill"}
