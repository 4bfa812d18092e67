"""A person's whole way, on real faces: from a region that is drawn to a model that is proved repaired."""

import io
import json
import zipfile

import pytest

from sightline.repair.store import load_repair
from support.browser import Keys
from support.marked_olivetti import marked_olivetti

JAW = ((0.76, 0.35), (0.76, 0.65), (0.99, 0.65), (0.99, 0.35))
"""Corners, down and across, of what is drawn: the jaw, where the mark is."""
LONG = 400_000
"""Milliseconds that a repair or a proof may take on a busy machine."""
pytestmark = pytest.mark.slow


@pytest.fixture
def marked_run(tmp_path, shared_data):
    return marked_olivetti(tmp_path, shared_data / "sklearn") / "run"


def check_download(run, model, folder):
    """What was kept: the model of a repair, and a proof that calls it repaired."""
    with zipfile.ZipFile(io.BytesIO(folder)) as archive:
        names = archive.namelist()
        proof = json.loads(archive.read(next(name for name in names if name.endswith("proof.json"))))
        kept = archive.read(next(name for name in names if name.endswith("model.skops")))
    assert proof["verdict"] == "repaired"
    assert proof["region"] == "my jaw"
    assert kept == model
    assert load_repair(run / "repairs" / "2").provenance.region.name == "my jaw"


def downloaded(page, press):
    with page.expect_download(timeout=60_000) as got:
        press()
    return got.value.path().read_bytes()


def test_a_jaw_is_drawn_blamed_judged_repaired_proved_and_the_model_kept(studio_browser, marked_run):
    train = str(marked_run.parent / "train")
    opened, studio = studio_browser(marked_run, train=train)
    page = opened.page
    page.goto(f"{studio.origin}/regions")
    page.wait_for_selector("#cells input", state="attached")
    box = page.locator("#drawing").bounding_box()
    for down, across in JAW:
        place = {"x": across * box["width"], "y": down * box["height"]}
        page.locator("#drawing").click(position=place)
    page.click("#close-shape")
    page.fill("#region-name", "my jaw")
    page.click("#save-region")
    row = page.locator('#regions-table tr[data-region="my jaw"]')
    row.wait_for()
    page.click("#blame-drawn")
    row.locator(".blame", has_text="drives errors").wait_for(timeout=LONG)
    row.locator("button.say[data-said=shortcut]").click()
    row.locator(".said-status", has_text="Kept: a shortcut").wait_for()
    row.locator(".repair-link").click()
    page.wait_for_selector("html[data-ready=yes]")
    assert "Offered: my jaw, which you call a shortcut." in page.inner_text("main")
    page.select_option("#repair-region", "")
    page.check("#agree")
    page.click("#start-repair")
    repair = page.locator("article.job[data-kind=repair]")
    repair.locator(".step-text", has_text="trying methods").first.wait_for(timeout=LONG)
    page.locator("article.job[data-kind=repair][data-state=done]").wait_for(timeout=LONG)
    repair.locator("summary").click()
    repair.locator(".log", has_text="Repairs my jaw, which a person called a shortcut").wait_for()
    repair.locator("button.prove").click()
    page.locator("article.job[data-kind=proof][data-state=done]").wait_for(timeout=LONG)
    model = downloaded(page, repair.locator("a.download-model").click)
    folder = downloaded(page, repair.locator("a.download-folder").click)
    check_download(marked_run, model, folder)
    assert opened.errors == []
    page.goto(f"{studio.origin}/")
    page.wait_for_selector("#repair", timeout=LONG)
    assert "my jaw" in page.inner_text("#repair")


def test_the_same_by_the_keyboard_alone(studio_browser, marked_run):
    opened, _ = studio_browser(marked_run, train=str(marked_run.parent / "train"))
    page = opened.page
    keys = Keys(page)
    keys.press("nav a[href='/regions']")
    page.wait_for_selector("#cells input", state="attached")
    for number, corner in enumerate(JAW, start=1):
        keys.press("#add-point")
        page.wait_for_selector(f"#points > :nth-child({number}) input")
        for place, value in enumerate(corner):
            if place:
                page.keyboard.press("Tab")
            keys.write(f"{100 * value:g}")
    keys.press("#close-shape")
    keys.go_to("#region-name")
    keys.write("my jaw")
    page.keyboard.press("Enter")
    row = '#regions-table tr[data-region="my jaw"]'
    page.wait_for_selector(row)
    keys.press("#blame-drawn")
    page.locator(row).locator(".blame", has_text="drives errors").wait_for(timeout=LONG)
    keys.press(f"{row} button.say[data-said=shortcut]")
    page.locator(row).locator(".said-status", has_text="Kept: a shortcut").wait_for()
    page.keyboard.press("Home")
    keys.press("nav a[href='/work']")
    page.wait_for_selector("html[data-ready=yes]")
    keys.press("#agree", "Space")
    keys.press("#start-repair")
    page.locator("article.job[data-kind=repair][data-state=done]").wait_for(timeout=LONG)
    keys.press("article.job[data-kind=repair] button.prove")
    page.locator("article.job[data-kind=proof][data-state=done]").wait_for(timeout=LONG)
    keys.go_to("article.job[data-kind=repair] a.download-model")
    model = downloaded(page, lambda: page.keyboard.press("Enter"))
    keys.go_to("article.job[data-kind=repair] a.download-folder")
    folder = downloaded(page, lambda: page.keyboard.press("Enter"))
    check_download(marked_run, model, folder)
    assert opened.errors == []
