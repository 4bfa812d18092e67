"""A study says where hiding hides nothing, and names the fill that would."""

import warnings

import numpy as np
import pytest

import sightline as sl
from sightline.errors import SightlineWarning

RNG = np.random.default_rng(0)
LABELS = np.arange(20) % 2
IMAGES = RNG.uniform(0.0, 0.19, (20, 16, 16)) + 0.8 * LABELS[:, np.newaxis, np.newaxis]


def bright(images: np.ndarray) -> np.ndarray:
    """Sure of bright and of dark images: a blurred one is as bright."""
    p = 1 / (1 + np.exp(-40 * (images.mean(axis=(1, 2)) - 0.45)))
    p = 0.95 * p + 0.05 * images[:, 3, 3]  # so that it moves at all
    return np.stack([1 - p, p], axis=1)


@pytest.mark.slow
def test_a_study_names_the_fill_that_hides_and_counts_the_images(tmp_path):
    with pytest.warns(SightlineWarning) as caught:
        study = sl.Study(tmp_path, sl.Plan(segment="grid", fill="blur", budget=80)).run(
            (IMAGES, LABELS), bright, progress=False
        )
    (said,) = caught
    assert said.message.slug == "study-hiding"
    assert " of 20 images hiding everything with Blur(sigma=None) hardly changes" in str(said.message)
    assert "as a fill a few images of another class (sightline.Donors, in Python) changes" in str(
        said.message
    )
    assert "hiding everything hardly changes the score" in repr(study)
    atlas = sl.atlas(study)
    assert atlas.hidden_little >= 10
    assert f"in {atlas.hidden_little} of 20 images hiding everything hardly changes the score" in repr(atlas)


@pytest.mark.slow
def test_nothing_is_said_of_a_fill_that_hides(tmp_path):
    donors = sl.Donors(np.stack([IMAGES[0], IMAGES[1]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = sl.Study(tmp_path, sl.Plan(segment="grid", fill=donors, budget=80)).run(
            (IMAGES, LABELS), bright, progress=False
        )
    assert "hiding" not in repr(study)
