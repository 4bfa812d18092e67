import dataclasses

import numpy as np
import pytest

from sightline.adapters import as_model
from sightline.errors import OptionError
from sightline.regions import concepts
from sightline.regions.concept_search import _lacked, _Trial, _with_piece
from sightline.regions.model_trials import hide_area
from support.studies import Memory
from support.tokens import PLAN, clean_images, model, study_of_tokens


def found_masks(regions, study):
    return np.array([regions.masks(one.shape[:2], image=one)[0] for one in study.images])


def fit(found, truth):
    """Precision of detections, recall of what is there, median IoU of hits."""
    shared, told, there = ((one).sum((1, 2)) for one in (found & truth, found, truth))
    hit = shared >= 0.5 * np.maximum(np.minimum(told, there), 1)
    union = (found | truth).sum((1, 2))
    return hit[told > 0].mean(), hit[there > 0].mean(), np.median(shared[hit] / union[hit])


@pytest.mark.slow
@pytest.mark.parametrize(("colour", "shape"), [(True, (48, 48)), (False, (48, 36))])
def test_a_token_anywhere_comes_first_and_is_marked_where_it_is(colour, shape):
    study, truth = study_of_tokens(colour=colour, shape=shape)
    found = concepts(study, progress=False)
    assert found.names[0] == "concept 1"
    assert found.needs_image
    assert not found.shared
    assert found.shapes.towards[0] == 1
    precision, recall, iou = fit(found_masks(found, study), truth)
    assert precision >= 0.9
    assert recall >= 0.35
    assert iou >= 0.6


@pytest.mark.slow
def test_images_of_two_sizes_in_bytes_are_searched_alike():
    known, truth = study_of_tokens()
    more = [(0, 6 * (place % 2)) for place in range(len(truth))]
    images = [
        np.pad((image * 255).round().astype(np.uint8), (pad, (0, 0), (0, 0)), mode="edge")
        for image, pad in zip(known.images, more, strict=True)
    ]
    truth = [np.pad(one, (pad, (0, 0))) for one, pad in zip(truth, more, strict=True)]
    study = Memory(lambda batch: model(batch / np.float32(255)), images, known.labels, PLAN)
    found = concepts(study, n_concepts=1, progress=False)
    marked = [found.masks(one.shape[:2], image=one)[0] for one in images]
    told = [mask.any() for mask in marked]
    hit = [(mask & real).sum() >= 0.5 * mask.sum() > 0 for mask, real in zip(marked, truth, strict=True)]
    assert sum(told) >= 10
    assert sum(hit) >= 0.9 * sum(told)


@pytest.mark.parametrize(("side", "dtype"), [(40, np.float32), (400, np.uint8)])
def test_what_is_hidden_shows_its_surroundings_and_nothing_of_itself(side, dtype):
    image = np.full((side, side, 3), 100, dtype)
    hole = np.zeros((side, side), bool)
    hole[side // 4 : side // 2, side // 4 : side // 2] = True
    image[hole] = 255
    made = hide_area(image, hole)
    assert made.dtype == dtype
    np.testing.assert_allclose(made, 100, atol=1)
    assert image[hole].min() == 255


def test_a_piece_lands_whole_somewhere_and_none_changes_nothing(rng):
    image, donor, piece = np.zeros((20, 30)), np.ones((20, 30)), np.zeros((20, 30), bool)
    piece[3:7, 10:15] = True
    assert _with_piece(image, donor, piece, rng).sum() == 20
    assert _with_piece(image, donor, ~piece | piece, rng).sum() == 600
    np.testing.assert_array_equal(_with_piece(image, donor, piece & ~piece, rng), image)


@pytest.mark.slow
def test_it_looks_in_one_half_of_the_answers_alone_and_says_which():
    study, _ = study_of_tokens()
    found = concepts(study, n_concepts=1, progress=False)
    assert len(found) == 1
    seen = np.isin([str(place) for place in study.places], found.shapes.found_in)
    wrong = study.labels != study.predicted
    assert 0.4 <= seen.mean() <= 0.6
    assert abs(int(wrong[seen].sum()) - int(wrong[~seen].sum())) <= 1


@pytest.mark.slow
def test_the_same_seed_finds_the_same_whatever_the_batches():
    study, _ = study_of_tokens()
    first = concepts(study, seed=3, progress=False).shapes
    other = concepts(study, seed=3, batch_size=7, progress=False).shapes
    assert first.found_in == other.found_in
    for one, same in zip(first.detectors, other.detectors, strict=True):
        np.testing.assert_array_equal(one.centre, same.centre)
        assert one.radius == same.radius


@pytest.mark.slow
def test_too_few_errors_are_said():
    images, labels = clean_images(30)
    study = Memory(model, images, labels, PLAN)
    with pytest.raises(OptionError, match="too few errors to look for concepts in: a half of them has 0"):
        concepts(study, progress=False)


@pytest.mark.parametrize("given", [{"n_concepts": 0}, {"seed": -1}, {"batch_size": 0}])
def test_numbers_out_of_range_are_refused(given):
    with pytest.raises(OptionError):
        concepts(study_of_tokens()[0], **given)


def test_what_a_class_lacks_is_on_the_scale_of_the_scores():
    study, _ = study_of_tokens()
    row = next(study.rows())
    for scores, lacked in (
        ([0.1, 0.9], 0.8),
        ([np.nan, 0.9], 0.9),
        ([-1004.0, -1001.0], 3.0),
        ([np.nan, -1001.0, -1007.0], 6.0),
    ):
        told = dataclasses.replace(row, predicted=1, classes=np.array(scores))
        assert _lacked(told, 0) == pytest.approx(lacked)


def test_images_of_several_kinds_of_numbers_are_asked_about_as_they_are():
    study, _ = study_of_tokens()
    bits = as_model(lambda x: np.full((len(x), 2), np.iinfo(x.dtype).max / 65535.0))
    said = _Trial(study, bits, np.random.default_rng(0), None).scores(
        [np.zeros((8, 8), kind) for kind in ("u1", "u2", "u1")]
    )
    np.testing.assert_allclose(said[:, 0], [255 / 65535, 1, 255 / 65535])


@pytest.mark.slow
def test_too_few_images_of_other_classes_are_told_as_such():
    study, _ = study_of_tokens(count=60, present=0.8)
    with pytest.raises(OptionError, match=r"Only \d of \d+ images are called another class") as caught:
        concepts(study)
    assert caught.value.slug == "concepts-none"
