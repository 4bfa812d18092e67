"""Labelled data of any kind, asked for by place."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import ArrayDataset, ImageFormat, batches, open_folder
from sightline.data.datasets import Dataset, as_dataset, dataset_fingerprint, identity
from sightline.errors import ImageError, OptionError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
LABELS = [0, 2, 1, 0, 2]


class Rows:
    """A data set as PyTorch has them, without PyTorch."""

    def __init__(self, images: Any, labels: Any) -> None:
        self.images, self.labels = images, labels
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> Any:
        self.asked.append(place)
        return self.images[place], self.labels[place]


def as_files(root: Path) -> Any:
    for image, label, name in zip(PIXELS, LABELS, "abcde", strict=True):
        (root / f"class {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / f"class {label}" / f"{name}.png")
    return open_folder(root)


def drawn(kind: str) -> Any:
    if kind == "labelled":
        return ArrayDataset(PIXELS, np.array(LABELS), ("x", "y", "z"))
    if kind == "pair":
        return PIXELS, LABELS
    if kind == "pair of lists":
        return [Image.fromarray(one) for one in PIXELS], LABELS
    if kind == "dict":
        return {"image": PIXELS, "label": np.array(LABELS)}
    if kind == "list of pairs":
        return list(zip(PIXELS, LABELS, strict=True))
    if kind == "list of dicts":
        return [
            {"image": Image.fromarray(one), "label": label} for one, label in zip(PIXELS, LABELS, strict=True)
        ]
    if kind == "rows":
        return Rows(PIXELS, LABELS)
    if kind == "batches":
        return batches((PIXELS, LABELS), 2)
    torch = pytest.importorskip("torch")
    tensors = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    if kind == "tensors":
        return tensors, torch.tensor(LABELS)
    if kind == "torch's data set":
        return torch.utils.data.TensorDataset(tensors, torch.tensor(LABELS))
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=["x", "y", "z"]))
    held = {"image": [Image.fromarray(one) for one in PIXELS], "label": LABELS}
    return datasets.Dataset.from_dict(held, features=features)


KINDS = (
    *("labelled", "pair", "pair of lists", "dict", "list of pairs", "list of dicts", "rows", "batches"),
    *("tensors", "torch's data set", "hugging face"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_gives_the_same_images_by_place(kind: str) -> None:
    source = as_dataset(drawn(kind))
    assert isinstance(source, Dataset)
    assert len(source) == 5
    for place in (3, 0, 4, 3, np.int64(1), -1):
        image, label = source[place]
        np.testing.assert_array_equal(image, PIXELS[place])
        assert image.dtype == np.uint8
        assert (type(label), label) == (int, LABELS[place])
    assert identity(source, 3) == "3"
    if kind not in ("labelled",):
        with pytest.raises(IndexError, match="there is no image 5: there are 5, numbered from 0"):
            source[5]


@pytest.mark.parametrize("kind", ["pair", "list of pairs", "rows"])
def test_a_source_travels_to_another_process(kind: str) -> None:
    source = pickle.loads(pickle.dumps(as_dataset(drawn(kind))))
    np.testing.assert_array_equal(source[2][0], PIXELS[2])


def test_folders_are_named_by_the_paths_below_them(tmp_path: Path) -> None:
    files = as_files(tmp_path)
    assert as_dataset(files) is files
    assert [identity(files, place) for place in (0, 4)] == ["class 0/a.png", "class 2/e.png"]
    assert identity(files[[4, 2]], 0) == "class 2/e.png"


def test_grey_arrays_keep_their_axes() -> None:
    assert as_dataset((PIXELS[..., 0], LABELS))[1][0].shape == (6, 8)


def test_labels_that_are_names_are_places_among_the_class_names() -> None:
    source = as_dataset((PIXELS, ["cat", "dog", "cat", "cat", "dog"]), class_names=("dog", "cat"))
    assert [source[place][1] for place in range(5)] == [1, 0, 1, 1, 0]
    assert source.class_names == ("dog", "cat")
    rows = as_dataset(Rows(PIXELS, ["cat", "dog", "cat", "cat", "dog"]), class_names=("dog", "cat"))
    assert rows[1][1] == 0


def test_data_that_only_go_from_beginning_to_end_are_refused_with_what_to_give() -> None:
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(drawn("torch's data set"))
    for data, name in ((loader, "torch's DataLoader"), (iter([(PIXELS, LABELS)]), "list_iterator")):
        with pytest.raises(OptionError) as caught:
            as_dataset(data)
        assert str(caught.value) == (
            f"images are needed that can be asked for by place, but {name} only goes from beginning to "
            "end. Give a folder, a list file (sl.data.listed), arrays (images, labels), or the data set that "
            "it was made of, such as loader.dataset. [data-places]"
        )
    assert len(as_dataset(loader.dataset)) == 5


def test_items_that_are_batches_are_refused_at_once() -> None:
    with pytest.raises(ImageError, match=r"item 0 is a batch of 2 images, but .* \[data-places\]"):
        as_dataset([(PIXELS[:2], LABELS[:2]), (PIXELS[2:4], LABELS[2:4]), (PIXELS[4:], LABELS[4:])])


@pytest.mark.parametrize("data", [[], (np.zeros((0, 4, 4)), [])], ids=["list", "pair"])
def test_no_images_are_told(data: Any) -> None:
    with pytest.raises(ImageError, match=r"the data have no images\. \[data-none\]"):
        as_dataset(data)


def test_an_image_that_cannot_be_made_is_its_own_affair() -> None:
    class Torn(Rows):
        def __getitem__(self, place: int) -> Any:
            if place == 0:
                raise OSError("image file is truncated")
            return super().__getitem__(place)

    source = as_dataset(Torn(PIXELS, LABELS))
    with pytest.raises(ImageError, match="image 0 cannot be read as an image: image file is truncated"):
        source[0]
    assert source[1][1] == 2


def changed(which: str) -> Any:
    images, labels, names = PIXELS.copy(), np.array(LABELS), ("x", "y", "z")
    if which == "a pixel":
        images[4, 5, 7, 2] ^= 1
    if which == "a label":
        labels[3] = 1
    if which == "the dtype":
        images = images.astype(np.int16)
    if which == "a name":
        names = ("x", "y", "q")
    if which == "one fewer":
        images, labels = images[:4], labels[:4]
    return ArrayDataset(images, labels, names)


@pytest.mark.parametrize("which", ["a pixel", "a label", "the dtype", "a name", "one fewer"])
def test_a_fingerprint_tells_data_in_memory_apart(which: str) -> None:
    assert dataset_fingerprint(changed("nothing")) == dataset_fingerprint(drawn("labelled"))
    assert dataset_fingerprint(changed(which)) != dataset_fingerprint(drawn("labelled"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_is_the_same_every_time_and_not_of_other_images(kind: str) -> None:
    first = dataset_fingerprint(as_dataset(drawn(kind)))
    assert dataset_fingerprint(as_dataset(drawn(kind))) == first
    assert dataset_fingerprint(as_dataset((PIXELS ^ 1, LABELS))) != first


def test_a_fingerprint_of_files_is_of_names_labels_and_form(tmp_path: Path) -> None:
    files = as_files(tmp_path / "here")
    first = dataset_fingerprint(files)
    (tmp_path / "here").rename(tmp_path / "there")
    there = open_folder(tmp_path / "there")
    assert dataset_fingerprint(there) == first, "where the folder lies does not matter"
    others = [
        open_folder(tmp_path / "there", ImageFormat(mode="grey")),
        open_folder(tmp_path / "there", class_names=("class 1", "class 0", "class 2")),
        there[::-1],
        there[:4],
    ]
    (tmp_path / "there" / "class 0" / "a.png").rename(tmp_path / "there" / "class 0" / "b.png")
    others.append(open_folder(tmp_path / "there"))
    assert len({first, *map(dataset_fingerprint, others)}) == 6


def test_a_fingerprint_asks_a_data_set_for_few_images() -> None:
    rows = Rows(np.zeros((1000, 4, 4, 3)), np.zeros(1000, int))
    source = as_dataset(rows)
    rows.asked.clear()
    dataset_fingerprint(source)
    assert len(rows.asked) == 32
    assert {0, 999} <= set(rows.asked)


def test_drawn_faces_stay_what_they_are() -> None:
    faces = sl.data.drawn_faces(2, people=2)
    assert as_dataset(faces) is faces
