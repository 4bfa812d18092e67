"""Several methods on one image: the same segments, the same target, each with its own cost and measures."""

import numpy as np
import pytest

import sightline as sl
from sightline.errors import ModelError, OptionError, SightlineWarning, TargetError
from sightline.evaluation import faithfulness
from support.torch_nets import cnn

IMAGE = np.random.default_rng(0).random((24, 20, 3)).astype(np.float32)
OPTIONS = {
    "segment": "grid:rows=6,columns=5",
    "fill": "colour:value=0",
    "budget": 150,
    "estimator": "regression",
}


@pytest.fixture(scope="module")
def compared():
    net = cnn()
    methods = ["lime", "grad-cam", "smoothgrad"]
    return net, sl.compare(IMAGE, net, methods, **OPTIONS, class_names=list("abcd"), target="c")


def test_all_methods_explain_the_same_segments_and_target(compared):
    _, made = compared
    assert len(made) == 3
    first = made.explanations[0]
    for one in made:
        np.testing.assert_array_equal(one.segments.labels, first.segments.labels)
        assert one.targets == first.targets == (2,)
    assert [type(one.plan.attribute).__name__ for one in made] == ["Lime", "GradCam", "SmoothGrad"]


def test_each_is_what_explain_gives(compared):
    net, made = compared
    for one, name in zip(made, ["lime", "grad-cam", "smoothgrad"], strict=True):
        alone = sl.explain(IMAGE, net, attribute=name, target=one.targets[0], **OPTIONS)
        np.testing.assert_allclose(one.attribution.values, alone.attribution.values, atol=1e-7)
        assert one.attribution.calls == alone.attribution.calls


def test_measures_are_those_of_quality(compared):
    net, made = compared
    for one, measures in zip(made, made.measures, strict=True):
        assert [measure.name for measure in measures] == ["deletion", "insertion", "stability"]
        assert measures[0].value == pytest.approx(faithfulness.deletion(one, net).value)


def test_its_text_is_a_table(compared):
    _, made = compared
    lines = repr(made).splitlines()
    name = made.explanations[0].name(made.explanations[0].targets[0])
    assert lines[0] == f"Comparison of 3 methods on {name}"
    assert lines[1].split() == ["method", "calls", "deletion", "insertion", "stability"]
    assert [line.split()[0] for line in lines[2:]] == ["Lime", "GradCam", "SmoothGrad"]
    assert lines[3].split()[1] == str(made.explanations[1].attribution.calls)
    assert f"{made.measures[0][0].value:.3f}" in lines[2]


def test_its_figure_shows_every_method_twice_if_it_has_pixels(compared):
    _, made = compared
    words = [text.get_text() for text in made.plot().axes[0].texts]
    layer = made.explanations[1].attribution.layer
    assert words.count("Lime") == 1
    assert words.count(f"GradCam at {layer}") == 2
    assert words.count("SmoothGrad") == 2
    assert {"By segment", "By pixel"} <= set(words)
    assert f"deletion {made.measures[0][0].value:.2f} (chance {made.measures[0][0].random:.2f})" in words
    assert made._repr_html_().count("<tr>") == len(made) + 1


def test_without_measures_only_the_methods_are_asked():
    made = sl.compare(IMAGE, lambda x: x.mean((1, 2)), ["lime", "occlusion"], measured=False, **OPTIONS)
    assert made.measures == ((), ())
    assert repr(made).splitlines()[1].split() == ["method", "calls"]
    words = [text.get_text() for text in sl.figures.plot_comparison(list(made)).axes[0].texts]
    assert not [word for word in words if word.startswith(("deletion", "By pixel"))]


def test_a_model_that_cannot_be_opened_is_refused_before_it_is_asked():
    asked = []

    def model(images):
        asked.append(len(images))
        return images.mean((1, 2))

    with pytest.raises(ModelError, match="known by its answers alone"):
        sl.compare(IMAGE, model, ["lime", "grad-cam"], **OPTIONS)
    assert not asked


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        ([], "compare needs a list of methods"),
        (["lime", "gradkam"], "there is no attribute named 'gradkam'. Did you mean 'grad-cam'"),
    ],
)
def test_methods_that_do_not_exist_are_refused(methods, told):
    with pytest.raises(OptionError, match=told):
        sl.compare(IMAGE, cnn(), methods)


def test_a_target_that_is_not_explained_is_refused(compared):
    _, made = compared
    with pytest.raises(TargetError, match="7 was not explained"):
        sl.figures.plot_comparison(made, 7)
    with pytest.raises(OptionError, match="at least one explanation"):
        sl.figures.plot_comparison([])


def test_heat_of_pixels_is_a_figure_of_its_own(compared):
    _, made = compared
    lime, cam, _ = made.explanations
    figure = cam.plot("pixels")
    assert any("GradCam" in text.get_text() for text in figure.axes[0].texts)
    with pytest.raises(OptionError, match="Lime has values for segments only, none for single pixels"):
        lime.plot("pixels")


def test_without_methods_named_it_takes_those_that_the_model_allows():
    def bright(images):
        return images.mean(axis=(1, 2, 3))

    made = sl.compare(IMAGE, bright, measured=False, **OPTIONS)
    assert [type(one.plan.attribute).__name__ for one in made] == ["Lime", "Shapley"]
    inside = sl.compare(IMAGE, cnn(), target=2, measured=False, **OPTIONS)
    assert [type(one.plan.attribute).__name__ for one in inside] == ["Lime", "Shapley", "GradCam"]


def test_what_is_said_of_the_image_is_said_once():
    """Every method would say it again."""
    with pytest.warns(SightlineWarning) as caught:
        sl.compare(
            np.random.default_rng(0).random((16, 16)),
            lambda images: np.tile([0.001, 0.999], (len(images), 1)),
            ["lime", "shapley", "occlusion"],
            segment="grid:rows=3,columns=3",
            measured=False,
        )
    assert [warning.message.slug for warning in caught].count("scores-flat") == 1
