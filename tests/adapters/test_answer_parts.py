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


class Config:
    def __init__(self, names):
        self.id2label = names


class NamingNetwork:
    def __init__(self, *names):
        self.config = Config(dict(enumerate(names)))


class NamingPipeline(Pipeline):
    """As those of version 5: names from the network's configuration, best first, one image at a time."""

    task = "image-classification"

    def __init__(self, *names):
        self.model, self.batches = NamingNetwork(*names), []

    def __call__(self, images, top_k=5, batch_size=1):
        self.batches.append(batch_size)
        names = self.model.config.id2label
        answers = []
        for image in images:
            scores = np.asarray(image).mean((0, 1)) / 255
            ranked = [{"label": names[place], "score": scores[place]} for place in range(len(names))]
            answers.append(sorted(ranked, key=lambda one: -one["score"])[:top_k])
        return answers


@pytest.mark.parametrize("names", [("red", "green", "blue"), ("dog", "cat", "dog")])
def test_the_columns_of_a_pipeline_are_those_of_its_network_whatever_their_names(names):
    pipeline = NamingPipeline(*names)
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    model = as_model(pipeline)
    np.testing.assert_allclose(model(images), images.mean((1, 2)) / 255)
    assert model.class_names == names
    assert list(pipeline.model.config.id2label.values()) == list(names)
    grey = as_model(pipeline)(images[..., :1])  # (H, W, 1), of which PIL makes no image as it is
    np.testing.assert_allclose(grey, np.repeat(images[..., 0].mean((1, 2))[:, None] / 255, 3, axis=1))
    options = {"segment": "grid:rows=2,columns=2", "budget": 20, "target": 1, "progress": False}
    explained = sl.explain(images[0], pipeline, **options)
    assert explained.name(1) == names[1]
    np.testing.assert_allclose(explained.scores.full, images[0, ..., 1].mean() / 255)


def test_a_pipeline_of_one_output_gives_the_probability_of_class_1():
    images = np.full((1, 4, 4, 3), 51, np.uint8)
    np.testing.assert_allclose(as_model(NamingPipeline("ill"))(images), [[0.8, 0.2]])


def test_a_pipeline_is_asked_for_whole_batches():
    pipeline = NamingPipeline("red", "green", "blue")
    as_model(pipeline)(np.zeros((5, 4, 4, 3), np.uint8))
    pipeline._batch_size = 2  # as its user wants it
    as_model(pipeline)(np.zeros((5, 4, 4, 3), np.uint8))
    assert pipeline.batches == [5, 2]


def test_a_pipeline_for_another_task_is_refused():
    pipeline = NamingPipeline("red", "green", "blue")
    pipeline.task = "object-detection"
    with pytest.raises(ModelError, match="'object-detection' does not score images by class"):
        as_model(pipeline)


def test_a_function_whose_answers_have_two_classes_of_one_name_is_refused():
    row = [{"label": "dog", "score": 0.5}, {"label": "cat", "score": 0.3}, {"label": "dog", "score": 0.2}]
    with pytest.raises(ModelError, match="calls two classes 'dog'"):
        as_model(lambda images: [row for _ in images])(IMAGES)


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
