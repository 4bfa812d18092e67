"""Options as a reader of pages is told of them: in words, never as code."""

import pytest

from sightline._language import use_language
from sightline.engine.fills import Blur, Inpaint, Noise, SegmentMean, Surroundings
from sightline.regions import face
from sightline.repair import Counterexamples, Guard, LastLayer, RightReasons
from sightline.repair.method import describe_method
from sightline.reports.options_in_words import option_words


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (Blur(sigma=4), "a blur (width 4)"),
        (Surroundings(), "its surroundings"),
        (Surroundings(sigma=2.5), "its surroundings (width 2.5)"),
        (SegmentMean(), "each segment's mean colour"),
        (Inpaint(), "inpainting"),
        (Noise(), "noise (draws 1, seed 0)"),
    ],
)
def test_a_fill_is_told_in_words(option, words):
    assert option_words(f"hidden with {option}, and more") == f"hidden with {words}, and more"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (Counterexamples(region="jaw"), "counterexamples"),
        (Counterexamples(region=face()["jaw"], copies=2), "counterexamples (copies 2)"),
        (RightReasons(region="jaw"), "right reasons"),
        (LastLayer(region="jaw"), "last layer"),
        (
            Guard(region="jaw", margin=0.1, fill=Blur(sigma=2)),
            "a guard (margin 0.1, hidden with a blur (width 2))",
        ),
    ],
)
def test_a_method_is_told_in_words(method, words):
    assert option_words(describe_method(method)) == words


@pytest.mark.parametrize("text", ["Blur(sigma", "Blur(4)", "Nothing(a=1)", ""])
def test_what_is_no_option_stays_as_it_is(text):
    assert option_words(text) == text


def test_a_korean_particle_fits_the_word_that_it_follows():
    with use_language("ko"):
        assert option_words("Blur(sigma=4)로 가림") == "흐림 (폭 4)으로 가림"
        assert option_words("다른 채움이나 scale='log-odds'를 써") == "다른 채움이나 log-odds 척도를 써"
