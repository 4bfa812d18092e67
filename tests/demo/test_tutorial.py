"""The demo runs start to end and writes what it says."""

import re

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.demo import tutorial
from sightline.demo.tutorial import LOOK_AT, clearest_answers, face_pipeline, run_tutorial
from sightline.errors import OptionError
from sightline.types import Attribution, Scores, Segments

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
    assert all(f"{file}\n      {LOOK_AT[file.name]}" in text for file in files)
    return text


@pytest.mark.slow
def test_the_demo_needs_nothing_and_names_the_files_it_wrote(tmp_path, monkeypatch):
    smaller = face_pipeline().set_params(MLP__hidden_layer_sizes=(100, 40))
    monkeypatch.setattr(tutorial, "face_pipeline", lambda: smaller)
    monkeypatch.setattr(tutorial, "CANDIDATES", 6)
    said = []
    text = checked(run_tutorial("drawn", tmp_path / "demo", said.append), said)
    assert 0.85 <= float(re.search(r"accuracy +([.\d]+)", text)[1]) <= 0.99, "some errors are left"
    assert "What spoke most for each wrong answer" in text
    assert "misled" not in text


@pytest.mark.slow
def test_the_demo_on_the_real_faces(tmp_path, shared_data, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(shared_data / "sklearn"))
    # The drawn faces are learned at full length: here fewer rounds show what the real ones need.
    monkeypatch.setattr(tutorial, "face_pipeline", lambda: face_pipeline().set_params(MLP__max_iter=40))
    monkeypatch.setattr(tutorial, "CANDIDATES", 6)
    said = []
    text = checked(run_tutorial("olivetti", tmp_path / "demo", said.append), said)
    assert "280 faces to learn from and 120 to test on, 40 people" in text


def explained(values, error, answer):
    """One row of segments with these values for the answer."""
    values, count = np.array([values], float), len(values)
    made = Attribution(values, np.array([error], float), np.zeros(1), np.ones(1))
    scores = Scores(np.zeros((1, 1)), np.ones(1), np.zeros(1), (answer,), np.ones(3), 9)
    return sl.Explanation(
        np.zeros((1, count)), sl.Plan(), Segments(np.arange(count)[np.newaxis]), scores, made
    )


def test_the_clearest_right_answers_are_shown_then_the_clearest_wrong_ones():
    loud, faint = explained([0.3, -0.9], [0.01, 0.01], 0), explained([0.1, -0.9], [0.01, 0.01], 0)
    unsure, against = explained([0.8, 0.2], [0.5, 0.01], 0), explained([-0.8, -0.2], [0.01, 0.01], 0)
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    tried = list(enumerate([faint, unsure, loud, against, against, faint, loud]))
    assert [i for i, _ in clearest_answers(tried, labels)] == [2, 1, 0, 3, 6, 5, 4]
    assert [i for i, _ in clearest_answers([(i % 7, one) for i, one in tried * 3], labels)] == [
        2,
        2,
        2,
        1,
        1,
        6,
        6,
        6,
        5,
        5,
    ]


def test_an_unknown_data_set_names_the_nearest(tmp_path):
    with pytest.raises(OptionError, match=r"no data set 'olivetty'\. Did you mean 'olivetti'"):
        run_tutorial("olivetty", tmp_path, print)
