"""Texts from the command line."""

import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sightline.adapters import as_model
from sightline.adapters.open_model import load_function, load_model
from sightline.errors import FileError, MissingExtra, ModelError, OptionError
from support import onnx_graphs
from support.linear import Linear, fitted, random_images

SHAPE = (5, 7)
IMAGES = random_images(4, SHAPE, "float32")


def refusal(text: str, **more: bool) -> str:
    with pytest.raises(FileError) as caught:
        load_model(text, **more)
    return str(caught.value)


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def flatten(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def test_onnx_files_and_urls_are_models(tmp_path: Path, server: str, linear: Linear) -> None:
    path = onnx_graphs.write(tmp_path / "net.onnx", fitted(SHAPE)[1], ["N", 35])
    np.testing.assert_allclose(load_model(str(path))(IMAGES), fitted(SHAPE)[1](IMAGES), atol=1e-5)
    colour = random_images(2, (5, 7, 3), "float32")
    np.testing.assert_allclose(load_model(f"{server}/v1/models/linear")(colour), linear(colour))


@pytest.mark.parametrize("suffix", [".joblib", ".pkl", ".pickle"])
def test_a_pickle_is_loaded_only_on_trust(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"net{suffix}")
    joblib.dump(fitted(SHAPE)[0], path)
    assert refusal(path) == (
        f"loading {path!r} runs whatever code is stored in it. If you trust where the file comes from, pass "
        "--trust (trust=True); a .skops, .onnx or .keras file needs no such trust. [model-trust]"
    )
    np.testing.assert_allclose(load_model(path, trust=True)(IMAGES), fitted(SHAPE)[1](IMAGES), atol=1e-6)


def test_a_refused_pickle_does_not_run_its_code(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(Touching(trace)))
    refusal(str(path))
    assert not trace.exists()
    with pytest.raises(ModelError, match="an object of type NoneType cannot be asked"):
        load_model(str(path), trust=True)
    assert trace.exists()


def test_a_skops_file_of_known_types_needs_no_trust(tmp_path: Path) -> None:
    path = tmp_path / "net.skops"
    skops.io.dump(fitted(SHAPE)[0], path)
    np.testing.assert_allclose(load_model(str(path))(IMAGES), fitted(SHAPE)[1](IMAGES), atol=1e-6)


def test_unknown_types_in_a_skops_file_are_listed(tmp_path: Path) -> None:
    steps = make_pipeline(FunctionTransformer(flatten), fitted(SHAPE)[0])
    path = tmp_path / "net.skops"
    skops.io.dump(steps, path)
    told = refusal(str(path))
    assert f"{str(path)!r} holds types that skops does not know to be safe: {__name__}.flatten." in told
    assert told.endswith("pass --trust (trust=True). [model-trust]")
    np.testing.assert_allclose(load_model(str(path), trust=True)(IMAGES), fitted(SHAPE)[1](IMAGES), atol=1e-6)


def test_without_skops_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.skops"
    path.touch()
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(MissingExtra, match=r"sightline-xai\[skops\]"):
        load_model(str(path))


@pytest.mark.parametrize("suffix", [".skops", ".joblib", ".onnx"])
def test_missing_and_broken_files_are_told_apart(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    assert refusal(str(path), trust=True) == f"there is no file {str(path)!r}. [model-file]"
    path.write_bytes(b"something else")
    told = refusal(str(path), trust=True)
    assert f"{str(path)!r} cannot be loaded: " in told or f"ONNX Runtime cannot load {str(path)!r}: " in told
    assert told.endswith("[model-file]")


def test_a_function_is_imported_from_the_working_directory_too(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(
        "import numpy as np\n"
        "class Net:\n"
        "    def ask(self, images): return images.mean(axis=(1, 2))\n"
        "net = Net()\n"
        "number = 3\n"
    )
    script = (
        "import numpy as np; from sightline.adapters.open_model import load_model\n"
        "print(load_model('my_model:net.ask')(np.ones((1, 2, 2)))[0].tolist())\n"
        "try: load_model('my_model:number')\n"
        "except Exception as error: print(error)\n"
    )
    # In another process, which does not look there by itself (-P), as an installed command does not.
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, second = run.stdout.splitlines()
    assert first == "[0.0, 1.0]"
    assert second.startswith("an object of type int cannot be asked. A model is a function of")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy:meen", "'numpy:meen' cannot be imported: numpy has no 'meen'. [function-import]"),
        ("no_such_package:f", "'no_such_package:f' cannot be imported: ModuleNotFoundError: No module named"),
        (
            "net.xyz!",
            "'net.xyz!' is not a model that can be loaded. It has to be the path of a .onnx, .skops ",
        ),
        ("net", "package.module:function or file.py:function. [model-text]"),
        ("mine.py", "a colon and the function's name go behind it: mine.py:function."),
        ("mine.fn", "If it is a function, a colon goes before its name: mine:fn. [model-text]"),
        ("package.mine.fn", "a colon goes before its name: package.mine:fn. [model-text]"),
        ("net.pt", "there is no file 'net.pt'. [model-file]"),
        ("mine:", "'mine:' is not the name of a function. It has to be package.module:function or "),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_what_can(text: str, told: str) -> None:
    assert told in refusal(text)


@pytest.mark.parametrize(
    "text", ["mine.py:fn", "./mine.py:fn", "../models/mine.py:fn", "{}/mine.py:fn", "mine.py:net.ask"]
)
def test_a_function_is_named_by_its_file_wherever_that_is(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    code = "def fn(images): return images.mean(axis=(1, 2))\nclass net:\n    ask = staticmethod(fn)\n"
    (tmp_path / "models" / "mine.py").write_text(code)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.chdir(tmp_path / "models")
    opened = load_model(text.format(tmp_path / "models"))
    np.testing.assert_allclose(opened(np.full((1, 2, 2), 0.25)), [[0.75, 0.25]])


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("namesake.py:fn", ""),
        ("namesake:fn", "Python has one module of a name"),
        ("folded.model:fn", "Python has one module of a name"),
        ("user.py:fn", "Python has one module of a name"),
        ("by_value:fn", "Python has one module of a name"),
        ("late.py:fn", "Python has one module of a name"),
        ("lone:fn", "has no module 'lone'"),
    ],
)
def test_a_module_of_another_folder_is_never_taken_for_it(
    text: str, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setattr("sys.modules", dict(sys.modules))
    images = np.full((1, 2, 2), 0.25)
    for name, share in [("first", 0.5), ("second", 1)]:
        (tmp_path / name / "folded").mkdir(parents=True)
        code = f"SHARE = {share}\ndef fn(images): return SHARE * images.mean(axis=(1, 2))\n"
        by_value = code.replace(f"SHARE = {share}", "from namesake import SHARE")
        for file, text_of in {
            "namesake.py": code,
            "folded/model.py": code,
            "user.py": "from namesake import fn\n",
            "by_value.py": by_value,
            "late.py": "def fn(images):\n    import namesake\n    return namesake.fn(images)\n",
        }.items():
            (tmp_path / name / file).write_text(text_of)
    (tmp_path / "first" / "lone.py").write_text(code)
    monkeypatch.chdir(tmp_path / "first")
    load_model("namesake.py:fn")  # its folder is looked in from now on
    load_model(text)(images)
    monkeypatch.chdir(tmp_path / "second")
    if refused:
        assert refused in refusal(text)
    else:
        np.testing.assert_allclose(load_model(text)(images), [[0.75, 0.25]])


class Unloaded(ModuleType):
    """A module that is loaded as soon as anything of it is asked for, and cannot be."""

    def __getattr__(self, name: str) -> Any:
        raise ImportError(name)


def test_modules_that_others_load_late_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "unloaded", Unloaded("unloaded"))
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "mine.py").write_text("def fn(images): return images.mean(axis=(1, 2))\n")
    opened = load_model(f"{tmp_path / 'mine.py'}:fn")
    np.testing.assert_allclose(opened(np.full((1, 2, 2), 0.25)), [[0.75, 0.25]])


def test_a_file_that_cannot_be_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    assert refusal("broken.py:fn").startswith("'broken.py' cannot be run: ZeroDivisionError")
    assert refusal("gone.py:fn") == "there is no file 'gone.py'. [function-import]"


def test_what_is_done_to_the_images_stands_behind_the_model(tmp_path: Path) -> None:
    images = np.full((1, 2, 2), 0.75)
    opened = load_model("numpy:ravel:mean=0.5,std=0.25")
    np.testing.assert_allclose(as_model(opened, preprocess=None)(images[:, :1, :1]), [[0, 1]])
    assert "after Normalized" in repr(opened)
    with pytest.raises(OptionError, match="let the function do both"):
        load_model("numpy:ravel:mean=0.5,preprocess=numpy:sqrt")
    skops.io.dump(fitted(SHAPE)[0], tmp_path / "m.skops")
    with pytest.raises(FileError, match="file-trust"):
        load_model(f"{tmp_path / 'm.skops'}:preprocess=numpy:sqrt", recorded="plan.toml")
    rooted = load_model(f"{tmp_path / 'm.skops'}:preprocess=numpy:sqrt")
    np.testing.assert_allclose(rooted(IMAGES), fitted(SHAPE)[1](np.sqrt(IMAGES)), atol=1e-6)


def test_the_names_that_the_hints_give_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hinted").mkdir()
    (tmp_path / "hinted" / "mine.py").write_text("def fn(images): return images.mean(axis=(1, 2))\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert "before its name: hinted.mine:fn." in refusal("hinted.mine.fn")
    load_model("hinted.mine:fn")


def test_the_code_of_the_hint_loads_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(35, 3), torch.nn.Softmax(dim=1))
    path = tmp_path / "net.pt"
    torch.save(network, path)
    line = refusal(str(path)).splitlines()[1].strip()
    (tmp_path / "hinted_net.py").write_text(f"{line}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert load_model("hinted_net:net")(IMAGES).shape == (4, 3)


def test_a_folder_is_answered_with_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("saved", "package", "files"):
        Path(name).mkdir()
    Path("package/__init__.py").touch()
    Path("files/net.onnx").touch()
    head = "'{}' is a folder, and not a model. "
    assert refusal("saved").startswith(head.format("saved") + "Load it in a file of yours, mine.py, with")
    assert "\n    import keras; net = keras.models.load_model('saved')\n" in refusal("saved")
    assert refusal("package") == head.format("package") + (
        "Name a function of the package: package:function. [model-text]"
    )
    assert (
        refusal("files") == head.format("files") + "Give a file in it, such as 'files/net.onnx'. [model-text]"
    )


def test_any_function_can_be_loaded_but_nothing_else() -> None:
    assert load_function("numpy:linalg.norm") is np.linalg.norm
    with pytest.raises(
        FileError, match=r"'math:pi' is an object of type float, and not a function. \[function-"
    ):
        load_function("math:pi")


MAKERS = """
def made():
    return lambda images: images.reshape(len(images), -1)[:, :2] * 0 + 0.5

def broken():
    raise RuntimeError("no weights here")

def usual(images):
    return images.reshape(len(images), -1)[:, :2] * 0 + 0.25
"""


def test_a_function_without_parameters_is_called_for_the_model(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MAKERS)
    images = random_images(3, (4, 4), np.float32)
    for name, said in (("made", 0.5), ("usual", 0.25)):
        assert load_model(f"{tmp_path / 'net.py'}:{name}")(images).tolist() == [[said] * 2] * 3
    with pytest.raises(FileError, match=r"called for the model, and failed: RuntimeError: no weights here"):
        load_model(f"{tmp_path / 'net.py'}:broken")
