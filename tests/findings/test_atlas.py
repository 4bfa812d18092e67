"""atlas: means and errors as they are defined, differences that are there, and silence where none is."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import sightline as sl
from sightline.errors import OptionError
from sightline.findings import regions
from sightline.findings.atlas import SAME, _held_against, atlas
from sightline.findings.maps import brought
from sightline.findings.sums import Sums
from sightline.study import Study
from studies import Memory

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)
NINE = regions.grid(3, 3)


def cells(images):
    return images.reshape(len(images), 3, 3, 3, 3).mean(axis=(2, 4)).reshape(len(images), 9) - 0.5


def model(images):
    """The middle counts, and a bright upper left corner counts more."""
    p = 1 / (1 + np.exp(-cells(images) @ np.array([9.0, 0, 0, 0, 12, 0, 0, 0, 0])))
    return np.stack([1 - p, p], axis=1)


def marked(count=120, seed=0):
    """The middle tells the label; the corner is bright in some, whatever the label is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    bright = rng.normal(0, 0.02, (count, 9))
    bright[:, 4] += 0.12 * (2 * labels - 1)
    bright[:, 0] += 0.3 * (rng.random(count) < 0.4)
    return 0.5 + bright.reshape(count, 3, 3).repeat(3, axis=1).repeat(3, axis=2), labels


@pytest.fixture(scope="module")
def study():
    return Memory(model, *marked(), PLAN, class_names=["dark", "bright"])


@pytest.fixture(scope="module")
def made(study):
    return atlas(study, regions=NINE)


def test_a_cell_is_the_mean_of_its_images_with_its_standard_error(study, made):
    for name, right in (("right", True), ("wrong", False)):
        rows = [row for row in study.rows() if row.right == right]
        heats = np.array([row.heat() for row in rows])
        np.testing.assert_allclose(made[name].mean, heats.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(made[name].error, stats.sem(heats, axis=0), atol=1e-12)
        images = np.array([study.image(row.place) for row in rows])
        expected = np.repeat(images.mean(axis=0)[..., np.newaxis], 3, axis=2)
        np.testing.assert_allclose(made[name].image, expected, atol=1e-5)
        sums = heats.reshape(-1, 3, 3, 3, 3).sum(axis=(2, 4)).reshape(-1, 9)
        np.testing.assert_allclose(made[name].regions, sums.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(made[name].region_error, stats.sem(sums, axis=0), atol=1e-12)
        assert made[name].count == len(rows)


def test_wrong_answers_are_held_against_right_ones_by_welch_s_test(study, made):
    wrong, right = (
        np.array([row.heat() for row in study.rows() if row.right == one]) for one in (False, True)
    )
    np.testing.assert_allclose(made.difference, wrong.mean(axis=0) - right.mean(axis=0), atol=1e-12)
    p = stats.ttest_ind(wrong, right, equal_var=False).pvalue
    expected = stats.false_discovery_control(np.nan_to_num(p, nan=1.0)) <= 0.05
    np.testing.assert_array_equal(made.told, expected)
    assert made.told[:3, :3].all()
    assert made.difference[0, 0] > 0


def test_it_says_where_answers_differ(made):
    assert "differ on: " in repr(made)
    assert "r1c1" in repr(made).rsplit("differ on: ", 1)[1]
    assert [line.split()[0] for line in repr(made).splitlines()[2:4]] == ["right", "wrong"]


def test_where_right_and_wrong_look_alike_it_says_so():
    rng = np.random.default_rng(3)
    images, _ = marked()
    lucky = Memory(model, images, rng.integers(0, 2, len(images)), PLAN)
    found = atlas(lucky, regions=NINE)
    assert not found.region_told.any()
    assert SAME in repr(found)


def test_false_differences_are_rare():
    images, _ = marked(80)
    study = Memory(model, images, np.zeros(80, dtype=int), PLAN)
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(100):
        truth = dict(zip(study.places.tolist(), rng.permutation(np.arange(80) % 2 == 0), strict=True))
        rows = [SimpleNamespace(right=truth[row.place], heat=row.heat) for row in study.rows()]
        kinds = {right: Sums((9, 9)) for right in (False, True)}
        for row in rows:
            kinds[row.right].add(row.heat())
        alarms += bool(_held_against(kinds[False], kinds[True])[2].any())
    assert alarms <= 12  # 5 of 100 expected; 13 or more once in a thousand times


def test_pairs_and_classes_are_the_kinds_that_were_asked_for(study):
    pairs = atlas(study, by="pair")
    assert {one.name for one in pairs.cells} <= {
        f"{true} → {said}" for true in ("dark", "bright") for said in ("dark", "bright")
    }
    assert [one.count for one in pairs.cells] == sorted((one.count for one in pairs.cells), reverse=True)
    labels = atlas(study, by="label")
    assert {one.name: one.count for one in labels.cells} == {
        "dark": int((study.labels == 0).sum()),
        "bright": int((study.labels == 1).sum()),
    }
    assert {one.name for one in atlas(study, by="predicted").cells} == {"dark", "bright"}


@pytest.mark.parametrize("shape", [(9, 9), (6, 12), (20, 5), (3, 3)])
def test_heat_keeps_its_sums_at_any_size(rng, shape):
    heat = rng.normal(size=(9, 9))
    made = brought(heat, shape)
    assert made.shape == shape
    assert made.sum() == pytest.approx(heat.sum())
    assert np.clip(brought(np.abs(heat), shape), 0, None).sum() == pytest.approx(np.abs(heat).sum())


def test_images_of_several_sizes_share_one_map():
    rng = np.random.default_rng(0)
    images = [rng.random((9 + 3 * (n % 2), 12)) for n in range(12)]

    def bright(batch):
        return batch.mean(axis=(1, 2))

    study = Memory(bright, images, np.arange(12) % 2, PLAN)
    made = atlas(study, size=(6, 8))
    assert made.cells[0].mean.shape == (6, 8)
    total = sum(row.heat().sum() for row in study.rows())
    assert sum(one.count * one.mean.sum() for one in made.cells) == pytest.approx(total)


def test_a_study_whose_images_are_out_of_reach_has_an_atlas_without_them(tmp_path):
    Study(tmp_path / "run", PLAN).run(marked(30), model)
    made = atlas(Study(tmp_path / "run"))
    assert made.cells[0].image is None
    assert sl.figures.atlas(made).axes


def test_only_right_answers_make_an_atlas_without_a_difference(study):
    images, _ = marked(20)
    sure = Memory(model, images, model(images).argmax(axis=1), PLAN)
    made = atlas(sure)
    assert [one.name for one in made.cells] == ["right"]
    assert (made.difference, made.groups) == (None, ())


def test_it_goes_through_json(made):
    kept = json.loads(json.dumps(made.to_dict()))
    np.testing.assert_allclose(kept["cells"][0]["mean"], made.cells[0].mean)
    assert kept["region_names"] == list(NINE.names)


def test_what_cannot_be_drawn_up_is_refused(study, tmp_path):
    with pytest.raises(OptionError, match=r"there is no atlas by 'outcom'\. Did you mean 'outcome'"):
        atlas(study, by="outcom")
    with pytest.raises(OptionError, match="size must be"):
        atlas(study, size=(0, 3))


def test_the_figure_names_each_kind_and_its_number(made):
    words = [text.get_text() for text in made.plot().axes[0].texts]
    for one in made.cells:
        assert one.name in words
        assert f"{one.count:,} images" in words
    assert "wrong − right" in words
