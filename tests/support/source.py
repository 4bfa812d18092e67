"""The package's own source, parsed once: what the tests of the house and of its names look at."""

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import sightline

ROOT = Path(sightline.__file__).parent
REPOSITORY = ROOT.parents[1]
MODULES = sorted(ROOT.rglob("*.py"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """`engine.fills` for src/sightline/engine/fills.py; a package has its folder's name, the whole one ''."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in MODULES}


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


def definitions(module: str) -> list[Definition]:
    """Functions and classes at the top of a module."""
    return [node for node in tree_of(module).body if isinstance(node, Definition)]


def functions(module: str) -> list[Function]:
    """Functions and methods, nested ones too."""
    return [node for node in ast.walk(tree_of(module)) if isinstance(node, Function)]


def parameters(function: Function) -> list[ast.arg]:
    """All of them, in order."""
    given = function.args
    starred = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *starred]


def body_lines(function: Function) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def words(name: str) -> list[str]:
    """`read_image` and `ReadImage` are two words."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: not in functions, nor for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        checker = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not checker and not isinstance(node, Function | ast.Lambda):
            yield node
            yield from at_import(node)


def imported(module: str, walk: Callable[[ast.AST], Iterable[ast.AST]] = ast.walk) -> set[str]:
    """Modules of sightline, and names in them, that a module imports anywhere, without the package's name."""
    found = set()
    for node in walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            if node.module == "sightline":
                found |= {alias.name for alias in node.names}
            elif (node.module or "").startswith("sightline."):
                found |= {f"{node.module.removeprefix('sightline.')}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("sightline.")
                for alias in node.names
                if alias.name.startswith("sightline.")
            }
    return found


def imported_modules(module: str) -> set[str]:
    """As `imported`, with each name cut to the module that it stands in."""
    return {home for name in imported(module) if (home := home_of(name)) != module}


def home_of(name: str) -> str:
    while name and name not in PATHS:
        name = name.rpartition(".")[0]
    return name


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which imports every other, over however many steps (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            cut = stack.index(module)
            found.append({*stack[cut:]})
            del stack[cut:]

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return [circle for circle in found if len(circle) > 1]


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run at all, in functions too: all but those for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from at_run_time(node)
