"""Commands about labelled images, and what is done to images before a model is asked."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import sightline as sl
from sightline.adapters.open_model import load_model
from sightline.adapters.preprocess import Normalized
from sightline.cli import app, main

MODEL = '''
import numpy as np

def bright(images):
    """Class 1 where the mean is above 0, as a network that was trained on normalised images has it."""
    assert images.dtype == np.float32
    score = 1 / (1 + np.exp(-4 * images.reshape(len(images), -1).mean(axis=1)))
    return np.stack([1 - score, score], axis=1)

def centred(images):
    return (np.asarray(images, np.float32) - 128) / 64
'''


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    (tmp_path / "brightened.py").write_text(MODEL)
    for name, value in (("dark", 60), ("light", 190)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.clip(value + rng.integers(-20, 20, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{name}{number}.png")
    Image.fromarray(np.full((16, 16, 3), 60, np.uint8)).save(tmp_path / "data" / "light" / "wrong.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


NORMALISED = ("--mean", "0.5,0.5,0.5", "--std", "0.25")


def run(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_evaluate_counts_right_and_wrong_answers(folder):
    told = run("evaluate", "brightened.py:bright", "data", *NORMALISED)
    assert "0.857" in told
    assert "wrong: light/wrong.png" in told
    found = json.loads(run("evaluate", "brightened.py:bright", "data", *NORMALISED, "--format", "json"))
    assert found["confusion"] == [[3, 0], [1, 3]]
    assert found["accuracy"] == pytest.approx(6 / 7)
    assert [one["recall"] for one in found["classes"]] == [1, 0.75]
    assert found["wrong"] == ["light/wrong.png"]
    done = sl.evaluate(load_model("brightened.py:bright:mean=0.5,std=0.25"), "data", progress=False)
    assert done.confusion.tolist() == found["confusion"]


@pytest.mark.slow
def test_evaluate_tells_how_well_classes_are_told_apart_and_which_threshold_a_rule_chooses(folder):
    words = ("evaluate", "brightened.py:bright", "data", *NORMALISED, "--choose", "sensitivity:least=1")
    told = run(*words, "--figure", folder / "curves.png")
    done = sl.evaluate(load_model("brightened.py:bright:mean=0.5,std=0.25"), "data", progress=False)
    assert f"AUC        {done.auc.value:.3f}" in told
    assert repr(done.choose_threshold("sensitivity:least=1")) in told
    assert repr(done.calibration()) in told
    with Image.open(folder / "curves.png") as drawn:
        assert drawn.width > 600
    found = json.loads(run(*words, "--format", "json"))
    assert found["auc"]["value"] == pytest.approx(done.auc.value)
    assert found["chosen"]["sensitivity"]["value"] == 1
    assert sum(found["calibration"]["counts"]) == 7


def test_evaluate_takes_columns_for_what_output_says(folder):
    logits = "def logits(images):\n    return images.reshape(len(images), -1).mean(axis=1) / 64.0 - 2\n"
    (folder / "raw.py").write_text(logits)
    told = json.loads(run("evaluate", "raw.py:logits", "data", "--output", "sigmoid", "--format", "json"))
    assert told["threshold"] == 0.5
    assert told["accuracy"] == pytest.approx(6 / 7)


def test_a_function_of_ones_own_is_run_before_the_model(folder):
    told = run("evaluate", "brightened.py:bright", "data", "--preprocess", "brightened.py:centred")
    assert "0.857" in told


def test_grid_draws_labelled_images(folder):
    told = run("grid", "data", "--rows", 2, "--columns", 2, "--out", folder / "few.png")
    assert told.startswith("7 images of 2 classes")
    with Image.open(folder / "few.png") as drawn:
        assert drawn.width > 100


@pytest.mark.slow
def test_explain_takes_folders_and_patterns(folder):
    options = (
        "--budget",
        60,
        "--fill",
        "colour:value=128",
        "--segment",
        "grid:rows=4,columns=4",
        "--out",
        folder / "made",
        *NORMALISED,
    )
    run("explain", "brightened.py:bright", "data/dark", "data/light/light?.png", *options)
    made = sorted(path.name for path in (folder / "made").glob("*.npz"))
    assert made == [f"{name}{number}.npz" for name in ("dark", "light") for number in range(3)]
    kept = sl.Explanation.load(folder / "made" / "dark0.npz")
    assert kept.image.dtype == np.uint8  # what is drawn is the image itself


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "brightened.py:bright", "data", "--format", "xml"), "there is no --format 'xml'"),
        (("evaluate", "brightened.py:bright", "nowhere"), "names no data"),
        (("evaluate", "gone.py:bright", "data"), "there is no file 'gone.py'"),
        (("evaluate", "brightened.py:dim", "data"), "has no 'dim'"),
        (
            ("evaluate", "brightened.py:bright", "data", "--mean", "1,2"),
            "mean has 2 numbers, but the images have 3",
        ),
        (("evaluate", "brightened.py:bright", "data", "--std", "0"), "std must be above 0"),
        (("grid", "data", "--out", "few.gif"), "must be a .png file"),
        (("explain", "brightened.py:bright", "made*.png"), "no file fits the pattern made*.png"),
    ],
)
def test_a_mistake_is_one_line(folder, words, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sightline", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_study_keeps_what_is_done_to_its_images(folder):
    run("study", "brightened.py:bright", "data", "-o", "run", "--budget", 60, "--segment",
        "grid:rows=4,columns=4", *NORMALISED)  # fmt: skip
    study = sl.Study("run")
    assert study.manifest.model_text == "brightened.py:bright:mean=0.5,0.5,0.5,std=0.25"
    assert sorted(study.predicted.tolist()) == [0, 0, 0, 0, 1, 1, 1]
    rows = json.loads(run("sql", "run", "select segments, place from rows limit 1", "--format", "json"))
    assert isinstance(rows[0]["segments"], str)
    assert not rows[0]["segments"].startswith("b'")


def test_normalised_as_torchvision_does():
    images = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    wanted = (images / 255 - mean) / std
    np.testing.assert_allclose(Normalized(mean=mean, std=std)(images), wanted, rtol=1e-5)
    np.testing.assert_allclose(Normalized(mean=mean, std=std)(images / 255), wanted, rtol=1e-5)
    np.testing.assert_allclose(Normalized(mean=128, std=64)(images), (images - 128.0) / 64)
