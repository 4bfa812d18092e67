"""The studio on a real chest X-ray study: looked through, its corner drawn and blamed, by a real browser."""

import json
import zipfile

import pytest

from support.browser import NARROW
from support.marked_xrays import MARKER, marked_xrays

pytestmark = pytest.mark.slow
SECONDS = 1000
PAGES = ("/", "/images", "/images/{wrong}", "/images/{wrong}/ask", "/groups", "/regions", "/work")


@pytest.fixture(scope="module")
def films(tmp_path_factory, shared_data):
    """Folder with train, test, model.skops and the study run."""
    return marked_xrays(tmp_path_factory.mktemp("xrays"), shared_data / "pneumoniamnist.npz")


def look_through(opened, studio):
    """Every page, without a fault of axe's, a word in the console, or a part beyond the window."""
    study = studio.opened.study
    wrong = int(study.places[study.labels != study.predicted][0])
    for path in PAGES:
        opened.page.goto(studio.origin + path.format(wrong=wrong))
        opened.page.wait_for_load_state("networkidle")
        assert opened.violations() == [], path
        assert not opened.is_wider_than_its_window(), path
    assert opened.errors == []


def draw_marker(page):
    box = page.locator("#drawing").bounding_box()
    for down, across in MARKER:
        # A hair within the image, whose own edge belongs to the page around it.
        place = {"x": max(across * box["width"], 1), "y": max(down * box["height"], 1)}
        page.locator("#drawing").click(position=place)
    page.click("#close-shape")
    page.fill("#region-name", "marker")
    page.click("#save-region")


def test_the_corner_of_an_x_ray_is_found_by_looking_drawn_and_blamed(studio_browser, films):
    opened, studio = studio_browser(films / "run", train=str(films / "train"))
    page = opened.page
    page.goto(f"{studio.origin}/images?outcome=wrong&sort=misled")
    page.wait_for_selector(".tile.painted")
    study = studio.opened.study
    count = int((study.labels != study.predicted).sum())
    assert f"{count} of {len(study.labels)} images" in page.inner_text("main")
    page.goto(f"{studio.origin}/regions")
    page.wait_for_selector("#cells input", state="attached")
    draw_marker(page)
    row = page.locator('#regions-table tr[data-region="marker"]')
    row.wait_for()
    page.click("#blame-drawn")
    row.locator(".gain", has_text="+").wait_for(timeout=120 * SECONDS)
    told = page.evaluate("fetch('/regions.json').then((answer) => answer.json())")["regions"][0]
    assert told["wrong"] > 1.5 * told["right"]  # wrong answers look at it
    assert told["gain"] > 0.2
    assert "100% of the attribution" not in page.inner_text("main")
    table = page.locator("#regions-table")
    held = page.locator("#all-regions .scrolls").bounding_box()
    assert table.bounding_box()["width"] <= held["width"] + 1  # nothing of it is cut off
    row.locator("button.say[data-said=shortcut]").click()
    row.locator(".said-status", has_text="Kept: a shortcut").wait_for()
    look_through(opened, studio)


def test_an_x_ray_model_is_repaired_proved_and_kept_from_the_page_of_work(studio_browser, films):
    """The same study; drawn already where the test above was run."""
    opened, studio = studio_browser(films / "run", train=str(films / "train"))
    page = opened.page
    page.goto(f"{studio.origin}/regions")
    page.wait_for_selector("#cells input", state="attached")
    row = page.locator('#regions-table tr[data-region="marker"]')
    if not row.count():
        draw_marker(page)
    row.locator(".repair-link").click()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.input_value("#repair-region") == "marker"
    page.select_option("#repair-method", "counterexamples")
    page.check("#agree")
    page.click("#start-repair")
    repair = page.locator("article.job[data-kind=repair]")
    page.locator("article.job[data-kind=repair][data-state=done]").wait_for(timeout=240 * SECONDS)
    assert "marker by counterexamples" in " ".join(repair.locator(".state").inner_text().split())
    assert opened.violations() == []
    repair.locator("button.prove").click()
    page.locator("article.job[data-kind=proof][data-state=done]").wait_for(timeout=240 * SECONDS)
    with page.expect_download() as got:
        repair.locator("a.download-folder").click()
    with zipfile.ZipFile(got.value.path()) as archive:
        proof = json.loads(
            archive.read(next(one for one in archive.namelist() if one.endswith("proof.json")))
        )
    assert (proof["verdict"], proof["region"]) == ("repaired", "marker")
    page.goto(f"{studio.origin}/images?of=before&outcome=differ&both=1")
    page.wait_for_selector(".tile.double.painted", timeout=60 * SECONDS)
    assert opened.errors == []


@pytest.mark.parametrize(("dark", "size", "language"), [(True, NARROW, "ko"), (False, NARROW, "en")])
def test_each_page_of_an_x_ray_study_in_a_narrow_window(studio_browser, films, dark, size, language):
    opened, studio = studio_browser(films / "run", dark=dark, size=size, language=language)
    look_through(opened, studio)
