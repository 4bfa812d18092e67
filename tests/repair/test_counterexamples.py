"""Models fitted on images in which the region tells nothing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sightline import as_model
from sightline._digests import image_digest
from sightline.errors import ImageError, ModelError, OptionError
from sightline.regions import grid
from sightline.repair.counterexamples import Counterexamples

CORNER = grid(4, 4)["r1c1"]


def marked(count, share=0.95, seed=0):
    """Noisy images, brighter below where the class is 1; a mark in the corner of most of class 1."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, 8, 8))
    images[:, 4:] += 0.12 * labels[:, None, None]
    there = np.where(labels == 1, rng.random(count) < share, rng.random(count) > share)
    images[there, :2, :2] = 3.0
    return images, labels, there


IMAGES, LABELS, THERE = marked(400)
TEST, TRUTH, SEEN = marked(600, share=0.5, seed=1)


def flat(images):
    return np.asarray(images).reshape(len(images), -1)


def linear():
    return make_pipeline(FunctionTransformer(flat), StandardScaler(), LogisticRegression(C=0.1))


def worst(model):
    """Accuracy of the worst of the groups of class and mark."""
    right = as_model(model)(TEST).argmax(axis=1) == TRUTH
    groups = [right[(label == TRUTH) & (mark == SEEN)] for label in (0, 1) for mark in (False, True)]
    return min(group.mean() for group in groups)


@pytest.fixture(scope="module")
def model():
    return linear().fit(IMAGES, LABELS)


def test_a_model_that_goes_by_a_mark_is_repaired_and_the_old_one_stays(model):
    before, scores = worst(model), model.predict_proba(TEST)
    fix = Counterexamples(region=CORNER)(model, (IMAGES, LABELS))
    assert before < 0.5
    assert worst(fix.model) > before + 0.25
    assert np.array_equal(model.predict_proba(TEST), scores)
    assert fix.raw is not model


@pytest.mark.slow
def test_noise_tells_nothing_but_does_not_show_what_the_mark_looks_like(model):
    noise, swapped = (
        worst(Counterexamples(region=CORNER, replacement=how)(model, (IMAGES, LABELS)).model)
        for how in ("noise", "swap")
    )
    assert noise < swapped - 0.2


def test_originals_are_added_if_asked_for(model):
    fix = Counterexamples(region=CORNER, copies=2, originals=True)(model, (IMAGES, LABELS))
    assert "Learned from 960 images, made of 320." in repr(fix)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(model):
    one, other, third = (
        Counterexamples(region=CORNER, seed=seed)(model, (IMAGES, LABELS)).raw[-1].coef_ for seed in (1, 1, 2)
    )
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


@pytest.mark.slow
def test_a_bound_method_is_repaired_like_its_estimator(model):
    by_method = Counterexamples(region=CORNER)(model.predict_proba, (IMAGES, LABELS))
    by_model = Counterexamples(region=CORNER)(model, (IMAGES, LABELS))
    assert np.allclose(by_method.model(TEST), by_model.model(TEST))
    assert by_method.raw.__name__ == "predict_proba"


def test_labels_go_by_the_names_of_the_classes(model):
    names = np.array(["b", "a"])  # scikit-learn sorts them the other way round
    named = linear().fit(IMAGES, names[LABELS])
    from sightline.data import ArrayDataset

    data = ArrayDataset(IMAGES[..., np.newaxis], LABELS, ("b", "a"))
    fix = Counterexamples(region=CORNER)(named, data)
    right = fix.model(TEST[..., np.newaxis]).argmax(axis=1) == 1 - TRUTH
    assert fix.model.class_names == ("a", "b")
    assert right.mean() > 0.7


def test_your_own_fit_gets_a_copy_and_all_images(model):
    given = {}

    def fit(estimator, images, labels):
        given.update(estimator=estimator, shape=images.shape, labels=np.bincount(labels))
        return estimator.fit(images, labels)

    scores = model.predict_proba(TEST)
    fix = Counterexamples(region=CORNER, copies=2, fit=fit)(model, (IMAGES, LABELS))
    assert given["estimator"] is not model
    assert given["shape"] == (640, 8, 8)
    assert np.array_equal(model.predict_proba(TEST), scores)
    assert worst(fix.model) > worst(model) + 0.2


def test_your_own_fit_repairs_what_is_known_by_its_answers_alone(model):
    def asked(images):
        return model.predict_proba(images)

    with pytest.raises(ModelError, match=r"known by its answers alone. Give fit=function.*sl.repair.Guard"):
        Counterexamples(region=CORNER)(asked, (IMAGES, LABELS))

    def fit(old, images, labels):
        return linear().fit(images, labels).predict_proba

    fix = Counterexamples(region=CORNER, fit=fit)(asked, (IMAGES, LABELS))
    assert worst(fix.model) > worst(model) + 0.2


def test_a_fit_that_fails_or_returns_nothing_is_named(model):
    def failing(old, images, labels):
        raise KeyError("weights")

    def forgetful(old, images, labels):
        old.fit(images, labels)

    with pytest.raises(ModelError, match=r"fit=.*failing failed on 960 images .* KeyError: 'weights'"):
        Counterexamples(region=CORNER, fit=failing)(model, (IMAGES, LABELS))
    with pytest.raises(ModelError, match=r"forgetful returned None; it has to return the model"):
        Counterexamples(region=CORNER, fit=forgetful)(model, (IMAGES, LABELS))


def test_every_image_that_was_used_is_remembered(model):
    fix = Counterexamples(region=CORNER)(model, (IMAGES, LABELS))
    assert fix.provenance.image_digests == {image_digest(image) for image in IMAGES}
    assert fix.provenance.region.name == "r1c1"
    assert fix.provenance.method.startswith("Counterexamples(")
    assert "Learned from 960 images, made of 320." in repr(fix)


def test_validation_images_of_one_s_own_leave_all_others_to_learn_from(model):
    fix = Counterexamples(region=CORNER, copies=1)(
        model, (IMAGES, LABELS), validation=(TEST[:50], TRUTH[:50])
    )
    assert "Learned from 400 images, made of 400." in repr(fix)
    assert {image_digest(image) for image in TEST[:50]} <= fix.provenance.image_digests


@pytest.mark.parametrize(
    ("images", "labels"), [(IMAGES[:9], LABELS[:9]), (IMAGES[LABELS == 1], LABELS[LABELS == 1])]
)
def test_too_few_images_or_classes_are_refused(model, images, labels):
    with pytest.raises(ImageError, match="are too few to repair a model with"):
        Counterexamples(region=CORNER)(model, (images, labels))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"copies": 0}, "copies must be a whole number from 1 up"),
        ({"region": "jew"}, "no built-in face or chest has a region 'jew'"),
        ({"replacement": "nose"}, "there is no fill named 'nose'"),
        ({"margin": 0.9}, "margin must be a number from 0 to 0.5"),
        ({"copy": 2}, "Counterexamples has no option 'copy'"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(options, said):
    with pytest.raises(OptionError, match=said):
        Counterexamples(**{"region": CORNER, **options})
