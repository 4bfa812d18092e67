"""atlas: means and errors as they are defined, differences that are there, and silence where none is."""

import dataclasses
import json
import tempfile
import tracemalloc

import numpy as np
import pytest
from scipy import stats

import sightline as sl
from sightline import regions
from sightline.errors import ImageError, OptionError
from sightline.figures.atlas_figure import tint_mean_image
from sightline.findings.atlas_analysis import atlas
from sightline.findings.atlas_result import NONE, SAME, Atlas, OutcomeMap
from sightline.findings.class_strata import ClassStrata
from sightline.render import scale_limit
from sightline.study import Study
from support.bright import bright, known_bright
from support.studies import Memory

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


@pytest.mark.slow
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


def compared(labels, predicted, values):
    """Values of many answers, compared within the predicted class."""
    strata = ClassStrata(labels, predicted)
    means = strata.means(np.shape(values)[1:])
    for label, said, one in zip(labels, predicted, values, strict=True):
        means.add(int(said), bool(label == said), one)
    return means.difference()


def test_wrong_answers_are_held_against_right_ones_of_the_same_predicted_class(study, made):
    heats = np.array([row.heat() for row in study.rows()])
    right, said = study.labels == study.predicted, study.predicted
    apart = [heats[n] - heats[right & (said == said[n])].mean(axis=0) for n in np.flatnonzero(~right)]
    np.testing.assert_allclose(made.difference, np.mean(apart, axis=0), atol=1e-12)
    own = stats.sem(apart, axis=0) ** 2
    usual = [
        ((said[~right] == one).mean() * stats.sem(heats[right & (said == one)], axis=0)) ** 2
        for one in (0, 1)
    ]
    np.testing.assert_allclose(made.error, np.sqrt(own + sum(usual)), atol=1e-12)
    there = np.isin(said, said[~right])  # a class without wrong answers has nothing to compare
    assert made.compared == (int((right & there).sum()), int((~right).sum()), 0)
    assert made.significant[:3, :3].all()
    assert made.difference[0, 0] > 0


def test_of_one_class_the_comparison_is_welch_s_test_and_the_share_of_false_ones_is_kept_low(rng):
    values = np.concatenate([rng.normal(size=(30, 20, 20)), 2 * rng.normal(size=(25, 20, 20))])
    values[:30, :5] += 1.5
    found = compared(np.repeat([1, 0], [30, 25]), np.zeros(55, dtype=int), values)
    p = stats.ttest_ind(values[:30], values[30:], equal_var=False).pvalue
    expected = stats.false_discovery_control(p, axis=None) <= 0.05
    np.testing.assert_array_equal(found.significant.ravel(), expected)
    assert 0 < found.significant.sum() < (p <= 0.05).sum()


def test_labels_changed_at_random_make_no_difference_though_wrong_answers_are_all_of_one_class(rng):
    # Each class is looked at elsewhere; of one class 45 labels are changed, so that all errors are its own.
    said = np.repeat(np.arange(4), 100)
    values = 0.1 * rng.normal(size=(400, 8, 8))
    for one in range(4):
        values[said == one, 2 * one : 2 * one + 2] += 1
    alarms = 0
    for _ in range(40):
        labels = said.copy()
        labels[rng.choice(100, 45, replace=False)] = 1
        alarms += bool(compared(labels, said, values).significant.any())
        wrong = labels != said
        everything = stats.ttest_ind(values[wrong], values[~wrong], equal_var=False).pvalue
        assert (stats.false_discovery_control(everything, axis=None) <= 0.05).mean() > 0.5
    assert alarms <= 6  # 2 of 40 expected; 7 or more once in 300 times


def test_a_real_difference_within_the_class_is_found_though_each_class_has_one_wrong_answer(rng):
    said = np.repeat(np.arange(12), 9)
    values = rng.normal(size=(108, 6, 6)) + said[:, None, None]
    labels = said.copy()
    labels[::9] = (said[::9] + 1) % 12
    values[::9, :2] += 4
    found = compared(labels, said, values)
    assert found.significant[:2].all()
    assert found.significant[2:].mean() <= 0.1  # of those told, one in twenty may be false
    np.testing.assert_allclose(found.mean[:2].mean(), 4, atol=0.5)


def test_where_no_class_is_both_right_and_wrong_it_says_that_nothing_can_be_compared():
    images, _ = marked(30)
    said = model(images).argmax(axis=1)
    always = Memory(model, images, np.ones(30, dtype=int), PLAN)
    made = atlas(always)
    assert made.difference is None
    assert made.compared == (0, 0, int((said == 0).sum()))
    assert NONE in repr(made)
    assert made.plot().axes


def test_right_answers_are_counted_by_the_scores_that_the_study_counted_by():
    # In the 32 bits that are kept of scores, 1 - 1e-9 and 1 - 2e-9 tie, and the first of them would win.
    def sure(images):
        p = 1e-9 * (1 + (images.mean(axis=(1, 2)) > 0.5))
        return np.stack([1 - p, p, 1 - 3e-9 + p], axis=1)

    with tempfile.TemporaryDirectory() as path:
        study = Study(path, PLAN).run(
            (np.linspace(0, 1, 10)[:, None, None] * np.ones((10, 9, 9)), [2] * 10), sure
        )
        made = atlas(study)
        assert {one.name: one.count for one in made.maps} == {"right": 5, "wrong": 5}
        assert study.outcomes().accuracy == 0.5


def test_it_says_where_answers_differ(made):
    assert "differ on: " in repr(made)
    assert "r1c1" in repr(made).rsplit("differ on: ", 1)[1]
    assert [line.split()[0] for line in repr(made).splitlines()[2:4]] == ["right", "wrong"]


def test_text_and_figure_each_say_whether_they_speak_of_regions_or_of_pixels(made):
    share = f"{made.significant.mean():.0%}"
    assert "by the mean of each region, wrong and right answers differ on: " in repr(made)
    assert f"pixel by pixel, as the figure draws it: on {share} of the image" in repr(made)
    words = [text.get_text() for text in sl.figures.plot_atlas(made).axes[0].texts]
    assert f"{share} of pixels differ" in words
    differ = f"by the mean of each region, {made.region_significant.sum()} of 9 differ"
    assert any(differ in word for word in words)
    few = dataclasses.replace(made, region_significant=np.zeros(len(made.region_names), bool))
    assert "by the mean of each region, wrong and right answers of the same" in repr(few)


@pytest.mark.slow
def test_where_right_and_wrong_look_alike_it_says_so():
    rng = np.random.default_rng(3)
    images, _ = marked()
    lucky = Memory(model, images, rng.integers(0, 2, len(images)), PLAN)
    found = atlas(lucky, regions=NINE)
    assert not found.region_significant.any()
    assert SAME in repr(found)


@pytest.mark.slow
def test_false_differences_are_rare():
    images, _ = marked(80)
    study = Memory(model, images, np.zeros(80, dtype=int), PLAN)
    rng, alarms, heats = np.random.default_rng(0), 0, np.array([row.heat() for row in study.rows()])
    for _ in range(100):
        labels = np.where(rng.permutation(80) < 40, study.predicted, 1 - study.predicted)
        alarms += bool(compared(labels, study.predicted, heats).significant.any())
    assert alarms <= 12  # 5 of 100 expected; 13 or more once in a thousand times


def test_pairs_and_classes_are_the_kinds_that_were_asked_for(study):
    pairs = atlas(study, by="pair")
    assert {one.name for one in pairs.maps} <= {
        f"{true} → {said}" for true in ("dark", "bright") for said in ("dark", "bright")
    }
    assert [one.count for one in pairs.maps] == sorted((one.count for one in pairs.maps), reverse=True)
    labels = atlas(study, by="label")
    assert {one.name: one.count for one in labels.maps} == {
        "dark": int((study.labels == 0).sum()),
        "bright": int((study.labels == 1).sum()),
    }
    assert {one.name for one in atlas(study, by="predicted").maps} == {"dark", "bright"}


def test_images_of_several_sizes_share_one_map():
    rng = np.random.default_rng(0)
    images = [rng.random((9 + 3 * (n % 2), 12)) for n in range(12)]

    def bright(batch):
        return batch.mean(axis=(1, 2))

    study = Memory(bright, images, np.arange(12) % 2, PLAN)
    made = atlas(study, size=(6, 8))
    assert made.maps[0].mean.shape == (6, 8)
    total = sum(row.heat().sum() for row in study.rows())
    assert sum(one.count * one.mean.sum() for one in made.maps) == pytest.approx(total)


@pytest.mark.slow
def test_a_study_whose_images_are_out_of_reach_has_an_atlas_without_them(tmp_path):
    Study(tmp_path / "run", PLAN).run(marked(30), model)
    made = atlas(Study(tmp_path / "run"))
    assert made.maps[0].image is None
    assert sl.figures.plot_atlas(made).axes


def test_only_right_answers_make_an_atlas_without_a_difference(study):
    images, _ = marked(20)
    sure = Memory(model, images, model(images).argmax(axis=1), PLAN)
    made = atlas(sure)
    assert [one.name for one in made.maps] == ["right"]
    assert (made.difference, made.groups) == (None, ())


def test_it_goes_through_json(made):
    kept = json.loads(json.dumps(made.to_dict()))
    np.testing.assert_allclose(kept["maps"][0]["mean"], made.maps[0].mean)
    assert kept["region_names"] == list(NINE.names)


def test_what_cannot_be_drawn_up_is_refused(study, tmp_path):
    with pytest.raises(OptionError, match=r"there is no atlas by 'outcom'\. Did you mean 'outcome'"):
        atlas(study, by="outcom")
    with pytest.raises(OptionError, match="size must be"):
        atlas(study, size=(0, 3))


def test_the_figure_names_each_kind_and_its_number(made):
    words = [text.get_text() for text in made.plot().axes[0].texts]
    for one in made.maps:
        assert one.name in words
        assert f"{one.count:,} images" in words
    assert "wrong − right" in words


def test_pairs_have_the_difference_below_them_and_over_the_mean_of_all_images(study):
    made = atlas(study, by="pair")
    everything = np.array([study.image(place) for place in study.places]).mean(axis=0)
    np.testing.assert_allclose(made.image[..., 0], everything, atol=2e-5)  # of 16 bits
    words = " ".join(text.get_text() for text in made.plot().axes[0].texts)
    assert words.index("Wrong answers against right ones of the same predicted class") < words.index(
        "wrong − right"
    )


@pytest.mark.slow
def test_classes_may_be_called_right_and_wrong():
    images, labels = marked(60)
    named = Memory(model, images, labels, PLAN, class_names=["right", "wrong"])
    said = {one.name: one.count for one in atlas(named, by="predicted").maps}
    assert said == {name: int((named.predicted == one).sum()) for one, name in enumerate(("right", "wrong"))}
    right = {one.name: one.count for one in atlas(named).maps}["right"]
    assert right == int((named.labels == named.predicted).sum())


def test_rare_kinds_are_counted_and_not_averaged(study, monkeypatch):
    whole = atlas(study, by="pair")
    monkeypatch.setattr("sightline.findings.atlas_analysis.MOST_KINDS", 1)
    made = atlas(study, by="pair")
    assert [one.name for one in made.maps] == [whole.maps[0].name]
    assert made.others == (len(whole.maps) - 1, whole.count - whole.maps[0].count)
    assert made.count == whole.count == len(study.places)
    assert f"and {made.others[0]} more kinds of {made.others[1]} images" in repr(made)
    np.testing.assert_array_equal(made.difference, whole.difference)
    words = " ".join(text.get_text() for text in made.plot().axes[0].texts)
    assert f"Mean attribution over the mean image: the 1 most frequent of {len(whole.maps)} kinds" in words
    assert "…" not in words


class Unreadable(Memory):
    """A study one of whose images is gone."""

    def image(self, place):
        if place == 3:
            raise ImageError("it is gone.", slug="image-file")
        return super().image(place)


def test_an_image_that_is_gone_counts_but_is_not_in_the_mean_image():
    images, labels = marked(40)
    made = atlas(Unreadable(model, images, labels, PLAN))
    assert made.count == 40
    left = np.delete(images, 3, axis=0).mean(axis=0)
    np.testing.assert_allclose(made.image[..., 1], left, atol=2e-5)  # of 16 bits


@pytest.mark.slow
def test_maps_of_large_images_are_reduced_and_keep_their_sums():
    images = np.random.default_rng(0).random((3, 300, 600))
    large = Memory(lambda batch: batch.mean(axis=(1, 2)), images, np.zeros(3, dtype=int), PLAN)
    made = atlas(large, regions=NINE)
    assert made.maps[0].mean.shape == (128, 256)
    assert made.maps[0].mean.sum() == pytest.approx(made.maps[0].regions.sum())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(study):
    class Repeated(Memory):
        def __init__(self, times):
            self.class_names, self.plan, self.times = study.class_names, study.plan, times
            self.labels, self.predicted = (np.tile(one, times) for one in (study.predicted, study.predicted))
            self.places = np.arange(len(self.labels))

        def rows(self):
            for _ in range(self.times):
                for row in study.rows():
                    yield dataclasses.replace(row, label=row.predicted)

        def image(self, place):
            return study.image(place)

    peaks = []
    for times in (1, 1, 5):  # the first loads what is loaded once
        tracemalloc.start()
        atlas(Repeated(times))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 200_000


def test_regions_have_their_difference_with_its_error_in_the_table(made):
    (line,) = [line for line in repr(made).splitlines() if line.startswith("wrong − right")]
    shown = [float(word) for word in line.split() if word[0] in "+-"]
    np.testing.assert_allclose(shown, made.region_difference, rtol=0.05, atol=made.region_error.max() / 10)


def test_numbers_are_printed_to_two_digits_of_their_usual_error():
    one = OutcomeMap(
        "right", 9, np.zeros((1, 1)), np.ones((1, 1)), None, np.array([-1e-9, 2e-5]), np.array([3.3e-6, 5e-6])
    )
    printed = repr(dataclasses.replace(_bare(one), region_names=("jaw", "nose")))
    assert "+0.0000000 ± 0.0000033  +0.0000200 ± 0.0000050" in printed


def _bare(cell):
    return Atlas(
        by="outcome",
        maps=(cell,),
        others=(0, 0),
        image=None,
        compared=(9, 0, 0),
        difference=None,
        error=None,
        significant=None,
        region_names=(),
        region_difference=None,
        region_error=None,
        region_significant=None,
        groups=(),
        how_grouped="",
    )


def test_a_study_without_explained_images_is_refused_at_any_size():
    images, labels = marked(4)
    empty = Memory(model, images, labels, PLAN, only=[])
    for size in (None, (3, 3)):
        with pytest.raises(OptionError, match="the study has no explained images: run it first"):
            atlas(empty, size=size)


def test_too_few_wrong_answers_tell_nothing(rng):
    for few, told in ((4, False), (5, True)):
        values = rng.normal(size=(40 + few, 2))
        values[:few] += 100
        for labels in (np.arange(40 + few) < few, np.arange(40 + few) >= few):
            said = np.zeros(40 + few, dtype=int)
            assert compared(labels.astype(int), said, values).significant.all() == told


def test_the_figure_hatches_what_may_be_chance(made):
    nowhere = dataclasses.replace(made, significant=np.zeros_like(made.significant))
    words = [text.get_text() for text in nowhere.plot().axes[0].texts]
    assert "no pixel differs" in words
    assert "may be chance; of the rest, at most 5 % is expected to be" in words
    everywhere = dataclasses.replace(made, significant=np.ones_like(made.significant))
    assert not any("may be chance" in text.get_text() for text in everywhere.plot().axes[0].texts)


def test_only_what_may_be_chance_is_hatched(made):
    told = np.zeros((9, 9), dtype=bool)
    told[:, :3] = True

    def drawn(where):
        shown = dataclasses.replace(made, significant=where).plot().axes[0].images
        return np.asarray(shown[2].get_array())

    limit = scale_limit(np.array([made.difference, *(one.mean for one in made.maps)]))
    half, plain = drawn(told), tint_mean_image(made.image, made.difference, limit)
    third = half.shape[1] // 3
    np.testing.assert_array_equal(half[:, :third], plain[:, :third])
    assert (half[:, third + 1 :] != plain[:, third + 1 :]).any(axis=2).mean() > 0.1


def test_long_pairs_are_written_in_two_lines(made):
    long = dataclasses.replace(made.maps[0], name="a rather long name → another rather long name")
    words = [text.get_text() for text in dataclasses.replace(made, maps=(long,)).plot().axes[0].texts]
    assert "a rather long name →" in words
    assert "another rather long name" in words


def test_regions_may_be_named(study, made):
    assert atlas(study, regions="grid:rows=3,columns=3").region_names == made.region_names


def test_regions_found_in_the_images_are_told_as_if_they_were_known(study):
    found, known = (atlas(study, regions=one) for one in (bright(0.6), known_bright(study.images, 0.6)))
    assert found["wrong"].regions[0] > 0
    for name in ("right", "wrong"):
        np.testing.assert_array_equal(found[name].regions, known[name].regions)
        np.testing.assert_array_equal(found[name].region_error, known[name].region_error)


class Apart:
    """A study whose answers come one by one."""

    def __init__(self, study):
        self.study = study
        self.places, self.labels, self.predicted, self.ids = (
            study.places,
            study.labels,
            study.predicted,
            study.ids,
        )
        self.plan, self.class_names = study.plan, study.class_names
        self.rows, self.row, self.image = study.rows, study.row, study.image


@pytest.mark.slow
@pytest.mark.parametrize(("by", "size"), [("pair", None), ("outcome", (6, 5))])
def test_answers_in_blocks_make_the_same_atlas_as_one_by_one(tmp_path, by, size):
    study = Study(tmp_path / "run", PLAN).run(marked(40), model)
    one, other = (atlas(some, by, size=size, regions=NINE) for some in (study, Apart(study)))
    assert [each.name for each in one.maps] == [each.name for each in other.maps]
    for first, second in zip(one.maps, other.maps, strict=True):
        assert first.count == second.count
        for name in ("mean", "error", "image", "regions", "region_error"):
            np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-12)
    for name in ("difference", "error", "image", "region_difference", "region_error"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-12)
    assert one.floor == pytest.approx(other.floor)
    assert one.most_images == 0


def test_of_many_images_some_are_averaged_and_it_says_so_while_maps_are_of_all():
    images, labels = marked(60)
    study = Memory(model, images, labels, PLAN)
    every, some = atlas(study), atlas(study, most_images=5, seed=3)
    assert (every.most_images, every.sample_text, some.most_images) == (0, "", 5)
    assert "5 images of each kind, drawn at random" in repr(some)
    np.testing.assert_array_equal(some["right"].mean, every["right"].mean)
    order = np.random.default_rng(3).permutation(60)
    right = order[(labels == study.predicted)[order]][:5]
    np.testing.assert_allclose(some["right"].image[..., 0], images[right].mean(axis=0), atol=2e-5)
    np.testing.assert_allclose(some.image[..., 0], images[order[:5]].mean(axis=0), atol=2e-5)
    with pytest.raises(OptionError):
        atlas(study, most_images=0)
