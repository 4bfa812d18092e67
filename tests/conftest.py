"""Fixtures that every test may use."""

import gc
import importlib.util
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: each computes in one thread
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")
# Or this process and each one that a test starts compiles all of the package, and of the tests, again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import numpy as np
import pytest
from hypothesis import settings

from support import type_checks

type_checks.install()
settings.register_profile("unhurried", deadline=None)  # what shares a machine may take long at any time
settings.load_profile("unhurried")

from sightline import errors

errors.OURS |= type_checks.PASSED_ON_THE_WAY

LARGE = {
    "axe_playwright_python",
    "captum",
    "datasets",
    "hatchling",
    "jax",
    "keras",
    "mkdocs",
    "nbclient",
    "nbconvert",
    "nbformat",
    "ray",
    "shap",
}
LARGE |= {"playwright", "tensorflow", "torch", "vulture"}
ABSENT = {name for name in LARGE if importlib.util.find_spec(name) is None}
"""What the core tests are run without: what needs it is skipped."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def forgotten_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test may name a module of a folder of its own, whatever another one has loaded of that name."""
    yield
    opened = sys.modules.get("sightline.adapters.open_model")
    if opened is None or not opened.FOLDERS:
        return
    base = tmp_path_factory.getbasetemp().resolve()
    folders = {one for one in opened.FOLDERS if Path(one).is_relative_to(base)}
    if not folders:  # looking through all modules takes longer than most tests
        return
    for name in [one for one in sys.modules if str(opened._loaded_from(one)) in folders]:
        del sys.modules[name]
    sys.path[:] = [one for one in sys.path if one not in folders]
    opened.FOLDERS -= folders


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


@pytest.fixture(scope="session")
def small_study(tmp_path_factory):
    """A study of marked faces with what blame and causes found; not to be changed."""
    from support.summaries import small_study

    return small_study(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_summary(small_study):
    """Its summary in English."""
    from sightline.reports.study_summary import summarise

    return summarise(small_study, dated=False, progress=False)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One browser for all tests of pages."""
    from support.browser import running_browser  # there only with the extra `test`

    with running_browser() as found:
        yield found


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
)
"""Files and tests of a minute: begun first, so that no process is left alone with one at the end."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Modules and tests stay to the end: neither now nor later are they looked through for what to free."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        names = {item.path.name, getattr(item, "originalname", item.name)}
        slow = item.get_closest_marker("slow") is not None
        return min((place for place, name in enumerate(LONG) if slow and name in names), default=len(LONG))

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    begun = time.process_time()
    try:
        return (yield)
    except ImportError as error:
        if (lacking := (error.name or "").split(".")[0]) in ABSENT:
            pytest.skip(f"{lacking} is not installed")
        raise
    finally:
        if item.get_closest_marker("slow") is None:
            item.user_properties.append(("quick", time.process_time() - begun))


LONGEST = 0.6
"""Seconds of a processor that a quick test may take before it is named: other work beside it doubles them."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    took = {
        report.nodeid: dict(report.user_properties).get("quick", 0.0)
        for report in terminalreporter.stats.get("passed", [])
        if report.when == "call"
    }
    long = sorted((name for name in took if took[name] > LONGEST), key=lambda name: -took[name])
    if long:
        terminalreporter.section("quick tests that took long: fewer images, or mark them slow")
        for name in long:
            terminalreporter.line(f"{took[name]:.2f}s {name}")
