"""What is given to functions and options: names, kinds of values, and the words of other tools."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import sightline as sl
from sightline._arguments import (
    ELSEWHERE,
    check_choice,
    check_size,
    checked_value,
    clear_arguments,
    describe_value,
)
from sightline.errors import OptionError

IMAGE = np.random.default_rng(0).random((12, 12))


def bright(images):
    return images.mean(axis=(1, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sl.explain(IMAGE, bright, num_samples=100), "How many model calls are made is budget=."),
        (lambda: sl.explain(IMAGE, bright, top_labels=5), "target=sightline.Top(k=5)"),
        (lambda: sl.explain(IMAGE, bright, hide_color=0), 'fill="colour:value=0"'),
        (lambda: sl.explain(IMAGE, bright, segmentation_fn=len), "How the image is divided is segment="),
        (lambda: sl.explain(IMAGE, bright, random_state=1), "Which masks are drawn is seed=."),
        (lambda: sl.explain(IMAGE, bright, budjet=9), "Did you mean 'budget'?"),
        (lambda: sl.explain(IMAGE), "missing a required argument: 'model'"),
        (lambda: sl.explain(IMAGE, bright, None, 5), "too many positional arguments"),
        (lambda: sl.as_model(bright, outputs="logit"), "Did you mean 'output'?"),
        (lambda: sl.evaluate(bright, ([IMAGE], [0]), treshold=0.5), "Did you mean 'threshold'?"),
        (lambda: sl.Study("x", budget=9), "Study() has no argument 'budget'."),
        (lambda: sl.Study(7), "path of Study() must be text or a path, but 7 was given."),
        (lambda: sl.regions.face(side=True), "Did you mean 'sides'?"),
    ],
)
def test_arguments_that_are_not_there_are_named_with_what_is_meant(call, words):
    with pytest.raises(OptionError) as caught:
        call()
    assert words in str(caught.value)


def test_the_words_of_other_tools_lead_to_arguments_that_there_are():
    parameters = set(inspect.signature(sl.explain).parameters)
    for foreign, told in ELSEWHERE.items():
        assert foreign not in parameters
        named = {word.split("=")[0] for word in told.replace("(", " ").split() if "=" in word}
        assert not named or named & (parameters | {"kernel_width", "k", "layer"}), told


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sl.Slic(n_segments="many"), "n_segments of Slic must be a whole number or None"),
        (lambda: sl.Blur(sigma=float("nan")), "sigma of Blur must be a finite number or None"),
        (lambda: sl.Lime(kernel_width=[1]), "kernel_width of Lime must be a finite number"),
        (lambda: sl.Colour(["red"]), "each number of value of Colour must be a finite number"),
        (lambda: sl.GradCam(layer=3), "layer of GradCam must be text or None"),
        (lambda: sl.GradCam(reshape=3), "reshape of GradCam must be Tokens() or a function"),
        (lambda: sl.Lime(1, 2), "Lime was given other options than it has: too many positional arguments"),
        (
            lambda: sl.Given(),
            "Given was given other options than it has: missing a required argument: 'labels'",
        ),
        (lambda: sl.Donors(["a"]), "Donors takes an array of numbers"),
        (lambda: sl.Plan(seed=1.5), "seed of Plan must be a whole number"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_where_it_is_written(make, words):
    with pytest.raises((OptionError, sl.SightlineError)) as caught:
        make()
    assert words in str(caught.value)


def test_numbers_of_numpy_become_those_of_python_and_lists_tuples():
    assert sl.Slic(n_segments=np.int64(5)) == sl.Slic(n_segments=5)
    assert type(sl.Slic(n_segments=np.int64(5)).n_segments) is int
    assert sl.Colour([1, 2, 3]) == sl.Colour((1, 2, 3)) == sl.Colour(np.array([1, 2, 3]))
    assert checked_value("x", np.float32(0.5), float) == 0.5
    assert checked_value("x", "anything", np.ndarray | str) == "anything"


def test_a_value_is_described_in_a_few_letters_whatever_its_repr_does():
    class Rude:
        def __repr__(self):
            raise RuntimeError

    assert describe_value(Rude()) == "an object of type Rude"
    assert describe_value(np.zeros((200, 300))) == "an array of shape (200, 300), float64"
    assert len(describe_value("x" * 999)) == 80


def test_a_function_keeps_its_signature_and_its_name():
    assert str(inspect.signature(sl.explain)).startswith("(image: object, model: object, plan:")
    assert sl.explain.__name__ == "explain"

    @clear_arguments
    def anything(**named):
        return named

    assert anything(whatever=1) == {"whatever": 1}


@pytest.mark.slow
def test_texts_stand_for_studies_regions_and_data(tmp_path):
    images = np.random.default_rng(0).random((12, 8, 8))
    labels = (images.mean(axis=(1, 2)) > 0.5).astype(int)
    plan = sl.Plan(segment="grid:rows=2,columns=2", budget=16, fill="colour")
    study = sl.Study(tmp_path / "run", plan).run((images, labels), bright, progress=False)
    assert repr(sl.atlas(str(tmp_path / "run"))) == repr(sl.atlas(study))
    assert repr(sl.blame(study, "grid:rows=2,columns=2")) == repr(sl.blame(study, sl.regions.grid(2, 2)))
    with pytest.raises(sl.SightlineError, match="there is no study in"):
        sl.atlas(tmp_path)


def test_a_folder_is_evaluated_by_its_path(tmp_path):
    from PIL import Image

    for name, value in (("dark", 20), ("light", 220)):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8), value).save(tmp_path / name / "one.png")
    done = sl.evaluate(lambda x: x.mean(axis=(1, 2)) / 255, str(tmp_path), progress=False)
    assert (done.accuracy, done.class_names) == (1.0, ("dark", "light"))


class Forest:
    def predict_proba(self, images):
        return images


@pytest.mark.parametrize("model", [bright, "net.onnx", Forest()])
def test_a_model_in_the_place_of_the_image_is_told(model):
    with pytest.raises(OptionError, match="the image comes first, and then the model"):
        sl.explain(model, IMAGE)


def test_arrays_and_numbers_stand_for_segments_and_fills():
    ids = np.arange(144).reshape(12, 12) // 36
    assert sl.Plan(segment=ids).segment == sl.Given(ids) == sl.Plan(segment=ids.tolist()).segment
    assert sl.Plan(fill=0).fill == sl.Colour(0.0)
    assert (
        sl.Plan(fill=[255, 0, 9]).fill
        == sl.Plan(fill="colour:value=[255,0,9]").fill
        == sl.Colour((255, 0, 9))
    )
    assert sl.Plan(fill=IMAGE).fill == sl.Donors(IMAGE)
    with pytest.raises(OptionError, match="a function, but an array of shape"):
        sl.Plan(attribute=IMAGE)


def test_other_spellings_that_leave_no_doubt_are_read():
    assert sl.Plan(fill="color:value=3").fill == sl.Colour(3)
    assert sl.Plan(fill="black").fill == sl.Colour()
    assert sl.Plan(attribute="GradCAM").attribute == sl.GradCam()
    assert (
        sl.data.ImageFormat(mode="gray") == sl.data.ImageFormat(mode="L") == sl.data.ImageFormat(mode="grey")
    )
    assert sl.data.ImageFormat(mode="RGB").mode == "rgb"


def test_a_file_that_can_be_read_safely_is_a_model_by_its_path(tmp_path):
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(IMAGE, np.arange(12) % 2)
    skops.dump(fitted, tmp_path / "m.skops")
    opened = sl.as_model(str(tmp_path / "m.skops"), class_names=["no", "yes"])
    np.testing.assert_allclose(opened(IMAGE[:, np.newaxis]), fitted.predict_proba(IMAGE))
    assert opened.class_names == ("no", "yes")
    for text in ("m.pt2", "os:remove", "folder"):
        with pytest.raises(sl.SightlineError, match="load_model"):
            sl.as_model(text)


@pytest.mark.parametrize("given", ["gry", None, 3, ["grey"], np.array(["grey"])])
def test_what_is_none_of_the_names_is_refused_whatever_it_is(given):
    with pytest.raises(OptionError, match=r"there is no mode .*Valid: grey, rgb") as caught:
        check_choice("mode", given, {"grey": 1, "rgb": 3}, "option-value")
    assert caught.value.slug == "option-value"
    assert repr(check_choice("mode", np.str_("grey"), ("grey", "rgb"))) == "'grey'"


@pytest.mark.parametrize("given", [None, 7, "77", (8,), (8, 0), (8, 2.0), (8, 8, 3), (8, 1 << 17), (8, True)])
def test_a_size_is_two_whole_numbers_from_1(given):
    with pytest.raises(OptionError, match=r"size must be \(height, width\) in pixels, each from 1 to 65,536"):
        check_size("size", given)


def test_sizes_of_numpy_are_numbers_of_python_then():
    assert check_size("size", [np.int64(8), np.uint8(9)]) == (8, 9)
    assert all(type(side) is int for side in check_size("size", (np.int64(8), 9)))


def test_texts_in_a_mapping_or_a_list_are_no_texts_themselves():
    @clear_arguments
    def named(names: Mapping[str, str], several: Sequence[str], one: str | None = None) -> str:
        return f"{names} {several} {one}"

    assert named({"a": "b"}, ["c"], "d") == "{'a': 'b'} ['c'] d"
    with pytest.raises(OptionError, match=r"one of .* must be text"):
        named({}, [], 3)
