"""What an explanation tells: masks, heat, leaders, names, and its faces."""

import base64
import dataclasses
import re
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sightline.engine.attribute import Shapley
from sightline.engine.plan import Plan
from sightline.errors import OptionError, TargetError
from sightline.explanation import Explanation, Leader
from sightline.types import Attribution, Contrast, Scores, Segments
from support import unchecked

LABELS = np.array([[0, 0, 1, 1, 1, 2], [3, 3, 3, 4, 4, 5]])
VALUES = np.array(
    [[0.5, -0.9, 0.0, 0.2, -0.1, 0.7], [-1.0, 2.0, 3.0, -4.0, 5.0, -6.0], [1.5, -2.9, -3.0, 4.2, -5.1, 6.7]]
)
ERRORS = np.array([[0.1, 0.1, 0.1, 0.2, 0.01, 0.7], [0.5] * 6, [0.5] * 6])
TARGETS = (3, 1, Contrast(3, 1))
NAMES = ("cat", "dog", "emu", "fox")


def explanation(**changes: object) -> Explanation:
    scores = Scores(
        values=np.random.default_rng(0).random((20, 3)),
        full=np.array([0.8, 0.1, 0.7]),
        empty=np.array([0.2, 0.3, -0.1]),
        targets=TARGETS,
        classes=np.array([0.05, 0.1, 0.05, 0.8]),
        calls=22,
    )
    attribution = Attribution(VALUES, ERRORS, scores.empty, np.array([0.95, 0.5, 0.1]), 23, True)
    image = np.random.default_rng(1).random((2, 6, 3))
    whole = Explanation(image, Plan(attribute=Shapley()), Segments(LABELS), scores, attribution, NAMES)
    return dataclasses.replace(whole, **changes)


def segments_of(mask: np.ndarray, sign: int) -> set[int]:
    """Which segments are marked with the sign; each has to be marked as a whole."""
    marked = {int(one) for one in np.unique(LABELS[mask == sign])}
    assert np.array_equal(mask == sign, np.isin(LABELS, list(marked)))
    return marked


# Names and targets


@pytest.mark.parametrize(
    ("target", "index"),
    [(None, 0), (3, 0), (1, 1), (Contrast(3, 1), 2), ("fox", 0), ("dog", 1), ("fox rather than dog", 2)],
)
def test_a_target_is_found_by_its_number_its_contrast_or_its_name(target, index):
    made = explanation()
    assert made.index(target) == index


@pytest.mark.parametrize("target", [0, "cat", "class 3", Contrast(1, 3), "horse"])
def test_a_target_that_was_not_explained_names_those_that_were(target):
    with pytest.raises(
        TargetError, match="was not explained, only 3 \\(fox\\), 1 \\(dog\\), Contrast"
    ) as caught:
        explanation().index(target)
    assert f"Ask for it: explain(..., target={target!r})." in str(caught.value)
    assert caught.value.slug == "target-unexplained"


def test_without_names_a_class_is_called_by_its_number():
    made = explanation(class_names=None)
    assert made.name(3) == "class 3"
    assert made.name(Contrast(3, 1)) == "class 3 rather than class 1"
    assert made.index("class 1") == 1


# Leaders


def test_the_leaders_are_the_largest_in_size_with_their_errors():
    leaders = explanation().top(3)
    assert [leader.segment for leader in leaders] == [1, 5, 0]
    assert leaders[0] == Leader(1, -0.9, 0.1)
    assert leaders[0].value == -0.9
    assert all(type(number) in (int, float) for number in leaders[0])


def test_the_leaders_of_another_target():
    assert [leader.segment for leader in explanation().top(2, "dog")] == [5, 4]


@pytest.mark.parametrize(("n", "count"), [(0, 0), (6, 6), (50, 6)])
def test_no_more_leaders_than_segments(n, count):
    assert len(explanation().top(n)) == count


# Masks


@pytest.mark.parametrize(
    ("options", "positive", "negative"),
    [
        ({}, {0, 3, 5}, set()),
        ({"sign": "for"}, {0, 3, 5}, set()),
        ({"sign": "against"}, set(), {1, 4}),
        ({"sign": "both"}, {0, 3, 5}, {1, 4}),
        ({"num": 2}, {0}, set()),  # as the figure does: of the largest, those that can be told from zero
        ({"num": 2, "significant": False}, {0, 5}, set()),
        ({"sign": "against", "num": 1}, set(), {1}),
        ({"sign": "both", "num": 3}, {0, 5}, {1}),
        ({"num": 0}, set(), set()),
        ({"num": 99}, {0}, set()),
        ({"num": 99, "significant": False}, {0, 3, 5}, set()),
        # 0.2 ± 0.2 and 0.7 ± 0.7 cannot be told from zero.
        ({"significant": True}, {0}, set()),
        ({"sign": "both", "significant": True}, {0}, {1, 4}),
        ({"sign": "both", "significant": True, "num": 2}, {0}, {1}),
        ({"target": "dog", "num": 2}, {2, 4}, set()),
        ({"target": Contrast(3, 1), "sign": "against", "num": 1}, set(), {4}),
    ],
)
def test_a_mask_marks_the_segments_that_were_asked_for(options, positive, negative):
    mask = explanation().mask(**options)
    assert mask.dtype.kind == "i"
    assert mask.shape == (2, 6)
    assert segments_of(mask, 1) == positive
    assert segments_of(mask, -1) == negative
    assert np.isin(mask, [-1, 0, 1]).all()


def test_a_heatmap_is_each_pixel_s_segment_s_value():
    made = explanation()
    for k, target in enumerate(TARGETS):
        heat = made.heatmap(target)
        for y, x in np.ndindex(2, 6):
            assert heat[y, x] == VALUES[k, LABELS[y, x]]


# Faces


def test_its_text_says_what_it_cost_and_how_sure_it_is():
    lines = repr(explanation()).splitlines()
    assert lines[0] == (
        "Explanation of fox (score 0.8, with everything hidden 0.2) in an image of 2×6×3: "
        "Shapley, 6 segments, 23 calls, fit 0.95, settled"
    )
    assert lines[1] == "  segment   1  -0.9000 ± 0.1000"
    assert len(lines) == 4


def test_its_text_says_when_there_is_nothing_to_explain_or_it_is_not_settled():
    flat = dataclasses.replace(explanation().attribution, fit=np.full(3, np.nan), settled=False)
    text = repr(explanation(attribution=flat))
    assert text.splitlines()[0].endswith("calls, the score never moved")
    unsure = dataclasses.replace(flat, error=np.full((3, 6), np.inf))
    (told,) = repr(explanation(attribution=unsure)).splitlines()
    assert told.endswith("calls, too few masks to tell how wrong")


@pytest.mark.slow
def test_a_notebook_shows_an_image_with_its_numbers():
    made = explanation(class_names=("cat", "dog", "emu", "<b>fox & co</b>"), image=np.random.rand(40, 60, 3))
    labels = np.kron(LABELS, np.ones((20, 10), dtype=int))
    made = dataclasses.replace(made, segments=Segments(labels))
    page = made._repr_html_()
    image = base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', page)[1])
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert made._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    assert page.count("<b>") == 1  # of the heading
    assert "&lt;b&gt;fox &amp; co&lt;/b&gt;" in page
    assert "<th>1</th><td>-0.9000</td><td>± 0.1000</td>" in page
    assert page.count("<tr>") == 6


@pytest.mark.parametrize("kind", ["panel", "overlay", "heat", "contours", "bars", "targets"])
def test_every_kind_of_figure_is_drawn(kind):
    from matplotlib.figure import Figure

    labels = np.kron(LABELS, np.ones((20, 10), dtype=int))
    made = explanation(segments=Segments(labels), image=np.random.default_rng(0).random((40, 60, 3)))
    assert isinstance(made.plot(kind), Figure)
    if kind != "targets":
        assert isinstance(made.plot(kind, "dog", num=2), Figure)


def test_a_kind_of_figure_that_does_not_exist_names_the_nearest():
    with pytest.raises(OptionError, match=r"no figure 'pannel'. Did you mean 'panel'\?"):
        explanation().plot("pannel")


# shap


@pytest.fixture(scope="module")
def shap() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("shap")


def test_in_shap_s_form_sums_over_pixels_are_the_segments_values(shap):
    made = explanation()
    theirs = made.to_shap()
    assert theirs.values.shape == (1, 2, 6, 3, 3)
    assert theirs.data.shape == (1, 2, 6, 3)
    assert theirs.output_names == ["fox", "dog", "fox rather than dog"]
    assert theirs.base_values.tolist() == [[0.2, 0.3, -0.1]]
    for k in range(3):
        for one in range(6):
            assert theirs.values[0, ..., k][one == LABELS].sum() == pytest.approx(VALUES[k, one])


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 1), (2, 6, 4)])
def test_any_image_has_a_form_for_shap(shap, shape):
    theirs = explanation(image=np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)).to_shap()
    assert theirs.data.shape == (1, 2, 6, 3)
    assert theirs.values[0, ..., 0].sum() == pytest.approx(VALUES[0].sum())


def test_shap_draws_it(shap, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's and matplotlib's own
        import matplotlib as mpl
        import matplotlib.pyplot as plt

        mpl.use("Agg")
        labels = np.kron(LABELS, np.ones((20, 10), dtype=int))
        made = explanation(segments=Segments(labels), image=np.random.default_rng(0).random((40, 60, 3)))
        shap.image_plot(made.to_shap(), show=False)
        figure = plt.gcf()
        figure.savefig(tmp_path / "drawn.png")
        titles = [axes.get_title() for axes in figure.axes]
        plt.close("all")
    assert "fox rather than dog" in titles
    assert (tmp_path / "drawn.png").stat().st_size > 2000


@pytest.mark.slow
def test_a_sign_that_does_not_exist_names_the_nearest():
    said = unchecked.run(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_explanation import explanation\n"
        "from sightline.errors import OptionError\n"
        "try: explanation().mask(sign='agains')\n"
        "except OptionError as error: print(error)"
    )
    assert said.strip() == (
        "there is no sign 'agains'. Did you mean 'against'? Valid: for, against, both. [option-unknown]"
    )


def test_the_mask_is_that_of_the_figure():
    from sightline.figures.view_model import target_view

    for errors in (ERRORS, np.full_like(ERRORS, 100.0), np.full_like(ERRORS, 1e-6)):
        made = explanation()
        made = dataclasses.replace(made, attribution=dataclasses.replace(made.attribution, error=errors))
        for target in TARGETS:
            seen = target_view(made, target, 64)
            for num in (1, 2, 8):
                leading = seen.leading_segments(num, positive=True) & (seen.values > 0)
                np.testing.assert_array_equal(made.mask(target, num=num) == 1, leading[LABELS])
