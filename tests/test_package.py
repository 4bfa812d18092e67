"""What is installed: which packages each part may need, and what the wheel holds."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

import sightline
from sightline import _optional
from support.source import PATHS, at_run_time, tree_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = sorted((ROOT / "src" / "sightline").rglob("*.py"))

USE_IT_WITHOUT_EXTRAS = """
import importlib.abc, pkgutil, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import sightline as sl
for found in pkgutil.walk_packages(sl.__path__, "sightline."):
    if not found.name.endswith("__main__") and not found.name.startswith("sightline.studio."):
        importlib.import_module(found.name)
image = sl.data.drawn_faces(1, size=32).images[0]
e = sl.explain(image, lambda x: x[:, :9].mean((1, 2)), segment="grid", fill="colour", budget=99)
e.plot().savefig("e.png")
e.save("e.npz")
def open_studio():
    from sightline.studio.server import StudioServer

    StudioServer(None)

server = "http://localhost/v1/models/m"
for extra in (e.to_shap, lambda: sl.as_model({onnx!r}), lambda: sl.as_model(server), open_studio):
    try:
        extra()
    except sl.SightlineError as error:
        print(error)
"""


FOR_ITS_MAKERS = {"all", "bench", "core-test", "docs", "lint", "test"}
"""Extras that no part of the package asks for."""


def distribution(requirement):
    return re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower()


def names_of(distributions):
    """Importable names of these distributions."""
    found = packages_distributions()
    return {name for name, owners in found.items() if {owner.lower() for owner in owners} & distributions}


@pytest.mark.slow
def test_sightline_works_without_any_extra_and_says_which_one_is_missing(tmp_path):
    core = {distribution(one) for one in PROJECT["dependencies"]}
    extras = {distribution(one) for lines in PROJECT["optional-dependencies"].values() for one in lines}
    others = {"torch", "keras", "tensorflow", "pandas"}
    absent = sorted(names_of(extras - core - {PROJECT["name"], "cloudpickle"}) | others)  # which joblib needs
    (tmp_path / "m.onnx").write_bytes(b"0")  # a file that is not there is told first
    code = USE_IT_WITHOUT_EXTRAS.format(absent=absent, onnx=str(tmp_path / "m.onnx"))
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"pip install 'sightline-xai\[(\w+)\]'", done.stdout) == [
        "shap",
        "onnx",
        "http",
        "studio",
    ]
    assert (tmp_path / "e.npz").exists()


FRAMEWORKS = {
    "torch": {"torch"},
    "gradient_penalty": {"torch"},
    "right_reasons": {"torch"},
    "keras": {"torch", "jax", "tensorflow"},
    "studio": {"starlette", "anyio"},
}
"""What modules and packages of these names may import: they are reached with an object of the framework, or
through the studio's server, which asks for its extra first."""


@pytest.mark.slow
def test_every_package_that_is_imported_is_a_dependency():
    core = {distribution(one) for one in PROJECT["dependencies"]}
    allowed = names_of(core | {"joblib"}) | set(sys.stdlib_module_names) | {"sightline"}  # scikit-learn's
    for module, path in PATHS.items():
        there = allowed.union(*(FRAMEWORKS.get(part, set()) for part in module.split(".")))
        for node in at_run_time(tree_of(module)):
            if isinstance(node, ast.Import):
                assert {name.name.split(".")[0] for name in node.names} <= there, path
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] in there, path


def test_every_extra_that_the_code_names_brings_the_package_that_it_wants():
    required = [
        found
        for path in SOURCES
        for found in re.findall(r'require\("([\w.]+)", extra="(\w+)"\)', path.read_text(encoding="utf-8"))
    ]
    optional = set(PROJECT["optional-dependencies"])
    assert {extra for _, extra in required} == optional - {
        "all",
        "bench",
        "core-test",
        "docs",
        "lint",
        "test",
    }
    for package, extra in required:
        assert package.split(".")[0].replace("_", "-") in {
            distribution(one) for one in PROJECT["optional-dependencies"][extra]
        }


def test_pytorch_is_pinned_where_it_is_installed_and_never_by_the_package():
    """PyTorch's newest build would bring gigabytes."""
    extras = PROJECT["optional-dependencies"]
    assert {distribution(one) for one in extras["torch"]} == {"torch"}
    assert any("torch" in one for one in extras["all"])
    assert "sightline-xai[all,core-test,docs,lint]" in extras["test"]
    assert not {"tensorflow", "jax"} & {
        distribution(one) for name in ("keras", "all") for one in extras[name]
    }
    assert "torch==" in (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "torch==" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


TEXTS = [
    *SOURCES,
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "examples").glob("*.ipynb"),
    *(ROOT / "benchmarks").glob("*.md"),
    *ROOT.glob("*.md"),
    ROOT / "noxfile.py",
    ROOT / ".ci" / "run",
]
OTHERS = {"pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg"}
"""Decoders of DICOM files, which pydicom names."""


def installed_by(text):
    """What each `pip install` of a text names, without options and constraints; `.` is the checkout."""
    for line in re.findall(r"\bpip install ([^`\n]+)", text):
        words = re.split(r"""&&|[;,()"]|\s(?=in\b|or\b|and\b)""", line)[0].replace("'", " ").split()
        constraints = {place for place, word in enumerate(words) if word == "-c"}
        for place, word in enumerate(words):
            if not word.startswith("-") and place - 1 not in constraints:
                yield word


def packages_of_hints():
    return [(path, name) for path in TEXTS for name in installed_by(path.read_text(encoding="utf-8"))]


def test_hints_are_found_where_they_are():
    said = (
        "first `pip install -c constraints.txt -e '.[test]' && run`, then pip install 'sightline[onnx]' numpy"
    )
    assert list(installed_by(said)) == [".[test]", "sightline[onnx]", "numpy"]
    assert {path.name for path, _ in packages_of_hints()} >= {"_optional.py", "README.md", "dicom.py"}


def test_no_hint_names_a_package_that_is_neither_ours_nor_one_that_we_depend_on():
    """On PyPI, `sightline` is a stranger's."""
    extras = PROJECT["optional-dependencies"]
    known = {distribution(one) for lines in [PROJECT["dependencies"], *extras.values()] for one in lines}
    for path, hint in packages_of_hints():
        name, _, extra = hint.rstrip(".,:" if hint != "." else "").partition("[")
        assert name in {".", "{DISTRIBUTION}", PROJECT["name"]} | known | OTHERS, f"{path}: {hint}"
        named = set(extra.rstrip("]").split(",")) - {"", "{extra}"}
        assert named <= set(extras), f"{path}: {hint}"
    for path in TEXTS:
        assert not re.search(r"\bsightline\[\w", path.read_text(encoding="utf-8")), path
    assert PROJECT["name"] == _optional.DISTRIBUTION


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {sightline.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["version"] == sightline.__version__
    assert f"## {sightline.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_wheel_holds_the_package_its_types_its_licence_and_nothing_else(tmp_path):
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("sightline_xai-*.whl")
    with ZipFile(wheel) as opened:
        names = set(opened.namelist())
    info = f"sightline_xai-{sightline.__version__}.dist-info"
    package = {name for name in names if name.startswith("sightline/")}
    templates = {f"sightline/regions/template_files/{name}.toml" for name in ("chest", "face", "head")}
    code = {str(path.relative_to(ROOT / "src")) for path in SOURCES}
    languages = {"sightline/locale/ko/LC_MESSAGES/sightline.mo"}
    page = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*.*")
        if path.suffix in (".jinja", ".css", ".mjs", ".svg")
    }
    fonts = {f"sightline/figures/fonts/{name}" for name in ("SightlineHangul.ttf", "OFL.txt")}
    files = {"sightline/__init__.pyi", "sightline/py.typed"}
    assert package == code | templates | languages | page | fonts | files
    assert {name.split("/")[0] for name in names - package} == {info}
    assert f"{info}/licenses/LICENSE" in names
    assert f"{info}/licenses/src/sightline/figures/fonts/OFL.txt" in names
    assert wheel.stat().st_size < 1_600_000  # of these 390 kB are Hangul, so that no machine shows boxes
