"""The self-check finds explainers that point at the wrong place."""

import numpy as np
import pytest

from sightline.engine.plan import NAMES
from sightline.errors import OptionError
from sightline.evaluation import pointing_game
from sightline.types import Segments


@pytest.fixture(scope="module")
def image():
    return pointing_game.example_image()


def test_the_planted_model_looks_at_its_place_only(image, rng):
    place = np.zeros(image.shape[:2], bool)
    place[10:20, 30:40] = True
    model = pointing_game.PlantedModel(image, place)
    elsewhere, inside = image.copy(), image.copy()
    elsewhere[~place] = rng.random((int((~place).sum()), 3))
    inside[place] = 0
    scores = model(np.stack([image, elsewhere, inside]))[:, 1]
    assert scores[0] == scores[1] == pytest.approx(0.95)
    assert scores[2] < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("name", pointing_game.METHODS)
def test_every_attribution_of_ours_finds_every_planted_segment(name):
    for hits in pointing_game.run_pointing_game(pointing_game.own_explainer(name), size=40):
        assert hits.missed == (), hits
        assert hits.tries >= 9


@pytest.mark.slow
def test_an_explainer_that_is_off_by_one_is_caught():
    """lime numbers segments from 0 whatever the segmenter does: with ids from 1 the last is never hidden."""

    def off_by_one(image, model, segment):
        right = pointing_game.own_explainer("occlusion")(image, model, segment)
        labels = Segments.renumber(np.asarray(segment(image))).labels
        values = np.array([right[labels == one].mean() for one in range(labels.max() + 1)])
        return np.roll(values, 1)[labels]

    assert all(hits.hits == 0 for hits in pointing_game.run_pointing_game(off_by_one, size=40))


def test_an_explainer_that_finds_nothing_hits_nothing():
    blank = list(
        pointing_game.run_pointing_game(lambda image, model, segment: np.zeros(image.shape[:2]), size=40)
    )
    assert sum(hits.hits for hits in blank) == 0


def test_the_raw_segmenters_keep_the_ids_that_trip_others(image):
    starts = {name: int(np.min(segment(image))) for name, segment in pointing_game.raw_segmenters().items()}
    assert starts == {"slic": 1, "quickshift": 0, "felzenszwalb": 0, "watershed": 1, "grid": 10}


def test_methods_that_look_inside_are_refused_with_those_that_do_not():
    assert pointing_game.METHODS == ("lime", "shapley", "banzhaf", "rise", "occlusion")
    for name in set(NAMES["attribute"]) - set(pointing_game.METHODS):
        with pytest.raises(OptionError, match=r"no inside\. selfcheck takes lime, shapley, .*, or package"):
            pointing_game.named_explainer(name)


def test_an_unknown_explainer_names_the_nearest():
    with pytest.raises(OptionError, match=r"no explainer 'shaply'\. Did you mean 'shapley'"):
        pointing_game.named_explainer("shaply")


def test_a_function_of_other_arguments_is_refused_with_the_signature_that_is_wanted(tmp_path, monkeypatch):
    (tmp_path / "my_explainer.py").write_text("def heat(image, model):\n    return image.mean(axis=2)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OptionError) as caught:
        pointing_game.named_explainer("my_explainer:heat")
    told = str(caught.value)
    assert told.startswith(
        "my_explainer:heat is heat(image, model), but selfcheck calls it as explain(image, model, segment): "
    )
    assert told.endswith("the heat of each pixel for class 1, shape (H, W). [selfcheck-explainer]")
    with pytest.raises(OptionError, match=r"the explainer is <lambda>\(\), but selfcheck calls it as"):
        next(pointing_game.run_pointing_game(lambda: None))


@pytest.mark.parametrize("fits", [lambda a, b, c: 0, lambda *all: 0, lambda a, b, c, d=1: 0, max])
def test_any_function_that_can_be_called_so_is_taken(fits):
    assert pointing_game.check_explainer(fits, "it") is fits


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (np.zeros((40, 40, 3)), r"shape \(40, 40\), but it returned shape \(40, 40, 3\)"),
        (None, r"but it returned shape \(\)|of type NoneType"),
        ({"heat": 1}, "but it returned an object of type dict"),
    ],
)
def test_an_answer_that_is_no_heat_is_refused(answer, told):
    with pytest.raises(OptionError, match=told) as caught:
        next(pointing_game.run_pointing_game(lambda image, model, segment: answer, size=40))
    assert caught.value.slug == "selfcheck-explainer"
