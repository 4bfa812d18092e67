"""The real faces: read as the tutorial reads them, or refused with a way out."""

import importlib
import shutil
from urllib.error import URLError

import numpy as np
import pytest
from skimage.color import gray2rgb
from sklearn.datasets import fetch_olivetti_faces
from sklearn.model_selection import train_test_split

import sightline as sl
from sightline.errors import FileError


@pytest.fixture
def home(shared_data, monkeypatch):
    folder = shared_data / "sklearn"
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(folder))
    return folder


def test_they_are_the_tutorials_images_and_its_split(home):
    faces = fetch_olivetti_faces()
    images = np.stack([gray2rgb(image) for image in faces.data.reshape((-1, 64, 64))], 0)
    expected = train_test_split(images, faces.target, train_size=0.70, random_state=0)
    read = sl.data.olivetti()
    train, test = read.split()
    found = (train.images, test.images, train.labels, test.labels)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours, theirs)
    assert read.images.dtype == images.dtype == np.float32
    assert read.class_names[39] == "person 39"


def test_a_folder_may_be_named(shared_data, monkeypatch, tmp_path):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert len(sl.data.olivetti(data_home=shared_data / "sklearn", download=False)) == 400


def test_a_missing_file_is_named_with_the_folder_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileError) as caught:
        sl.data.olivetti(download=False)
    said = str(caught.value)
    assert f"there is no olivetti_py3.pkz in {tmp_path / 'nowhere'}, and download=False forbids" in said
    assert "name its folder with data_home= or the environment variable SCIKIT_LEARN_DATA" in said
    assert "drawn_faces(400) needs no file." in said
    assert caught.value.slug == "data-missing"
    assert not (tmp_path / "nowhere").exists(), "looking must not make a folder"


def test_a_failed_download_says_so(monkeypatch, tmp_path):
    def cut_off(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    source = importlib.import_module("sklearn.datasets._olivetti_faces")
    monkeypatch.setattr(source, "_fetch_remote", cut_off)
    with pytest.raises(FileError, match=r"and fetching it failed: <urlopen error no route to host>\. Call"):
        sl.data.olivetti(data_home=tmp_path)


@pytest.mark.parametrize("cut", [0, 1000])
def test_a_broken_file_is_named(shared_data, tmp_path, cut):
    file = tmp_path / "olivetti_py3.pkz"
    shutil.copyfile(shared_data / "sklearn" / "olivetti_py3.pkz", file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(FileError, match=r"olivetti_py3\.pkz cannot be read as the Olivetti faces") as caught:
        sl.data.olivetti(data_home=tmp_path)
    assert "Delete it, and it is fetched again." in str(caught.value)
    assert caught.value.slug == "data-broken"


def test_the_function_stays_a_function_after_its_module_is_imported():
    importlib.import_module("sightline.data.olivetti_faces")
    assert callable(sl.data.olivetti)
