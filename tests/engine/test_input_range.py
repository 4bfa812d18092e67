"""Bytes given to a model that was trained on 0 to 1."""

import re
import warnings

import numpy as np
import pytest
from scipy.special import softmax

import sightline as sl
from sightline.data import drawn_faces
from sightline.errors import SightlineWarning

UNIT = drawn_faces(1, size=32).images[0]
BYTES = np.rint(UNIT * 255).astype(np.uint8)
PLAN = sl.Plan(segment=sl.Grid(rows=4, columns=4), fill=sl.Blur(), budget=120)


def linear(images):
    """Trained on 0 to 1: log-odds of some units there, of hundreds on bytes."""
    images = images.astype(float)
    a, b = images[:, :16].mean(axis=(1, 2, 3)), images[:, 16:].mean(axis=(1, 2, 3))
    return softmax(np.stack([12 * a, 12 * b, 4 * a + 4 * b], axis=1) - [[3, 3, 0]], axis=1)


def rescaling(images):
    return linear(images / 255.0)


def by_its_own_maximum(images):
    return linear(images * (4 / (images.max(axis=(1, 2, 3), keepdims=True) + 1e-9)))


def very_sure(images):
    """Trained on bytes, and far beyond one in a million."""
    bright = images[:, :16].astype(float).mean(axis=(1, 2, 3)) / 255
    return softmax(np.stack([80 * bright, 0 * bright], axis=1), axis=1)


def told(image, model, **more):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = sl.explain(image, model, PLAN, **more)
    return made, [one.message.slug for one in caught]


def logits(images):
    return np.log(np.maximum(linear(images), 1e-300)) * 3 + 4


@pytest.mark.parametrize("image", [BYTES, BYTES.astype(np.float32), BYTES.astype(np.uint16) * 257])
def test_bytes_into_a_model_of_0_to_1_are_told_with_the_way_out(image):
    made, slugs = told(image, linear)
    assert made.scores.classes.max() > 1 - 1e-6
    assert "range-saturated" in slugs
    high = 65535 if image.dtype == np.uint16 else 255
    scaled = linear(UNIT[np.newaxis])[0].max()
    said = f"scaled to 0 to 1 its score is {scaled:.2g}.*image / {high}, or preprocess.*--values unit"
    with pytest.warns(SightlineWarning) as caught:
        sl.explain(image, linear, PLAN)
    assert any(re.search(said, str(one.message)) for one in caught)


@pytest.mark.parametrize(
    ("image", "model"),
    [
        (UNIT, linear),
        (BYTES, rescaling),
        (BYTES, by_its_own_maximum),
        (BYTES, very_sure),
        (BYTES, lambda images: linear(images / 255.0) * 0 + [1, 0, 0]),
        (BYTES, lambda images: images[:, ::9].mean(axis=(2, 3)).astype(float)),  # no probabilities
    ],
)
def test_who_gets_what_it_wants_is_not_warned(image, model):
    assert "range-saturated" not in told(image, model)[1]


def test_with_the_advice_taken_the_answer_is_that_of_the_unit_image():
    made, slugs = told(BYTES, linear, preprocess=lambda images: images / 255)
    assert "range-saturated" not in slugs
    assert made.scores.classes == pytest.approx(linear(BYTES[np.newaxis] / 255)[0])


def test_a_preprocess_that_it_has_stays_in_the_advice():
    """`linear` of half the values, of which it is told bytes all the same."""
    half = sl.as_model(lambda images: linear(images * 2), preprocess=lambda images: images / 2)
    with pytest.warns(SightlineWarning) as caught:
        sl.explain(BYTES, half, PLAN)
    (said,) = [str(one.message) for one in caught if "range-saturated" in str(one.message)]
    assert "preprocess=lambda images: before(images / 255) with the preprocess= that it has now" in said
    assert "--mean" not in said


@pytest.mark.parametrize("budget", [40, 120, 500])
def test_asking_stays_within_the_budget(budget):
    asked = []

    def counted(images):
        asked.append(len(images))
        return linear(images)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = sl.explain(BYTES, counted, PLAN, budget=budget)
    assert sum(asked) == made.attribution.calls <= budget


def test_a_model_that_takes_bytes_alone_is_not_asked_more():
    def picky(images):
        assert images.dtype == np.uint8
        return linear(images)

    assert "range-saturated" not in told(BYTES, picky)[1]


def test_bytes_are_told_to_a_model_of_logits_too_and_floats_are_not():
    slugs = [told(image, sl.as_model(logits, output="logit"))[1] for image in (BYTES, UNIT)]
    assert ["range-saturated" in one for one in slugs] == [True, False]


def test_a_fill_that_the_model_does_not_take_ends_no_explanation():
    def by_maximum(images):
        with np.errstate(all="ignore"):
            return rescaling(images / images.max(axis=(1, 2, 3), keepdims=True)) * 0 + [[0.99, 0.005, 0.005]]

    made, slugs = told(BYTES.astype(np.float32), by_maximum)
    assert slugs == ["scores-flat"]
    assert not made.attribution.values.any()
