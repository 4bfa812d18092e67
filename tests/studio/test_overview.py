"""The first page, in a real browser."""

import dataclasses
from concurrent.futures import Future

import pytest

from support.browser import NARROW, WIDE


def test_the_first_page_says_what_the_report_says(studio_browser):
    opened, studio = studio_browser()
    summary = studio.opened.summary()
    for claim in summary.verdict:
        assert claim.text in opened.page.inner_text("#verdict")
    assert opened.page.title() == "Overview · run"
    assert "token" not in opened.page.url
    assert opened.errors == []
    assert opened.violations() == []


@pytest.mark.slow
def test_the_page_is_as_good_in_the_dark_and_on_a_telephone(studio_browser):
    for size, dark in ((WIDE, True), (NARROW, False)):
        opened, _ = studio_browser(size=size, dark=dark)
        assert opened.violations() == []
        assert opened.errors == []
        assert not opened.is_wider_than_its_window()


def test_the_verdict_is_shown_while_maps_are_worked_out_and_they_follow(studio_browser):
    opened, studio = studio_browser()
    summary = studio.opened.summary()
    waiting, early = Future(), Future()
    early.set_result(dataclasses.replace(summary, atlas=(), groups=(), images=(), featured=(), limits=()))
    studio.opened._making, studio.opened._telling = waiting, early
    opened.page.goto(f"{studio.origin}/")
    assert summary.verdict[0].text in opened.page.inner_text("#verdict")
    assert "still being worked out" in opened.page.inner_text("#to-come")
    assert opened.page.query_selector("#limits") is None
    assert opened.violations() == []
    assert opened.page.goto(f"{studio.origin}/work").ok
    assert opened.page.query_selector("#start-blame")
    opened.page.goto(f"{studio.origin}/")
    opened.page.focus("#answers td a")
    waiting.set_result(summary)
    opened.page.wait_for_selector("#limits")
    assert opened.page.evaluate("document.activeElement.closest('section').id") == "answers"
    assert opened.page.query_selector(".matrix td a[aria-label]")
    assert opened.page.query_selector("#to-come") is None
    assert opened.errors == []
