"""The page of regions in a real browser: drawn by mouse and by keyboard alone, and what it keeps."""

import numpy as np
import pytest
from playwright.sync_api import expect

from sightline.regions import face
from sightline.regions.shapes import polygon_mask
from sightline.studio.drawn_regions import AREAS, read_drawn
from support.browser import NARROW, WIDE


def open_regions(studio_browser, run, **how):
    opened, studio = studio_browser(run, **how)
    opened.page.goto(f"{studio.origin}/regions")
    opened.page.wait_for_selector("#cells input", state="attached")
    return opened, studio


def click_at(page, down, across):
    box = page.locator("#drawing").bounding_box()
    place = {"x": across * box["width"], "y": down * box["height"]}
    page.locator("#drawing").click(position=place)


def drag(page, start, end):
    page.locator("#drawing").scroll_into_view_if_needed()
    box = page.locator("#drawing").bounding_box()
    page.mouse.move(box["x"] + start[1] * box["width"], box["y"] + start[0] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[1] * box["width"], box["y"] + end[0] * box["height"], steps=8)
    page.mouse.up()


def await_kept(page, name):
    page.wait_for_selector(f'#regions-table tr[data-region="{name}"]')
    # The page is ready for the next one a turn after its row stands there.
    page.wait_for_function("document.querySelector('#region-name').value === ''")


def keep(page, name):
    page.fill("#region-name", name)
    page.click("#save-region")
    await_kept(page, name)


def kept_mask(run, name, side=100):
    return polygon_mask(read_drawn(run).outline(name), (side, side))


@pytest.mark.slow
def test_a_polygon_is_clicked_a_point_dragged_and_its_row_stands_there_at_once(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    page = opened.page
    for down, across in ((0.6, 0.2), (0.6, 0.8), (0.9, 0.8), (0.9, 0.9)):
        click_at(page, down, across)
    page.click("#undo")
    drag(page, (0.9, 0.8), (0.8, 0.8))
    click_at(page, 0.8, 0.2)
    click_at(page, 0.6, 0.2)  # the first point: that closes it
    keep(page, "lower half")
    mask = kept_mask(studio_run, "lower half")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert np.abs([rows[0] - 60, rows[-1] - 79, columns[0] - 20, columns[-1] - 79]).max() <= 2
    row = page.locator('tr[data-region="lower half"]')
    assert "not asked" in row.locator(".blame").inner_text()
    assert row.locator(".area").inner_text().endswith("%")
    assert "…" in row.locator(".share-wrong").inner_text()  # its interval
    assert f"one of {AREAS + 1}" in page.inner_text("#drawing-honest")
    assert opened.errors == []


@pytest.mark.slow
def test_a_brush_paints_erases_and_pieces_are_picked(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    page = opened.page
    page.check("#tool-brush")
    page.locator("#brush-size").fill("20")
    drag(page, (0.5, 0.2), (0.5, 0.8))
    page.check("#erase")
    drag(page, (0.3, 0.5), (0.7, 0.5))
    keep(page, "two blobs")
    mask = kept_mask(studio_run, "two blobs")
    assert mask[50, 25]
    assert mask[50, 75]
    assert not mask[:, 50].any()
    page.check("#tool-pick")
    click_at(page, 0.1, 0.1)
    keep(page, "corner")
    assert kept_mask(studio_run, "corner").mean() == pytest.approx(1 / 16)  # a segment, as all images have it


@pytest.mark.slow
def test_all_is_done_by_keyboard_alone(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    page = opened.page
    page.focus("#add-point")
    for down, across in ((75, 25), (75, 75), (100, 75), (100, 25)):
        page.keyboard.press("Enter")  # the button; its field has the focus then
        for value in (down, across):
            page.keyboard.press("Control+A")
            page.keyboard.type(str(value))
            page.keyboard.press("Tab")
        page.focus("#add-point")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # closes it, and asks for a name
    page.keyboard.type("chin")
    page.keyboard.press("Enter")
    await_kept(page, "chin")
    assert kept_mask(studio_run, "chin").sum() == 25 * 50
    page.focus("#tool-polygon")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.focus("#cells input >> nth=0")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.focus("#region-name")
    page.keyboard.type("top")
    page.keyboard.press("Enter")
    await_kept(page, "top")
    assert kept_mask(studio_run, "top").sum() == 25 * 50
    assert opened.errors == []


@pytest.mark.slow
def test_regions_are_renamed_and_removed_and_what_is_refused_is_said(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    page = opened.page
    for down, across in ((0.1, 0.1), (0.1, 0.9), (0.4, 0.5)):
        click_at(page, down, across)
    page.click("#save-region")
    assert page.evaluate("document.querySelector('#region-name').matches(':invalid')")
    keep(page, "wedge")
    page.once("dialog", lambda asked: asked.accept("hat"))
    page.click('tr[data-region="wedge"] .rename')
    page.wait_for_selector('tr[data-region="hat"]')
    page.once("dialog", lambda asked: asked.accept("jaw"))
    page.click('tr[data-region="hat"] .rename')
    page.wait_for_selector("#drawing-said >> text=already")
    page.once("dialog", lambda asked: asked.accept())
    page.click('tr[data-region="hat"] .remove')
    page.wait_for_selector('tr[data-region="hat"]', state="detached")
    assert "1 of these was removed, and counts" in page.inner_text("#drawing-honest")
    assert read_drawn(studio_run).drawn == 1
    assert [one for one in opened.errors if "400" not in one] == []  # the browser's own word of a refusal


@pytest.mark.slow
def test_the_page_is_without_fault_in_light_dark_narrow_and_korean(studio_browser, studio_run):
    for size, dark, language in (
        (WIDE, False, None),
        (WIDE, True, None),
        (NARROW, False, None),
        (WIDE, False, "ko"),
    ):
        opened, _ = open_regions(studio_browser, studio_run, size=size, dark=dark, language=language)
        page = opened.page
        for tool in ("#tool-polygon", "#tool-brush", "#tool-pick"):
            page.check(tool)
            assert opened.violations() == []
        page.check("#tool-polygon")
        for down, across in ((0.1, 0.1), (0.1, 0.9), (0.4, 0.5)):
            click_at(page, down, across)
        assert opened.violations() == []
        assert not opened.is_wider_than_its_window()
        assert opened.errors == []


@pytest.mark.slow
def test_every_region_of_the_template_has_its_row_beside_the_drawn(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    for name in face():
        row = opened.page.locator(f'tr[data-region="{name}"]')
        assert row.get_attribute("data-origin") == "template"
        assert row.locator(".area").inner_text().endswith("%")


@pytest.mark.slow
def test_the_model_is_asked_about_one_image_by_mouse_and_by_keyboard(studio_browser, studio_run):
    opened, studio = studio_browser(studio_run)
    page, place = opened.page, int(studio.opened.study.places[0])
    page.goto(f"{studio.origin}/images/{place}")
    page.click("#ask-link")
    page.wait_for_selector("#ask-segments input", state="attached")
    assert "model.skops" in page.inner_text("#ask-model-text")
    expect(page.locator("#ask-tools")).to_be_hidden()
    expect(page.locator("#ask-image img")).to_be_visible()
    page.wait_for_function("document.querySelector('#ask-image img').naturalWidth > 0")
    assert not studio.opened.has_model
    page.focus("#load-model")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask-tools", state="visible")
    page.focus("#ask-segments input >> nth=13")
    page.keyboard.press("Space")
    page.focus("#ask-now")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask-answer", state="visible")
    assert "The answer" in page.inner_text("#ask-said")
    rows = page.locator("#ask-answer tbody tr")
    assert rows.count() == 3
    assert "asked 2 times" in page.inner_text("#ask-calls")
    box = page.locator("#ask-image").bounding_box()
    page.locator("#ask-image").click(position={"x": 0.1 * box["width"], "y": 0.1 * box["height"]})
    assert page.is_checked("#ask-segments input >> nth=0")
    page.select_option("#ask-region", "jaw")
    page.click("#ask-now")
    page.wait_for_selector("#ask-calls >> text=asked 4 times")
    assert opened.violations() == []
    assert opened.errors == []


@pytest.mark.slow
def test_blame_answers_for_a_drawn_region_after_a_press_that_says_what_is_loaded(studio_browser, studio_run):
    opened, _ = open_regions(studio_browser, studio_run)
    page = opened.page
    for down, across in ((0.7, 0.3), (0.7, 0.7), (1.0, 0.7), (1.0, 0.3)):
        click_at(page, min(down, 0.99), across)
    page.click("#close-shape")
    keep(page, "chin")
    assert "model.skops" in page.inner_text("#blame-ask")
    page.click("#blame-drawn")
    page.wait_for_selector("#drawing-said >> text=Blame has answered", timeout=120_000)
    row = page.locator('tr[data-region="chin"]')
    assert "not asked" not in row.locator(".blame").inner_text()
    assert page.inner_text("#drawn-verdict").startswith("Blame: ")
    assert not page.is_visible("#blame-ask")
    page.click('tr[data-region="chin"] .say[data-said="shortcut"]')
    page.wait_for_selector('tr[data-region="chin"] .say[data-said="shortcut"][aria-pressed="true"]')
    assert opened.violations() == []
    assert opened.errors == []
