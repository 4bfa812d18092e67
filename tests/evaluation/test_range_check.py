"""Whether labelled images are in the range of values that the model was trained on."""

import functools
import warnings

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

import sightline as sl
from sightline.adapters.preprocess import Normalized
from sightline.errors import SightlineWarning
from sightline.evaluation.range_check import MEAN, SPREAD, KeptImages, spread_places, try_ranges

FORMS = {
    "unit": lambda images: images,
    "byte": lambda images: np.rint(images * 255).astype(np.uint8),
    "float byte": lambda images: images * 255,
    "signed": lambda images: images * 2 - 1,
    "deep": lambda images: np.rint(images * 65535).astype(np.uint16),
}
MODELS = {
    "linear": lambda: make_pipeline(PCA(12, svd_solver="full"), LogisticRegression(max_iter=300)),
    "trees": lambda: RandomForestClassifier(30, random_state=0),
    "neighbours": lambda: KNeighborsClassifier(3),
    "invariant": lambda: make_pipeline(Normalizer(), LogisticRegression(C=1e3, max_iter=300)),
}


class Squared(torch.nn.Module):
    """A preprocessing of tensors."""

    def forward(self, images):
        return images**2


@functools.cache
def faces():
    return sl.data.drawn_faces(240, people=6, seed=3, size=32).split()


@functools.cache
def fitted(model, form):
    train = faces()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[model]().fit(FORMS[form](train.images).reshape(len(train), -1), train.labels)


def given_as(form):
    test = faces()[1]
    return FORMS[form](test.images), test.labels


@pytest.mark.parametrize(
    ("wants", "form", "better", "advice"),
    [
        ("unit", "byte", "from 0 to 1", 'images / 255, or of files ImageFormat(values="unit")'),
        ("unit", "float byte", "from 0 to 1", "images / 255, or"),
        ("unit", "deep", "from 0 to 1", "images / 65535, or"),
        ("unit", "signed", "from 0 to 1", "(images + 1) / 2, or"),
        ("byte", "unit", "from 0 to 255", 'images * 255, or of files ImageFormat(values="byte")'),
        ("byte", "signed", "from 0 to 255", "(images + 1) * 127.5, or"),
        ("byte", "deep", "from 0 to 255", "images / 257, or"),
        ("signed", "byte", "from -1 to 1", "images / 127.5 - 1, or"),
        ("signed", "unit", "from -1 to 1", "images * 2 - 1, or"),
    ],
)
@pytest.mark.parametrize(
    "model", ["linear", *(pytest.param(model, marks=pytest.mark.slow) for model in ("trees", "neighbours"))]
)
def test_another_range_is_named_with_both_shares_and_what_to_give(model, wants, form, better, advice):
    told = fitted(model, wants)
    images, labels = given_as(form)
    best = sl.evaluate(told, given_as(wants)).accuracy
    with pytest.warns(SightlineWarning, match="range-unlike") as caught:
        done = sl.evaluate(told, (images, labels))
    found = done.range_check
    assert found.better == better
    assert advice in str(caught[0].message)
    tried = dict(zip(("given", *found.ranges), found.right, strict=True))
    assert tried["given"] == pytest.approx(done.accuracy, abs=0.1)
    assert tried[better] == pytest.approx(best, abs=0.1)
    assert f"{tried['given']:.3f} right as they are given" in str(caught[0].message)
    assert f"values     of {found.n_images} images" in repr(done)
    with warnings.catch_warnings():  # and what it says to give is right
        warnings.simplefilter("error")
        change = eval(advice.partition(", or")[0], {}, {"images": images.astype(float)})
        assert sl.evaluate(told, (change, labels)).accuracy == pytest.approx(best, abs=0.05)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", ["unit", "byte", "signed"])
def test_a_model_that_gets_what_it_wants_raises_no_warning(model, form):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sl.evaluate(fitted(model, form), given_as(form)).accuracy > 0.5


def test_a_model_to_which_the_range_does_not_matter_raises_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for form in ("unit", "byte", "float byte"):
            sl.evaluate(fitted("invariant", "unit"), given_as(form))


PREPARED = {
    "Normalized": Normalized(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    "function": lambda images: images.astype(float) ** 2,
    "module": Squared(),
}


@pytest.mark.parametrize("form", ["float byte", "signed"])
@pytest.mark.parametrize("name", PREPARED)
def test_what_a_model_does_to_its_images_itself_is_part_of_the_advice(name, form):
    """Followed by the letter, it gives the share of right answers that was promised."""
    before = PREPARED[name]
    train, (images, labels) = faces()[0], given_as(form)
    made = before(torch.from_numpy(train.images)).numpy() if name == "module" else before(train.images)
    network = MODELS["linear"]().fit(made.reshape(len(train), -1), train.labels)

    class Network(torch.nn.Module):
        def forward(self, given):
            rows = given.permute(0, 2, 3, 1).flatten(1).numpy()
            return torch.from_numpy(network.predict_proba(rows))

    model = sl.as_model(Network() if name == "module" else network, output="probability", preprocess=before)
    with pytest.warns(SightlineWarning, match="range-unlike"):
        found = sl.evaluate(model, (images, labels)).range_check
    assert found.better == "from 0 to 1"
    written = found.advice.partition("preprocess=")[2].partition(" with the preprocess= that it has now")[0]
    assert "before(" in written
    if name == "module":
        change = eval(written.removeprefix("lambda images: "), {}, {"images": images, "before": np.array})
        followed = sl.evaluate(model, (change, labels)).accuracy
    else:
        followed = sl.evaluate(
            sl.as_model(network, preprocess=eval(written, {"before": before})), (images, labels)
        ).accuracy
    assert followed == pytest.approx(found.right[1 + found.ranges.index(found.better)], abs=0.1)
    assert followed > found.right[0] + 0.3


def test_imagenet_s_mean_and_spread_are_tried():
    mean, spread = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    train, test = faces()
    model = make_pipeline(PCA(12, svd_solver="full"), RandomForestClassifier(30, random_state=0))
    model.fit(((train.images - mean) / spread).reshape(len(train), -1), train.labels)
    with pytest.warns(SightlineWarning, match=r"by its spread.*images - \[0.485, 0.456, 0.406\]\) / \[0.229"):
        sl.evaluate(model, (test.images, test.labels))


@pytest.mark.slow
def test_chance_is_not_taken_for_another_range(rng):
    """Labels at random, and columns out of order: no range is better, however wrong the answers are."""
    images, labels = given_as("unit")
    linear = sl.as_model(fitted("linear", "unit"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        for _ in range(20):
            sl.evaluate(linear, (images, rng.permutation(labels)))
    with pytest.warns(SightlineWarning) as told:
        sl.evaluate(lambda x: np.roll(linear(x), 1, axis=1), (images, labels))
    assert [warning.message.slug for warning in told] == ["classes-swapped"]


def test_a_model_that_says_one_class_is_no_better_where_that_class_is_frequent():
    images = np.full((100, 4, 4), 200, np.uint8)
    labels = np.r_[np.zeros(8, int), np.ones(92, int)]

    def model(batch):
        low = (batch.max(axis=(1, 2)) <= 1).astype(float)  # class 1 of all that is dark
        return np.stack([1 - low, low], axis=1)

    done = sl.evaluate(model, (images, labels))
    assert done.range_check.right[:2] == pytest.approx((8 / 96, 88 / 96), abs=0.05)
    assert done.range_check.better is None


def test_few_wrong_answers_cost_no_call_and_the_question_can_be_left_out():
    asked = []

    def counted(images):
        asked.append(len(images))
        return sl.as_model(fitted("linear", "unit"))(images)

    images, labels = given_as("unit")
    assert sl.evaluate(counted, (images, labels)).range_check is None
    assert sum(asked) == len(images)
    asked.clear()
    assert sl.evaluate(counted, given_as("byte"), check_range=False).range_check is None
    assert sum(asked) == len(images)


def test_a_model_that_takes_no_other_type_is_left_alone():
    def picky(images):
        assert images.dtype == np.uint8
        return np.tile([0.5, 0.4, 0.1, 0, 0, 0], (len(images), 1))

    with pytest.warns(SightlineWarning, match="evaluate-one-class"):
        found = sl.evaluate(picky, given_as("byte")).range_check
    assert (found.ranges, found.calls, found.better) == ((), 0, None)


def test_images_of_no_usual_range_are_not_tried():
    images, labels = given_as("unit")
    with pytest.warns(SightlineWarning, match="evaluate-one-class"):
        done = sl.evaluate(fitted("trees", "unit"), (images * 1e6, labels))
    assert done.range_check is None


def test_images_of_all_classes_are_kept_from_data_that_are_sorted():
    kept = KeptImages()
    labels = np.repeat(np.arange(4), 100)
    for start in range(0, 400, 25):
        kept.add(np.full((25, 2, 2), start % 256, np.uint8), labels[start : start + 25])
    places, images = kept.taken()
    assert len(places) == len(images) == 96
    assert np.bincount(labels[places]).min() >= 23
    assert [int(image[0, 0]) for image in images] == [place // 25 * 25 % 256 for place in places]


def test_large_images_are_few():
    kept = KeptImages()
    big = np.zeros((2, 4096, 4096), np.uint8)
    for label in (0, 1, 0, 1):
        kept.add(big, np.array([label, label]))
    places, images = kept.taken()
    assert sum(image.nbytes for image in images) <= 64 * 2**20
    assert len({place // 2 % 2 for place in places}) == 2


def test_places_are_spread_over_classes_and_over_each():
    labels = np.repeat(np.arange(3), [50, 5, 50])
    places = spread_places(labels, 30)
    assert len(set(places)) == len(places) <= 30
    assert np.bincount(labels[places]).tolist() == [10, 5, 10]
    assert max(place for place in places if place < 50) == 49


def test_of_ranges_that_do_as_well_the_simplest_is_named():
    rng, labels = np.random.default_rng(0), np.arange(120) % 2
    images = rng.integers(0, 120, (120, 8, 8, 3), dtype=np.uint8)
    images[:, 2:4, 2:4] += (100 * labels)[:, None, None, None].astype(np.uint8)

    def of_unit(given):
        p = (1 + np.tanh(30 * (given[:, 2:4, 2:4].mean(axis=(1, 2, 3)) - 0.42))) / 2
        return np.stack([1 - p, p], axis=1)

    with pytest.warns(SightlineWarning, match="range-unlike"):
        done = sl.evaluate(of_unit, (images, labels))
    assert done.range_check.better == "from 0 to 1"


def standardised(images, like):
    return (images - like.mean((0, 1, 2))) / like.std((0, 1, 2))


@functools.cache
def fitted_on(kind):
    train = faces()[0]
    images = train.images if kind == "unit" else standardised(train.images, train.images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS["linear"]().fit(images.reshape(len(train), -1), train.labels)


@pytest.mark.parametrize("form", ["unit", "byte", "signed"])
def test_a_model_of_standardised_images_is_known_by_its_answers(form):
    images, labels = given_as(form)
    best = sl.evaluate(
        fitted_on("standardised"), (standardised(given_as("unit")[0], faces()[0].images), labels)
    )
    with pytest.warns(SightlineWarning, match=r"range-unlike") as caught:
        done = sl.evaluate(fitted_on("standardised"), (images, labels))
    assert done.range_check.better is not None
    tried = dict(zip(done.range_check.ranges, done.range_check.right, strict=False))
    assert max(done.range_check.right) == pytest.approx(best.accuracy, abs=0.12)
    assert "less their mean, by their spread" in tried
    assert "images - [" in str(caught[0].message) or "ImageNet" in str(caught[0].message)


@pytest.mark.parametrize("wants", ["unit", "byte"])
@pytest.mark.parametrize("by", ["own", "imagenet"])
def test_standardised_images_are_known_by_the_answers_of_a_model_of_another_range(wants, by):
    images, labels = given_as("unit")
    given = (images - MEAN) / SPREAD if by == "imagenet" else standardised(images, images)
    best = sl.evaluate(fitted("trees", wants), given_as(wants)).accuracy
    with pytest.warns(SightlineWarning, match="before they were standardised"):
        done = sl.evaluate(fitted("trees", wants), (given, labels))
    found = dict(zip(done.range_check.ranges, done.range_check.right[1:], strict=True))
    words = {"unit": "from 0 to 1", "byte": "from 0 to 255"}[wants]
    assert found[words] == pytest.approx(best, abs=0.12)
    right = sl.evaluate(fitted_on("standardised"), (standardised(images, faces()[0].images), labels))
    assert right.range_check is None or right.range_check.better is None


@pytest.mark.parametrize("count", [6, 60])
def test_one_class_of_all_images_is_told_of(count):
    """Bytes into a network of 0 to 1, whose logit they make too large, whatever is seen."""
    labels = np.arange(count) % 2
    images = (np.random.default_rng(0).integers(90, 110, (count, 8, 8)) + 60 * labels[:, None, None]).astype(
        np.uint8
    )

    def network(images):
        return 1 / (1 + np.exp(-40.0 * (images.astype(np.float64).mean((1, 2)) - 0.5)))

    with pytest.warns(SightlineWarning) as caught:
        assert sl.evaluate(network, (images, labels)).accuracy == 0.5
    slug = "range-saturated" if count == 6 else "range-unlike"
    assert [warning.message.slug for warning in caught] == [slug]
    with pytest.warns(SightlineWarning, match="class 1 of all 60 images, though 30 are"):
        sl.evaluate(lambda x: np.full(len(x), 0.9), (np.resize(images, (60, 8, 8)), np.arange(60) % 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SightlineWarning)
        sl.evaluate(network, (images / 255, labels))
        sl.evaluate(lambda x: np.full(len(x), 0.9), (images[:6], labels[:6]))
        sl.evaluate(lambda x: np.full(len(x), 0.9), (images, np.ones(count, int)))


@pytest.mark.parametrize(("gain", "offset", "mean", "std"), [(1.0, 0.0, 0, 255), (2.0, -1.0, 127.5, 127.5)])
def test_a_better_range_is_told_as_a_mean_and_a_spread_too(gain, offset, mean, std):
    labels = np.arange(60) % 2
    images = list(np.rint(60 + 90 * labels[:, None, None] + np.zeros((60, 4, 4))).astype(np.uint8))

    def model(batch):
        values = (batch.reshape(len(batch), -1).mean(axis=1) - offset) / gain
        return np.stack([values < 0.4, (values >= 0.4) & (values < 1)], axis=1) + 0.0

    found = try_ranges(model, images, labels, np.zeros(60, int), lambda said: said.argmax(axis=1))
    assert found is not None
    assert (found.mean, found.std) == ((mean,), (std,))
