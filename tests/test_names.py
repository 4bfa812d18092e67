"""Names: the field's words, one thing each, and what types say of parameters."""

import ast
import functools
from collections import Counter

import pytest

import sightline
from support.source import PATHS, definitions, functions, parameters, tree_of, words

MODULES = sorted(PATHS)
SHARED = 0.05
"""Of the names of functions and classes at the top of modules, those that stand in several modules."""
ONE_WORD = 0.55
"""Of the names of all functions, methods and classes, those of a single word, as the field's terms are."""
ANYTHING = 0.08
"""Of all parameters, those that may be anything."""


def definitions_everywhere() -> list[str]:
    """Names of all functions, methods and classes but those that Python gives."""
    nodes = [node for module in MODULES for node in ast.walk(tree_of(module))]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node.name for node in nodes if isinstance(node, kinds) and not node.name.startswith("__")]


def identifiers(module: str) -> set[str]:
    """Every name that a module defines or uses."""
    fields = ("id", "name", "arg", "attr", "asname")
    return {
        value
        for node in ast.walk(tree_of(module))
        for value in (getattr(node, field, None) for field in fields)
        if isinstance(value, str)
    }


@pytest.mark.parametrize("module", MODULES)
def test_the_main_thing_is_called_an_image(module):
    assert {name for name in identifiers(module) if "picture" in name.lower()} == set()


@functools.cache
def public_functions() -> set[str]:
    """Functions and classes that `sightline` gives."""
    return {name for name in sightline.__all__ if callable(getattr(sightline, name))}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_not_called_like_something_in_it_or_something_public(module):
    if module.startswith("lime"):  # lime's own names
        return
    last = module.rpartition(".")[2]
    assert last not in {node.name for node in definitions(module)}
    assert last not in public_functions()


def test_few_names_stand_for_things_in_several_modules():
    homes = Counter(
        name for module in MODULES for name in {node.name.strip("_") for node in definitions(module)}
    )
    several = [name for name, count in homes.items() if count > 1]
    assert len(several) / len(homes) <= SHARED, sorted(several)


def test_most_names_say_what_is_done_to_what():
    names = definitions_everywhere()
    assert sum(len(words(name)) < 2 for name in names) / len(names) < ONE_WORD


def test_few_parameters_may_be_anything():
    annotations = [
        argument.annotation
        for module in MODULES
        for function in functions(module)
        for argument in parameters(function)
        if argument.arg not in ("self", "cls")
    ]
    assert None not in annotations
    anything = sum(ast.unparse(one) == "Any" for one in annotations if one is not None)
    assert anything / len(annotations) <= ANYTHING
