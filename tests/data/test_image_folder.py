"""Folders of labelled images: which files, in which order, read when, and what becomes of broken ones."""

import os
import pickle
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.data import ArrayDataset, ImageFolder, ImageFormat, open_folder, open_splits
from sightline.errors import FileError, ImageError, OptionError, SightlineWarning
from support import xrays
from support.bad_files import dicom, pipe


def write_image(path, value=0, size=(4, 3)):
    """A grey image of one value, in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


@pytest.fixture
def pets(tmp_path):
    """Three classes; the pixels of each image are its number in the order that is promised."""
    names = [
        "bird/1.png",
        "bird/2.png",
        "cat/10.png",
        "cat/9.png",
        "cat/deep/1.png",
        "dog/a.JPG",
        "dog/b.bmp",
    ]
    for value, name in enumerate(names):
        write_image(tmp_path / name, value * 10)
    return tmp_path


def values(images):
    return [int(np.rint(image.mean() / 10)) for image in images]


def test_the_class_is_the_sub_folder_and_the_order_that_of_the_names(pets):
    found = open_folder(pets)
    assert found.class_names == ("bird", "cat", "dog")
    assert found.labels.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert found.class_counts == {"bird": 2, "cat": 3, "dog": 2}
    assert values(image for image, _ in found) == [0, 1, 2, 3, 4, 5, 6]
    assert [label for _, label in found] == found.labels.tolist()
    assert found.path(4) == pets / "cat" / "deep" / "1.png"
    assert found.paths[-1] == pets / "dog" / "b.bmp"
    assert len(found) == 7


def test_one_place_is_read_when_it_is_asked_for(pets):
    found = open_folder(pets)
    image, label = found[3]
    assert (image.tolist(), label) == ([[30] * 4] * 3, 1)
    assert isinstance(label, int)
    assert found[-1][1] == 2
    with pytest.raises(IndexError):
        found[7]


def test_several_places_are_a_folder_of_the_same_classes(pets):
    found = open_folder(pets)
    for which in (slice(1, 6, 2), [1, 3, 5], np.array([1, 3, 5]), np.isin(np.arange(7), [1, 3, 5])):
        some = found[which]
        assert isinstance(some, ImageFolder)
        assert (some.labels.tolist(), some.class_names) == ([0, 1, 2], found.class_names)
        assert values(image for image, _ in some) == [1, 3, 5]


def test_the_order_of_the_classes_can_be_given_and_some_left_out(pets):
    found = open_folder(pets, class_names=["dog", "bird"])
    assert found.class_names == ("dog", "bird")
    assert values(image for image, _ in found) == [5, 6, 0, 1]
    assert found.labels.tolist() == [0, 0, 1, 1]


def test_a_class_that_is_not_there_names_the_nearest(pets):
    with pytest.raises(OptionError, match=r"has no class sub-folder 'dogs'\. Did you mean 'dog'\?"):
        open_folder(pets, class_names=["cat", "dogs"])
    with pytest.raises(OptionError, match=r"must name each class once, but \['cat', 'cat'\]"):
        open_folder(pets, class_names=["cat", "cat"])


def test_what_systems_leave_behind_is_passed_over(pets):
    expected = open_folder(pets).paths
    for name in ("__MACOSX/cat/1.png", ".git/1.png", "cat/.hidden.png", "cat/._10.png", "cat/.cache/1.png"):
        write_image(pets / name)
    for name in ("cat/Thumbs.db", "dog/notes.txt", "dog/more.TXT", "dog/README"):
        (pets / name).write_text("no image")
    found = open_folder(pets)
    assert found.paths == expected
    assert found.class_names == ("bird", "cat", "dog")
    assert "other files passed over: 1 without ending, 1 .db, 2 .txt;" in repr(found)


def test_which_endings_count_can_be_said(pets):
    dicom(pets / "dog" / "IM0001")
    with pytest.warns(SightlineWarning, match="the class 'bird' has no images"):
        found = open_folder(pets, endings=["jpg", ""], class_names=["bird", "dog"])
    assert [path.name for path in found.paths] == ["IM0001", "a.JPG"]


def test_an_empty_class_stays_a_class_and_is_told(pets):
    (pets / "axolotl").mkdir()
    with pytest.warns(SightlineWarning, match=r"the class 'axolotl' has no images below .*\[class-empty\]"):
        found = open_folder(pets)
    assert found.class_names == ("axolotl", "bird", "cat", "dog")
    assert found.class_counts["axolotl"] == 0
    assert found.labels.min() == 1


def test_a_folder_without_what_is_needed_says_so(tmp_path, pets):
    with pytest.raises(FileError, match=r"gone cannot be read as a folder of images: there is no such"):
        open_folder(tmp_path / "gone")
    with pytest.raises(FileError, match=r"1\.png cannot be read as a folder of images: Not a directory"):
        open_folder(pets / "bird" / "1.png")
    with pytest.raises(FileError, match=r"bird has no sub-folders, and each class needs one") as caught:
        open_folder(pets / "bird")
    assert caught.value.slug == "folder-classes"
    (tmp_path / "none" / "a").mkdir(parents=True)
    (tmp_path / "none" / "a" / "x.svg").touch()
    told = r"hold no images\. Other files are there \(1 \.svg\): name what counts with endings="
    with pytest.warns(SightlineWarning), pytest.raises(FileError, match=told):
        open_folder(tmp_path / "none")


def test_links_are_followed_once_and_circles_end(pets, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_image(elsewhere / "more" / "x.png")
    (pets / "dog" / "more").symlink_to(elsewhere / "more")
    (pets / "dog" / "c.png").symlink_to(pets / "cat" / "9.png")
    (pets / "dog" / "round").symlink_to(pets / "dog")
    (pets / "eel").symlink_to(elsewhere)
    found = open_folder(pets)
    names = [str(path.relative_to(pets)) for path in found.paths[5:]]
    assert names == ["dog/a.JPG", "dog/b.bmp", "dog/c.png", "dog/more/x.png", "eel/more/x.png"]
    assert values([found[7][0]]) == [3]


def test_folders_in_folders_come_by_their_paths(tmp_path):
    names = ["a/z.png", "a/b/z.png", "a/b-c/1.png", "a/b/c/1.png", "a/c/1.png"]
    for name in reversed(names):
        write_image(tmp_path / name)
    found = [str(path.relative_to(tmp_path)) for path in open_folder(tmp_path).paths]
    assert found == ["a/z.png", "a/b/z.png", "a/b-c/1.png", "a/b/c/1.png", "a/c/1.png"]


def test_names_may_hold_any_bytes(pets):
    path = os.fsencode(pets) + b"/cat/\xff \xea\xb3\xa0.png"
    write_image(Path(os.fsdecode(path)), 70)
    found = open_folder(pets)
    assert values([found[4][0]]) == [7]
    assert os.fsencode(found.path(4)) == path


# In batches


def test_batches_hold_every_image_once_in_order(pets):
    parts = list(open_folder(pets).batches(3))
    assert [images.shape for images, _ in parts] == [(3, 3, 4), (3, 3, 4), (1, 3, 4)]
    assert values(np.concatenate([images for images, _ in parts])) == list(range(7))
    assert np.concatenate([labels for _, labels in parts]).tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_a_seed_shuffles_and_labels_stay_with_their_images(pets):
    found = open_folder(pets)
    orders = []
    for seed in (0, 0, 1):
        parts = list(found.batches(4, shuffle=seed))
        order = values(np.concatenate([images for images, _ in parts]))
        assert np.concatenate([labels for _, labels in parts]).tolist() == found.labels[order].tolist()
        orders.append(order)
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == list(range(7))


def test_mixed_images_need_a_form_and_get_it(pets):
    write_image(pets / "cat" / "large.png", 50, (40, 30))
    Image.new("RGBA", (7, 9)).save(pets / "dog" / "c.png")
    told = r"the images of a batch must be alike, but .*1\.png is 3×4 uint8 and .*large\.png is 30×40 uint8"
    with pytest.raises(ImageError, match=told):
        list(open_folder(pets).batches(32))
    with pytest.raises(ImageError, match=told):
        open_folder(pets).load()
    form = ImageFormat(size=(8, 6), mode="rgb", values="unit")
    ((images, labels),) = open_folder(pets, form).batches(32)
    assert (images.shape, images.dtype, len(labels)) == ((9, 8, 6, 3), np.float32, 9)


def test_a_batch_of_none_is_refused(pets):
    with pytest.raises(OptionError, match="batch_size must be a whole number from 1 up, but 0 was given"):
        open_folder(pets).batches(0)


def test_all_can_be_loaded(pets):
    loaded = open_folder(pets).load()
    assert isinstance(loaded, ArrayDataset)
    assert loaded.images.shape == (7, 3, 4, 1)
    assert loaded.class_names == ("bird", "cat", "dog")
    assert values(loaded.images) == list(range(7))
    assert open_folder(pets, ImageFormat(mode="rgb")).load().images.shape == (7, 3, 4, 3)


# Broken files


@pytest.fixture
def injured(pets):
    """Five broken files among the seven whole ones, of which one would wait for ever to be read."""
    (pets / "bird" / "0.png").touch()
    (pets / "cat" / "html.jpg").write_text("<html>")
    (pets / "cat" / "link.png").symlink_to("gone.png")
    (pets / "dog" / "folder.png").mkdir()
    pipe(pets / "dog" / "pipe.png")
    return pets


def test_broken_files_are_listed_and_skipped_and_told_once(injured):
    found = open_folder(injured)
    assert found.unreadable == ()
    with pytest.warns(SightlineWarning) as told:
        parts = list(found.batches(3))
    assert values(np.concatenate([images for images, _ in parts])) == list(range(7))
    assert [len(labels) for _, labels in parts] == [3, 3, 1]
    first = injured / "bird" / "0.png"
    words = "cannot be read as an image: the file is empty."
    assert [str(one.message) for one in told] == [
        f"4 of 11 files below {injured} cannot be read and are left out. The first: {first} {words} All are "
        "listed in the folder's .unreadable. [files-broken]"
    ]
    assert [one.path.name for one in found.unreadable] == ["0.png", "html.jpg", "link.png", "pipe.png"]
    assert found.unreadable[0].reason == words
    assert [found.path(one.index) for one in found.unreadable] == [one.path for one in found.unreadable]
    assert "4 found unreadable" in repr(found)
    list(found.batches(3))  # known by now: no second warning
    with pytest.raises(ImageError, match=r"0\.png cannot be read as an image: the file is empty"):
        found[0]


def test_broken_files_are_told_too_if_one_stops_before_the_end(injured):
    found = iter(open_folder(injured).batches(2))
    next(found)
    with pytest.warns(SightlineWarning, match="1 of 11 files below .* cannot be read and is left out"):
        found.close()


def test_all_broken_files_can_be_listed_at_once(injured):
    found, ticks = open_folder(injured), []
    listed = found.check_files(ticks.append)
    assert [one.path.name for one in listed] == ["0.png", "html.jpg", "link.png", "pipe.png"]
    assert sum(ticks) == len(found) == 11
    assert len(found.load()) == 7
    assert len(list(found)) == 7


def test_parts_of_a_folder_know_their_own_broken_files(injured):
    found = open_folder(injured)
    found.check_files()
    whole = found[[place for place in range(11) if place not in {one.index for one in found.unreadable}]]
    assert (len(whole), whole.unreadable) == (7, ())
    assert [one.index for one in found[6:].unreadable] == [0, 4]


def test_a_folder_of_broken_files_alone_is_an_error(tmp_path):
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    told = r"none of the 2 files below .* can be read\. The first: .*1\.png cannot be read as an image: the f"
    for read in (lambda: list(open_folder(tmp_path).batches()), lambda: open_folder(tmp_path).load()):
        with pytest.raises(FileError, match=told):
            read()


def test_a_form_that_does_not_fit_a_file_breaks_that_file_alone(pets):
    Image.fromarray(np.full((3, 4), 900, np.float32)).save(pets / "cat" / "f.tif")
    found = open_folder(pets, ImageFormat(values="unit"))
    with pytest.warns(SightlineWarning, match=r"f\.tif the image is float32 from 900 to 900"):
        assert len(found.load()) == 7


# Parts


def test_a_split_keeps_the_classes_in_proportion_and_loses_nothing(tmp_path):
    for name, many in (("a", 30), ("b", 10)):
        for one in range(many):
            write_image(tmp_path / name / f"{one}.png")
    found = open_folder(tmp_path)
    train, validation = found.split(0.2, seed=3)
    assert (train.class_counts, validation.class_counts) == ({"a": 24, "b": 8}, {"a": 6, "b": 2})
    assert sorted(train.paths + validation.paths) == sorted(found.paths)
    assert found.split(0.2, seed=3)[1].paths == validation.paths
    assert found.split(0.2, seed=4)[1].paths != validation.paths
    assert len(found.split(5, stratify=False)[1]) == 5
    with pytest.raises(OptionError, match=r"^40 images of 2 classes cannot be split with validation=1\.5"):
        found.split(1.5)


def test_train_val_and_test_are_read_with_the_classes_of_train(tmp_path):
    for name in (
        "train/a/1.png",
        "train/b/1.png",
        "train/b/2.png",
        "valid/a/1.png",
        "test/b/1.png",
        "test/a/1.png",
    ):
        write_image(tmp_path / name)
    with pytest.warns(SightlineWarning, match=r"the class 'b' has no images below .*valid"):
        parts = open_splits(tmp_path, ImageFormat(mode="rgb"))
    assert list(parts) == ["train", "val", "test"]
    assert {name: part.class_counts for name, part in parts.items()} == {
        "train": {"a": 1, "b": 2},
        "val": {"a": 1, "b": 0},
        "test": {"a": 1, "b": 1},
    }
    assert parts["test"][0][0].shape == (3, 4, 3)
    write_image(tmp_path / "test" / "bb" / "1.png")
    with (
        pytest.warns(SightlineWarning),
        pytest.raises(FileError, match=r"test has the class 'bb', which train has not"),
    ):
        open_splits(tmp_path)
    write_image(tmp_path / "train" / "bb" / "1.png")
    with pytest.warns(SightlineWarning, match="the class 'b' has no images"):
        chosen = open_splits(tmp_path, class_names=["b", "a"])
    assert [part.labels.tolist() for part in chosen.values()] == [[0, 0, 1], [1], [0, 1]]


def test_parts_are_not_mistaken_for_classes_nor_classes_for_parts(pets):
    for part in ("train", "test"):
        write_image(pets / "set" / part / "a" / "1.png")
    with pytest.raises(FileError, match=r"holds test, train, which are the parts of a data set .*splits\("):
        open_folder(pets / "set")
    with pytest.raises(FileError, match=r"has no folder train .*folder\("):
        open_splits(pets)
    write_image(pets / "vehicles" / "train" / "1.png")
    write_image(pets / "vehicles" / "tram" / "1.png")
    assert open_folder(pets / "vehicles").class_names == ("train", "tram")
    write_image(pets / "set" / "val" / "a" / "1.png")
    write_image(pets / "set" / "validation" / "a" / "1.png")
    with pytest.raises(FileError, match="holds both val and validation, which are names of one part"):
        open_splits(pets / "set")


# At scale


def test_a_folder_goes_to_another_process(pets):
    found = pickle.loads(pickle.dumps(open_folder(pets)))
    assert values(image for image, _ in found) == list(range(7))


@pytest.mark.slow
def test_many_files_cost_little_memory(tmp_path):
    """Twenty bytes of name and some twelve more a file, and never an image."""
    write_image(tmp_path / "one.png")
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for one in range(25_000):
            os.link(tmp_path / "one.png", tmp_path / "set" / name / f"image-{one:08d}.png")
    tracemalloc.start()
    found = open_folder(tmp_path / "set")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 50_000
    assert held / len(found) < 45
    assert found.path(49_999).name == "image-00024999.png"


@pytest.mark.slow
def test_xrays_in_a_tree_come_back_as_they_were(shared_data, tmp_path):
    tree = xrays.write(shared_data / "pneumoniamnist.npz", tmp_path, 60, 20)
    parts = open_splits(tree)
    assert {name: len(part) for name, part in parts.items()} == {"train": 60, "val": 20, "test": 20}
    with np.load(shared_data / "pneumoniamnist.npz") as kept:
        for name, part in parts.items():
            assert part.class_names == ("NORMAL", "PNEUMONIA")
            for path, (image, label) in zip(part.paths, part, strict=True):
                assert np.array_equal(image, kept[f"{name}_images"][int(path.stem)])
                assert label == kept[f"{name}_labels"][int(path.stem), 0]


def test_xrays_of_mixed_sizes_and_modes_become_one_array(shared_data, tmp_path):
    for place, path in enumerate(sorted((shared_data / "cxr").glob("*.jpg"))):
        (tmp_path / "ab"[place % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[place % 2] / path.name).symlink_to(path)
    for fit in ("resize", "pad", "crop"):
        loaded = open_folder(tmp_path, ImageFormat(size=(64, 48), fit=fit, mode="grey", values="unit")).load()
        assert loaded.images.shape == (16, 64, 48, 1)
        assert 0 <= loaded.images.min() < loaded.images.max() <= 1


@pytest.mark.slow
def test_the_files_and_labels_are_those_of_keras_in_its_order(injured, shared_data, tmp_path):
    tree = xrays.write(shared_data / "pneumoniamnist.npz", tmp_path / "xrays", 40, 10) / "train"
    for name in ("NORMAL/b/1.png", "NORMAL/b-c/1.png", "PNEUMONIA/Z.png", ".hidden/1.png"):
        write_image(tree / name, size=(28, 28))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from keras.utils import image_dataset_from_directory

        theirs = image_dataset_from_directory(
            tree, shuffle=False, image_size=(28, 28), color_mode="grayscale", batch_size=16
        )
    ours = open_folder(tree)
    assert [str(path) for path in ours.paths] == theirs.file_paths
    assert list(ours.class_names) == theirs.class_names
    for (images, labels), (theirs_images, theirs_labels) in zip(ours.batches(16), theirs, strict=True):
        assert np.array_equal(images, theirs_images.numpy()[..., 0])
        assert np.array_equal(labels, theirs_labels.numpy())


def test_parts_of_one_folder_may_be_read_in_turns(tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            write_image(tmp_path / name / f"{number}.png")
    found = open_folder(tmp_path)
    first, second = found[[0, 1, 4, 5]], found[[2, 3, 6, 7]]
    second.path(0).write_bytes(b"nothing")
    reading = iter(first)
    next(reading)
    with pytest.warns(SightlineWarning, match="1 of 4 files"):
        assert len(list(second)) == 3
    assert len(list(reading)) == 3
