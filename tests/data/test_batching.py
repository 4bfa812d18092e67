"""Batches of labelled images from whatever holds them."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from sightline.data import ArrayDataset, ImageFormat, batches, open_folder
from sightline.data.items import stack_images
from sightline.errors import ImageError, OptionError
from support import xrays

COUNT = 7
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 8, 3), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 0, 2, 2, 1])
NAMES = ("ant", "bee", "cow")


def whole(made):
    """All batches in one, checked for their form."""
    images, labels = zip(*made, strict=True)
    assert all(len(some) == len(few) for some, few in zip(images, labels, strict=True))
    assert all(few.dtype.kind == "i" and few.ndim == 1 for few in labels)
    return np.concatenate(images), np.concatenate(labels)


def same(made, images=IMAGES, labels=LABELS):
    found, truth = whole(made)
    return np.array_equal(found, images) and found.dtype == images.dtype and truth.tolist() == list(labels)


ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
SOURCES = {
    "a pair of arrays": lambda: (IMAGES, LABELS),
    "a list of two": lambda: [IMAGES, LABELS.tolist()],
    "one-hot labels": lambda: (IMAGES, ONE_HOT),
    "a column of labels": lambda: (IMAGES, LABELS[:, None].astype(np.float32)),
    "names for labels": lambda: (IMAGES, [NAMES[one] for one in LABELS]),
    "a list of arrays": lambda: (list(IMAGES), LABELS),
    "a list of PIL images": lambda: ([Image.fromarray(one) for one in IMAGES], LABELS),
    "Labelled": lambda: ArrayDataset(IMAGES, LABELS, NAMES),
    "a dict of arrays": lambda: {"image": IMAGES, "label": LABELS},
    "rows of one image": lambda: list(zip(IMAGES, LABELS, strict=True)),
    "rows of one-hot labels": lambda: list(zip(IMAGES, ONE_HOT, strict=True)),
    "two batches": lambda: [(IMAGES[:3], LABELS[:3]), (IMAGES[3:], LABELS[3:])],
    "two batches of lists": lambda: ([IMAGES[:3], LABELS[:3].tolist()], [IMAGES[3:], LABELS[3:].tolist()]),
    "a generator": lambda: (pair for pair in zip(IMAGES, LABELS, strict=True)),
    "rows that are dicts": lambda: [
        {"img": Image.fromarray(one), "labels": int(label), "id": 5}
        for one, label in zip(IMAGES, LABELS, strict=True)
    ],
    "batches that are dicts": lambda: iter([{"pixel_values": IMAGES, "labels": ONE_HOT}]),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_source_gives_the_same_images_and_labels(kind, size):
    assert same(batches(SOURCES[kind](), size, class_names=NAMES))


@pytest.mark.parametrize("kind", ["a pair of arrays", "rows of one image", "a generator", "Labelled"])
def test_what_does_not_come_in_batches_gets_the_size_asked_for(kind):
    assert [len(labels) for _, labels in batches(SOURCES[kind](), 3)] == [3, 3, 1]


def test_grey_images_stay_grey_one_by_one_and_in_batches():
    grey = IMAGES[..., 0]
    assert same(batches((grey, LABELS), 3), grey)
    assert same(batches([(grey[:4], LABELS[:4]), (grey[4:], LABELS[4:])]), grey)
    assert same(batches(zip(grey, LABELS, strict=True), 3), grey)


def test_a_source_that_lasts_can_be_gone_through_again():
    made = batches(SOURCES["a pair of arrays"](), 3)
    assert same(made)
    assert same(made)
    assert batches(made) is made


def test_what_is_known_of_the_source_is_said():
    assert batches(ArrayDataset(IMAGES, LABELS, NAMES)).class_names == NAMES
    assert repr(batches(ArrayDataset(IMAGES, LABELS, NAMES))) == (
        "Batches(7 images of sightline's ArrayDataset, classes ant, bee, cow)"
    )
    assert batches((IMAGES, LABELS)).class_names is None
    assert (batches((IMAGES, LABELS)).n_images, batches(iter([])).n_images) == (7, None)


def test_a_folder_comes_with_its_names(shared_data, tmp_path):
    tree = xrays.write(shared_data / "pneumoniamnist.npz", tmp_path, 10, 4) / "train"
    found = open_folder(tree, ImageFormat(mode="rgb"))
    made = batches(found, 4)
    assert (made.class_names, made.n_images) == (("NORMAL", "PNEUMONIA"), 10)
    images, labels = whole(made)
    assert (images.shape, labels.tolist()) == ((10, 28, 28, 3), [0] * 5 + [1] * 5)


def test_names_of_classes_are_taken_by_batches_made_before():
    names = [NAMES[one] for one in LABELS]
    made = batches(batches(SOURCES["a pair of arrays"](), 3), class_names=("x", "y", "z"))
    assert (made.class_names, [len(labels) for _, labels in made]) == (("x", "y", "z"), [3, 3, 1])
    assert same(batches(batches(zip(IMAGES, names, strict=True), 3), class_names=NAMES))


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool])
def test_one_image_as_high_as_there_are_classes_is_no_batch_of_grey_ones(kind):
    one_hot = np.eye(6, dtype=kind)[LABELS]
    assert same(batches(zip(IMAGES, one_hot, strict=True), 4))
    assert same(batches(iter([(IMAGES[..., 0], np.eye(7, dtype=kind)[LABELS])])), IMAGES[..., 0])
    two = (IMAGES[:2, ..., 0], np.array([0, 1], dtype=kind))
    assert same(batches(iter([two])), two[0], [0, 1])


def test_one_image_of_torch_with_as_many_channels_as_classes_is_no_batch():
    torch = pytest.importorskip("torch")
    tensors, truth = torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.eye(3)[torch.from_numpy(LABELS)]
    assert same(batches(zip(tensors, truth, strict=True), 4))
    grey = torch.from_numpy(IMAGES[:3, ..., 0])
    assert same(batches(iter([(grey, torch.tensor([0, 1, 0]))])), IMAGES[:3, ..., 0], [0, 1, 0])


# What is refused


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((IMAGES, None), r"labelled images are needed, but the labels are None\. .*label_mode=None"),
        ([IMAGES[:2], IMAGES[2:]], r"labelled images are needed, but each item is numpy's ndarray alone"),
        ([(IMAGES, None)] * 3, r"but the labels are None"),
        ([{"image": IMAGES[0]}], r"a dict with the keys image has no label: its key must be one of label, l"),
        ([{"view": IMAGES[0], "label": 1}], r"a dict with the keys view, label has no image: its key must"),
        ([(IMAGES, LABELS, LABELS)], r"each item must be \(images, labels\), but one has 3 parts"),
    ],
)
def test_images_without_labels_are_refused(source, words):
    with pytest.raises(ImageError, match=words) as caught:
        list(batches(source))
    assert caught.value.slug == "batches-unlabelled"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.linspace(0, 2, COUNT), r"of the labels given, they are numbers such as 0\.333333"),
        (np.full(COUNT, -1), "some are -1, as data sets mark images whose label is withheld"),
        (np.full(COUNT, np.nan), "some are NaN or infinite"),
        (ONE_HOT * 0.8 + 0.1, "their rows of 3 numbers are not one 1 and zeros"),
        (np.ones((COUNT, 3)), "their rows of 3 numbers are not one 1 and zeros"),
        (np.zeros((COUNT, 0)), r"they have shape \(7, 0\), float64"),
        (np.array([0, None, 1, 0, 1, 1, 0]), "some are missing or are neither numbers nor names"),
        (LABELS[:5], "7 images and 5 labels were given: each image needs one label"),
        (["ant"] * 6 + ["be"], r"no class is named 'be'\. Did you mean 'bee'\?"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, words):
    for source in ((IMAGES, labels), [(IMAGES, labels)]):
        with pytest.raises(ImageError, match=words) as caught:
            list(batches(source, class_names=NAMES))
        assert caught.value.slug == "labels-unfit"


def test_names_for_labels_are_classes_in_their_order_as_those_of_folders_are():
    names = ["cow", *["ant"] * (COUNT - 1)]
    made = batches((IMAGES, names))
    assert made.class_names == ("ant", "cow")
    assert np.concatenate([labels for _, labels in made]).tolist() == [1, *[0] * (COUNT - 1)]
    streamed = batches(zip(IMAGES, names, strict=True), 2)
    assert np.concatenate([labels for _, labels in streamed]).tolist() == names


def test_images_of_several_sizes_are_refused_by_their_places():
    mixed = [(IMAGES[0], 0), (IMAGES[1], 1), (IMAGES[2][:5], 1)]
    with pytest.raises(ImageError, match=r"but image 0 is 6×8×3 uint8 and image 2 is 5×8×3 uint8"):
        list(batches(mixed))
    assert [images.shape for images, _ in batches(mixed, 1)] == [(1, 6, 8, 3)] * 2 + [(1, 5, 8, 3)]


def test_a_generator_that_is_used_up_is_told():
    made = batches(SOURCES["a generator"]())
    list(made)
    with pytest.raises(
        ImageError, match=r"^generator gave no images\. A generator .*: make a new one"
    ) as caught:
        list(made)
    assert caught.value.slug == "batches-empty"


@pytest.mark.parametrize("source", [5, "folder/of/images", IMAGES, None])
def test_what_holds_no_labelled_images_is_refused(source):
    with pytest.raises(OptionError, match=r"is no source of labelled images\. Give \(images, labels\)"):
        batches(source)


def test_several_parts_are_not_one_source():
    with pytest.raises(ImageError, match=r"the keys train, test has no image.*such as data\[\"train\"\]"):
        batches({"train": (IMAGES, LABELS), "test": (IMAGES, LABELS)})


def test_numbers_of_axes_that_are_no_images_are_refused():
    with pytest.raises(ImageError, match=r"must be numbers of shape .* but one has shape \(7, 6, 8, 3, 1\)"):
        list(batches([(IMAGES[..., None], LABELS)]))


def test_a_batch_of_none_is_refused():
    with pytest.raises(OptionError, match="batch_size must be a whole number from 1 up, but 0 was given"):
        batches((IMAGES, LABELS), 0)


def test_images_that_differ_are_not_made_one_batch():
    with pytest.raises(ImageError, match=r"but a is 6×8 uint8 and b is 6×8×3 uint8\. Bring them to one form"):
        stack_images([IMAGES[0, ..., 0], IMAGES[0]], ["a", "b"])
    with pytest.raises(ImageError, match=r"but a is 6×8 uint8 and b is 6×8 uint16"):
        stack_images([IMAGES[0, ..., 0], IMAGES[0, ..., 0].astype(np.uint16)], ["a", "b"])


# torch


def test_a_data_loader_s_tensors_get_their_channels_last():
    torch = pytest.importorskip("torch")
    tensors = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    held = torch.utils.data.TensorDataset(tensors, torch.from_numpy(LABELS))
    expected = (IMAGES / np.float32(255)).astype(np.float32)
    for source in (
        torch.utils.data.DataLoader(held, batch_size=4),
        held,
        (tensors, torch.from_numpy(LABELS)),
    ):
        made = batches(source, 4)
        assert same(made, expected)
        assert made.n_images == 7
        assert [len(labels) for _, labels in made] == [4, 3]


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 12])
def test_the_channels_of_torch_are_moved_however_many_and_however_small_the_image(channels):
    torch = pytest.importorskip("torch")
    tensors = torch.rand(5, channels, 4, 5)
    images, _ = whole(batches((tensors, torch.zeros(5))))
    assert np.array_equal(images, tensors.permute(0, 2, 3, 1).numpy())


def test_torch_tensors_without_channels_or_with_them_last_stay():
    torch = pytest.importorskip("torch")
    for tensors in (torch.rand(3, 6, 8), torch.rand(5, 6, 8, 3), torch.rand(5, 2, 8, 3)):
        images, _ = whole(batches((tensors, torch.zeros(len(tensors)))))
        assert np.array_equal(images, tensors.numpy())


def test_other_dtypes_gradients_and_dicts_of_torch_are_read():
    torch = pytest.importorskip("torch")
    tensors = torch.rand(4, 3, 6, 8, requires_grad=True)
    rows = [{"pixel_values": tensors.bfloat16(), "labels": torch.eye(4)}]
    images, labels = whole(batches(rows))
    assert images == pytest.approx(tensors.detach().permute(0, 2, 3, 1).numpy(), abs=1e-2)
    assert labels.tolist() == [0, 1, 2, 3]


def test_a_data_set_of_torch_without_end_of_its_own_ends_and_names_its_classes():
    torch = pytest.importorskip("torch")

    class Images(torch.utils.data.Dataset):
        """As torchvision's: PIL or tensor by place, no IndexError, names in `classes`."""

        classes = NAMES

        def __len__(self):
            return COUNT

        def __getitem__(self, place):
            return torch.from_numpy(IMAGES[place % COUNT]).permute(2, 0, 1), ONE_HOT[place % COUNT]

    part = torch.utils.data.Subset(Images(), [2, 4])
    for source in (Images(), torch.utils.data.DataLoader(Images(), batch_size=3)):
        assert batches(source).class_names == NAMES
        assert same(batches(source, 3))
    loader = torch.utils.data.DataLoader(part)
    assert (batches(loader).class_names, batches(loader).n_images) == (NAMES, 2)
    assert same(batches(part), IMAGES[[2, 4]], LABELS[[2, 4]])


# Hugging Face


class Feature:
    def __init__(self, names=None):
        self.names = names


class Rows(list):
    """As ``datasets.Dataset`` behaves: rows that are dicts, and features by column."""

    def __init__(self, rows):
        super().__init__(rows)
        self.features = {"image": Feature(), "label": Feature(list(NAMES))}


def test_rows_of_dicts_come_with_the_names_of_their_features():
    rows = Rows(
        {"image": Image.fromarray(one), "label": int(k)} for one, k in zip(IMAGES, LABELS, strict=True)
    )
    made = batches(rows, 3)
    assert (made.class_names, made.n_images) == (NAMES, 7)
    assert same(made)


@pytest.mark.slow
def test_a_data_set_of_hugging_face_is_read():
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = pytest.importorskip("datasets")
        features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=list(NAMES)))
        held = datasets.Dataset.from_dict(
            {"image": [Image.fromarray(one) for one in IMAGES], "label": LABELS.tolist()}, features=features
        )
        made = batches(held, 3)
        assert (made.class_names, made.n_images) == (NAMES, 7)
        assert same(made)
        assert same(batches(held.with_format("torch"), 3))
        assert same(batches(held.to_iterable_dataset(), 3))
        with pytest.raises(ImageError, match="the keys train has no image"):
            batches(datasets.DatasetDict(train=held))


# TensorFlow and Keras


@pytest.mark.slow
def test_a_tf_data_set_is_read_batched_or_not_and_one_without_end_is_refused():
    tf = pytest.importorskip("tensorflow")
    held = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    assert same(batches(held, 3))
    assert same(batches(held.batch(4), 3))
    assert [len(labels) for _, labels in batches(held.batch(4), 3)] == [4, 3]
    assert same(batches(tf.data.Dataset.from_tensor_slices((IMAGES, ONE_HOT)), 3))
    with pytest.raises(OptionError, match="repeats without end"):
        batches(held.repeat())
    with pytest.raises(ImageError, match="labelled images are needed, but each item is"):
        list(batches(tf.data.Dataset.from_tensor_slices(IMAGES)))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["int", "binary", "categorical", None])
def test_what_keras_reads_from_folders_is_read_whatever_its_labels(mode, shared_data, tmp_path):
    utils = pytest.importorskip("keras").utils
    tree = xrays.write(shared_data / "pneumoniamnist.npz", tmp_path, 20, 4) / "train"
    held = utils.image_dataset_from_directory(
        tree, label_mode=mode, shuffle=False, image_size=(28, 28), batch_size=8, verbose=False
    )
    made = batches(held)
    if mode is None:
        with pytest.raises(ImageError, match=r"labelled images are needed.*leave out label_mode=None"):
            list(made)
        return
    assert made.class_names == ("NORMAL", "PNEUMONIA")
    images, labels = whole(made)
    assert labels.tolist() == [0] * 10 + [1] * 10
    assert np.array_equal(images, open_folder(tree, ImageFormat(mode="rgb")).load().images.astype(np.float32))


@pytest.mark.slow
def test_a_keras_py_dataset_is_read_in_its_own_batches():
    utils = pytest.importorskip("keras").utils

    class Images(utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, place):
            rows = slice(place * 4, place * 4 + 4)
            return IMAGES[rows], LABELS[rows]

    assert same(batches(Images()))


def test_a_short_last_batch_of_grey_images_is_no_single_image_with_channels():
    torch = pytest.importorskip("torch")
    images, labels = torch.rand(20, 8, 8), torch.zeros(20)
    labels[:8] = 1
    labels[16:] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    data = torch.utils.data.TensorDataset(images, labels)
    made, truth = whole(batches(torch.utils.data.DataLoader(data, batch_size=8)))
    assert made.shape == (20, 8, 8)
    assert truth.tolist() == labels.int().tolist()


def test_items_that_turn_out_to_be_batches_are_no_guess():
    one_hot = (np.zeros((3, 8, 3), np.float32), np.array([0.0, 1.0, 0.0]))
    with pytest.raises(ImageError, match="but the items are batches"):
        whole(batches([one_hot, (np.zeros((5, 8, 3), np.float32), np.array([0, 1, 1, 0, 1]))]))
