"""Types and shapes of calls in sightline are checked as tests import it: by beartype and jaxtyping.

As jaxtyping's own import hook does, in a fraction of its time: what has no array among its types needs no
memory of axes, arguments are looked at once rather than again with the answer, and where a test calls one
function hundreds of times, not every call is looked at. Nor is each function that another one makes whenever
it is called: making the check takes a millisecond, and thousands of images make thousands of them.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.machinery
import inspect
import sys
import threading
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType
from typing import Any, Literal

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, jaxtyped

PACKAGE = "sightline"
VERSION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
"""Of this file: bytecode that another made is not taken."""
FIRST, EVERY = 20, 100
"""In each test, so many calls of a function are looked at, and of those beyond them one in so many; and of
the functions that another one makes, as many."""
PASSED_ON_THE_WAY = {"beartype", "jaxtyping", "support"}
"""Packages whose frames stand between those of sightline while calls are checked."""
_AXES = jaxtyped("context")
_MAKING = threading.RLock()
"""Held while beartype makes a check: it records warnings meanwhile, which all threads share, and of two that
overlap the later one leaves a record that nobody reads in the place of what a test hears."""
_calls: dict[CodeType, int] = {}
_made: dict[CodeType, int] = {}
check_types = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
"""An int may stand for a float."""


def checked(thing: Any) -> Any:
    """A function whose calls are checked; a class is given back, with the making of its objects checked."""
    if inspect.isclass(thing):
        made = vars(thing).get("__init__")
        if made and dataclasses.is_dataclass(thing) and not hasattr(made, "__wrapped__"):
            thing.__init__ = checked(made)
        return thing
    if not inspect.isfunction(thing):  # a property, a static method: what they hold was checked
        return thing
    if thing.__code__.co_flags & inspect.CO_NESTED and not _is_taken(thing.__code__):
        return thing
    with _MAKING:
        return _with_checks(thing)


def _with_checks(thing: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its calls checked."""
    parts = [part for hint in thing.__annotations__.values() for part in _parts(hint)]
    if inspect.isgeneratorfunction(thing) or any(isinstance(part, str) for part in parts):
        # Which knows of what runs later, and of forward references.
        return _some_calls(thing, jaxtyped(thing, typechecker=check_types), nullcontext())
    typed = check_types(thing)
    arrays = any(inspect.isclass(part) and issubclass(part, AbstractArray) for part in parts)
    # The letters of axes mean the same lengths in all that one call is given and gives.
    return _some_calls(thing, typed, _AXES) if arrays else typed


def _some_calls(
    plain: Callable[..., Any], typed: Callable[..., Any], within: AbstractContextManager[Any]
) -> Callable[..., Any]:
    """The function as it is, but for the calls that are looked at."""
    code = plain.__code__  # not the function, which may hold what a test wants to see go

    @functools.wraps(plain)
    def call(*args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        _calls[code] = count = _calls.get(code, 0) + 1
        if count > FIRST and count % EVERY:
            return plain(*args, **named)
        with within:
            return typed(*args, **named)

    return call


def _is_taken(code: CodeType) -> bool:
    """Whether a function that another one makes is among the first of this test, or one of some beyond."""
    _made[code] = count = _made.get(code, 0) + 1
    return count <= FIRST or not count % EVERY


def begin_test() -> None:
    """The calls of each function are counted anew."""
    _calls.clear()
    _made.clear()


def _parts(hint: Any) -> Iterator[Any]:
    """A type and what stands in its brackets, however deep."""
    yield hint
    for part in typing.get_args(hint) if typing.get_origin(hint) is not Literal else ():
        yield from _parts(part)


class Decorated(ast.NodeTransformer):
    """Puts `checked` on every function and class: innermost on functions, outermost on classes."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        docstring = ast.get_docstring(node, clean=False) is not None
        node.body.insert(int(docstring), ast.parse(f"from {__name__} import checked as _checked_").body[0])
        return ast.fix_missing_locations(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list.append(self._decorator(node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.decorator_list.insert(0, self._decorator(node))
        return node

    @staticmethod
    def _decorator(node: ast.AST) -> ast.Name:
        return ast.copy_location(ast.Name("_checked_", ast.Load()), node)


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles the decorated source; its bytecode is kept beside that of the source as it is."""

    def source_to_code(self, data: Any, path: Any, **named: Any) -> Any:
        tree = Decorated().visit(ast.parse(data, path))
        return super().source_to_code(tree, path, **named)

    def get_data(self, path: str) -> bytes:
        return super().get_data(_own(path))

    def set_data(self, path: str, data: Any, **named: Any) -> None:
        super().set_data(_own(path), data, **named)


def _own(path: str) -> str:
    return f"{path.removesuffix('.pyc')}.{VERSION}.pyc" if path.endswith(".pyc") else path


class Finder(MetaPathFinder):
    """Finds the package's modules as Python does, and has them loaded by `Loader`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """From now on; the package must not have been imported yet."""
    assert PACKAGE not in sys.modules, f"{PACKAGE} was imported before its types could be checked"
    sys.meta_path.insert(0, Finder())
