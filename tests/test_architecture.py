"""The house: who may import whom, how large things may be, and what an import costs."""

import ast
import builtins
import dis
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import Counter

import pytest

import sightline
from support.source import (
    PATHS,
    REPOSITORY,
    ROOT,
    at_import,
    at_run_time,
    body_lines,
    circles,
    functions,
    home_of,
    imported,
    tree_of,
)

MODULES = sorted(PATHS)
IN_ROOMS = [module for module in MODULES if module not in ("", "__main__")]
EVERYBODY = {"types", "errors", "_optional", "_version"}
TOOLS = {
    "_arguments",
    "_batch_sizes",
    "_checks",
    "_class_names",
    "_digests",
    "_files",
    "_own_files",
    "_hints",
    "_json",
    "_language",
    "_limits",
    "_notebook",
    "_notebook_html",
    "_printing",
    "_progress",
    "_progress_file",
    "_region_names",
    "_resize",
    "_scales",
    "_spec",
    "_tables",
    "_tensors",
    "_trust",
    "_value_range",
}
READS_OR_SHOWS = {"_files", "_own_files", "_notebook", "_notebook_html", "_progress", "_progress_file"}

# A room and the rooms it may import from, beside those that serve everybody: downwards only. A trailing
# module narrows the arrow to that module.
ARROWS = {
    "errors": {"_printing"},
    "types": {"_arguments", "_checks", "errors"},
    "_optional": {"errors"},
    "_version": set(),
    **{tool: set() for tool in TOOLS},
    "_arguments": {"_checks", "_hints", "errors"},
    "_hints": {"_checks"},
    "_checks": {"errors"},
    "_progress": {"_notebook", "_progress_file"},
    "_own_files": {"_files", "errors"},
    "_progress_file": {"_files", "_limits"},
    "_scales": {"errors", "types"},
    "_language": {"errors"},
    "_region_names": {"_language"},
    "_notebook_html": {"_language", "_printing", "errors"},
    "_limits": {"errors"},
    "_class_names": {"_arguments", "_checks", "_files", "_printing", "errors", "types"},
    "_spec": {"errors", "types"},
    "_tables": {"_optional"},
    "_trust": {"errors"},
    "_serialise": {"engine"},
    "engine": set(),
    "adapters": set(),
    "data": set(),
    "render": {"engine.image"},
    "figures": {"render"},
    "explanation": {"engine", "explanation_io", "figures"},
    "explanation_io": {"_serialise", "engine", "explanation"},
    "explain_image": {"adapters", "data", "engine", "explanation"},
    "evaluation": {"adapters", "data", "engine", "explain_image", "explanation", "figures"},
    "study": {"_serialise", "adapters", "data", "engine", "evaluation", "explanation"},
    "regions": {"adapters", "engine", "study"},
    "findings": {"adapters", "engine", "figures", "regions", "study"},
    "repair": {"_serialise", "adapters", "data", "engine", "regions", "study"},
    "proof": {
        "adapters",
        "data",
        "engine",
        "evaluation.discrimination",
        "figures",
        "findings",
        "regions",
        "repair",
        "study",
    },
    "reports": {
        "adapters",
        "data",
        "engine",
        "evaluation",
        "findings",
        "proof",
        "regions",
        "render",
        "repair",
        "study",
    },
    "exports": {
        "evaluation",
        "figures",
        "findings",
        "proof",
        "render",
        "repair",
        "reports",
        "study",
    },
    "auditing": {
        "adapters",
        "data",
        "engine",
        "evaluation",
        "figures",
        "findings",
        "proof",
        "regions",
        "repair",
        "reports",
        "study",
    },
    "demo": {
        "data",
        "engine",
        "evaluation",
        "explain_image",
        "explanation",
        "figures",
        "findings",
        "proof",
        "regions",
        "repair",
        "reports",
        "study",
    },
    "studio": {"adapters", "engine", "findings", "regions", "render", "repair", "reports", "study"},
    "cli": {
        "adapters",
        "auditing",
        "data",
        "demo",
        "engine",
        "evaluation",
        "explain_image",
        "explanation",
        "exports",
        "figures",
        "findings",
        "proof",
        "regions",
        "repair",
        "reports",
        "studio",
        "study",
    },
    "lime": {"engine"},
}

# Only inside the functions that need them, so that an image can be explained without being drawn or kept.
LATE = {
    "explanation": {"figures", "explanation_io"},
    "evaluation": {"figures"},
    "findings": {"figures"},
    "proof": {"figures"},
    "auditing": {"figures"},
    "exports": {"figures"},
    "cli": {"auditing", "demo", "exports", "figures", "findings", "reports", "studio"},
}

# Rooms whose functions are given values of rooms above them, which they name for the type checker alone.
TYPED_BY_ROOMS_ABOVE = {"figures"}

# A value and its file know each other.
CIRCLES = [{"explanation", "explanation_io"}, {"regions.region_file", "regions.region_set"}]


def room_of(module: str) -> str:
    return module.split(".")[0]


def within(target: str, rooms: set[str]) -> bool:
    return any(target == one or target.startswith(f"{one}.") for one in rooms)


@pytest.mark.parametrize("module", IN_ROOMS)
def test_imports_follow_the_arrows(module):
    room = room_of(module)
    served = EVERYBODY | TOOLS
    allowed = {room} | ARROWS[room] | (set() if room in served else served)
    allowed -= READS_OR_SHOWS if room == "engine" else set()
    for target in imported(module, at_run_time if room in TYPED_BY_ROOMS_ABOVE else ast.walk):
        assert within(target, allowed), f"{module} imports {target}, but may only {sorted(allowed)}"
    for target in imported(module, at_import):
        assert not within(target, LATE.get(room, set())), f"{module} imports {target} too early"


def test_every_arrow_is_used():
    used: dict[str, set[str]] = {}
    for module in IN_ROOMS:
        used.setdefault(room_of(module), set()).update(imported(module))
    for room, rooms in ARROWS.items():
        for one in rooms:
            assert any(within(target, {one}) for target in used[room]), f"{room} no longer needs {one}"


def test_no_modules_import_each_other_but_a_value_and_its_file():
    graph = {
        module: {home_of(target) for target in imported(module, at_run_time)} - {module} for module in MODULES
    }
    assert sorted(map(sorted, circles(graph))) == sorted(map(sorted, CIRCLES))


def test_the_engine_knows_no_framework_and_no_plotting():
    foreign = re.compile(
        r"^\s*(?:import|from) (torch|keras|tensorflow|onnxruntime|matplotlib|PIL|sklearn)", re.M
    )
    assert [p.name for p in (ROOT / "engine").glob("*.py") if foreign.search(p.read_text())] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_and_is_of_a_size_to_be_read(module):
    assert ast.get_docstring(tree_of(module)), "no docstring"
    assert len(PATHS[module].read_text(encoding="utf-8").splitlines()) <= 700
    long = {function.name: body_lines(function) for function in functions(module)}
    assert {name: lines for name, lines in long.items() if lines > 60} == {}


def test_a_small_module_serves_several():
    """What one module alone uses stands there, unless it is large enough to be looked at by itself."""
    importers = Counter(
        target for module in MODULES for target in {home_of(name) for name in imported(module)} - {module}
    )
    small = {
        module: lines
        for module, path in PATHS.items()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) < 60
        and importers[module] == 1
        and path.name not in ("__init__.py", "__main__.py")
        and not module.startswith("lime.utils")  # where lime has it
    }
    assert small == {}


FRAMEWORKS = ["torch", "keras", "tensorflow", "onnxruntime", "shap", "skops", "httpx"]
DRAWING = ["matplotlib", "PIL", "rich", "typer"]
SCIENCE = ["sklearn", "skimage", "scipy", "pandas"]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import sightline", [*FRAMEWORKS, *DRAWING, *SCIENCE]),
        ("import sightline as sl; sl.Plan(); sl.explain", [*FRAMEWORKS, *DRAWING, "sklearn", "skimage"]),
        ("import sightline.cli", [*FRAMEWORKS, "matplotlib", "PIL", *SCIENCE]),
        ("import sightline.adapters as a; a.as_model(len)", [*FRAMEWORKS, *DRAWING, *SCIENCE]),
    ],
)
def test_an_import_loads_nothing_that_it_does_not_need(code, absent):
    code = f"{code}; import sys; print([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_stub_names_what_type_checkers_and_users_see():
    stub = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(stub.body) - 1, "imports, and a docstring"
    names = [alias for node in imports for alias in node.names]
    assert all(alias.asname == alias.name for alias in names), "only these are public to a type checker"
    assert sorted(alias.name for alias in names) == sightline.__all__


def test_every_public_name_is_there_and_documented():
    assert len(sightline.__all__) <= 55
    for name in sightline.__all__:
        assert name == "__version__" or getattr(sightline, name).__doc__, name
    assert set(dir(sightline)) == set(sightline.__all__)
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        sightline.explian  # noqa: B018


def test_every_slug_is_explained_and_no_other():
    used = {slug for path in PATHS.values() for slug in re.findall(r'slug="([a-z0-9-]+)"', path.read_text())}
    page = (REPOSITORY / "docs" / "messages.md").read_text(encoding="utf-8")
    explained = re.findall(r"^### ([a-z0-9-]+)$", page, re.M)
    assert sorted(explained) == sorted(used)


def test_every_module_can_be_imported():
    for found in pkgutil.walk_packages([str(ROOT)], "sightline."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


@pytest.mark.parametrize("module", IN_ROOMS)
def test_every_name_that_runs_is_there(module):
    """Neither ruff nor mypy looks: letters of shapes in annotations are names to them that nobody defines."""
    loaded = importlib.import_module(f"sightline.{module}")
    there = vars(loaded).keys() | vars(builtins).keys()
    todo = [compile(PATHS[module].read_text(encoding="utf-8"), str(PATHS[module]), "exec")]
    missing = set()
    while todo:
        code = todo.pop()
        todo += [one for one in code.co_consts if inspect.iscode(one)]
        missing |= {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"} - there
    assert missing == set()
