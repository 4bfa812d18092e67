"""Browsing: what the studio sends, and what a person does in a real browser."""

import contextlib
import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from sightline.study.study import Study
from support.browser import NARROW, WIDE, await_address, eventually
from support.studios import EVIL, ready, running_studio


def test_an_image_is_sent_as_it_is(asked):
    client, studio = asked
    study = studio.opened.study
    place = int(study.places[3])
    version = studio.opened.browsed().version
    answer = client.get(f"/images/{place}.webp?side=96&v={version}")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    with Image.open(io.BytesIO(answer.content)) as image:
        shown = np.asarray(image.convert("L"), float)
    pixels = np.asarray(study.image(place), float)
    pixels = pixels.mean(axis=2) if pixels.ndim == 3 else pixels
    assert np.abs(shown - pixels).mean() < 8
    answer = client.get(f"/images/{place}.segments.png?side=96")
    with Image.open(io.BytesIO(answer.content)) as image:
        pixels = np.asarray(image).astype(int)
    assert (pixels @ [1, 256, 65536]).tolist() == study.row(place).segments.labels.tolist()


@pytest.mark.slow
def test_no_image_is_kept_for_good_under_an_address_that_could_mean_another(asked):
    """Another study may be served at the same port tomorrow."""
    client, _ = asked
    for query in ("", "?v=", "?v=0123456789ab"):
        assert (
            client.get(f"/images/{client.get('/images.json').json()[0]['place']}.webp{query}").headers[
                "cache-control"
            ]
            == "private, no-cache"
        )


def test_held_out_images_and_places_that_there_are_not_stay_unseen(asked):
    client, studio = asked
    study = studio.opened.study
    held_out = sorted(set(range(study.manifest.image_count)) - set(study.places.tolist()))
    assert held_out
    for place in (held_out[0], 10**6, "9" * 300):
        for end in (".webp", ".segments.png", ".json", ""):
            assert client.get(f"/images/{place}{end}").status_code == 404, (place, end)
    for bad in ("-1.webp", "1e3.webp", "0x1.webp", "%31%2e.webp", "..%2f1.webp", "1%00.webp"):
        assert client.get(f"/images/{bad}").status_code in (400, 404), bad
    place = int(study.places[0])
    for side in ("97", "0", "-1", "1e9", "٣", "99999999"):
        assert client.get(f"/images/{place}.webp?side={side}").status_code == 400, side
    assert client.get("/images?of=../../etc").status_code == 400
    assert client.get("/api/heat?places=1,../2").status_code == 400
    assert client.get(f"/api/heat?places={','.join(['1'] * 201)}").status_code == 400
    assert client.get("/images/" + "9" * 5000 + ".webp").status_code in (404, 414)


def test_the_table_is_the_selection(asked):
    client, studio = asked
    browsed = studio.opened.browsed()
    rows = client.get("/images.json?outcome=wrong&sort=misled").json()
    assert len(rows) == int(browsed.columns.wrong.sum())
    gaps = [row["score"] - row["score_of_label"] for row in rows]
    assert gaps == sorted(gaps, reverse=True)
    text = client.get("/images.csv?outcome=wrong&sort=misled").text.removeprefix("\ufeff")
    lines = list(csv.reader(io.StringIO(text)))
    assert [line[0] for line in lines[1:]] == [str(row["place"]) for row in rows]
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(client.get("/images.parquet?outcome=wrong&sort=misled").content))
    assert table["place"].to_pylist() == [row["place"] for row in rows]


def test_no_cell_of_a_table_is_a_formula(asked):
    client, _ = asked
    text = client.get("/images.csv").text.removeprefix("\ufeff")
    lines = list(csv.reader(io.StringIO(text)))
    assert any("=Kim" in cell for line in lines for cell in line)
    for line in lines:
        for cell in line:
            assert not cell.startswith(("=", "+", "@", "\t")), cell
            assert not cell.startswith("-") or float(cell) < 0


def test_shares_of_regions_are_those_of_the_attribution(asked):
    client, studio = asked
    row = client.get("/images.json").json()[0]
    study = studio.opened.study
    from sightline.regions import face

    one = study.row(row["place"])
    mask = face()["jaw"].masks(one.segments.labels.shape)[0]
    wanted = one.heat()[mask].sum() / np.abs(one.values()).sum()
    assert row["share of jaw"] == pytest.approx(wanted, abs=1e-6)


def test_markup_in_names_is_text_everywhere(asked):
    client, _ = asked
    place = client.get(f"/images.json?find={EVIL}").json()[0]["place"]
    for path in ("/", "/images", f"/images/{place}", f"/images?find={EVIL}", "/images?of=" + EVIL):
        text = client.get(path).text
        assert "<img src=x" not in text, path
        assert "onerror=alert(1)>" not in text, path
    for path in ("/images.json", "/overview.json", f"/images/{place}.json", "/api/heat?places=1"):
        assert client.get(path).headers["content-type"] == "application/json", path


def test_no_page_loads_the_model(studio_place, monkeypatch):
    from sightline.study import provenance

    def refused(*_args, **_more):
        raise AssertionError("a model was opened")

    monkeypatch.setattr(provenance, "resolve_model", refused)
    model = str(studio_place / "model.skops")
    with (
        running_studio(studio_place / "run", model=model, trust=True) as studio,
        contextlib.closing(studio.client()) as client,
    ):
        paths = [
            "/",
            "/overview.json",
            "/images",
            "/images/9",
            "/images.csv",
            "/api/columns",
            "/api/more-columns",
        ]
        for path in paths:
            assert client.get(path).status_code == 200, path
        assert not studio.opened.has_model


@pytest.mark.slow
def test_two_studies_stand_beside_each_other(studio_place, other):
    with (
        running_studio(studio_place / "run", beside=other) as studio,
        contextlib.closing(studio.client()) as client,
    ):
        mine, theirs = studio.opened.browsed(), studio.opened.browsed("beside")
        there = mine.same_images(theirs)
        assert (there >= 0).all()
        assert [theirs.columns.ids[theirs.position(int(one))] for one in there] == list(mine.columns.ids)
        assert client.get("/images?of=beside").status_code == 200
        place = int(theirs.columns.place[0])
        told = client.get(f"/api/heat?of=beside&places={place}").json()[0]
        assert told["values"] != client.get(f"/api/heat?places={place}").json()[0]["values"]


# ---- In a browser.


def tile_count(page):
    return page.locator("#count").inner_text()


@pytest.mark.slow
def test_a_person_filters_sorts_and_walks_by_keyboard(studio_browser):
    opened, studio = studio_browser()
    page = opened.page
    columns = studio.opened.browsed().columns
    page.goto(f"{studio.origin}/images")
    ready(page)
    assert tile_count(page) == f"{len(columns)} of {len(columns)} images"
    page.keyboard.press("w")
    wrong = int(columns.wrong.sum())
    assert tile_count(page) == f"{wrong} of {len(columns)} images"
    page.wait_for_url("**?outcome=wrong")
    page.keyboard.press("m")
    page.wait_for_url("**?outcome=wrong&sort=misled")
    page.keyboard.press("j")
    page.keyboard.press("j")
    first = np.argsort(-columns.misled, kind="stable")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    assert focused.startswith(f"/images/{columns.place[first[1]]}?")
    page.wait_for_selector(".tile.painted")
    page.keyboard.press("Enter")
    await_address(page, f"/images/{columns.place[first[1]]}?")
    ready(page)
    assert page.inner_text("#place-said") == f"2 of {wrong}"
    page.keyboard.press("k")
    page.wait_for_url(f"**/images/{columns.place[first[0]]}?*")
    ready(page)
    assert not page.locator("#before").get_attribute("href")
    page.keyboard.press("u")
    page.wait_for_url("**/images?outcome=wrong*")
    ready(page)
    page.go_back()
    page.wait_for_url(f"**/images/{columns.place[first[0]]}?*")
    assert opened.errors == []


@pytest.mark.slow
def test_the_browser_selects_as_the_studio_does(studio_browser):
    """Each kind of filter by its control, beside what the table of the same address has."""
    opened, studio = studio_browser()
    page = opened.page
    for query in (
        "label=2",
        "predicted=0&outcome=wrong",
        "group=0",
        "low=0.6&high=0.9",
        "region=jaw&least=0.05",
        "find==1",
        "sort=unsure",
        "sort=class",
        "outcome=wrong&sort=misled",
    ):
        page.goto(f"{studio.origin}/images?{query}")
        ready(page)
        address = page.locator("#as-json").get_attribute("href")
        rows = page.request.get(studio.origin + address).json()
        assert tile_count(page).split()[0] == str(len(rows)), query
        shown = page.evaluate(
            """[...document.querySelectorAll('#tiles li')]
            .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
            .map((one) => Number(one.querySelector('a').pathname.split('/').pop()))"""
        )
        assert shown == [row["place"] for row in rows][: len(shown)], query


ADDRESSES = (
    *(
        "low=0.9",
        "high=0.1",
        "low=1e400",
        "high=-1e400",
        "low=-1e400",
        "high=1e39",
        "low=nan",
        "low=1e",
        "low=",
    ),
    *("least=0x1", "most=1_0", "low=+1", "low=%2B.5", "high=1e%2B0", "low=1.", "high=Infinity", "low=٣"),
    *(
        "label=1.0",
        "label=-1",
        "label=7",
        "label=99999999999",
        "group=-1",
        "predicted=x",
        "group=1&outcome=right",
    ),
    *("outcome=differ", "outcome=both", "sort=worst", "region=nowhere", "region=jaw&most=0", "region=jaw"),
    *("find=%5Cu202e", "find=%E2%80%AE", "find=KIM", "find=%22", "unknown=1"),
)
"""Ends of an address, usual and strange."""
CHOOSES = """async (addresses) => {
    const answered = await import("/static/answers.mjs"), dom = await import("/static/dom.mjs");
    const answers = await answered.readAnswers("study");
    await answered.readMore(answers, "study");
    return addresses.map((one) => {
        history.replaceState(null, "", "/images?" + one);
        const state = dom.readAddress(answered.USUAL_SELECTION);
        if (answered.unreadable(answers, state)) return null;
        return [...answered.choose(answers, state)].map((at) => answers.place[at]);
    });
}"""


@pytest.mark.slow
def test_page_and_tables_read_an_address_alike(studio_browser, studio_run, studio_place):
    """The same images of both, or both refuse it."""
    opened, studio = studio_browser(studio_run, beside=studio_place / "run")
    columns = studio.opened.browsed().columns
    scores = [repr(float(one)) for one in columns.score[:8]]
    addresses = [*ADDRESSES, *(f"low={one}&high={one}" for one in [*scores, *(one[:-3] for one in scores)])]
    opened.page.goto(f"{studio.origin}/images")
    ready(opened.page)
    chosen = opened.page.evaluate(CHOOSES, addresses)
    refused = 0
    for address, shown in zip(addresses, chosen, strict=True):
        answer = opened.page.request.get(f"{studio.origin}/images.json?{address}")
        if shown is None:
            refused += 1
            assert answer.status == 400, address
        else:
            assert [row["place"] for row in answer.json()] == shown, address
    assert refused == 13
    opened.page.goto(f"{studio.origin}/images?region=nowhere")
    ready(opened.page)
    assert opened.page.inner_text("#unreadable") == "No region here is called nowhere: no image is shown."
    assert tile_count(opened.page).startswith("0 of ")
    opened.page.click("#clear")
    assert not opened.page.locator("#unreadable").is_visible()
    assert opened.errors == []


def test_a_cell_of_the_confusion_matrix_leads_to_its_images(studio_browser):
    opened, studio = studio_browser()
    page = opened.page
    columns = studio.opened.browsed().columns
    wrong = np.flatnonzero(columns.wrong)[0]
    label, predicted = int(columns.label[wrong]), int(columns.predicted[wrong])
    page.click(f".matrix td[data-label='{label}'][data-predicted='{predicted}'] a")
    await_address(page, "/images?")
    ready(page)
    count = int(((columns.label == label) & (columns.predicted == predicted)).sum())
    assert tile_count(page).split()[0] == str(count)


def is_coloured(pixels, most):
    """Whether red and blue of a pixel differ by more."""
    return any(abs(pixels[at] - pixels[at + 2]) > most for at in range(0, len(pixels), 4))


@pytest.mark.slow
def test_heat_is_drawn_as_one_likes_it(studio_browser):
    opened, studio = studio_browser()
    page = opened.page
    place = int(studio.opened.browsed().columns.place[0])
    page.goto(f"{studio.origin}/images/{place}")
    ready(page)
    pixels = """() => { const one = document.querySelector("#heat");
    return [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data]; }"""
    heat = page.evaluate(pixels)
    assert is_coloured(heat, 40)
    page.keyboard.down("h")
    eventually(page, lambda: not is_coloured(page.evaluate(pixels), 12))
    page.keyboard.up("h")
    eventually(page, lambda: page.evaluate(pixels) == heat)
    for keys, address in (("[", "top=20"), ("s", "sign=for"), ("v", "view=mask"), ("-", "opacity=70")):
        page.keyboard.press(keys)
        await_address(page, address)
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    assert opened.violations() == []
    page.keyboard.press("?")
    page.reload()
    ready(page)
    assert page.locator("#view").input_value() == "mask"
    assert opened.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"dark": True}, {"size": NARROW}, {"language": "ko"}], ids=str)
def test_pages_are_as_good_in_every_light_width_and_language(studio_browser, how):
    opened, studio = studio_browser(**{"size": WIDE, **how})
    for path in ("/images", "/images/9"):
        opened.page.goto(studio.origin + path)
        ready(opened.page)
        opened.page.wait_for_selector(".tile.painted, #heat")
        assert opened.violations() == []
        assert opened.errors == []
        assert not opened.is_wider_than_its_window()
        assert opened.page.evaluate("document.documentElement.lang") == how.get("language", "en")


@pytest.mark.slow
def test_an_old_study_in_the_same_folder_is_not_shown_for_the_new_one(studio_run):
    """Results that come while the studio runs are seen at the next question."""
    with (
        running_studio(studio_run) as studio,
        contextlib.closing(studio.client()) as client,
    ):
        before = client.get("/api/state").json()["state"]
        blame = json.loads((studio_run / "blame.json").read_text())
        (studio_run / "blame.json").write_text(json.dumps({**blame, "answers": "of others"}))
        assert client.get("/api/state").json()["state"] != before
        assert not client.get("/overview.json").json()["blame"]["asked"]
    assert len(Study(studio_run)) > 0
