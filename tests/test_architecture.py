"""The house: who may import whom, how large a module may be, and what an import costs."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import sightline

ROOT = Path(sightline.__file__).parent
REPOSITORY = ROOT.parents[1]
MODULES = sorted(ROOT.rglob("*.py"))
EVERYBODY = {"types", "errors", "_optional"}
TOOLS = {"_batch_sizes", "_checks", "_digests", "_files", "_json", "_progress", "_resize", "_spec", "_tables"}
READS_OR_SHOWS = {"_files", "_progress"}

# A room and the rooms it may import from, beside those that serve everybody; a trailing module narrows the
# arrow to that module.
ARROWS = {
    "errors": set(),
    "types": {"errors"},
    "_optional": {"errors"},
    **{tool: set() for tool in TOOLS},
    "_checks": {"errors"},
    "_spec": {"errors", "types"},
    "_serialise": {"engine"},
    "engine": set(),
    "adapters": {"engine.cam", "engine.gradients"},
    "data": set(),
    "render": {"engine.image"},
    "figures": {"render"},
    "explanation": {"engine", "figures", "storage"},
    "storage": {"engine", "explanation"},
    "door": {"adapters", "data", "engine", "explanation"},
    "comparison": {"adapters", "door", "engine", "explanation", "figures", "quality"},
    "quality": {"adapters", "engine", "explanation"},
    "evaluation": {"adapters", "data", "door"},
    "selfcheck": {"adapters", "door", "engine"},
    "demo": {"data", "door", "engine", "explanation", "figures", "quality"},
    "study": {"adapters", "data", "engine", "evaluation", "explanation", "storage"},
    "findings": {"adapters", "door", "engine", "figures", "study"},
    "repair": {"adapters", "data", "door", "engine", "evaluation", "figures", "findings", "storage", "study"},
    "mending": {"data", "figures", "findings", "repair", "study"},
    "story": {"data", "demo", "engine", "figures", "findings", "repair", "study"},
    "command": {
        "adapters",
        "comparison",
        "data",
        "door",
        "engine",
        "explanation",
        "figures",
        "findings",
        "study",
    },
    "cli": {"command", "demo", "mending", "selfcheck", "story", "study"},
    "lime": {"engine"},
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


# Only inside the functions that need them, so that an image can be explained without being drawn or kept.
LATE = {
    "explanation": {"figures", "storage"},
    "comparison": {"figures"},
    "findings": {"figures"},
    "repair": {"figures"},
    "mending": {"figures"},
    "command": {"figures", "findings", "study"},
    "cli": {"command", "demo", "mending", "selfcheck", "story", "study"},
}


def loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: not in functions, nor for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        checker = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not checker and not isinstance(node, ast.FunctionDef | ast.Lambda):
            yield node
            yield from loaded(node)


def imported(path: Path, walk: Callable[[ast.AST], Iterable[ast.AST]] = ast.walk) -> set[str]:
    """Modules of sightline that a file imports, anywhere in it, without the package's name."""
    found = set()
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module == "sightline":
                found |= {alias.name for alias in node.names}
            elif (node.module or "").startswith("sightline."):
                found |= {f"{node.module.removeprefix('sightline.')}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                a.name.removeprefix("sightline.") for a in node.names if a.name.startswith("sightline.")
            }
    return found


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != ROOT or "__" not in p.name], ids=name_of)
def test_imports_follow_the_arrows(path):
    room = name_of(path).split(".")[0]
    served = EVERYBODY | TOOLS
    allowed = {room} | ARROWS[room] | (set() if room in served else served)
    allowed -= READS_OR_SHOWS if room == "engine" else set()
    for target in imported(path):
        assert within(target, allowed), f"{name_of(path)} imports {target}, but may only {sorted(allowed)}"
    for target in imported(path, loaded):
        assert not within(target, LATE.get(room, set())), f"{name_of(path)} imports {target} too early"


def within(target: str, rooms: set[str]) -> bool:
    return any(target == one or target.startswith(f"{one}.") for one in rooms)


def test_every_arrow_is_used():
    used: dict[str, set[str]] = {}
    for path in MODULES:
        used.setdefault(name_of(path).split(".")[0], set()).update(imported(path))
    for room, rooms in ARROWS.items():
        for one in rooms:
            assert any(within(target, {one}) for target in used[room]), f"{room} no longer needs {one}"


def test_the_engine_knows_no_framework_and_no_plotting():
    foreign = re.compile(
        r"^\s*(?:import|from) (torch|keras|tensorflow|onnxruntime|matplotlib|PIL|sklearn)", re.M
    )
    assert [p.name for p in (ROOT / "engine").glob("*.py") if foreign.search(p.read_text())] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_and_stays_under_400_lines(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "no docstring"


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


def test_type_checkers_see_every_public_name():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname for node in block.body for alias in node.names}
    assert seen == set(sightline.__all__) - {"__version__"}


def test_every_public_name_is_there_and_documented():
    assert len(sightline.__all__) <= 46
    for name in sightline.__all__:
        assert name == "__version__" or getattr(sightline, name).__doc__, name
    assert set(dir(sightline)) == set(sightline.__all__)
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        sightline.explian  # noqa: B018


def test_every_slug_is_explained_and_no_other():
    used = {slug for path in MODULES for slug in re.findall(r'slug="([a-z0-9-]+)"', path.read_text())}
    page = (REPOSITORY / "docs" / "messages.md").read_text(encoding="utf-8")
    explained = re.findall(r"^### ([a-z0-9-]+)$", page, re.M)
    assert sorted(explained) == sorted(used)


def test_every_module_can_be_imported():
    for found in pkgutil.walk_packages([str(ROOT)], "sightline."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
