"""Links between segments that do something together."""

import numpy as np
import pytest

import sightline as sl
from sightline import figures
from sightline.errors import OptionError
from sightline.render import BLUE, RED
from support.drawn_figures import example, pixels, texts


def both_corners(images: np.ndarray) -> np.ndarray:
    """The two ends of the diagonal together; either of two others."""
    first, last = images[:, :4, :4].mean((1, 2)), images[:, 8:, 8:].mean((1, 2))
    third, sixth = images[:, :4, 8:].mean((1, 2)), images[:, 8:, :4].mean((1, 2))
    return 0.5 * first * last + 0.3 * np.maximum(third, sixth)


def explained(**options: object) -> sl.Explanation:
    return sl.explain(
        np.ones((12, 12)), both_corners, segment="grid:rows=3,columns=3", fill="colour", target=1, **options
    )


@pytest.mark.parametrize("attribute", ["lime", "shapley", "banzhaf", "rise"])
def test_pairs_are_what_two_segments_do_together(attribute):
    made = explained(attribute=attribute)
    (a, b, value, error), second = made.pairs(2)
    assert (a, b, error) == (0, 8, 0)
    assert value == pytest.approx(0.5)
    assert second[:2] == (2, 6)
    assert second.value == pytest.approx(-0.3)
    assert len(made.pairs(100)) == 36


@pytest.mark.parametrize("estimator", ["regression", "gaussian-process"])
def test_pairs_are_read_off_some_of_the_masks_whoever_answered_and_kept(estimator, tmp_path):
    made = explained(budget=120, estimator=estimator)
    (first, second) = made.pairs(2)
    assert first[:2] == (0, 8)
    assert abs(first.value - 0.5) < max(0.03, 3 * first.error)
    assert second[:2] == (2, 6)
    assert abs(second.value + 0.3) < max(0.03, 3 * second.error)
    assert sl.Explanation.load(made.save(tmp_path / "e")).pairs(2) == made.pairs(2)


def test_a_contrasts_pairs_are_differences_of_its_classes_pairs():
    made = explained(budget=120)
    both = sl.explain(
        np.ones((12, 12)),
        both_corners,
        segment="grid:rows=3,columns=3",
        fill="colour",
        target=[1, sl.Contrast(1, 0)],
        budget=120,
    )
    assert both.pairs(1, sl.Contrast(1, 0))[0].value == pytest.approx(2 * made.pairs(1)[0].value, rel=0.05)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"attribute": "occlusion"}, "its masks tell of none"), ({"attribute": "lime"}, "are not kept")],
)
def test_where_masks_tell_nothing_of_pairs_it_is_said(options, said):
    made = example([1.0, 0.5]) if options == {"attribute": "lime"} else explained(**options)
    with pytest.raises(OptionError, match=said) as caught:
        made.pairs()
    assert caught.value.slug == "pairs-unknown"


def test_a_flat_model_has_no_pairs():
    with pytest.warns(sl.SightlineWarning, match="stayed at"):
        made = sl.explain(
            np.ones((12, 12)), lambda images: np.full(len(images), 0.3), segment="grid:rows=4,columns=4"
        )
    with pytest.raises(OptionError, match="tell next to nothing of pairs"):
        made.pairs()


@pytest.mark.slow
def test_links_are_red_for_more_together_and_blue_for_less():
    made = explained()
    figure = figures.plot(made, "pairs", num=2)
    seen = {tuple(one) for one in pixels(figure).reshape(-1, 3).tolist()}
    assert {RED, BLUE} <= seen
    told = texts(figure)
    assert "0 and 8: +0.5" in told
    assert "2 and 6: −0.3" in told
    assert {"0", "8", "2", "6"} <= set(told)
    assert "more together than each alone" in told
    only = {tuple(one) for one in pixels(figures.plot(made, "pairs", num=1)).reshape(-1, 3).tolist()}
    assert RED in only
    assert BLUE not in only
