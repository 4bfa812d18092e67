"""Which method repairs a model best, chosen on validation images."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline import Plan, as_model
from sightline.errors import ModelError
from sightline.proof.analysis import prove
from sightline.regions import grid
from sightline.repair import Counterexamples, Guard, LastLayer, TrainingConfig, choose
from sightline.repair.selection import default_methods
from sightline.repair.training_data import split_training_data
from sightline.types import option
from support.bright import bright
from support.studies import Memory

CORNER = grid(4, 4)["r1c1"]


def marked(count, share=0.95, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 8, 8))
    images[:, 4:] += 0.12 * labels[:, None, None]
    there = np.where(labels == 1, rng.random(count) < share, rng.random(count) > share)
    images[there, :2, :2] = 3.0
    return images, labels


def flat(images):
    return np.asarray(images).reshape(len(images), -1)


TRAIN = marked(400)
MODEL = make_pipeline(FunctionTransformer(flat), LogisticRegression(C=0.1)).fit(*TRAIN)
NETWORK = make_pipeline(
    FunctionTransformer(flat), MLPClassifier((8,), solver="lbfgs", max_iter=2000, random_state=0)
).fit(*TRAIN)


@option
class Broken:
    """A method that never works."""

    def __call__(self, model, train, **more):
        raise ModelError("it is broken.", slug="repair-closed")


@option
class Nothing:
    """A method that leaves the model as it is."""

    def __call__(self, model, train, **more):
        return Guard(region=grid(8, 8)["r1c8"], margin=0, fill="colour")(model)


def test_the_best_method_is_chosen_on_swapped_content():
    choice = choose(MODEL, TRAIN, CORNER, methods=[Nothing(), Counterexamples(region=CORNER)])
    before, _, best = choice.trials
    assert before.method == "as it is"
    assert before.same_class - before.other_class > 0.3
    assert best.score > before.score + 0.2
    assert choice.result is choice.results[2]
    assert choice.results[0] is None
    assert choice.images == 80
    assert f"* {best.method}" in repr(choice)
    assert "Chosen: Counterexamples(region='r1c1'), which has" in choice.verdict


def test_a_method_that_goes_against_the_region_is_no_better_than_one_that_goes_by_it():
    def against(images):
        return 1.0 - (images[:, :2, :2].mean(axis=(1, 2)) > 2)

    def by(images):
        return (images[:, :2, :2].mean(axis=(1, 2)) > 2) * 1.0

    one, other = (choose(model, TRAIN, CORNER, methods=[]).trials[0] for model in (against, by))
    assert one.other_class > 0.8 > 0.2 > one.same_class
    assert other.same_class > 0.8 > 0.2 > other.other_class
    assert max(one.score, other.score) < 0.2


def test_nothing_is_chosen_where_no_method_is_better():
    choice = choose(MODEL, TRAIN, CORNER, methods=[Nothing()])
    assert choice.result is None
    assert "Nothing chosen: no method does better than the model as it is by 0.02" in repr(choice)


def test_a_method_that_fails_is_told_and_the_others_go_on():
    choice = choose(MODEL, TRAIN, CORNER, methods=[Broken(), Counterexamples(region=CORNER)])
    assert np.isnan(choice.trials[1].score)
    assert choice.result is choice.results[2]
    assert "Broken() could not be tried: it is broken. [repair-closed]" in repr(choice)


@pytest.mark.slow
def test_where_no_time_is_left_methods_that_fit_are_left_out_and_a_guard_is_not():
    methods = [Counterexamples(region=CORNER), Guard(region=CORNER, fill="colour")]
    choice = choose(MODEL, TRAIN, CORNER, methods=methods, seconds=1e-6)
    _, guarded, fitted = choice.trials
    assert guarded.method.startswith("Guard")
    assert guarded.failed == ""
    assert fitted.failed.startswith("no time was left")
    choice = choose(MODEL, TRAIN, CORNER, methods=methods, seconds=1000)
    assert [one.failed for one in choice.trials] == ["", "", ""]


def test_no_method_has_seen_the_images_it_is_judged_by():
    result = choose(MODEL, TRAIN, CORNER, methods=[Counterexamples(region=CORNER, copies=1)]).result
    assert "made of 320." in result.notes[0]


def test_the_methods_that_apply_depend_on_the_model():
    def kinds(model, **more):
        return [type(method) for method in default_methods(as_model(model), CORNER, **more)]

    def asked(images):
        return MODEL.predict_proba(images)

    assert kinds(asked) == [Guard]
    assert kinds(asked, fit=lambda *given: None) == [Guard, Counterexamples, Counterexamples]
    assert kinds(MODEL) == [Guard, Counterexamples, Counterexamples]
    assert (
        kinds(NETWORK) == kinds(NETWORK.predict_proba) == [Guard, Counterexamples, Counterexamples, LastLayer]
    )


def test_a_network_has_every_method():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    names = [type(method).__name__ for method in default_methods(as_model(net), CORNER)]
    assert names == ["Guard", "Counterexamples", "Counterexamples", "LastLayer", "RightReasons"]


def test_the_usual_methods_are_of_the_margin_that_was_asked_for():
    methods = default_methods(as_model(MODEL), CORNER, margin=0.1, seed=3)
    assert [method.margin for method in methods] == [0.1, 0.1, 0.2]
    assert {method.seed for method in methods} == {3}


def test_a_trial_s_score_is_the_lower_of_the_two():
    trial = choose(MODEL, TRAIN, CORNER, methods=[]).trials[0]
    assert dataclasses.replace(trial, same_class=0.4, other_class=0.7).score == 0.4
    assert np.isnan(dataclasses.replace(trial, same_class=np.nan).score)


def test_a_method_that_costs_more_than_it_gains_is_not_chosen():
    # All there is to know of the class lies in the corner: without it, answers are guesses.
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images = rng.random((200, 8, 8))
    images[:, :2, :2] += np.where(labels == 1, 0.6, 0.0)[:, None, None]

    def asked(batch):
        p = 1 / (1 + np.exp(-8 * (batch[:, :2, :2].mean(axis=(1, 2)) - 0.8)))
        return np.stack([1 - p, p], axis=1)

    choice = choose(asked, (images, labels), CORNER)
    assert choice.trials[0].unchanged > 0.8
    assert choice.trials[1].unchanged == pytest.approx(0.5, abs=0.1)
    assert choice.result is None
    assert "Leave it as it is." in choice.verdict


def test_what_a_method_costs_is_taken_off_what_it_gains():
    choice = choose(MODEL, TRAIN, CORNER, methods=[])
    base = dataclasses.replace(
        choice.trials[0], same_class=0.9, other_class=0.4, unchanged=1.0, guessing=False
    )
    ruin = dataclasses.replace(base, method="ruin", same_class=0.55, other_class=0.55, unchanged=0.55)
    good = dataclasses.replace(base, method="good", same_class=0.8, other_class=0.75, unchanged=0.9)
    known = dataclasses.replace(choice, trials=(base, ruin, good), unseen=None)
    assert known.gain(ruin) == pytest.approx(0.15 - 0.45)
    assert known.gain(good) == pytest.approx(0.35 - 0.1)
    assert known.best == 2
    assert dataclasses.replace(known, trials=(base, ruin)).best is None
    assert dataclasses.replace(known, trials=(base, dataclasses.replace(good, guessing=True))).best is None


@option
class Constant:
    """A method whose model says one class of everything."""

    def __call__(self, model, train, **more):
        made = Guard(region=grid(8, 8)["r1c8"], margin=0, fill="colour")
        return made(lambda images: np.tile([1.0, 0], (len(images), 1)))


def test_a_model_that_says_one_class_of_everything_is_never_chosen():
    def against(images):
        return 1.0 - (images[:, :2, :2].mean(axis=(1, 2)) > 2)

    choice = choose(against, TRAIN, CORNER, methods=[Constant()])
    assert choice.trials[0].score < 0.2
    assert choice.trials[1].score == 0.5
    assert choice.result is None
    assert "Constant() is no better than guessing." in repr(choice)


def test_a_model_fitted_on_the_validation_images_is_held_against_one_that_was_not():
    choice = choose(MODEL, TRAIN, CORNER, methods=[])
    again = make_pipeline(FunctionTransformer(flat), LogisticRegression(C=0.1))
    rows = split_training_data(as_model(MODEL), TRAIN)
    learned, tested = rows.train.indices, rows.validation.indices
    again.fit(TRAIN[0][learned], TRAIN[1][learned])
    assert choice.unseen.unchanged == recall_score(
        TRAIN[1][tested], again.predict(TRAIN[0][tested]), average="macro"
    )
    assert choice.base is choice.unseen
    assert "as it is, without these images" in repr(choice)
    other = marked(400, share=0.5, seed=7)
    assert choose(MODEL, other, CORNER, methods=[]).unseen is None  # it has not learned from these


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sightline.errors.SightlineWarning")
def test_images_of_the_study_are_what_a_method_is_judged_by():
    tests = marked(60, share=0.5, seed=3)
    study = Memory(
        MODEL.predict_proba, *tests, Plan(segment="grid:rows=4,columns=2", fill="colour", budget=64)
    )
    choice = choose(MODEL, TRAIN, CORNER, methods=[], study=study)
    assert choice.images == 60
    assert choice.unseen is None
    right = MODEL.predict(tests[0])
    assert choice.trials[0].unchanged == pytest.approx(recall_score(tests[1], right, average="macro"))
    again = choose(MODEL, tests, CORNER, methods=[], study=study)
    assert again.images == 12  # a fifth of them, since the study has no others


def test_images_that_the_model_may_have_seen_are_said_to_be():
    said = repr(choose(MODEL, TRAIN, CORNER, methods=[], finding="Not the jaw."))
    assert said.startswith("Not the jaw.\n")

    def asked(images):
        return MODEL.predict_proba(images)

    assert "give validation=, images that it has not seen" in repr(choose(asked, TRAIN, CORNER, methods=[]))


def scattered(count, share, seed):
    """Grey images, brighter below where the class is 1, most of which have a white mark somewhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = (0.4 + 0.1 * rng.standard_normal((count, 16, 16))).clip(0, 0.7)
    images[:, 8:] += 0.06 * labels[:, None, None]
    there = rng.random(count) < np.where(labels == 1, share, 1 - share)
    for one in np.flatnonzero(there):
        down, across = rng.integers(0, 13, 2)
        images[one, down : down + 3, across : across + 3] = 1.0
    return images[..., np.newaxis].astype(np.float32), labels, there


def misled_by_marks(images, labels):
    """A network that sees the brightest and the mean of what each filter finds, above and below."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ScatteredNet()
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        inputs, truth = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs), truth).backward()
            optimizer.step()
    return net.eval()


class ScatteredNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.find = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.say = torch.nn.Linear(24, 2)

    def forward(self, images):
        found = torch.relu(self.find(images - 0.4))
        halves = [half.mean((2, 3)) for half in found.split(8, dim=2)]
        return self.say(torch.cat([found.amax((2, 3)), *halves], dim=1))


@pytest.mark.slow
def test_what_has_no_fixed_place_is_repaired_and_that_is_proved():
    images, labels, _ = scattered(400, 0.95, 0)
    held, truth, there = scattered(400, 0.5, 1)
    net, mark = misled_by_marks(images, labels), bright()["bright"]

    def worst(model):
        right = as_model(model)(held).argmax(axis=1) == truth
        return min(right[(truth == label) & (there == on)].mean() for label in (0, 1) for on in (False, True))

    training = TrainingConfig(epochs=25, learning_rate=0.01)
    methods = [
        Guard(region=mark),
        Counterexamples(region=mark, replacement="plant", fresh=True, training=training),
    ]
    made = choose(net, (images, labels), mark, methods=methods, progress=False)
    assert "“bright” was found in " in made.notes[0]
    assert made.result is not None
    assert worst(net) < 0.4
    assert worst(made.result.model) > 0.7
    proof = prove(net, made, (held, truth), present=there, explained=0, progress=False)
    assert proof.verdict == "repaired"
    assert (proof.detections.missed, proof.detections.wrong) == (0, 0)
    assert (
        proof["accuracy, region of another class"].before < proof["accuracy, region of another class"].after
    )
