"""Which method repairs a model best, chosen on validation images."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline import as_model
from sightline.errors import ModelError
from sightline.regions import grid
from sightline.repair import Counterexamples, Guard, LastLayer, choose
from sightline.repair.selection import default_methods
from sightline.types import option

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


def test_the_best_method_is_chosen_on_exchanged_content():
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
