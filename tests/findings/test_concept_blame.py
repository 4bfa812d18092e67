"""blame of concepts: does it name what misleads wherever it is, and tell it from what is worth its cost?"""

import dataclasses
import json

import numpy as np
import pytest

import sightline as sl
from sightline import figures
from sightline.errors import OptionError, SightlineWarning
from sightline.findings.blame_analysis import blame
from sightline.findings.concept_trial import GROWN, Sightings, paste_pair
from sightline.regions.margins import widen_mask
from sightline.regions.region_set import one_region_a_piece
from support.bright import BrightShapes
from support.studies import Answered

PLAN = sl.Plan(segment="grid:rows=3,columns=3", fill=sl.Colour(0.5), budget=32)
NAMES = ("dull", "shiny")


def scored(*, mark=4.0, signal=80.0, bias=0.0):
    """A model: what the left half has beyond the right one, and a bright mark, speak for "shiny"."""

    def model(images):
        plain = (images > 0.2) & (images < 0.8)
        halves = [
            (part * known).sum((1, 2)) / known.sum((1, 2))
            for part, known in zip(np.split(images, 2, axis=2), np.split(plain, 2, axis=2), strict=True)
        ]
        odds = bias + signal * (halves[0] - halves[1]) + mark * (images > 0.9).any((1, 2))
        p = 1 / (1 + np.exp(-odds))
        return np.stack([1 - p, p], axis=1)

    return model


def marked(chances=(0.5, 0.5), *, count=240, signal=0.05, spread=0.02, seed=0):
    """Images whose halves tell the label, a bright mark by chance of their class, a dark one at any."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = 0.5 + 0.03 * rng.normal(size=(count, 20, 20)).clip(-3, 3)
    told = signal * (labels - 0.5) + spread * rng.normal(size=count)
    images[:, :, :10] += told[:, np.newaxis, np.newaxis]
    for tone, chance in ((0.0, np.full(count, 0.5)), (1.0, np.array(chances)[labels])):
        for one in np.flatnonzero(rng.random(count) < chance):
            down, across = rng.integers(0, 18, 2)
            images[one, down : down + 3, across : across + 3] = tone
    return images, labels


def studied(data, model=None):
    return Answered(model or scored(), *data, PLAN, class_names=NAMES)


@dataclasses.dataclass(frozen=True)
class KnownShapes(BrightShapes):
    """With the class that each speaks for, and the images that they were found in."""

    towards: tuple[int, ...] = (1, 0)
    found_in: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ("shiny", "dull")


BRIGHT = one_region_a_piece(BrightShapes())


@pytest.fixture(scope="module")
def planted():
    return studied(marked())


@pytest.fixture(scope="module")
def found(planted):
    return blame(planted, BRIGHT)


def test_a_mark_that_lies_anywhere_is_named_with_its_class_and_another_is_not(found):
    assert found.confirmed == ("bright",)
    one = found["bright"]
    assert (one.towards, one.worthwhile, one.failed) == ("shiny", False, ())
    assert one.p < 0.01
    assert found.verdict.startswith("bright misleads towards shiny. It was found in ")
    assert one.found_wrong <= one.called_wrong
    assert one.overall > 0.1


def test_the_effects_are_those_of_hiding_and_pasting_images_one_by_one(planted, found):
    one, model = found["bright"], scored()
    from sightline.engine.fills import Surroundings, draw_area
    from sightline.study.sample_split import split_answers

    confirming = ~split_answers(planted, None, np.random.default_rng(0)).choosing
    shown = (planted.images > 0.9).any((1, 2))
    said = planted.predicted == 1
    mine = np.flatnonzero(confirming & shown & said & (planted.labels == 0))
    assert len(mine) == one.found_wrong
    hidden = planted.images[mine].copy()
    for image in hidden:
        hole = widen_mask(image > 0.9, GROWN)
        image[hole] = draw_area(image, hole, Surroundings())[0][hole][:, 0]
    gains = model(hidden)[:, 0] - model(planted.images[mine])[:, 0]
    assert one.gain == pytest.approx(gains.mean())
    assert one.lacked == pytest.approx((1 - 2 * model(planted.images[mine])[:, 0]).mean())
    assert one.called_right == (confirming & said & (planted.labels == 1)).sum()
    assert one.class_share == pytest.approx(shown[confirming & (planted.labels == 1)].mean())
    assert one.others_share == pytest.approx(shown[confirming & (planted.labels == 0)].mean())
    # A mark adds 4 to the log-odds of "shiny" wherever it is pasted; another piece of an image nothing.
    targets = model(planted.images[confirming & ~shown & ~said])[:, 1]
    raised = 1 / (1 + np.exp(-4) * (1 - targets) / targets) - targets
    assert one.pasted <= len(targets)
    assert one.pasted_gain == pytest.approx(raised.mean(), abs=0.06)
    assert abs(one.pasted_control) < 0.06


@pytest.mark.slow
def test_what_a_model_rightly_goes_by_is_worth_more_than_it_costs():
    # Four of five marks are on images that are shiny, and little else tells.
    study = studied(marked((0.15, 0.8), signal=0.02), scored(mark=3.0, signal=40.0))
    made = blame(study, BRIGHT)
    one = made["bright"]
    assert made.confirmed == ()
    assert one.worthwhile
    assert one.p < 0.05
    assert one.gain > 0.2, "hiding it helps the wrong answers"
    assert one.overall < 0
    assert one.class_odds[0] > 2
    assert "bright is worth more than it costs: the model goes by it as a sign of shiny" in made.verdict
    assert "taking it away would harm" in made.verdict


@pytest.mark.slow
def test_a_mark_misleads_though_a_model_that_knows_nothing_else_answers_no_better_without_it():
    # Without the mark it says "dull", whatever is shown: hiding rights half of what is called shiny.
    study = studied(marked(count=300), scored(mark=6.0, signal=2.0, bias=-3.0))
    made = blame(study, BRIGHT)
    one = made["bright"]
    assert one.overall_ci[0] < 0
    assert made.confirmed == ("bright",)
    assert one.class_odds[0] < 1 < one.class_odds[1]


@pytest.mark.slow
def test_nothing_is_found_where_errors_have_another_cause():
    for seed in range(3):
        study = studied(marked(signal=0.02, seed=seed), scored(mark=0.0))
        made = blame(study, BRIGHT, seed=seed)
        assert made.confirmed == ()
        assert not any(one.worthwhile for one in made.regions)
        assert made.verdict.startswith("nothing found: of 2 concepts the leading ones (")


@pytest.mark.slow
def test_a_mark_is_mostly_confirmed_and_chance_mostly_not():
    hits = [blame(studied(marked(seed=seed)), BRIGHT, seed=seed).confirmed for seed in range(10, 14)]
    assert hits.count(("bright",)) >= 3
    quiet = [
        blame(studied(marked(signal=0.02, seed=seed), scored(mark=0.0)), BRIGHT, seed=seed)
        for seed in range(10, 16)
    ]
    assert sum(bool(made.confirmed) for made in quiet) <= 1


@pytest.mark.slow
def test_images_that_concepts_were_found_in_do_not_confirm(planted):
    made = blame(planted, one_region_a_piece(KnownShapes(found_in=tuple(map(str, range(0, 240, 3))))))
    others = np.arange(240) % 3 > 0
    assert made.wrong == (others & (planted.labels != planted.predicted)).sum()
    assert made["bright"].towards == "shiny"
    assert made.confirmed == ("bright",)


def test_a_named_concept_is_tested_and_its_words_say_that_it_is_not_shown(planted):
    made = blame(planted, BRIGHT, suspect="dark")
    assert [one.region for one in made.regions] == ["dark"]
    assert made.confirmed == ()
    assert made.finding("dark").startswith("dark is not shown to mislead (adjusted p = ")


@pytest.mark.slow
def test_a_named_concept_that_another_study_found_is_tested_on_all_errors(planted):
    made = blame(planted, one_region_a_piece(KnownShapes(found_in=("elsewhere.png",))), suspect="bright")
    assert made.wrong == (planted.labels != planted.predicted).sum()
    assert made.confirmed == ("bright",)
    assert made["bright"].called_wrong == ((planted.predicted == 1) & (planted.labels == 0)).sum()


def test_too_few_images_with_it_are_said_so(planted):
    few = Answered(scored(), *marked((0.05, 0.05)), PLAN, class_names=NAMES)
    made = blame(few, BRIGHT, suspect="bright")
    assert "too few errors" in made.verdict or "cannot be told: it was found in " in made.verdict


@pytest.mark.slow
def test_groups_are_flipped_and_parted_together(planted):
    made = blame(planted, BRIGHT, groups=np.arange(240) // 2)
    assert made.confirmed == ("bright",)
    assert made.groups < made.wrong


def test_the_table_the_figure_and_the_json_tell_the_same(found):
    lines = repr(found).splitlines()
    assert lines[1].split()[:2] == ["concept", "speaks"]
    assert lines[2].startswith("* bright")
    one = found["bright"]
    assert f"{one.found_wrong} of {one.called_wrong}|{one.found_right} of {one.called_right}" in lines[2]
    told = json.loads(json.dumps(found.to_dict()))
    assert told["regions"][0]["towards"] == "shiny"
    assert told["regions"][0]["pasted_gain"] == pytest.approx(one.pasted_gain)
    assert told["findings"]["bright"].startswith("bright misleads towards shiny")


def test_the_figure_shows_each_concept_with_its_class_and_what_hiding_and_pasting_do(found):
    figure = figures.plot_blame(found)
    said = [text.get_text() for text in figure.axes[0].texts]
    one = found["bright"]
    assert said[0] == f"{found.errors} wrong answers. Some are misled by: bright"
    assert f"{one.pasted_gain:+.2f} ({one.pasted_control:+.2f})" in said
    assert f"{one.found_wrong} of {one.called_wrong} | {one.found_right} of {one.called_right}" in said
    assert "95 % interval: misleads" in said


def test_a_thing_is_pasted_whole_and_the_other_piece_has_its_shape_at_its_place():
    donor = np.arange(400.0).reshape(20, 20)
    mask = np.zeros((20, 20), bool)
    mask[2:5, 3:6] = True
    mask[2, 3] = False
    target = np.full((20, 20), -1.0)
    for seed in range(20):
        thing, other = paste_pair(donor, mask, target, np.random.default_rng(seed))
        where = thing >= 0
        assert np.array_equal(where, other >= 0)
        assert np.array_equal(thing[where], donor[mask])
        assert not np.isin(other[where], donor[mask]).any()
    assert np.array_equal(target, np.full((20, 20), -1.0))


def test_a_thing_that_fills_most_of_an_image_stays_where_it_was():
    donor, target = np.arange(1.0, 101).reshape(10, 10), np.zeros((10, 10))
    mask = np.zeros((10, 10), bool)
    mask[:, :7] = True
    mask[0, 0] = False
    mask[:, 9] = True
    thing, other = paste_pair(donor, mask, target, np.random.default_rng(0))
    assert np.array_equal(thing > 0, mask)
    assert np.array_equal(thing[mask], donor[mask])
    assert not (mask & (other > 0)).any()
    assert np.array_equal(other[other > 0], donor[other > 0])


def test_what_covers_nearly_all_of_an_image_is_not_found_there():
    images = np.stack([np.ones((8, 8)), 1.0 * np.eye(8)])
    images[:, :1] = 0.5

    seen = Sightings(studied((images, np.array([0, 1]))), BRIGHT)
    assert seen.found[:, 0].tolist() == [False, True]
    assert np.array_equal(seen.mask(1, 0), images[1] == 1)
    assert seen.shares[1].tolist() == [7 / 64, 49 / 64]


@pytest.mark.slow
def test_the_net_over_all_images_weighs_each_kind_by_how_many_there_are():
    # Few of the images with a mark are wrong: drawn alike, hiding it would seem to help.
    study = studied(marked((0.15, 0.8), signal=0.02, count=900), scored(mark=3.0, signal=40.0))
    whole, part = (blame(study, BRIGHT, max_answers=most, suspect="bright")["bright"] for most in (500, 20))
    assert (whole.found_all, whole.asked_all, part.found_all, part.asked_all) == (229, 229, 229, 40)
    assert whole.overall == pytest.approx(-0.24, abs=0.01)
    assert part.overall == pytest.approx(whole.overall, abs=0.12)
    assert (whole.worthwhile, part.worthwhile, part.confirmed) == (True, True, False)
    said = blame(study, BRIGHT, max_answers=20, suspect="bright").verdict
    assert "In all 229 images with it, right answers too (as 40 of them tell" in said
    assert part.broken - part.control_broken > part.corrected - part.control_corrected
    assert "so it earns more right answers than it costs" in said


def test_words_do_not_say_that_more_answers_are_earned_than_lost_where_they_are_not(found):
    one = dataclasses.replace(
        found["bright"], confirmed=False, worthwhile=True, corrected=24.0, broken=21.0, overall=-0.1
    )
    said = dataclasses.replace(found, regions=(one,)).finding("bright")
    assert "earns more right answers" not in said
    assert "score, which decides, gains more by it than it loses, though answers do not" in said


@pytest.mark.slow
def test_a_class_is_found_by_its_name_however_a_model_orders_its_classes():
    images, labels = marked()
    turned = Answered(lambda x: scored()(x)[:, ::-1], images, 1 - labels, PLAN, class_names=("shiny", "dull"))
    one = blame(turned, one_region_a_piece(KnownShapes()), suspect="bright")["bright"]
    assert (one.towards, one.confirmed) == ("shiny", True)
    assert one.found_wrong > 30


@pytest.mark.slow
def test_a_class_that_the_model_does_not_have_is_refused_and_a_bare_number_is_said(planted):
    foreign = one_region_a_piece(KnownShapes(class_names=("glossy", "dull")))
    for given in (foreign, one_region_a_piece(KnownShapes(towards=(99, 0), class_names=()))):
        with pytest.raises(OptionError, match=r"'bright' speaks for the class .* does not have"):
            blame(planted, given)
    bare = one_region_a_piece(KnownShapes(class_names=(), found_in=("elsewhere.png",)))
    with pytest.warns(SightlineWarning, match=r"taken by number \(bright: shiny, dark: dull\)"):
        assert blame(planted, bare, suspect="bright").confirmed == ("bright",)


@pytest.mark.slow
def test_joined_concepts_of_two_classes_speak_for_what_wrong_answers_with_them_are_called(planted):
    joined = one_region_a_piece(KnownShapes()).join({"marks": ["dark", "bright"]})
    assert blame(planted, joined)["marks"].towards == "shiny"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bits", "colour"])
def test_a_concept_is_pasted_between_images_of_one_kind_alone(planted, found, kind):
    def level(images):
        most = {"u1": 255.0, "u2": 65535.0}.get(images.dtype.str[1:], 1.0)
        return scored()((images if images.ndim == 3 else images.mean(-1)) / most)

    images, labels = marked()
    whole = images.clip(0, 1)
    if kind == "bits":
        two = (
            [(one * 255).round().astype("u1") for one in whole],
            [(one * 65535).round().astype("u2") for one in whole],
        )
    else:
        two = list(images), [np.repeat(one[..., np.newaxis], 3, axis=2) for one in images]
    mixed = [two[place % 2][place] for place in range(len(images))]
    study = Answered(level, mixed, labels, PLAN, class_names=NAMES)
    with pytest.warns(SightlineWarning, match="pasted only between images of one kind"):
        one = blame(study, BRIGHT)["bright"]
    assert one.confirmed
    assert one.pasted_gain == pytest.approx(found["bright"].pasted_gain, abs=0.08)
    assert abs(one.pasted_control) < 0.06


def test_what_there_is_too_little_of_is_told_by_its_right_name(planted):
    few = blame(planted, BRIGHT, groups=np.arange(240) // 60)
    assert "too few errors: the " in few.verdict
    assert " groups in one half, and each of two halves needs 6" in few.verdict
    every = one_region_a_piece(KnownShapes(found_in=tuple(map(str, range(240)))))
    assert "no image is left to confirm anything" in blame(planted, every).verdict


def test_a_margin_is_said_to_change_nothing(planted):
    with pytest.warns(SightlineWarning, match=r"margin=0\.1 changes nothing"):
        blame(planted, BRIGHT, suspect="dark", margin=0.1)
