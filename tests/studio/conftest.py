"""One study on disk for all tests of the studio, and pages of a studio that shows it."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def studio_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with train, test, model.skops and the study run; not to be changed."""
    from support.studios import make_place

    return make_place(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def other(studio_place: Path) -> Path:
    """A study of the same images by another method; not to be changed."""
    from support.studios import make_other

    return make_other(studio_place)


@pytest.fixture
def studio_run(studio_place: Path, tmp_path: Path) -> Path:
    """The folder of a study of one's own: a copy, which opens the same images and model."""
    return Path(shutil.copytree(studio_place / "run", tmp_path / "run"))


@pytest.fixture
def studio_browser(browser: Any, studio_place: Path) -> Iterator[Callable[..., Any]]:
    """Opens a studio and a page of it that is let in: ``opened, studio = studio_browser(run, size=NARROW)``.

    Without a folder it shows the study that all tests share. ``opened.page`` is playwright's,
    ``studio.origin`` where it is, ``studio.opened`` what the server holds; all ends with the test.
    """
    from support.studios import studio_page

    with contextlib.ExitStack() as stack:

        def open_one(run: Path | None = None, **how: Any) -> Any:
            return stack.enter_context(studio_page(browser, run or studio_place / "run", **how))

        yield open_one


@pytest.fixture(scope="module")
def asked(studio_place: Path) -> Iterator[tuple[Any, Any]]:
    """A client that is let in, and the study that is shown."""
    from support.studios import running_studio

    with (
        running_studio(studio_place / "run") as studio,
        contextlib.closing(studio.client()) as client,
    ):
        yield client, studio
