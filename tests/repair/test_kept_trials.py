"""Methods that were tried are kept, and a choice that was cut short goes on from there."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sightline import as_model
from sightline.regions import grid, per_image
from sightline.repair import Counterexamples, Guard, LastLayer, RightReasons, TrainingConfig, choose
from sightline.repair.kept_trials import KeptTrials, count_trials, remove_trials
from sightline.repair.training_data import predict_scores, split_training_data
from support.marked import IMAGES, LABELS, TRAIN, misled_module

CORNER = grid(4, 4)["r1c1"]
QUICK = TrainingConfig(epochs=2)
NETWORK_METHODS = (
    Guard(region=CORNER),
    Counterexamples(region=CORNER, copies=1, training=QUICK),
    LastLayer(region=CORNER),
    RightReasons(region=CORNER, weight=1.0, training=QUICK),
)


def flat(images):
    return np.asarray(images).reshape(len(images), -1)


def estimator(*before):
    rows = LogisticRegression(C=0.1)
    return make_pipeline(*before, rows).fit(flat(TRAIN[0]), TRAIN[1])


def double(model, images, labels):
    """A fit of one's own, which this file has."""
    return model.fit(flat(images), labels)


def numbers(choice):
    return [(one.method, one.same_class, one.other_class, one.unchanged) for one in choice.trials[1:]]


def same_as_anew(folder, before, now, resumed):
    """What a choice says that may go on from another one is what it says alone; whether it went on."""
    choose(keep=folder, **before)
    again, alone = choose(keep=folder, **now), choose(**now)
    assert ("earlier run" in repr(again)) is resumed
    assert numbers(again) == numbers(alone)
    for one, other in zip(again.results[1:], alone.results[1:], strict=True):
        assert np.allclose(one.model(IMAGES[:40]), other.model(IMAGES[:40]), atol=1e-5)
    return again


@pytest.fixture
def scaled_rows():
    return estimator(StandardScaler())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "methods", "kept"),
    [
        ("misled_net", NETWORK_METHODS, 3),
        pytest.param("misled_keras", NETWORK_METHODS, 3, marks=pytest.mark.slow),
        (
            "scaled_rows",
            (
                Guard(region=CORNER),
                Counterexamples(region=CORNER),
                Counterexamples(region=CORNER, fit=double),
            ),
            1,
        ),
    ],
    ids=["torch", "keras", "scikit-learn"],
)
def test_what_was_fitted_is_not_fitted_again_and_answers_as_it_did(tmp_path, request, model, methods, kept):
    model = request.getfixturevalue(model)
    first = choose(model, TRAIN, CORNER, methods=methods, keep=tmp_path)
    assert count_trials(tmp_path) == kept
    again = choose(model, TRAIN, CORNER, methods=methods, keep=tmp_path)
    assert numbers(again) == numbers(first)
    assert f"{kept} of {len(methods)} methods had been tried then" in repr(again)
    for one, other in zip(first.results[1:], again.results[1:], strict=True):
        assert np.allclose(one.model(IMAGES[:40]), other.model(IMAGES[:40]), atol=1e-5)
        assert one.notes == other.notes
        assert one.provenance.key == other.provenance.key
    same_time = [one.seconds == other.seconds for one, other in zip(first.trials, again.trials, strict=True)]
    assert sum(same_time[1:]) == kept  # the seconds that the fit took, not the reading
    (tmp_path / "trials" / "2024").mkdir()
    (tmp_path / "trials" / "2024" / "results.csv").write_text("mine")
    remove_trials(tmp_path)
    assert {one.name for one in tmp_path.rglob("*") if one.is_file()} == {"results.csv", ".repair-begun"}


def fits_with(strength):
    def fit(model, images, labels):
        return model.set_params(logisticregression__C=strength).fit(flat(images), labels)

    return fit


@pytest.mark.slow
def test_a_fit_of_ones_own_is_done_again_whatever_it_is_called(tmp_path):
    asked = {"model": estimator(), "train": TRAIN, "region": CORNER}
    weak, strong = (
        asked | {"methods": [Counterexamples(region=CORNER, fit=fits_with(one))]} for one in (1e-4, 10.0)
    )
    same_as_anew(tmp_path, weak, strong, resumed=False)


def neighbours(count):
    return KNeighborsClassifier(count).fit(flat(TRAIN[0]), TRAIN[1])


class Halved(torch.nn.Module):
    """A network of one's own, whose strength is in no weight."""

    strength = 1.0

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(images) * self.strength


def frozen(net):
    net[1].requires_grad_(requires_grad=False)
    return net


def halved(strength):
    made = Halved(misled_module())
    made.strength = strength
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "now"),
    [
        (neighbours(1), neighbours(45)),
        (estimator(), estimator().set_params(logisticregression__C=1e-4)),
        (as_model(estimator(), class_names=("a", "b")), as_model(estimator(), class_names=("b", "a"))),
        (as_model(estimator(), preprocess=lambda one: one), as_model(estimator(), preprocess=np.sqrt)),
        (misled_module(), frozen(misled_module())),
        (misled_module(), misled_module(last=(torch.nn.Identity(),))),
        (misled_module(last=(torch.nn.Dropout(0.0),)), misled_module(last=(torch.nn.Dropout(0.9),))),
        (halved(1.0), halved(0.5)),
    ],
    ids=["neighbours", "strength", "names", "preprocess", "frozen", "layers", "dropout", "own network"],
)
def test_another_model_is_never_taken_for_the_one_that_was_fitted(tmp_path, before, now):
    asked = {
        "train": TRAIN,
        "region": CORNER,
        "methods": [Counterexamples(region=CORNER, copies=1, training=TrainingConfig(epochs=1))],
    }
    same_as_anew(tmp_path, {**asked, "model": before}, {**asked, "model": now}, resumed=False)


@pytest.mark.slow
def test_a_network_of_ones_own_class_is_known_again(tmp_path):
    asked = {"train": TRAIN, "region": CORNER, "methods": NETWORK_METHODS[1:2]}
    same_as_anew(tmp_path, {**asked, "model": halved(2.0)}, {**asked, "model": halved(2.0)}, resumed=True)


@pytest.mark.slow
def test_a_function_that_answers_alike_is_asked_again(tmp_path):
    def marked(images):
        there = images[:, :2, :2].mean((1, 2, 3)) > 1.5
        return np.stack([~there, there], 1) * 1.0

    def bright(images):
        there = images[:, :2, :2].max((1, 2, 3)) > 1.5
        return np.stack([~there, there], 1) * 1.0

    asked = {"train": TRAIN, "region": CORNER, "methods": [Guard(region=CORNER)]}
    assert (marked(IMAGES) == bright(IMAGES)).all()
    same_as_anew(tmp_path, {**asked, "model": marked}, {**asked, "model": bright}, resumed=False)


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"region": grid(4, 4)["r3c3"]}, {"margin": 0.3}, {"seed": 5}], ids=str)
def test_what_is_kept_is_judged_as_it_is_asked_for_now(tmp_path, other):
    # With images of its own the seed draws nothing but what they are judged by.
    asked = {
        "model": estimator(),
        "train": (IMAGES[:160], LABELS[:160]),
        "validation": (IMAGES[160:], LABELS[160:]),
        "region": CORNER,
        "methods": [Counterexamples(region=CORNER, copies=1), Guard(region=CORNER)],
    }
    same_as_anew(tmp_path, asked | other, asked, resumed=True)


@pytest.mark.slow
def test_masks_of_every_image_count(tmp_path):
    few = (IMAGES[:60], LABELS[:60])
    data = split_training_data(as_model(estimator()), few)
    learned = [data.train.root_index(one) for one in range(len(data.train))]
    chosen = [data.validation.root_index(one) for one in range(len(data.validation))]

    def spots(moved):
        masks = np.zeros((60, 1, 8, 8), dtype=bool)
        masks[:, 0, :2, :2] = True
        masks[moved] = np.roll(masks[moved], 4, axis=-1)
        return per_image(masks, ["spot"])

    def asked(regions):
        method = Counterexamples(region=regions, margin=0.0, replacement="surroundings", copies=1)
        return {"model": estimator(), "train": few, "region": regions, "methods": [method]}

    same_as_anew(tmp_path, asked(spots([])), asked(spots([])), resumed=True)
    same_as_anew(tmp_path, asked(spots([])), asked(spots(learned[1:2])), resumed=False)
    same_as_anew(tmp_path, asked(spots([])), asked(spots(chosen[-1:])), resumed=False)


@pytest.mark.slow
def test_a_choice_that_was_cut_short_tries_what_is_left(tmp_path):
    model = estimator(StandardScaler())
    methods = [Counterexamples(region=CORNER, copies=copies) for copies in (1, 2)]
    first = choose(model, TRAIN, CORNER, methods=methods[:1], keep=tmp_path)
    both = choose(model, TRAIN, CORNER, methods=methods, keep=tmp_path)
    assert dataclasses.asdict(both.trials[1]) == dataclasses.asdict(first.trials[1])
    assert "1 of 2 methods had been tried then" in repr(both)
    assert "earlier run" not in repr(first)
    alone = choose(model, TRAIN, CORNER, methods=methods)
    assert both.trials[2].score == alone.trials[2].score


def test_other_options_images_regions_and_models_are_tried_anew(tmp_path):
    model, checked = estimator(StandardScaler()), as_model(estimator(StandardScaler()))
    data = split_training_data(checked, TRAIN)
    method = Counterexamples(region=CORNER, copies=1)
    choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    assert KeptTrials(tmp_path, checked, data).read(method) is not None
    for other in (
        Counterexamples(region=CORNER, copies=2),
        Counterexamples(region=CORNER, copies=1, seed=1),
        Counterexamples(region=CORNER, copies=1, margin=0.1),
        Counterexamples(region=grid(2, 2)["r1c1"], copies=1),
        Counterexamples(region=CORNER, copies=1, fit=double),
    ):
        assert KeptTrials(tmp_path, checked, data).read(other) is None
    later = split_training_data(checked, TRAIN, seed=1)
    assert KeptTrials(tmp_path, checked, later).read(method) is None
    harder = make_pipeline(StandardScaler(), LogisticRegression(C=1)).fit(flat(TRAIN[0]), TRAIN[1])
    assert KeptTrials(tmp_path, as_model(harder), data).read(method) is None


def test_what_no_file_can_hold_without_code_is_tried_again(tmp_path):
    model = make_pipeline(FunctionTransformer(flat), LogisticRegression(C=0.1)).fit(*TRAIN)
    method = Counterexamples(region=CORNER, copies=1)
    choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    assert count_trials(tmp_path) == 0


def test_a_damaged_trial_is_tried_again(tmp_path):
    model, method = estimator(StandardScaler()), Counterexamples(region=CORNER, copies=1)
    first = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    (weights,) = tmp_path.glob("trials/*/*.skops")
    weights.write_bytes(weights.read_bytes()[:-9])
    again = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    assert "earlier run" not in repr(again)
    assert again.trials[1].score == first.trials[1].score


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("method = ", "method"),
        ("seconds = ", "took = "),
        ("seconds = ", "seconds = '1' #"),
        ("seconds = ", "seconds = -"),
        ("seconds = ", "seconds = 1e400 #"),
        ("notes = [", "notes = [5,"),
        ("notes = [", "[notes]\nx = ["),
        (".skops", "/../../x.skops"),
        ("digest = ", "digest = 5 #"),
    ],
)
def test_a_trial_file_that_nobody_wrote_so_is_no_trial(tmp_path, old, new):
    model, method = estimator(), Counterexamples(region=CORNER, copies=1)
    first = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    (text,) = tmp_path.glob("trials/*/*.toml")
    text.write_text(text.read_text().replace(old, new, 1))
    again = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    assert "earlier run" not in repr(again)
    assert again.trials[1].score == first.trials[1].score


def test_what_a_trial_file_says_moves_no_other_text_and_decides_no_number(tmp_path):
    model, method = estimator(), Counterexamples(region=CORNER, copies=1)
    first = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    (text,) = tmp_path.glob("trials/*/*.toml")
    text.write_text(
        "same_class = 7.5\n" + text.read_text().replace("notes = [", 'notes = ["\\u001b[31mred", ')
    )
    again = choose(model, TRAIN, CORNER, methods=[method], keep=tmp_path)
    assert "earlier run" in repr(again)
    assert numbers(again) == numbers(first)
    assert again.results[1].notes[0] == r"\x1b[31mred"


def test_what_failed_and_what_had_no_time_is_tried_again(tmp_path):
    model = estimator(StandardScaler())
    failing, fitted = LastLayer(region=CORNER), Counterexamples(region=CORNER, copies=1)
    for _ in range(2):
        first = choose(model, TRAIN, CORNER, methods=[failing], keep=tmp_path)
        assert "[repair-last]" in first.trials[1].failed
    choose(model, TRAIN, CORNER, methods=[fitted], keep=tmp_path, seconds=1e-6)
    assert count_trials(tmp_path) == 0


def test_weights_of_another_shape_are_not_kept(tmp_path):
    net, other = misled_module(), misled_module(outputs=2)
    checked = as_model(net)
    data = split_training_data(checked, TRAIN)

    def widened(model, images, labels):
        return other

    method = Counterexamples(region=CORNER, copies=1, fit=widened)
    made = method(checked, TRAIN)
    kept = KeptTrials(tmp_path, checked, data)
    kept.keep(dataclasses.replace(method, fit=None), 1.0, made)
    assert kept.read(dataclasses.replace(method, fit=None)) is None
    assert predict_scores(made.model, data.validation, [0]).shape == (1, 2)
