"""Fixtures that every test may use."""

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: each computes in one thread
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")

import numpy as np
import pytest

from support import type_checks

type_checks.install()

from sightline import errors

errors.OURS |= type_checks.PASSED_ON_THE_WAY

LARGE = {"captum", "datasets", "hatchling", "jax", "keras", "mkdocs", "nbclient", "nbformat", "ray", "shap"}
LARGE |= {"tensorflow", "torch", "vulture"}
ABSENT = {name for name in LARGE if importlib.util.find_spec(name) is None}
"""What the core tests are run without: what needs it is skipped."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data named by SIGHTLINE_DATA; on CI it has to be there."""
    named = os.environ.get("SIGHTLINE_DATA")
    folder = Path(named) if named else None
    if folder is not None and folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"SIGHTLINE_DATA must name the folder of real data on CI, but it is {named!r}")
    pytest.skip("SIGHTLINE_DATA does not name the folder of real data")


def pytest_runtest_setup() -> None:
    type_checks.begin_test()


def imported_by(path: Path) -> set[str]:
    """The packages that a test imports at its top, itself or by what stands in support/."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r"^(?:from|import) (\w+)", text, re.M))
    helpers = re.findall(r"^from support(?:\.| import )(\w+)", text, re.M)
    return found.union(*(imported_by(Path(__file__).parent / "support" / f"{name}.py") for name in helpers))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not ABSENT or not collection_path.name.startswith("test_"):
        return None
    return bool(imported_by(collection_path) & ABSENT) or None


LONG = (
    "test_walkthrough.py",
    "test_examples.py",
    "test_tutorial.py",
    "test_tutorial_xray.py",
    "test_docs.py",
    "test_kill.py",
    "test_all_this_holds_on_the_other_backends",
    "test_the_penalty_is_the_same_on_tensorflow_and_torch_and_jax_says_no",
)
"""Files and tests of a minute: begun first, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        names = {item.path.name, getattr(item, "originalname", item.name)}
        slow = item.get_closest_marker("slow") is not None
        return min((place for place, name in enumerate(LONG) if slow and name in names), default=len(LONG))

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    except ImportError as error:
        if (lacking := (error.name or "").split(".")[0]) in ABSENT:
            pytest.skip(f"{lacking} is not installed")
        raise
