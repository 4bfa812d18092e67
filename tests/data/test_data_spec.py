"""Texts from the command line that name labelled data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.data import ImageFolder, ImageFormat, Shortcut
from sightline.data.data_spec import open_data
from sightline.data.datasets import Dataset
from sightline.errors import FileError, OptionError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: parts/train|test/cat|dog/*.png, and list.csv of the images of test."""
    for shade, below in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "parts" / below).mkdir(parents=True)
        Image.new("L", (8, 6), shade).save(tmp_path / "parts" / below / "a.png")
    (tmp_path / "list.csv").write_text("file;class\ncat/a.png;cat\ndog/a.png;dog\n")
    (tmp_path / "parts" / "test" / "here.csv").write_text("path,label\ncat/a.png,cat\ndog/a.png,dog\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(kind: type[Exception], text: str, **more: Any) -> str:
    with pytest.raises(kind) as caught:
        open_data(text, **more)
    return str(caught.value)


TEXTS = (
    "parts/test",
    "list.csv:path_column=file,label_column=class,root=parts/test",
    "parts/test/here.csv",
    "drawn-faces:count=3,people=2,seed=4,size=32,shortcut=left-eye,marked=1",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_recipe_opens_the_same_data_from_anywhere(
    text: str, root: Path, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = ImageFormat(size=(32, 32), mode="grey")
    data, recipe = open_data(text, form)
    assert isinstance(data, Dataset)
    assert data[1][0].shape == (32, 32)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again, same = open_data(recipe, form)
    assert same == recipe
    assert again.fingerprint() == data.fingerprint()
    np.testing.assert_array_equal(again[1][0], data[1][0])


def test_a_folder_and_a_list_of_it_hold_the_same_images(root: Path) -> None:
    (folder, _), (listed, recipe) = open_data(TEXTS[0]), open_data(TEXTS[1])
    assert isinstance(folder, ImageFolder)
    assert isinstance(listed, ImageFolder)
    assert listed.labels.tolist() == folder.labels.tolist() == [0, 1]
    assert [listed[place][0][0, 0] for place in (0, 1)] == [2, 3]
    assert listed.image_id(1) == folder.image_id(1) == "dog/a.png"
    assert recipe == f"{root / 'list.csv'}:path_column=file,label_column=class,root={root / 'parts/test'}"


def test_class_names_give_the_models_order(root: Path) -> None:
    for text in TEXTS[:2]:
        data, _ = open_data(text, class_names=("dog", "cat"))
        assert data.class_names == ("dog", "cat")
        assert data[0][1] == (0 if text == TEXTS[0] else 1)


def test_a_folder_of_parts_is_answered_with_the_parts(root: Path) -> None:
    assert refusal(FileError, "parts") == (
        "parts holds the parts of a data set and not its classes. Name one of them: parts/train or "
        "parts/test. [folder-parts]"
    )
    assert "has no sub-folders" in refusal(FileError, "parts/test/cat")


def test_drawn_faces_are_those_of_the_function() -> None:
    data, _ = open_data("drawn_faces:count=5, people=3, seed=2, colour=True, shortcut=jaw, marked=0+2")
    shortcut = Shortcut(region="jaw", classes=(0, 2))
    faces = sl.data.drawn_faces(5, people=3, seed=2, colour=True, shortcut=shortcut)
    assert data.fingerprint() == faces.fingerprint()
    assert data.marked.tolist() == faces.marked.tolist()  # type: ignore[attr-defined]


def test_a_form_is_for_built_in_sets_too() -> None:
    plain, _ = open_data("drawn-faces:count=2,size=32")
    formed, _ = open_data(
        "drawn-faces:count=2,size=32", ImageFormat(size=(16, 20), mode="grey", values="byte")
    )
    assert plain[0][0].shape == (32, 32, 3)
    assert (formed[0][0].shape, formed[0][0].dtype) == ((16, 20), np.uint8)
    assert formed.class_names == plain.class_names


def test_the_olivetti_faces_are_named(shared_data: Path) -> None:
    data, recipe = open_data(f"olivetti:data_home={shared_data / 'sklearn'}")
    assert len(data) == 400
    assert data[399][0].shape == (64, 64, 3)
    assert open_data(recipe)[0].fingerprint() == data.fingerprint()


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (
            "olivety",
            FileError,
            "'olivety' names no data: there is no such folder, file or set. Did you mean 'olivetti'? It has "
            "to be a folder with a sub-folder for each class; a .csv, .tsv or .parquet list of paths and ",
        ),
        (
            "no/such",
            FileError,
            "'no/such' names no data: there is no such folder, file or set. It has to be a f",
        ),
        ("parts/test/cat/a.png", FileError, "'parts/test/cat/a.png' is a file, but no list. It has to be"),
        (
            "",
            FileError,
            "'' names no data: there is no such folder, file or set. It has to be a folder with a su",
        ),
        (
            "~nobody/here",
            FileError,
            "'~nobody/here' names no data: there is no such folder, file or set. It has",
        ),
        (
            "x" * 5000,
            FileError,
            "names no data: there is no such folder, file or set. It has to be a folder wit",
        ),
        ("x" * 5000 + ".csv", FileError, ".csv. [list-file]"),
        (
            "a\0b",
            FileError,
            "names no data: there is no such folder, file or set. It has to be a folder with a",
        ),
        ("no.csv", FileError, "no.csv. [list-file]"),
        ("list.csv", FileError, "list.csv has no column 'path', which its first line must name."),
        (
            "list.csv:path=file",
            OptionError,
            "a list has no option 'path'. Did you mean 'path_column'? Valid:",
        ),
        (
            "drawn-faces:n=3",
            OptionError,
            "drawn-faces has no option 'n'. Valid: count, people, size, seed,",
        ),
        (
            "drawn-faces:count=many",
            OptionError,
            "count=many of drawn-faces cannot be read: it must be a whole number.",
        ),
        (
            "drawn-faces:colour=yes",
            OptionError,
            "colour=yes of drawn-faces cannot be read: it must be True or False. [option-value]",
        ),
        (
            "drawn-faces:shortcut=jow",
            OptionError,
            "there is no such region. Did you mean 'jaw'? Valid: forehead,",
        ),
        (
            "drawn-faces:marked=1",
            OptionError,
            "marked= says which classes a mark goes with, but there is none: ",
        ),
        (
            "drawn-faces:size=8",
            OptionError,
            "size must be a number from 32 to 512, but 8 was given. [option-value]",
        ),
        (
            "drawn-faces:200",
            OptionError,
            "'drawn-faces:200' cannot be read: write name:parameter=value,param",
        ),
        (
            "drawn-faces:seed=1,seed=2",
            OptionError,
            "cannot be read: write name:parameter=value,parameter=value",
        ),
        ("olivetti:home=x", OptionError, "olivetti has no option 'home'. Did you mean 'data_home'?"),
    ],
)
def test_what_cannot_be_opened_is_answered_with_what_can(
    text: str, kind: type[Exception], told: str, root: Path
) -> None:
    assert told in refusal(kind, text)


def test_class_names_of_a_built_in_set_are_its_own() -> None:
    assert refusal(OptionError, "drawn-faces", class_names=("a",)) == (
        "class_names= is for folders and lists, but drawn-faces has its own. [option-value]"
    )
