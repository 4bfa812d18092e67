"""Answers of several parts: which of them holds the scores."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

import sightline as sl
from sightline.adapters import as_model
from sightline.errors import ModelError

IMAGES = np.random.default_rng(0).random((3, 8, 8, 3)).astype(np.float32)
TWO = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])


class ModelOutput(OrderedDict):
    """As Hugging Face makes them: a mapping whose entries are attributes, too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def cats(rows=TWO, order=(0, 1)):
    names = ("cat", "dog")
    return [[{"label": names[k], "score": float(row[k])} for k in order] for row in rows]


@pytest.mark.parametrize(
    "answer",
    [
        {"logits": TWO},
        {"logits": TWO, "hidden_states": [TWO, TWO], "loss": None},
        {"probs": TWO, "features": np.zeros((3, 9))},
        {"anything": TWO},
        ModelOutput(logits=TWO, attentions=(TWO,)),
        SimpleNamespace(logits=TWO, hidden_states=None),
        (TWO,),
        [TWO],
        ({"logits": TWO},),
        namedtuple("Output", ["logits", "aux"])(TWO, TWO * 0),
        {"output": (TWO,)},
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_the_part_with_the_scores_is_found_where_there_is_no_doubt(answer):
    np.testing.assert_array_equal(as_model(lambda images: answer)(IMAGES), TWO)


@pytest.mark.parametrize(
    "answer", [{"a": TWO, "b": TWO}, (TWO, TWO), {}, {"probs": TWO, "scores": TWO}, {"cat": 0.5, "dog": 0.5}]
)
def test_what_could_be_either_is_refused(answer):
    with pytest.raises(ModelError, match="model-answer"):
        as_model(lambda images: answer)(IMAGES)


def test_a_list_of_labels_and_scores_becomes_named_columns_whatever_their_order():
    for order in ((0, 1), (1, 0)):
        model = as_model(lambda images, order=order: cats(order=order))
        np.testing.assert_array_equal(model(IMAGES), TWO)
        assert model.class_names == ("cat", "dog")
    one = as_model(lambda images: cats(TWO[:1])[0])
    np.testing.assert_array_equal(one(IMAGES[:1]), TWO[:1])
    numbered = as_model(lambda images: [[{"label": f"LABEL_{k}", "score": k} for k in (10, 2, 0)]] * 3)
    numbered(IMAGES)
    assert numbered.class_names == ("LABEL_0", "LABEL_2", "LABEL_10")


def test_leading_classes_alone_are_refused_with_the_option_that_gives_all():
    with pytest.raises(ModelError, match="top_k=None"):
        as_model(lambda images: [row[:1] for row in cats()])(IMAGES)
    with pytest.raises(ModelError, match="top_k=None"):
        as_model(lambda images: [row[0] for row in cats()])(IMAGES)


class Pipeline:
    """As one of Hugging Face is called: with PIL images, and asked for all classes."""

    __module__ = "transformers.pipelines.image_classification"
    image_processor = None

    def __call__(self, images, top_k=5):
        assert all(image.mode == "RGB" for image in images)
        reds = [np.asarray(image)[..., 0].mean() / 255 for image in images]
        return [[{"label": "red", "score": red}, {"label": "blue", "score": 1 - red}][:top_k] for red in reds]


def test_a_pipeline_is_given_images_and_asked_for_all_classes():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, ..., 0] = 255
    model = as_model(Pipeline())
    np.testing.assert_array_equal(model(images), [[1, 0], [0, 1]])
    assert model.class_names == ("blue", "red")
    with pytest.raises(ModelError, match="uint8"):
        model(IMAGES)


def test_a_module_may_answer_in_parts_and_be_looked_into():
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self, form):
            super().__init__()
            torch.manual_seed(0)
            self.last, self.form = torch.nn.Linear(3, 2), form

        def forward(self, x):
            return self.form(self.last(x.mean((2, 3))))

    plain = Net(lambda scores: scores)
    forms = (lambda s: {"logits": s, "aux": s * 0}, lambda s: (s,), lambda s: {"out": s}, lambda s: [s])
    options = {"segment": "grid:rows=2,columns=4", "attribute": "gradient-x-input", "progress": False}
    wanted = sl.explain(IMAGES[0], plain, **options).attribution.values
    for form in forms:
        np.testing.assert_allclose(as_model(Net(form))(IMAGES), as_model(plain)(IMAGES))
        np.testing.assert_allclose(sl.explain(IMAGES[0], Net(form), **options).attribution.values, wanted)


def test_a_model_of_images_and_more_says_how_it_is_given():
    with pytest.raises(ModelError, match=r"lambda images: model\(images, np\.repeat\(\[metadata\]"):
        as_model(lambda images, age: images)(IMAGES)
    ages = np.array([[30.0]])
    asked = as_model(lambda images: np.hstack([ages.repeat(len(images), axis=0), images[:, 0, 0, :1]]))
    assert asked(IMAGES).shape == (3, 2)
