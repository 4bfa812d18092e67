"""Files of whole networks: Keras's, torch.export's programs, TorchScript."""

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sightline as sl
from sightline.adapters.open_model import load_model
from sightline.errors import FileError, ModelError

torch = pytest.importorskip("torch")

IMAGES = np.random.default_rng(0).random((5, 12, 10, 3)).astype(np.float32)
TRUSTED = (
    "runs whatever code is stored in it. If you trust where the file comes from, pass --trust (trust=True)"
)


class Net(torch.nn.Module):
    """Has all that differs between training and evaluation."""

    def __init__(self, end: Any = None) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3)
        self.normal = torch.nn.BatchNorm2d(4)
        self.drop = torch.nn.Dropout()
        self.last = torch.nn.Linear(4, 3)
        self.end = torch.nn.Identity() if end is None else end

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(self.normal(self.convolution(x)).relu()).mean((2, 3))
        return self.end(self.last(x))


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def net() -> Any:
    torch.manual_seed(0)
    made = Net()
    made(torch.rand(8, 3, 12, 10))  # moves the running means
    return made.eval()


def answers(net: Any, images: np.ndarray = IMAGES) -> np.ndarray:
    """What the network itself says of each image, one at a time."""
    with torch.no_grad():
        given = torch.from_numpy(images).permute(0, 3, 1, 2)
        return torch.cat([net(one[None]) for one in given]).softmax(1).numpy()


def exported(net: Any, path: Path, batch: Any = None, many: int = 2, **free: Any) -> str:
    """A file of the program for `many` images, or for the numbers that `batch` allows."""
    shapes = {"x": {**({} if batch is None else {0: batch}), **free.get("sizes", {})}}
    program = torch.export.export(net, (torch.rand(many, 3, 12, 10),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    return str(path)


def refusal(text: str, **more: bool) -> str:
    with pytest.raises(FileError) as caught:
        load_model(text, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("batch", "many"),
    [
        (torch.export.Dim("batch"), 2),
        (torch.export.Dim("batch", max=2), 2),
        (torch.export.Dim("batch", min=4, max=7), 4),
        (None, 1),
        (None, 4),
    ],
    ids=["any", "at most 2", "4 to 7", "1", "4"],
)
def test_a_program_answers_any_number_of_images_as_its_network_does(
    net: Any, tmp_path: Path, batch: Any, many: int
) -> None:
    model = load_model(exported(net, tmp_path / "net.pt2", batch, many), trust=True)
    expected = answers(net)
    for count in (1, 3, 4, 5):
        np.testing.assert_allclose(model(IMAGES[:count]), expected[:count], atol=1e-6)
    whole = np.concatenate([IMAGES] * 4)
    np.testing.assert_allclose(model(whole), np.concatenate([expected] * 4), atol=1e-6)
    assert model.batch_size == (many if batch is None else None)


def test_a_program_is_explained_as_its_network_is(net: Any, tmp_path: Path) -> None:
    model = load_model(exported(net, tmp_path / "net.pt2", None, 1), trust=True)
    # A process may choose other masks where scores differ by rounding, as those of a program do.
    plan = sl.Plan(segment=sl.Grid(rows=3, columns=4), budget=64, estimator="regression")
    ours, theirs = (sl.explain(IMAGES[0], one, plan) for one in (model, net))
    np.testing.assert_allclose(ours.attribution.values, theirs.attribution.values, atol=1e-5)


def test_a_program_says_what_images_it_takes(net: Any, tmp_path: Path) -> None:
    model = load_model(exported(net, tmp_path / "net.pt2", torch.export.Dim("batch")), trust=True)
    model(IMAGES)
    assert repr(model).startswith(
        "CheckedModel(net.pt2 on cpu, input 'x' of shape (?, 3, 12, 10), images (12, "
    )
    with pytest.raises(
        ModelError, match=r"takes images of 12×10×3 .*, but this image is 9×9×3\. sightline does"
    ):
        model(IMAGES[:, :9, :9])
    with pytest.raises(ModelError, match=r"Give the grey image 3 channels: np\.stack"):
        model(IMAGES[..., 0])


@pytest.mark.slow
def test_a_program_of_any_size_takes_any_size(net: Any, tmp_path: Path) -> None:
    sizes = {2: torch.export.Dim("h", min=4, max=64), 3: torch.export.Dim("w", min=4, max=64)}
    path = exported(net, tmp_path / "net.pt2", torch.export.Dim("batch"), sizes=sizes)
    model = load_model(path, trust=True)
    np.testing.assert_allclose(model(IMAGES[:, :9, :7]), answers(net, IMAGES[:, :9, :7]), atol=1e-6)
    with pytest.raises(ModelError, match=r"the model failed on a batch of 1 image of shape \(80, 80, 3\)"):
        model(np.zeros((1, 80, 80, 3), np.float32))


@pytest.mark.parametrize(
    ("end", "seen", "rule"),
    [
        (torch.nn.Identity(), "logit", "3 columns of logits: scores are their softmax"),
        (torch.nn.Softmax(dim=1), "probability", "3 columns kept as they are: probabilities"),
        (
            torch.nn.Sequential(torch.nn.Softmax(dim=1), torch.nn.Flatten()),
            "probability",
            "3 columns kept as they are",
        ),
        (torch.nn.Sigmoid(), "probability", "3 columns kept as they are"),
        (torch.nn.LogSoftmax(dim=1), "log-probability", "3 columns of logits: scores are their softmax"),
    ],
    ids=["logits", "softmax", "softmax, reshaped", "sigmoid", "log softmax"],
)
def test_a_program_tells_whether_it_ends_in_a_softmax(end: Any, seen: str, rule: str, tmp_path: Path) -> None:
    model = load_model(exported(Net(end).eval(), tmp_path / "net.pt2", torch.export.Dim("b")), trust=True)
    assert model.backend.output_end == seen  # type: ignore[attr-defined]
    model(IMAGES)
    assert model.rule.startswith(rule)


def attending(dropout: float) -> Any:
    class Attending(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            flat = x.flatten(2)
            return torch.nn.functional.scaled_dot_product_attention(flat, flat, flat, dropout_p=dropout).mean(
                2
            )

    return Attending()


@pytest.mark.parametrize(
    ("make", "operation"),
    [
        (lambda: Net().train(), "batch_norm"),
        (
            lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(360, 2)),
            "dropout",
        ),
        (lambda: attending(0.5), "scaled_dot_product_attention"),
    ],
    ids=["batch normalisation", "dropout", "attention"],
)
def test_a_program_in_training_mode_is_refused(
    make: Callable[[], Any], operation: str, tmp_path: Path
) -> None:
    net = make()
    program = torch.export.export(net, (torch.rand(2, 3, 12, 10),))
    torch.export.save(program, tmp_path / "net.pt2")
    assert refusal(str(tmp_path / "net.pt2"), trust=True) == (
        f"net.pt2 was exported in training mode ({operation} is on), so that its answers are left "
        "to chance or hang on the other images of a batch. Export it anew: "
        "torch.export.export(net.eval(), …). [model-mode]"
    )


@pytest.mark.slow
def test_normalisation_by_the_image_alone_is_no_training_mode(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.InstanceNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(360, 2)).eval()
    program = torch.export.export(net, (torch.rand(1, 3, 12, 10),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # within PyTorch
        plain = program.run_decompositions()
    for made in (program, plain):
        torch.export.save(made, tmp_path / "net.pt2")
        model = load_model(str(tmp_path / "net.pt2"), trust=True)
        np.testing.assert_allclose(model(IMAGES), answers(net), atol=1e-5)


def test_half_precision_is_given_what_it_takes(tmp_path: Path) -> None:
    net = Net().eval().to(torch.bfloat16)
    program = torch.export.export(net, (torch.rand(2, 3, 12, 10, dtype=torch.bfloat16),))
    torch.export.save(program, tmp_path / "net.pt2")
    scores = load_model(str(tmp_path / "net.pt2"), trust=True)(IMAGES)
    np.testing.assert_allclose(scores, answers(net.float()), atol=0.02)


def test_the_inside_of_a_program_and_of_torchscript_is_closed(net: Any, tmp_path: Path) -> None:
    program = load_model(exported(net, tmp_path / "net.pt2"), trust=True)
    script = load_model(scripted(net, tmp_path / "net.ts"), trust=True)
    for model, what in ((program, "an exported program"), (script, "a TorchScript module")):
        with pytest.raises(ModelError) as caught:
            sl.explain(IMAGES[0], model, attribute="grad-cam")
        assert str(caught.value) == (
            f"{what} does not let its layers be seen. Give the module that it was made from, or use a method "
            "that needs answers only: lime, shapley, banzhaf, rise or occlusion. [inside-closed]"
        )


def scripted(net: Any, path: Path, trace: bool = False) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = torch.jit.trace(net, torch.rand(2, 3, 12, 10)) if trace else torch.jit.script(net)
    made.save(path)
    return str(path)


@pytest.mark.parametrize("name", ["net.pt", "net.ts", "net.torchscript", "net.pth"])
@pytest.mark.parametrize("trace", [False, True])
def test_torchscript_answers_as_its_network_does(net: Any, tmp_path: Path, name: str, trace: bool) -> None:
    model = load_model(scripted(net, tmp_path / name, trace), trust=True)
    np.testing.assert_allclose(model(IMAGES), answers(net), atol=1e-6)


def test_torchscript_saved_in_training_mode_is_asked_in_evaluation_mode(tmp_path: Path) -> None:
    net = Net().train()
    model = load_model(scripted(net, tmp_path / "net.ts"), trust=True)
    np.testing.assert_allclose(model(IMAGES), answers(net.eval()), atol=1e-6)


def test_what_a_file_is_is_told_by_its_content(net: Any, tmp_path: Path) -> None:
    path = exported(net, tmp_path / "net.pt2", torch.export.Dim("batch"))
    named = Path(path).rename(tmp_path / "named.pt")
    np.testing.assert_allclose(load_model(str(named), trust=True)(IMAGES), answers(net), atol=1e-6)


def test_pytorchs_files_are_loaded_only_on_trust(net: Any, tmp_path: Path) -> None:
    for path in (exported(net, tmp_path / "net.pt2"), scripted(net, tmp_path / "net.ts")):
        assert refusal(path) == (
            f"loading {path!r} {TRUSTED}; a .skops, .onnx or .keras file needs no such trust. [model-trust]"
        )


def test_a_program_can_run_code_when_it_is_loaded_and_does_not_without_trust(
    net: Any, tmp_path: Path
) -> None:
    whole, bad, trace = exported(net, tmp_path / "net.pt2"), tmp_path / "bad.pt2", tmp_path / "it-ran"
    code = io.BytesIO()
    torch.save(Touching(trace), code)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(bad, "w") as new:
        for part in old.namelist():
            new.writestr(part, code.getvalue() if part.endswith("sample_inputs/model.pt") else old.read(part))
    refusal(str(bad))
    assert not trace.exists()


@pytest.mark.parametrize("weights", [False, True])
def test_a_pickled_network_and_its_weights_are_answered_with_the_code_that_loads_them(
    net: Any, tmp_path: Path, weights: bool
) -> None:
    path = tmp_path / "net.pt"
    torch.save(net.state_dict() if weights else net, path)
    for trust in (False, True):
        assert refusal(str(path), trust=trust) == (
            f"{str(path)!r} is a saved network, which is not loaded from here. Load it in a file of yours, "
            f"mine.py, with the line\n    import torch; net = torch.load({str(path)!r}, weights_only=False)"
            ".eval()\nand give mine:net as the model. (Weights alone, a state dict, go into the network that "
            "they are of: net.load_state_dict.) [model-text]"
        )


def test_other_files_of_pytorch_are_told(tmp_path: Path, net: Any) -> None:
    (tmp_path / "old.pt").write_bytes(pickle.dumps([1]))
    assert "is a saved network, which is not loaded from here" in refusal(
        str(tmp_path / "old.pt"), trust=True
    )
    with zipfile.ZipFile(tmp_path / "fast.pt2", "w") as parts:
        parts.writestr("fast/data/aotinductor/model/wrapper.so", b"")
    assert (
        "holds a program compiled for one machine. Give the file of the program itself: torch.export.save"
        in (refusal(str(tmp_path / "fast.pt2"), trust=True))
    )
    whole = Path(scripted(net, tmp_path / "net.ts"))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "torn.ts", "w") as new:
        for part in old.namelist():
            new.writestr(part, b"" if part.endswith("/data.pkl") else old.read(part))
    assert f"{str(tmp_path / 'torn.ts')!r} cannot be loaded: RuntimeError" in refusal(
        str(tmp_path / "torn.ts"), trust=True
    )


@pytest.fixture
def keras() -> Any:
    package = pytest.importorskip("keras")
    package.utils.set_random_seed(0)  # a dead network has nothing to explain, and a warning says so
    return package


def sequence(keras: Any, *layers: Any) -> Any:
    layers = (keras.Input((12, 10, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(3, "softmax"))
    return keras.Sequential(list(layers))


def save(net: Any, path: Path | str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own code, with NumPy 2; and its word on lambdas
        (net.save_weights if ".weights." in str(path) else net.save)(path)


def loss(truth: Any, said: Any) -> Any:
    return truth - said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the map and the model's answers disagree")  # it learned nothing
def test_a_keras_file_answers_as_its_network_does(keras: Any, tmp_path: Path) -> None:
    net = sequence(
        keras, keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
    )
    net.compile(loss=loss)  # the author's own, which is not needed to ask
    expected = net.predict(IMAGES, verbose=0)
    save(net, tmp_path / "net.keras")
    model = load_model(str(tmp_path / "net.keras"))
    np.testing.assert_allclose(model(IMAGES), expected, atol=1e-6)
    assert sl.explain(IMAGES[0], model, attribute="hires-cam").attribution.layer.startswith(
        "batch_normalization"
    )
    save(net, tmp_path / "net.h5")
    assert TRUSTED in refusal(str(tmp_path / "net.h5"))
    np.testing.assert_allclose(load_model(str(tmp_path / "net.h5"), trust=True)(IMAGES), expected, atol=1e-6)


def test_a_lambda_in_a_keras_file_is_loaded_only_on_trust(keras: Any, tmp_path: Path) -> None:
    net = sequence(keras, keras.layers.Lambda(lambda x: x * 2))
    save(net, tmp_path / "net.keras")
    path = str(tmp_path / "net.keras")
    assert refusal(path) == (
        f"{path!r} holds a Python lambda, which is code that runs. If you trust where the file comes from, "
        "pass --trust (trust=True). [model-trust]"
    )
    np.testing.assert_allclose(
        load_model(path, trust=True)(IMAGES), net.predict(IMAGES, verbose=0), atol=1e-6
    )


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_classes_of_the_authors_own_are_named_with_the_code_that_loads_them(
    keras: Any, tmp_path: Path, name: str
) -> None:
    class Twice(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2

    path = str(tmp_path / name)
    save(sequence(keras, Twice()), path)
    assert refusal(path, trust=True) == (
        f"{path!r} needs Twice, which is not in the file but in the code that made it. Load it in a file of "
        f"yours, mine.py, with the line\n    import keras; net = keras.models.load_model({path!r}, "
        "custom_objects={'Twice': Twice})\nand give mine:net as the model. Import Twice there first. "
        "[model-text]"
    )


@pytest.mark.parametrize("odd", ["deep", "locked", "packed"])
def test_odd_keras_archives_are_refused(keras: Any, tmp_path: Path, odd: str) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("config.json", "[" * 200_000 if odd == "deep" else "{}")
    written = path.read_bytes()
    entry = written.index(b"PK\x01\x02")
    flag, method = (1, 0) if odd == "locked" else (0, 99 * (odd == "packed"))
    changed = bytearray(written)
    for at in (6, entry + 8):
        changed[at : at + 4] = bytes([flag, 0, method, 0])
    path.write_bytes(bytes(changed))
    with pytest.raises(FileError, match=r"net\.keras"):
        load_model(str(path))


def test_weights_alone_and_broken_keras_files_are_told(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.weights.h5"
    save(sequence(keras), path)
    assert refusal(str(path), trust=True).startswith(
        f"{str(path)!r} holds weights without their network. Build"
    )
    for name, why in (("net.keras", "it is no ZIP, as .keras files are."), ("net.h5", "OSError: Unable to")):
        (tmp_path / name).write_bytes(b"something else")
        told = refusal(str(tmp_path / name), trust=True)
        assert told.startswith(f"{str(tmp_path / name)!r} cannot be loaded: {why}")
        assert told.endswith("[model-file]")
