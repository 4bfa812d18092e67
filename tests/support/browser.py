"""Pages in a real browser: Debian's chromium, driven by playwright."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = (1280, 900), (390, 844)
PATIENCE = 60
"""Seconds that a page may take for anything on a busy machine."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser for many pages; skips where none is installed, and fails there on CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        words = f"no browser is installed (looked for {', '.join(NAMES)}): apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(f"CI has to run the tests of pages, but {words}")
        pytest.skip(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class OpenPage:
    """A page that is open, what it wrote to the console, and what it asked the network for.

    Parameters
    ----------
    page : Page
        Of playwright.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda asked: self.requests.append(asked.url))

    @property
    def beyond_the_file(self) -> list[str]:
        """Addresses that were asked for, but for the file itself and what stands in it."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]

    def violations(self, within: str | None = None) -> list[str]:
        """What axe-core finds, of any level, in the page or a part of it: the rule, and where."""
        found = Axe().run(self.page, within).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def is_wider_than_its_window(self) -> bool:
        """Whether the page itself has to be scrolled sideways."""
        root = "document.documentElement"
        return bool(self.page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


def eventually(page: Page, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something holds of a page, which goes on meanwhile: some of it takes a turn or a fetch."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        page.wait_for_timeout(20)


def await_address(page: Page, *parts: str) -> None:
    """Wait until a page is at an address with all these parts: of a new page, or written by the one there."""
    page.wait_for_url(lambda url: all(part in url for part in parts))


class Keys:
    """A page that is used by its keyboard alone.

    Parameters
    ----------
    page : Page
        Of playwright.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def go_to(self, selector: str, most: int = 400, key: str = "Tab") -> None:
        """Tab to an element."""
        for _ in range(most):
            self.page.keyboard.press(key)
            if self.page.evaluate("(wanted) => document.activeElement?.matches(wanted) ?? false", selector):
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Tab to an element, and press a key there."""
        self.go_to(selector)
        self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type a text in the place of what a field holds."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)


@contextmanager
def open_page(
    browser: Browser,
    file: Path,
    *,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    scripts: bool = True,
    fragment: str = "",
) -> Iterator[OpenPage]:
    """A file of HTML, opened as a reader would by clicking on it."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        offline=True,
    )
    try:
        context.set_default_timeout(1000 * PATIENCE)
        opened = OpenPage(context.new_page())
        opened.page.goto(f"{file.resolve().as_uri()}{fragment}")
        yield opened
    finally:
        context.close()
