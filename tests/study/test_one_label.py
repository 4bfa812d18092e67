"""A study of one label of several, and the whole line from evaluation to proof."""

import contextlib
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import sightline as sl
from sightline.cli import app
from sightline.data import multi_label
from sightline.errors import OptionError
from support import films

PLAN = sl.Plan(segment="grid:rows=2,columns=4", budget=16, fill="colour", seed=0)
NAMES = films.NAMES


def quarters(images):
    """Three probabilities: how bright the left, the middle and the right are."""
    return np.stack([part.mean(axis=(1, 2)) for part in np.split(images, [3, 6], axis=2)], axis=1)


@pytest.fixture
def data(rng):
    pixels = rng.random((40, 8, 8))
    pixels[:, :, :3] = rng.random((40, 1, 1))
    said = quarters(pixels)
    labels = (rng.random((40, 3)) < said).astype(int)
    labels[::8, 0] = -1
    return multi_label(pixels, labels, NAMES)


@pytest.mark.slow
def test_a_study_of_a_label_is_of_two_classes(data, tmp_path):
    study = sl.Study(tmp_path, PLAN).run(data, quarters, label="ill", threshold=0.3, check_range=False)
    p, truth = quarters(data.dataset.images)[:, 0], data.truth[:, 0]
    known = np.flatnonzero(truth >= 0)
    assert study.class_names == ("not ill", "ill")
    assert study.labels.tolist() == truth[known].tolist()
    assert study.predicted.tolist() == (p[known] > 0.3).astype(int).tolist()
    assert "5 images are left out, of which the label is not known" in repr(study)
    row = study.row(3)
    assert row.classes[1] == pytest.approx(0.7 * p[known[3]] / (0.7 * p[known[3]] + 0.3 * (1 - p[known[3]])))
    again = sl.Study(tmp_path).attach(data, quarters)
    assert again.model.view.threshold == 0.3
    assert "; threshold 0.3" in repr(again)
    assert again.manifest.label == "ill"
    assert again.manifest.label_names == NAMES
    for other in ({"label": "side"}, {"threshold": 0.5}, {"label": 2}):
        with pytest.raises(OptionError, match=r"was made of label='ill', threshold=0\.3"):
            again.run(**other)
    assert len(again.run(label="Ill", threshold=0.3)) == 35
    assert sl.atlas(again, progress=False).maps


def test_images_that_happen_to_have_one_label_each_are_of_the_label_that_is_asked_for(rng, tmp_path):
    pixels, truth = rng.random((12, 8, 8)), np.eye(3, dtype=int)[np.arange(12) % 3]
    study = sl.Study(tmp_path, PLAN).run((pixels, truth), quarters, label=2, class_names=NAMES)
    assert study.labels.tolist() == truth[:, 2].tolist()
    assert study.predicted.tolist() == (quarters(pixels)[:, 2] > 0.5).astype(int).tolist()


@pytest.mark.slow
def test_a_label_has_to_be_asked_for(data, tmp_path):
    with pytest.raises(OptionError, match="several labels may be true"):
        sl.Study(tmp_path / "a", PLAN).run(data, quarters)
    view = sl.as_model(quarters, class_names=NAMES, label="side")
    study = sl.Study(tmp_path / "b", PLAN).run((data.dataset.images, data.truth), view)
    assert study.labels.tolist() == data.truth[:, 2].tolist()
    classes = sl.Study(tmp_path / "c", PLAN).run((data.dataset.images, np.arange(40) % 2), sl.as_model(view))
    assert classes.class_names == ("not side", "side")


@pytest.mark.slow
def test_a_repair_of_a_label_leaves_the_others_as_they_are(rng):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)
    )
    images = rng.random((80, 8, 8)).astype(np.float32)
    labels = (quarters(images) > np.median(quarters(images), axis=0)).astype(int)
    model = sl.as_model(net, output="sigmoid", class_names=NAMES, label="marker")
    region = sl.regions.grid(2, 2)["r1c1"]
    before = sl.as_model(net, output="sigmoid")(images)
    wide = {"region": region, "margin": 0}
    last = sl.repair.LastLayer(**wide)(model, (images, labels), progress=False)
    guard = sl.repair.Guard(**wide)(model, (images, labels), progress=False)
    few = sl.repair.TrainingConfig(epochs=4)
    anew = sl.repair.Counterexamples(**wide, training=few)(model, (images, labels), progress=False)
    penalised = sl.repair.RightReasons(**wide, weight=1.0, training=few)(
        model, (images, labels), progress=False
    )
    for made in (last, guard, anew, penalised):
        said = made.model.label_scores(images, _others(made.model))
        asked, ill, side = (one[:, 1] for one in said)
        assert np.abs(asked - before[:, 1]).max() > 1e-4
        most = 1e-6 if made in (last, guard) else 0.1
        assert np.abs(ill - before[:, 0]).max() < most
        assert np.abs(side - before[:, 2]).max() < most
    others = (rng.random((60, 8, 8)).astype(np.float32), labels[:60])
    proof = sl.prove(model, last, others, explained=0, progress=False)
    assert [one.name for one in proof.measures if one.kind == "other label"] == [
        *("accuracy of ill", "AUC of ill", "accuracy of side", "AUC of side"),
    ]
    assert all(one.change == 0 for one in proof.measures if one.kind == "other label")


def _others(model):
    from sightline.adapters.one_label import LabelView

    return [model.of_label(LabelView(name)) for name in ("ill", "side")]


TORCH = """
import torch
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
    torch.nn.Flatten(), torch.nn.Linear(16 * 49, 3))
"""


def trained_torch(folder, images, labels):
    """A network in logits, by its file of code and weights; returns the words of the command."""
    import torch

    (folder / "made.py").write_text(TORCH)
    scope = {}
    torch.manual_seed(0)
    exec(TORCH, scope)
    net, wanted = scope["net"], torch.from_numpy(labels).float()
    pixels = torch.from_numpy(images)[:, None]
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(10):
        for some in torch.randperm(len(pixels)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(net(pixels[some]), wanted[some]).backward()
            optimizer.step()
    torch.save(net.state_dict(), folder / "weights.pt")
    loading = f"net.load_state_dict(torch.load({str(folder / 'weights.pt')!r}))\n"
    (folder / "made.py").write_text(TORCH + loading)
    return [f"{folder / 'made.py'}:net", "--output", "sigmoid"]


def trained_keras(folder, images, labels):
    """A network that ends in sigmoids, as a .keras file."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
        ]
    )
    net.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    net.fit(images[..., None], labels.astype(np.float32), batch_size=64, epochs=10, verbose=0)
    net.save(folder / "net.keras")
    return [folder / "net.keras"]


def command(place, *words, code=0):
    with contextlib.chdir(place):
        done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*hiding everything")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("made", [trained_torch, trained_keras])
def test_a_planted_shortcut_of_one_label_is_found_repaired_and_proved_by_the_command(
    made, tmp_path, shared_data
):
    from sklearn import metrics

    pytest.importorskip("torch" if made is trained_torch else "keras")
    archive = shared_data / "pneumoniamnist.npz"
    pixels, labels = films.drawn(archive, "train", 1200, 0.95, 0)
    model = made(tmp_path, (pixels / 255).astype(np.float32), labels)
    files = films.write(tmp_path / "learn", pixels[:300], labels[:300])
    new, truth = films.drawn(archive, "test", 300, 0.5, 1)
    truth[::23, 0] = -1
    listed = f"{films.write(tmp_path / 'new', new, truth)}:label_columns=ill+marker+side"
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    given = ["--values", "unit", "--names", tmp_path / "names.txt"]
    counted = json.loads(command(tmp_path, "evaluate", *model, listed, *given, "--format", "json"))
    opened = sl.adapters.open_model.load_model(str(model[0]))
    p = sl.as_model(opened, output="sigmoid" if made is trained_torch else "auto")(
        (new / 255).astype(np.float32)
    )
    for place, one in enumerate(counted["labels"]):
        known = truth[:, place] >= 0
        assert one["auc"]["value"] == pytest.approx(
            metrics.roc_auc_score(truth[known, place], p[known, place]), abs=1e-6
        )
        assert one["accuracy"] == pytest.approx(
            metrics.accuracy_score(truth[known, place], p[known, place] > 0.5)
        )
    options = [
        *given,
        "--label",
        "ill",
        "--segment",
        "grid:rows=4,columns=4",
        "--fill",
        "blur",
        "--budget",
        32,
    ]
    told = command(tmp_path, "study", *model, listed, *options, "--held-out", 0.5, "-o", "ill")
    assert "label ill" in told
    trust = ["--trust"] if made is trained_torch else []
    assert "not ill" in command(tmp_path, "atlas", "ill")
    blamed = command(tmp_path, "blame", "ill", "--regions", "grid:rows=4,columns=4", *trust)
    assert json.loads((tmp_path / "ill" / "blame.json").read_text())["regions"][0]["region"] == "r1c1", blamed
    learn = ["--train", f"{files}:label_columns=ill+marker+side"]
    options = ["--region", "r1c1", "--method", "counterexamples:copies=1", *learn, *trust]
    command(tmp_path, "repair", "ill", *options, "-o", "fixed")
    said = command(
        tmp_path, "proof", "ill", "fixed", "--explained", 0, *trust, *(["--trust"] if not trust else [])
    )
    proof = json.loads((tmp_path / "fixed" / "proof.json").read_text())
    assert proof["verdict"] in ("repaired", "partly"), said
    measures = {one["name"]: one for one in proof["measures"]}
    assert measures["accuracy"]["after"] > measures["accuracy"]["before"] + 0.05
    for name in ("AUC of marker", "AUC of side"):
        assert measures[name]["after"] > measures[name]["before"] - 0.05, said
