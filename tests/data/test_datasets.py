"""Labelled data of any kind, asked for by place."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import train_test_split

import sightline as sl
from sightline.data import ArrayDataset, ImageFormat, batches, open_folder
from sightline.data.datasets import ConcatDataset, Dataset, Subset, as_dataset
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
    assert source.image_id(3) == "3"
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
    assert [files.image_id(place) for place in (0, 4)] == ["class 0/a.png", "class 2/e.png"]
    assert files[[4, 2]].image_id(0) == "class 2/e.png"


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
            f"images are needed that can be asked for by index, but {name} only goes from beginning to "
            "end. Give a folder, a list file (sl.data.open_list), arrays (images, labels), or the data set "
            "that it was made of, such as loader.dataset. [data-places]"
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
    assert changed("nothing").fingerprint() == drawn("labelled").fingerprint()
    assert changed(which).fingerprint() != drawn("labelled").fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fingerprint_is_the_same_every_time_and_not_of_other_images(kind: str) -> None:
    first = as_dataset(drawn(kind)).fingerprint()
    assert as_dataset(drawn(kind)).fingerprint() == first
    assert as_dataset((PIXELS ^ 1, LABELS)).fingerprint() != first


def test_a_fingerprint_of_files_is_of_names_labels_and_form(tmp_path: Path) -> None:
    files = as_files(tmp_path / "here")
    first = files.fingerprint()
    (tmp_path / "here").rename(tmp_path / "there")
    there = open_folder(tmp_path / "there")
    assert there.fingerprint() == first, "where the folder lies does not matter"
    others = [
        open_folder(tmp_path / "there", ImageFormat(mode="grey")),
        open_folder(tmp_path / "there", class_names=("class 1", "class 0", "class 2")),
        there[::-1],
        there[:4],
    ]
    (tmp_path / "there" / "class 0" / "a.png").rename(tmp_path / "there" / "class 0" / "b.png")
    others.append(open_folder(tmp_path / "there"))
    assert len({first, *(other.fingerprint() for other in others)}) == 6


def test_a_fingerprint_asks_a_data_set_for_few_images() -> None:
    rows = Rows(np.zeros((1000, 4, 4, 3)), np.zeros(1000, int))
    source = as_dataset(rows)
    rows.asked.clear()
    source.fingerprint()
    assert len(rows.asked) == 32
    assert {0, 999} <= set(rows.asked)


def test_drawn_faces_stay_what_they_are() -> None:
    faces = sl.data.drawn_faces(2, people=2)
    assert as_dataset(faces) is faces


# In memory


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
    assert repr(numbered(7)) == "ArrayDataset(7 images of 1×1×1 float32, 3 classes: a, b, c)"
    many = ArrayDataset(np.zeros((900, 30, 20, 3), np.uint8), np.zeros(900, int), tuple("abcdefgh"))
    assert repr(many) == "ArrayDataset(900 images of 30×20×3 uint8, 8 classes: a, b, c, …)"
    assert repr(many[:0]) == "ArrayDataset(0 images of 30×20×3 uint8, 8 classes: a, b, c, …)"


def test_each_image_needs_one_label():
    with pytest.raises(ImageError, match="2 images and 3 labels were given: each image needs one label"):
        # Shapes are wrong on purpose, so the type check must not answer first.
        ArrayDataset.__post_init__(_unchecked(np.zeros((2, 1, 1, 1)), np.zeros(3, int), ("a",)))


@pytest.mark.parametrize("labels", [[0, 2], [-1, 1]])
def test_each_label_needs_a_name(labels):
    with pytest.raises(
        ImageError, match=rf"0 to 1, indices of the 2 class names, but they go from {labels[0]}"
    ):
        ArrayDataset(np.zeros((2, 1, 1, 1)), np.array(labels), ("a", "b"))


def _unchecked(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> ArrayDataset:
    made = object.__new__(ArrayDataset)
    for name, value in (("images", images), ("labels", labels), ("class_names", names)):
        object.__setattr__(made, name, value)
    return made


# Of others


def test_a_subset_has_the_labels_of_its_data_set_or_its_own() -> None:
    source = as_dataset(drawn("labelled"))
    some = Subset(source, np.array([4, 1, 2]))
    assert (some.labels.tolist(), some.class_names) == ([2, 2, 1], ("x", "y", "z"))
    assert [label for _, label in some] == [2, 2, 1]
    np.testing.assert_array_equal(some[0][0], PIXELS[4])
    again = some[1:]
    assert ([again.image_id(0), again.root_index(1)], len(again)) == (["1", 2], 2)
    other = Subset(source, np.array([4, 1, 2]), np.array([0, 0, 1]), ("p", "q"))[[0, 2]]
    assert (other.labels.tolist(), other.class_names, other[1][1]) == ([0, 1], ("p", "q"), 1)


def test_some_images_keep_their_labels_and_names() -> None:
    source = as_dataset((PIXELS, LABELS))
    some = Subset(source, np.array([4, 0, 3]))
    assert some.labels.tolist() == np.array(LABELS)[some.indices].tolist()
    assert np.array_equal(some[2][0], PIXELS[some.indices[2]])
    assert some.image_id(2) == str(some.indices[2])
    assert some.fingerprint() != source.fingerprint()
    assert as_dataset(some) is some


def test_data_sets_follow_each_other() -> None:
    source = as_dataset(drawn("labelled"))
    both = ConcatDataset((source, Subset(source, np.array([3])), source))
    assert (len(both), both.class_names) == (11, ("x", "y", "z"))
    assert both.labels.tolist() == [*LABELS, 0, *LABELS]
    for index, place in ((0, 0), (4, 4), (5, 3), (6, 0), (10, 4), (-1, 4)):
        np.testing.assert_array_equal(both[index][0], PIXELS[place])
        assert both[index][1] == LABELS[place]
    with pytest.raises(IndexError, match="there is no image 11: there are 11"):
        both[11]


def test_every_data_set_gives_batches() -> None:
    source = as_dataset(drawn("list of pairs"))
    for dataset in (
        source,
        Subset(source, np.arange(5)),
        ConcatDataset((source,)),
        as_dataset((PIXELS, LABELS)),
    ):
        parts = list(dataset.batches(2))
        assert [len(labels) for _, labels in parts] == [2, 2, 1]
        np.testing.assert_array_equal(np.concatenate([images for images, _ in parts]), PIXELS)
        assert dataset.labels.tolist() == LABELS


def test_fingerprints_are_those_of_studies_made_before(tmp_path: Path) -> None:
    assert as_dataset(drawn("labelled")).fingerprint() == "6b7d363435641e3a202aee7da621eecb"
    assert as_dataset(drawn("list of pairs")).fingerprint() == "6547cce4d64c233f643bc7c06408894c"
    as_files(tmp_path)
    made = open_folder(tmp_path, ImageFormat(size=(4, 4), mode="grey"), class_names=("class 1", "class 0"))
    assert made.fingerprint() == "afe0dcc29b1daf13543d717ddcd47b3d"


def test_names_of_classes_are_not_dropped_without_a_word(tmp_path: Path) -> None:
    renamed = as_dataset(drawn("labelled"), class_names=("a", "b", "c"))
    assert (renamed.class_names, renamed.labels.tolist()) == (("a", "b", "c"), LABELS)
    files = as_files(tmp_path)
    assert as_dataset(files, class_names=files.class_names) is files
    for read in (as_dataset, batches):
        with pytest.raises(OptionError, match=r"names a, b, c\. Give the same names, in the order") as caught:
            read(files, class_names=("a", "b", "c"))
        assert caught.value.slug == "class-names"


@pytest.mark.parametrize("labels", ["[[0, 1], [1, 0]]", "np.zeros((2, 4, 4))", "[0.5, 1.0]"])
def test_labels_in_memory_are_class_numbers_or_are_refused(labels):
    code = (
        "import numpy as np; from sightline.data import ArrayDataset\n"
        "print(ArrayDataset(np.zeros((2, 4, 4)), [0, 1], ['a', 'b']).labels.tolist())\n"
        f"ArrayDataset(np.zeros((2, 4, 4)), {labels}, ('a', 'b'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[0, 1]\n"
    assert "labels must be class numbers, of shape (N,), but" in done.stderr


def test_a_subset_counts_from_the_end():
    source = as_dataset((np.zeros((3, 4, 4)), np.array([0, 1, 0])))
    kept = Subset(source, np.flatnonzero([True, False, True]))
    assert (len(kept), kept.labels.tolist(), kept.root_index(1)) == (2, [0, 0], 2)
    assert Subset(source, np.array([-1])).root_index(0) == 2


def test_data_sets_of_other_classes_do_not_follow_each_other():
    one, other = (
        ArrayDataset(np.zeros((2, 4, 4)), np.array([0, 1]), names) for names in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(ImageError, match="need the same class names in the same order"):
        ConcatDataset((one, other))
