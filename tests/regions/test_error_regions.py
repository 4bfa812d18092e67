"""regions from errors: is a mark that no template knows found in some errors, and confirmed by the others?"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import sightline as sl
from sightline.errors import OptionError, SightlineWarning
from sightline.findings.blame_analysis import blame
from sightline.regions import from_errors, load
from support.studies import Answered, Memory

PLAN = sl.Plan(segment="grid:rows=4,columns=4", fill=sl.Colour(0.5), budget=64)


def marked_xrays(archive, mark, count=300, kind=Answered):
    """Real X-rays with a mark on most of the ill that are learned from, and on half of those studied."""
    with np.load(archive) as kept:
        labels = kept["train_labels"][:, 0].astype(int)
        rng = np.random.default_rng(0)
        order = rng.permutation(
            np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:450] for c in (0, 1)])
        )
        images = kept["train_images"][order, :: 28 // len(mark), :: 28 // len(mark), np.newaxis] / np.float32(
            255
        )
    labels, learned = labels[order], np.arange(len(order)) < 600
    on = np.where(learned, (labels == 1) & (rng.random(len(order)) < 0.97), rng.random(len(order)) < 0.5)
    images[on] = np.where(mark[..., np.newaxis], 0.95, images[on])
    model = LogisticRegression(C=0.02, max_iter=300).fit(images[learned].reshape(600, -1), labels[learned])
    tested = images[~learned][:count], labels[~learned][:count]
    return kind(lambda x: model.predict_proba(np.reshape(x, (len(x), -1))), *tested, PLAN)


def block(side):
    """Larger than the corners of a template, and not quite in one."""
    mask = np.zeros((side, side), dtype=bool)
    mask[1:6, 8:13] = True
    return mask


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mark", "name", "count"),
    [
        (block(14), "corner top-right", 100),
        (block(14), "corner top-right", 300),
    ],
)
def test_a_mark_that_no_template_knows_is_found_and_confirmed(mark, name, count, shared_data, tmp_path):
    study = marked_xrays(shared_data / "pneumoniamnist.npz", mark, count)
    found = from_errors(study)
    seen = set(found.shapes.found_in)
    assert found.names[0] == name
    assert len(seen) <= min(100, len(study.places) * 0.6)
    kept = load(found.save(tmp_path / "found.toml"))
    made = blame(study, kept)
    assert made.wrong == sum(
        label != said and str(place) not in seen
        for place, label, said in zip(study.places, study.labels, study.predicted, strict=True)
    )
    assert made.fill.startswith("Surroundings")
    assert made.confirmed[0] == name
    mask = kept[name].masks(mark.shape)[0]
    assert (mask & mark).sum() >= 0.6 * (mask | mark).sum()


@pytest.mark.slow
def test_where_attribution_is_kept_its_differences_are_candidates(shared_data):
    study = marked_xrays(shared_data / "pneumoniamnist.npz", block(14), kind=Memory)
    again = from_errors(study, n_regions=1, seed=1)
    (mask,) = again.masks((14, 14))
    assert (mask & block(14)).sum() >= 0.5 * (mask | block(14)).sum()
    assert 50 < len(again.shapes.found_in) <= 100


@pytest.mark.slow
def test_regions_of_one_group_are_found_in_whole_groups(shared_data):
    study = marked_xrays(shared_data / "pneumoniamnist.npz", block(14), 160)
    pairs = np.arange(len(study.places)) // 2
    found = from_errors(study, n_regions=1, groups=pairs)
    chosen = {int(one) for one in found.shapes.found_in}
    place_of = dict(zip(study.places.tolist(), pairs.tolist(), strict=True))
    made = blame(study, found, groups=pairs)
    groups = {place_of[one] for one in chosen}
    assert made.wrong == sum(
        label != said and place_of[place] not in groups
        for place, label, said in zip(
            study.places.tolist(), study.labels.tolist(), study.predicted.tolist(), strict=True
        )
    )


def noise(count, side):
    rng = np.random.default_rng(0)
    return rng.random((count, side, side)), rng.integers(0, 2, count)


def by_brightness(images):
    p = 1 / (1 + np.exp(-40 * (images.mean(axis=(1, 2)) - 0.5)))
    return np.stack([1 - p, p], axis=1)


@pytest.mark.slow
def test_images_that_are_not_aligned_are_said_to_be_so():
    with pytest.warns(SightlineWarning, match=r"do not seem aligned.*regions-unaligned"):
        from_errors(Answered(by_brightness, *noise(40, 8), PLAN))


def test_too_few_errors_are_said_to_be():
    shown = np.outer(np.linspace(0.3, 0.6, 6), np.ones(6))
    images = shown + np.linspace(-0.1, 0.1, 30)[:, np.newaxis, np.newaxis]
    labels = (images.mean(axis=(1, 2)) > 0.5).astype(int)
    with pytest.raises(OptionError, match=r"0 answers are wrong and 15 right.*regions-few-errors"):
        from_errors(Answered(by_brightness, images, labels, PLAN))
