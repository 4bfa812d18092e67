"""Two studies beside each other in a real browser: of another method, and before and after a repair."""

import re

import numpy as np
import pytest

from support.browser import NARROW, Keys, await_address, eventually
from support.studios import make_repair, ready

PIXELS = """(one) => [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data]"""


@pytest.fixture(scope="module")
def repair(studio_place):
    return make_repair(studio_place)


def shown_places(page):
    return page.evaluate(
        """[...document.querySelectorAll('#tiles li')]
        .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
        .map((one) => Number(one.querySelector('a').pathname.split('/').pop()))"""
    )


def check_differing(opened, studio, of):
    """The images that both answer otherwise are shown, and stand in the tables of the same address."""
    mine = studio.opened.browsed(of)
    theirs = studio.opened.browsed(studio.opened.pairs()[of])
    said = dict(zip(theirs.columns.ids, theirs.columns.predicted.tolist(), strict=True))
    wanted = [
        place
        for place, name, predicted in zip(
            mine.columns.place.tolist(), mine.columns.ids, mine.columns.predicted.tolist(), strict=True
        )
        if said.get(name, predicted) != predicted
    ]
    assert wanted
    page = opened.page
    page.select_option("#outcome", "differ")
    assert {str(len(wanted)), str(len(mine.columns))} == set(re.findall(r"\d+", page.inner_text("#count")))
    assert shown_places(page) == wanted[: len(shown_places(page))]
    for kind in ("json", "csv", "parquet"):
        answer = page.request.get(studio.origin + page.locator(f"#as-{kind}").get_attribute("href"))
        assert answer.ok, kind
        if kind == "json":
            assert [row["place"] for row in answer.json()] == wanted
    return wanted


def compare_one(opened, place):
    """One image with the other heat beside it, which is not the same."""
    page = opened.page
    page.click(f"#tiles a[href^='/images/{place}?']")
    await_address(page, f"/images/{place}?")
    ready(page)
    page.locator("#beside-stage").wait_for()
    page.wait_for_function("document.querySelector('#beside-heat').width > 1")
    heats = [page.eval_on_selector(name, PIXELS) for name in ("#heat", "#beside-heat")]
    assert len(heats[0]) == len(heats[1])
    assert np.abs(np.subtract(*heats)).max() > 40
    assert opened.violations() == []
    page.keyboard.press("b")
    page.locator("#beside-stage").wait_for(state="hidden")
    eventually(page, lambda: "both" not in page.url)
    page.keyboard.press("u")
    page.wait_for_selector("#tiles", state="attached")
    ready(page)


@pytest.mark.slow
def test_two_methods_stand_beside_each_other(studio_browser, other):
    opened, studio = studio_browser(beside=other)
    page = opened.page
    page.goto(f"{studio.origin}/images")
    ready(page)
    page.check("#both")
    page.wait_for_selector(".tile.double.painted")
    assert "beside: " in page.inner_text("#tiles")
    compare_one(opened, int(studio.opened.browsed().columns.place[0]))
    page.click(".sources a[data-of=beside]")
    await_address(page, "of=beside")
    ready(page)
    assert page.inner_text(".sources").startswith("this study · the other study other")
    # Both are of one model: they answer alike, and none is left.
    page.select_option("#outcome", "differ")
    assert page.inner_text("#count").startswith("0 of ")
    assert opened.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [{}, {"dark": True}, {"size": NARROW}, {"size": NARROW, "language": "ko", "dark": True}], ids=str
)
def test_before_and_after_a_repair_stand_beside_each_other(studio_browser, repair, how):
    opened, studio = studio_browser(repair=repair, **how)
    page = opened.page
    page.goto(f"{studio.origin}/images?both=1")
    ready(page)
    assert page.locator("#both").count() == 0  # nothing is beside the study itself
    page.click(".sources a[data-of=before]")
    await_address(page, "of=before", "both=1")
    ready(page)
    before, after = studio.opened.browsed("before"), studio.opened.browsed("after")
    assert before.columns.label.tolist() == after.columns.label.tolist()
    assert after.columns.wrong.sum() < before.columns.wrong.sum()
    wanted = check_differing(opened, studio, "before")
    page.wait_for_selector(".tile.double.painted")
    assert opened.violations() == []
    assert not opened.is_wider_than_its_window()
    compare_one(opened, wanted[0])
    page.go_back()
    ready(page)
    assert not opened.is_wider_than_its_window()
    page.goto(f"{studio.origin}/images?of=after&outcome=wrong")
    ready(page)
    assert str(int(after.columns.wrong.sum())) in re.findall(r"\d+", page.inner_text("#count"))
    assert opened.errors == []


@pytest.mark.slow
def test_a_study_is_browsed_by_the_keyboard_alone(studio_browser, other):
    opened, studio = studio_browser(beside=other)
    page, keys = opened.page, Keys(opened.page)
    keys.press("nav a[href='/images']")
    page.wait_for_selector("#tiles", state="attached")
    ready(page)
    keys.go_to("#outcome")
    page.keyboard.type("wro")
    keys.go_to("#sort")
    page.keyboard.type("most")
    keys.press("#finer summary")
    keys.go_to("#region")
    page.keyboard.type("jaw")
    keys.go_to("#least")
    page.keyboard.type("-1")
    await_address(page, "outcome=wrong&region=jaw&least=-1&sort=misled")
    columns = studio.opened.browsed().columns
    wrong = np.argsort(-columns.misled, kind="stable")[: int(columns.wrong.sum())]
    places = columns.place[wrong].tolist()
    assert page.inner_text("#count") == f"{len(places)} of {len(columns)} images"
    keys.press("#both", "Space")
    keys.go_to("a.tile")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/images/{places[1]}?*")
    ready(page)
    # One image: the controls of its heat, the other study beside it, the next one and the one before.
    keys.go_to("#view")
    page.keyboard.press("ArrowDown")
    keys.go_to("#sign")
    page.keyboard.press("ArrowDown")
    keys.go_to("#opacity")
    page.keyboard.press("ArrowLeft")
    keys.go_to("#threshold")
    page.keyboard.press("ArrowRight")
    keys.go_to("#top")
    page.keyboard.press("ArrowDown")
    await_address(page, "view=mask", "sign=for", "opacity=75", "threshold=5", "top=1", "both=1")
    keys.press("#keys-open")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    eventually(page, lambda: page.evaluate("document.activeElement.id") == "keys-open")
    keys.go_to("#after", key="Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/images/{places[2]}?*")
    ready(page)
    assert page.locator("#beside-stage").is_visible()
    assert page.input_value("#opacity") == "75"
    keys.press("#before")
    page.wait_for_url(f"**/images/{places[1]}?*")
    ready(page)
    keys.press("#up")
    page.wait_for_url("**/images?*")
    ready(page)
    assert shown_places(page)[:2] == places[:2]
    keys.press("#clear")
    assert page.inner_text("#count") == f"{len(columns)} of {len(columns)} images"
    page.go_back()  # what Alt and the left arrow do in a window
    page.get_by_text(f"{len(places)} of {len(columns)} images", exact=True).wait_for()
    assert opened.errors == []
