"""Which images are held out: a rule that never changes."""

import numpy as np
import pytest

from sightline._language import use_language
from sightline.data.holdout import HoldoutRule
from sightline.errors import OptionError


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2, True])
def test_a_share_must_lie_between_none_and_all(share):
    with pytest.raises(OptionError, match="held_out must be a number above 0 and below 1"):
        HoldoutRule(share)


@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_kept_and_each_place_is_decided_alone(seed):
    rule = HoldoutRule(0.3, seed)
    places = np.arange(20_000)
    held = rule.complement().selected(places)
    assert abs(held.mean() - 0.3) < 0.02
    assert np.array_equal(held, ~rule.selected(places))
    assert np.array_equal(rule.selected(places[::-1]), rule.selected(places)[::-1])
    assert abs(np.corrcoef(held[:-1], held[1:])[0, 1]) < 0.05


def test_it_is_said_how_many_were_asked_for_and_how_many_there_are():
    rule = HoldoutRule(0.4)
    said = f"held out: {len(rule.complement().select(100))} of 100 images, where 0.4 asks for 40."
    assert rule.describe(100).startswith(said)
    assert rule.complement().describe(100) == rule.describe(100)
    with use_language("ko"):
        assert "40" in rule.describe(100)
        assert "제비" in rule.describe(100)


def test_two_seeds_hold_out_different_images():
    held = [HoldoutRule(0.5, seed).selected(np.arange(1000)) for seed in (0, 1)]
    assert abs(np.corrcoef(*held)[0, 1]) < 0.15


def test_the_rule_and_its_complement_select_every_image_once():
    rule = HoldoutRule(0.3, seed=2)
    both = np.concatenate([rule.select(100), rule.complement().select(100)])
    assert sorted(both.tolist()) == list(range(100))
