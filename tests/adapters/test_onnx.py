"""ONNX files: what is read from them, and what is refused."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, save

import sightline as sl
from sightline.adapters import as_model
from sightline.data import ArrayDataset
from sightline.errors import FileError, ModelError, SightlineWarning, collect_warnings
from support import onnx_graphs
from support.linear import Linear, fitted, random_images

COLOUR, GREY = (5, 7, 3), (5, 7)


def truth_of(shape: tuple[int, ...]) -> Linear:
    truth: Linear = fitted(shape)[1]
    return truth


def file(folder: Path, image: tuple[int, ...], shape: list[Any], **more: Any) -> str:
    return str(onnx_graphs.write(folder / "net.onnx", truth_of(image), shape, **more))


def refusal(source: Any, images: np.ndarray) -> str:
    with pytest.raises(ModelError) as caught:
        as_model(source)(images)
    return str(caught.value)


# Layout


@pytest.mark.parametrize(
    ("shape", "image", "given"),
    [
        (["N", 3, 5, 7], COLOUR, (3, 5, 7)),
        (["N", 3, "H", "W"], COLOUR, (3, 5, 7)),
        (["N", 5, 7, 3], COLOUR, (5, 7, 3)),
        ([None, None, None, 3], COLOUR, (5, 7, 3)),
        (["N", "C", "H", "W"], COLOUR, (3, 5, 7)),
        (["N", 1, 5, 7], GREY, (1, 5, 7)),
        (["N", 5, 7, 1], GREY, (5, 7, 1)),
        (["N", 1, 5, 7], (5, 7, 1), (1, 5, 7)),
        (["N", 5, 7], GREY, (5, 7)),
        (["N", 5, 7], (5, 7, 1), (5, 7)),
        (["N", 35], GREY, (35,)),
        (["N", "F"], COLOUR, (105,)),
    ],
    ids=str,
)
def test_the_layout_is_read_from_the_file(
    tmp_path: Path, shape: list[Any], image: tuple[int, ...], given: tuple[int, ...]
) -> None:
    model, images = as_model(file(tmp_path, image, shape)), random_images(4, image, "float32")
    np.testing.assert_allclose(model(images), truth_of(image)(images), atol=1e-5)
    if given != image:
        assert f"images {image} float32 given as {given} float32, values not scaled" in repr(model)


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        (["N", 3, 6, 4], (6, 4, 3)),
        (["N", 3, 6, "W"], (6, 4, 3)),
        (["N", 6, 3, 4], (6, 3, 4)),
        (["N", "H", 3, 4], (6, 3, 4)),
        (["N", None, None, 3], (5, 3, 3)),
        (["N", 3, None, None], (5, 3, 3)),
    ],
    ids=str,
)
def test_where_both_ends_could_be_channels_the_image_decides(
    tmp_path: Path, shape: list[Any], image: tuple[int, ...]
) -> None:
    model, images = as_model(file(tmp_path, image, shape)), random_images(3, image, "float32")
    np.testing.assert_allclose(model(images), truth_of(image)(images), atol=1e-5)


def test_three_by_three_by_three_is_taken_for_channels_first(tmp_path: Path) -> None:
    cube = (3, 3, 3)
    model, images = as_model(file(tmp_path, cube, ["N", 3, 3, 3])), random_images(3, cube, "float32")
    np.testing.assert_allclose(model(images), truth_of(cube)(images), atol=1e-5)


def test_thirteen_bands_are_found_at_either_end(tmp_path: Path) -> None:
    image = (4, 5, 13)
    model, images = as_model(file(tmp_path, image, ["N", 4, 5, 13])), random_images(3, image, "float32")
    np.testing.assert_allclose(model(images), truth_of(image)(images), atol=1e-5)


# Size and channels


@pytest.mark.parametrize(
    ("shape", "image", "told"),
    [
        (
            ["N", 3, 5, 7],
            (64, 60, 3),
            "the model takes images of 5×7×3 (input 'x' of shape (?, 3, 5, 7)), but this image is 64×60×3. "
            "sightline does not resize: give an image of that size, or a function that resizes the images.",
        ),
        (["N", 3, 5, 7], (5, 7), "but this image is 5×7. Give the grey image 3 channels: np.stack([image]"),
        (["N", 5, 7, 3], (5, 7, 4), "but this image is 5×7×4. Leave the alpha channel out: image[..., :3]."),
        (["N", 1, 5, 7], (5, 7, 3), "takes images of 5×7×1 (input 'x' of shape (?, 1, 5, 7)), but this"),
        (["N", 1, 5, 7], (5, 7, 3), "Make the image grey as the model's training did, for example"),
        (
            ["N", 5, 7],
            (5, 7, 3),
            "takes images of 5×7×1 (input 'x' of shape (?, 5, 7)), but this image is 5×7×3",
        ),
        (["N", 3, "H", "W"], (5, 7), "takes images of any×any×3 (input 'x' of shape (?, 3, ?, ?))"),
        (
            ["N", 105],
            (5, 7),
            "the model's input 'x' of shape (?, 105) takes 105 numbers an image; this image",
        ),
        (["N", 35], (5, 7, 3), "Give a grey image, such as image.mean(axis=2), or a function"),
    ],
    ids=str,
)
def test_an_image_that_does_not_fit_is_refused_with_both_forms(
    tmp_path: Path, shape: list[Any], image: tuple[int, ...], told: str
) -> None:
    weights = COLOUR if 3 in shape or 105 in shape else GREY
    answer = refusal(file(tmp_path, weights, shape), random_images(2, image, "float32"))
    assert told in answer
    assert answer.endswith("[model-input]")


# Dtype


def test_whole_numbers_are_cast_for_a_float_model_and_not_scaled(tmp_path: Path) -> None:
    model, images = as_model(file(tmp_path, COLOUR, ["N", 105])), random_images(4, COLOUR, "uint8")
    np.testing.assert_allclose(model(images), truth_of(COLOUR)(images), atol=1e-4)
    assert "images (5, 7, 3) uint8 given as (105,) float32, values not scaled" in repr(model)


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint8"])
def test_the_dtype_is_read_from_the_file(tmp_path: Path, dtype: str) -> None:
    model, images = (
        as_model(file(tmp_path, COLOUR, ["N", 105], dtype=dtype)),
        random_images(4, COLOUR, "uint8"),
    )
    np.testing.assert_allclose(model(images), truth_of(COLOUR)(images), atol=1e-4)


def test_floats_are_refused_by_a_model_of_whole_numbers(tmp_path: Path) -> None:
    path = file(tmp_path, COLOUR, ["N", 5, 7, 3], dtype="uint8")
    assert refusal(path, random_images(2, COLOUR, "float32")) == (
        "the model's input 'x' of shape (?, 5, 7, 3) takes uint8, but the images are float32, and casting "
        "them would change them. Give the image as uint8, in the range that the model was trained on. "
        "[model-input]"
    )
    assert "the images are uint16" in refusal(path, random_images(2, COLOUR, "uint8").astype("uint16"))


def test_other_byte_orders_are_understood(tmp_path: Path) -> None:
    model, images = as_model(file(tmp_path, COLOUR, ["N", 105])), random_images(4, COLOUR, ">f4")
    np.testing.assert_allclose(model(images), truth_of(COLOUR)(images), atol=1e-5)


# Batch


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_fixed_batch_is_filled_up_and_told(tmp_path: Path, fixed: int) -> None:
    model = as_model(file(tmp_path, COLOUR, [fixed, 3, 5, 7]))
    assert model.batch_size == fixed
    for count in (1, 3, 4, 5, 9):
        images = random_images(count, COLOUR, "float32")
        np.testing.assert_allclose(model(images), truth_of(COLOUR)(images), atol=1e-5)
    assert as_model(file(tmp_path, COLOUR, ["N", 3, 5, 7])).batch_size is None


# Outputs


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        (("scores",), "scores"),
        (("label", "scores"), "scores"),
        (("label", "names", "logits"), "logits"),
        (("logits", "probabilities"), "probabilities"),
    ],
)
def test_the_table_of_floats_is_the_output(tmp_path: Path, outputs: tuple[str, ...], answer: str) -> None:
    model = as_model(file(tmp_path, COLOUR, ["N", 105], outputs=outputs))
    images = random_images(4, COLOUR, "float32")
    scores = truth_of(COLOUR)(images)
    got = model(images)
    if answer == "logits":
        got = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, scores, atol=1e-5)
    assert f"output '{answer}'" in repr(model)


def test_a_dict_for_each_image_tells_the_class_names_before_the_first_call(tmp_path: Path) -> None:
    model = as_model(file(tmp_path, COLOUR, ["N", 105], outputs=("label", "names")))
    assert model.class_names == ("a", "b", "c")
    images = random_images(4, COLOUR, "float32")
    np.testing.assert_allclose(model(images), truth_of(COLOUR)(images)[:, [2, 0, 1]], atol=1e-5)
    free = as_model(file(tmp_path, COLOUR, ["N", "F"], outputs=("label", "names")))
    assert free.class_names is None
    free(images)
    assert free.class_names == ("a", "b", "c")


def test_several_tables_are_refused_by_name(tmp_path: Path) -> None:
    path = file(tmp_path, COLOUR, ["N", 105], outputs=("logits", "scores"))
    assert refusal(path, random_images(1, COLOUR, "float32")) == (
        "net.onnx has 2 outputs, and it is not clear which holds the scores: 'logits' (float, shape (?, 3)), "
        "'scores' (float, shape (?, 3)). Give a function that runs it and returns one of them. "
        "[model-signature]"
    )


def test_a_file_that_only_has_labels_returns_classes(tmp_path: Path) -> None:
    path = file(tmp_path, COLOUR, ["N", 105], outputs=("label",))
    assert "this returns classes, not scores" in refusal(path, random_images(2, COLOUR, "float32"))


# Files and sessions


def test_several_inputs_are_refused_by_name(tmp_path: Path) -> None:
    path = file(tmp_path, COLOUR, ["N", 105], inputs=("x", "age"))
    assert "net.onnx has 2 inputs ('x', 'age'), but a model of images takes one." in refusal(path, COLOUR)


def test_an_input_of_text_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.STRING, ["N", 1]) for name in "xy"]
    graph = helper.make_graph([node], "text", ends[:1], ends[1:])
    save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "t.onnx",
    )
    assert "the input 'x' of t.onnx takes tensor(string), which is not an image" in refusal(
        tmp_path / "t.onnx", random_images(1, COLOUR, "uint8")
    )


def test_a_session_and_a_path_are_models_too(tmp_path: Path) -> None:
    path = onnx_graphs.write(tmp_path / "Net.ONNX", truth_of(COLOUR), ["N", 105])
    images = random_images(4, COLOUR, "float32")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(as_model(session)(images), as_model(path)(images))
    assert repr(as_model(session)).startswith(
        "CheckedModel(the ONNX model, input 'x' of shape (?, 105), output"
    )


def test_a_missing_or_broken_file_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"there is no file '.*nothing.onnx'. \[model-file\]"):
        as_model(tmp_path / "nothing.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(FileError, match=r"ONNX Runtime cannot load '.*broken.onnx': .*\[model-file\]"):
        as_model(tmp_path / "broken.onnx")
    with pytest.raises(FileError, match=r"'net.pt' is not a model: a text has to be the path of an .onnx"):
        as_model("net.pt")


# What the file does not tell


def colour_network(path: Path, classes: int, *first: Any, **constants: float) -> str:
    """A convolution of colour images, after the operations that are given, and its mean for each class."""
    kernel = np.random.default_rng(0).normal(size=(classes, 3, 1, 1)).astype(np.float32)
    nodes = [*first, helper.make_node("Conv", [first[-1].output[0] if first else "x", "kernel"], ["map"])]
    nodes.append(helper.make_node("ReduceMean", ["map"], ["scores"], axes=[2, 3], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", classes])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            *(numpy_helper.from_array(np.float32(one), name) for name, one in constants.items()),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


PADDED = helper.make_node("Identity", ["x"], ["same"])
LESS = helper.make_node("Sub", ["x", "half"], ["less"])
COLOURS = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("images", [COLOURS, (COLOURS * 255).astype(np.uint8)], ids=["unit", "bytes"])
@pytest.mark.parametrize("first", [(), (PADDED,)], ids=["bare", "after identity"])
def test_a_bare_network_of_imagenet_says_once_what_its_file_does_not_tell(
    tmp_path: Path, images: Any, first: Any
) -> None:
    model = as_model(colour_network(tmp_path / "net.onnx", 1000, *first))
    with pytest.warns(SightlineWarning, match="nothing in the file normalises them") as caught:
        model(images)
    assert len(caught) == 1
    model(images)  # and a warning would be an error here
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SightlineWarning):  # as itself, and not as a failure of the model
            as_model(colour_network(tmp_path / "net.onnx", 1000, *first))(images)


@pytest.mark.parametrize(
    ("classes", "first", "images"),
    [(1000, (), COLOURS - 0.5), (999, (), COLOURS), (1000, (LESS,), COLOURS)],
    ids=["normalised", "of another number of classes", "that normalises within"],
)
def test_no_network_is_doubted_that_may_be_right(
    tmp_path: Path, classes: int, first: Any, images: Any
) -> None:
    constants = {"half": 0.5} if first else {}
    as_model(colour_network(tmp_path / "net.onnx", classes, *first, **constants))(images)


# What the scores are


def one_column(folder: Path, *operations: str) -> str:
    """A file whose logit of class 1 is twenty times the mean, less ten, and what operations make of it."""
    names = ["logit", *(f"made{place}" for place in range(len(operations)))]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Gemm", ["column", "weight", "offset"], ["logit"]),
        *(helper.make_node(kind, [names[n]], [names[n + 1]]) for n, kind in enumerate(operations)),
    ]
    constants = [
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
        helper.make_tensor("weight", TensorProto.FLOAT, [1, 1], [20.0]),
        helper.make_tensor("offset", TensorProto.FLOAT, [1], [-10.0]),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 4])]
    answer = [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, ["N", 1])]
    graph = helper.make_graph(nodes, "one", given, answer, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(made, folder / "one.onnx")
    return str(folder / "one.onnx")


@pytest.mark.parametrize(
    ("operations", "seen"),
    [
        ((), "logit"),
        (("Identity",), "logit"),
        (("Sigmoid",), "probability"),
        (("Sigmoid", "Log"), "log-probability"),
        (("Neg", "Softplus", "Neg"), "log-probability"),
        (("Sigmoid", "Log", "Exp"), "probability"),
    ],
    ids=str,
)
def test_one_column_is_read_as_the_graph_makes_it(
    tmp_path: Path, operations: tuple[str, ...], seen: str
) -> None:
    """Logarithms are never above 0: taken for logits, they say class 0 of every image."""
    images = np.linspace(0, 1, 8, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    model = as_model(one_column(tmp_path, *operations))
    scores, logits = model(images), 20 * images[:, 0, 0].astype(np.float64) - 10
    wanted = logits if seen == "logit" else 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(scores[:, 1], wanted, atol=1e-5)
    assert (model.backend.output_end, bool(model.guess)) == (seen, seen == "logit")


def test_logits_within_0_to_1_are_no_probabilities(tmp_path: Path) -> None:
    images = np.full((3, 4, 4), 0.52, np.float32)  # logits of 0.4
    np.testing.assert_allclose(as_model(one_column(tmp_path))(images), [[-0.4, 0.4]] * 3, atol=1e-5)


def test_an_exported_regressor_is_refused(tmp_path: Path) -> None:
    node = helper.make_node(
        "LinearRegressor", ["x"], ["value"], domain=onnx_graphs.ML, coefficients=[1.0] * 35, intercepts=[0.0]
    )
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 35])]
    answer = [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["N", 1])]
    graph = helper.make_graph([node], "regressor", given, answer)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(onnx_graphs.ML, 3)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "value.onnx")
    images = random_images(20, GREY, "float32")
    assert 'output="logit", class_names=["value"]' in refusal(str(tmp_path / "value.onnx"), images)
    kept = as_model(str(tmp_path / "value.onnx"), output="logit", class_names=["value"])
    np.testing.assert_allclose(kept(images)[:, 1], images.reshape(20, -1).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("right", [True, False])
def test_an_export_without_labels_goes_by_place_and_says_so(tmp_path: Path, right: bool) -> None:
    """Where the folders have another order, and answers jump if it is exchanged, that is told."""
    images = np.linspace(0, 1, 40, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    labels = (images[:, 0, 0] > 0.5).astype(int)
    names = ("dark", "light") if right else ("light", "unlit")
    data = ArrayDataset(images[..., None], labels if right else 1 - labels, names)
    path = one_column(tmp_path, "Sigmoid")
    with collect_warnings() as slugs:
        made = sl.evaluate(path, data)
    assert (made.accuracy, slugs) == ((1, []) if right else (0, ["classes-swapped"]))
    told = "the model names no classes, so they are taken in the data's order (class_names= overrules)"
    assert made.guesses == (told,)
    assert f"guess      {told}" in repr(made)
    named = sl.evaluate(path, data, class_names=["unlit", "light"] if not right else names)
    assert (named.accuracy, named.guesses) == (1, ())


def several_columns(folder: Path, *nodes: Any, domain: str = "") -> str:
    """A file of three logits, and what nodes make of them."""
    weights = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    constants = {
        "weights": weights,
        "table": np.array([[1, 0], [1, 0], [0, 1]], np.float32),
        "axis": np.array([1]),
    }
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["logits"]), *nodes],
        "several",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "C"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(onnx_graphs.ML, 3)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "several.onnx")
    return str(folder / "several.onnx")


def linear_classifier(transform: str) -> Any:
    return helper.make_node(
        "LinearClassifier",
        ["logits"],
        ["label", "y"],
        domain=onnx_graphs.ML,
        coefficients=np.eye(3).ravel().tolist(),
        intercepts=[0.0] * 3,
        classlabels_ints=[0, 1, 2],
        post_transform=transform,
    )


node = helper.make_node
SEVERAL = {
    "mixed": ([node("Softmax", ["logits"], ["p"]), node("MatMul", ["p", "table"], ["y"])], True),
    "evidence": (
        [
            node("Softplus", ["logits"], ["a"]),
            node("ReduceSum", ["a", "axis"], ["s"], keepdims=1),
            node("Div", ["a", "s"], ["y"]),
        ],
        True,
    ),
    "softmax": ([linear_classifier("SOFTMAX")], False),
    "logistic": ([linear_classifier("LOGISTIC")], False),
    "none": ([linear_classifier("NONE")], None),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_columns_of_probabilities_have_log_odds(tmp_path: Path, kind: str) -> None:
    nodes, guessed = SEVERAL[kind]
    path, images = several_columns(tmp_path, *nodes), random_images(6, (4, 4), "float32")
    own = onnxruntime.InferenceSession(path).run(["y"], {"x": images.reshape(6, -1)})[0].astype(np.float64)
    model = as_model(path)
    np.testing.assert_allclose(model(images), own, atol=1e-6)
    if guessed is None:
        with pytest.raises(ModelError, match="needs probabilities"):
            model.with_log_odds()(images)
        return
    np.testing.assert_allclose(model.with_log_odds()(images), np.log(own / (1 - own)), atol=1e-4)
    assert bool(model.guess) == guessed
