"""The demo runs start to end and writes what it says."""

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.demo import run
from sightline.errors import OptionError

FILES = [
    "1-faces.png",
    "2-panel.png",
    "3-leading-classes.png",
    "4-bars.png",
    "5-right-and-wrong.png",
    "explanation.npz",
]


def checked(files, said):
    assert [file.name for file in files] == FILES
    for file in files[:-1]:
        with Image.open(file) as figure:
            assert np.asarray(figure.convert("L")).std() > 10
    made = sl.Explanation.load(files[-1])
    assert len(made.targets) == 6
    assert made.attribution.calls <= 1000
    text = "\n".join(said)
    assert "precision" in text
    assert "deletion" in text
    assert all(str(file) in text for file in files)
    return text


@pytest.mark.slow
def test_the_demo_needs_nothing_and_names_the_files_it_wrote(tmp_path):
    said = []
    text = checked(run("drawn", tmp_path / "demo", said.append), said)
    assert "What misled it" in text


@pytest.mark.slow
def test_the_demo_on_the_real_faces(tmp_path, shared_data, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(shared_data / "sklearn"))
    said = []
    text = checked(run("olivetti", tmp_path / "demo", said.append), said)
    assert "280 faces to learn from and 120 to test on, 40 people" in text


def test_an_unknown_data_set_names_the_nearest(tmp_path):
    with pytest.raises(OptionError, match=r"no data set 'olivetty'\. Did you mean 'olivetti'"):
        run("olivetty", tmp_path, print)
