"""The page in a real browser: it reads without scripts, asks no network, and does what its keys say."""

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline import render
from sightline._language import use_language
from sightline.regions import face
from sightline.repair import Guard
from sightline.reports.image_data import decode_labels
from sightline.reports.page import page_html, placed_outlines, script_json
from sightline.reports.segment_marks import leading_segments
from sightline.reports.study_summary import summarise
from sightline.reports.summary import (
    Claim,
    Confusion,
    Example,
    Interval,
    Measure,
    RegionOutline,
    Repair,
    Section,
)
from support.browser import NARROW, WIDE, eventually, open_page

SECTIONS = [
    "verdict",
    "examined",
    "answers",
    "atlas",
    "blame",
    "causes",
    "groups",
    "images",
    "repair",
    "limits",
]
SECTIONS += ["repeat"]
VOID = {"img", "meta", "link", "br", "hr", "input", "path", "line", "rect", "circle", "polygon", "ellipse"}
WORDLESS = {"script", "style", "code", "pre", "kbd", "head"}
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\"'><svg onload=window.hacked=1>",
    "😀 한국어 & naïve",
    "\u202eשלום evil.exe",
    "w" * 200,
    "</script><!--{{ 7 * 7 }}{% raw %}",
)


def with_repair(summary, verdict="repaired"):
    """The same with a repair: what a page shows of one."""
    right, wrong, *_ = summary.atlas
    entry = next(one for one in summary.images if one.overlay is not None)

    def measure(name, kind, before, after, p=0.001):
        change = Interval(after - before, after - before - 0.05, after - before + 0.05)
        return Measure(name, Interval(after), Interval(before), change, p, None, 100, kind)

    measures = (
        measure("accuracy", "accuracy", 0.7, 0.93),
        measure("share of the jaw, net", "region", 0.4, 0.02),
        measure("accuracy, region of another class", "content", 0.45, 0.9),
        measure("eyes", "other region", -0.1, 0.1, float("nan")),
        measure("recall of Kim", "recall", 0.8, 0.6),
    )
    maps = tuple(
        dataclasses.replace(one, name=kind, kind=kind) for one, kind in ((right, "before"), (wrong, "after"))
    )
    examples = (Example("Kim", "Lee", "Kim", entry, dataclasses.replace(entry, score=float("nan"))),)
    repair = Repair(
        "runs/fixed", "counterexamples", "jaw", verdict, "A headline.", "100 images", "The rule.",
        ("A sentence.",), measures, maps, examples, ("Found in 9 images.",), ("A note.",), "",
    )  # fmt: skip
    return dataclasses.replace(
        summary, repair=repair, verdict=(*summary.verdict[:2], Claim("Better.", "proved"))
    )


def with_many(summary, count):
    """The same with so many images: those that it has, again and again."""
    entries = [summary.images[one % len(summary.images)] for one in range(count)]
    images = tuple(
        dataclasses.replace(one, place=place, id=f"image {place:05d}", overlay=None)
        for place, one in enumerate(entries)
    )
    return dataclasses.replace(summary, images=images, featured=(), groups=())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes a page, and says where it is."""
    folder = tmp_path_factory.mktemp("pages")

    def write(summary, name):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page_html(summary), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def full(small_summary, written):
    return written(with_repair(small_summary), "full")


def given(one):
    """What the model gave the class that it chose, as the page has it."""
    return float(f"{next(score for number, score in one.scores if number == one.predicted):.3g}")


def texts(page, selector):
    return [one.inner_text() for one in page.locator(selector).all()]


def test_everything_is_there_with_scripts_off(browser, small_summary, full):
    with open_page(browser, full, scripts=False) as opened:
        page = opened.page
        assert page.eval_on_selector_all("main > section", "all => all.map(one => one.id)") == SECTIONS
        for section in SECTIONS:
            assert page.locator(f"#{section}").is_visible()
        assert texts(page, ".claims p")[:2] == [one.text for one in small_summary.verdict[:2]]
        assert page.locator("#featured .answer").count() == len(small_summary.featured) > 0
        # Image, heat, mask and errors of each.
        first = page.locator("#featured .answer").first
        assert [one.get_attribute("alt")[:5] for one in first.locator("img").all()] == [
            "image",
            "heat:",
            "mask:",
            "",
        ]
        assert re.fullmatch(r"[+−][\d.]+ ± [\d.]+", first.locator(".values .figure").first.inner_text())
        assert not page.locator("#browse").is_visible()
        assert "Found in 9 images." in page.locator("#repair").inner_text()
        broken = "all => all.filter(one => !one.complete || !one.naturalWidth).length"
        assert page.eval_on_selector_all("img", broken) == 0


@pytest.mark.parametrize(
    ("size", "dark"),
    [
        (WIDE, False),
        pytest.param(WIDE, True, marks=pytest.mark.slow),
        pytest.param(NARROW, False, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_asked_of_a_network_nothing_fails_and_axe_finds_nothing(browser, full, size, dark):
    with open_page(browser, full, size=size, dark=dark) as opened:
        opened.page.wait_for_selector(".tile")
        assert opened.violations() == []
        assert not opened.is_wider_than_its_window()
        opened.page.keyboard.press("?")
        opened.page.wait_for_selector("#keys[open]")
        assert opened.violations("#keys") == []
        opened.page.keyboard.press("?")
        opened.page.locator(".tile").first.click()
        opened.page.wait_for_selector("#one[open]")
        assert opened.violations("#one") == []
        assert (opened.errors, opened.beyond_the_file) == ([], [])


def test_the_policy_lets_nothing_else_run_or_be_fetched(browser, full):
    with open_page(browser, full) as opened:
        said = opened.page.evaluate(
            """async () => {
                const image = "<img src='data:,x' onerror='window.hacked = 1'>";
                document.body.insertAdjacentHTML("beforeend", image);
                const script = document.createElement("script");
                script.textContent = "window.hacked = 1";
                document.body.append(script);
                let fetched = "yes";
                try { await fetch("http://example.org/"); } catch { fetched = "no"; }
                await new Promise((done) => setTimeout(done, 50));
                return [window.hacked ?? "safe", fetched];
            }"""
        )
        assert said == ["safe", "no"]
        assert opened.beyond_the_file == []
        assert any("Content Security Policy" in one for one in opened.errors)


def test_a_cell_of_the_confusion_matrix_filters_images_and_groups(browser, small_summary, full):
    wrong = next(one for one in small_summary.images if not one.right)
    pair = (wrong.label, wrong.predicted)
    count = sum((one.label, one.predicted) == pair for one in small_summary.images)
    with open_page(browser, full) as opened:
        page = opened.page
        cell = page.locator(f"td[data-label='{pair[0]}'][data-predicted='{pair[1]}'] button")
        cell.click()
        assert cell.get_attribute("aria-pressed") == "true"
        assert page.locator("#count").inner_text() == f"{count} of {len(small_summary.images)} images"
        assert page.locator(".tile").count() == count
        for place, group in enumerate(small_summary.groups):
            held = any((label, said) == pair for label, said, _ in group.pairs)
            assert page.locator(f".group[data-group='{place}']").is_visible() == held
        assert page.evaluate("location.hash") == f"#label={pair[0]}&predicted={pair[1]}"
        notes = [page.locator(f"#{section} .of-all") for section in ("atlas", "blame", "causes", "repair")]
        assert all(one.is_visible() for one in notes)
        cell.click()
        assert not any(one.is_visible() for one in notes)
        assert page.locator("#count").inner_text().startswith(f"{len(small_summary.images)} of")
        assert page.evaluate("location.hash") == ""


def test_a_link_shows_the_same_selection_and_pages_are_of_sixty(browser, small_summary, written):
    many = with_many(small_summary, 190)
    ranked = [one for one in many.images if one.right]
    with open_page(browser, written(many, "many"), fragment="#outcome=right&sort=unsure&page=1") as opened:
        page = opened.page
        shown = texts(page, "#count")[0]
        assert shown == f"{len(ranked)} of 190 images"
        least = sorted(ranked, key=lambda one: (given(one), one.place))[60:120]
        tiles = page.locator(".tile").all()
        assert [one.get_attribute("aria-label").split(";")[0] for one in tiles] == [one.id for one in least]
        page.keyboard.press("p")
        assert page.locator("#page").inner_text().startswith("page 1 of")
        assert page.evaluate("location.hash") == "#outcome=right&sort=unsure"
        page.keyboard.press("x")
        assert texts(page, "#count") == ["190 of 190 images"]
        page.locator("#find").fill("00042")
        assert [one.get_attribute("data-at") for one in page.locator(".tile").all()] == ["42"]
        assert opened.errors == []


def test_keys_move_open_and_sort(browser, small_summary, full):
    def misled(one):
        truth = [score for number, score in one.scores if number == one.label]
        return -1 if one.right else given(one) - float(f"{(truth or [0])[0]:.3g}")

    with open_page(browser, full) as opened:
        page = opened.page
        for key in ("m", "j", "j", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector("#one[open]")
        ranked = sorted(small_summary.images, key=lambda one: (-misled(one), one.place))
        assert page.locator("#one-name").inner_text() == ranked[1].id
        assert page.locator("#one-place").inner_text() == f"2 of {len(ranked)}"
        page.keyboard.press("k")
        assert page.locator("#one-place").inner_text().startswith("1 of")
        page.keyboard.press("Escape")
        # The dialog itself gives the focus back; that it was closed is told to the page a turn later.
        eventually(page, lambda: page.evaluate("location.hash") == "#sort=misled")
        assert page.evaluate("document.activeElement.className") == "tile"
        page.keyboard.press("w")
        assert page.locator("#outcome").input_value() == "wrong"
        page.keyboard.press("?")
        page.locator("#keys-on").uncheck()
        page.locator("#keys-close").click()
        page.keyboard.press("w")
        assert page.locator("#outcome").input_value() == "wrong"


def image_of(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.pixels))).convert("RGB"))


def canvas_pixels(page, selector):
    read = """canvas => [canvas.width, canvas.height,
        Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)]"""
    width, height, flat = page.eval_on_selector(selector, read)
    return np.array(flat, dtype=int).reshape(height, width, 4)[..., :3]


def shows(page, selector, wanted):
    """Whether a canvas has these pixels, as far as two decoders of WebP agree."""
    seen = canvas_pixels(page, selector)
    return seen.shape == wanted.shape and np.abs(seen - wanted).max() <= 4


def test_heat_and_mask_are_those_that_python_draws(browser, small_summary, full):
    place = next(at for at, one in enumerate(small_summary.images) if not one.right and one.image is not None)
    one = small_summary.images[place]
    pixels, labels = image_of(one.image), decode_labels(small_summary.label_maps[one.segments])
    values = np.array(one.values)
    with open_page(browser, full, fragment=f"#open={place}") as opened:
        page = opened.page
        page.wait_for_selector("#one-marks text")
        heat = render.overlay_heat(pixels, values[labels], one.limit).astype(int)
        eventually(page, lambda: shows(page, "#one-heat", heat))
        kept = np.isin(labels, [segment for segment, _, _ in one.leading if values[segment] != 0])
        mask = np.where(kept[..., None], pixels, 128)
        eventually(page, lambda: shows(page, "#one-mask", mask))
        assert sorted(page.locator("#one-marks text").all_text_contents()) == sorted(
            str(segment) for segment, _, _ in one.leading
        )
        page.locator("#sign").select_option("for")
        page.locator("#threshold").fill("50")
        strong = np.where(values >= 0.5 * one.limit, values, 0.0)
        weaker = render.overlay_heat(pixels, strong[labels], one.limit).astype(int)
        eventually(page, lambda: shows(page, "#one-heat", weaker))
        assert page.evaluate("location.hash") == f"#open={place}&sign=for&threshold=50"


def hostile(summary):
    """The same with names that nobody wants to meet, and one of each kind of row."""
    names = tuple((number, HOSTILE[number % len(HOSTILE)]) for number in range(12))
    images = tuple(
        dataclasses.replace(one, id=HOSTILE[at % len(HOSTILE)], label=at % 7, predicted=(at * 3) % 7)
        for at, one in enumerate(summary.images)
    )
    rows = tuple(
        dataclasses.replace(summary.blame.rows[0], name=name, finding=name, towards=name) for name in HOSTILE
    )
    table = tuple((name, *summary.blame.table[0][1:]) for name in HOSTILE)
    outlines = tuple(dataclasses.replace(summary.region_outlines[0], name=name) for name in HOSTILE)
    examined = dataclasses.replace(summary.examined, model=HOSTILE[0], data=HOSTILE[5])
    return dataclasses.replace(
        summary,
        title=HOSTILE[0],
        class_names=names,
        images=images,
        examined=examined,
        confusion=Confusion(tuple(range(7)), tuple(range(7)), np.eye(7, dtype=int), 3),
        measures=tuple(Measure(name, Interval(0.5, 0.4, 0.6), kind="recall") for name in HOSTILE),
        blame=dataclasses.replace(summary.blame, rows=rows, table=table, verdict="\n".join(HOSTILE)),
        region_outlines=outlines,
        failures=tuple((name, name) for name in HOSTILE),
        limits=HOSTILE,
        commands=HOSTILE,
    )


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_hostile_names_never_become_code_and_do_not_break_the_layout(browser, small_summary, written, size):
    file = written(hostile(with_repair(small_summary)), "hostile")
    with open_page(browser, file, size=size) as opened:
        page = opened.page
        page.wait_for_selector(".tile")
        page.locator(".tile").first.click()
        page.wait_for_selector("#one[open]")
        assert page.evaluate("window.hacked ?? 'safe'") == "safe"
        assert (opened.errors, opened.beyond_the_file) == ([], [])
        assert page.locator("script").count() == 2
        assert page.locator("main img[onerror], svg[onload]").count() == 0
        assert page.locator("h1").inner_text() == HOSTILE[0]
        assert HOSTILE[6] in page.locator("#limits").inner_text()
        assert not opened.is_wider_than_its_window()


def test_it_prints_in_order_in_light_colours_with_all_sections_open(browser, full):
    with open_page(browser, full, dark=True) as opened:
        page = opened.page
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("nav").is_visible()
        assert not page.locator("#browse").is_visible()
        assert page.locator("#featured .answer").first.is_visible()
        tops = [page.locator(f"#{section}").bounding_box()["y"] for section in SECTIONS]
        assert tops == sorted(tops)
        assert page.locator("details:not([open])").count() > 0
        heights = [one.bounding_box()["height"] for one in page.locator("details").all()]
        assert min(heights) > 60  # a heading alone has 24
        assert page.pdf()[:5] == b"%PDF-"


def test_a_selection_is_what_is_printed(browser, full):
    with open_page(browser, full, fragment="#outcome=wrong") as opened:
        opened.page.emulate_media(media="print")
        assert opened.page.locator(".tile").first.is_visible()
        assert not opened.page.locator("#featured").is_visible()


def test_of_many_regions_only_what_was_found_and_the_first_others_stand_in_the_section(
    browser, small_summary, written
):
    found = [one for one in small_summary.blame.rows if one.status == "drives errors"]
    other = next(one for one in small_summary.blame.rows if one.status == "nothing")
    rows = [dataclasses.replace(other, name=f"place {one}") for one in range(30)] + found
    blame = dataclasses.replace(small_summary.blame, rows=tuple(rows))
    with open_page(browser, written(dataclasses.replace(small_summary, blame=blame), "rows")) as opened:
        names = texts(opened.page, "#blame .found tbody th")
        assert names == [f"place {one}" for one in range(6)] + [one.name for one in found]
        assert "24 more of which nothing was found" in opened.page.locator("#blame").inner_text()


@pytest.mark.parametrize("size", [NARROW, (1200, 800)], ids=str)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_window_cuts_a_number(browser, small_summary, written, language, size):
    gain = Interval(0.412, -0.0067, 0.533)
    long = dataclasses.replace(
        small_summary.blame.rows[0], name="lower mid-right of 4x4", gain=gain, elsewhere=-0.0033
    )
    rows = (*small_summary.blame.rows, long)
    blame = dataclasses.replace(small_summary.blame, rows=rows)
    summary = dataclasses.replace(with_repair(small_summary), blame=blame, language=language)
    shown = "document.querySelectorAll('.scrolls:not(details *, :has(.matrix))')"
    cut = f"[...{shown}].filter(one => one.scrollWidth > one.clientWidth)"
    with open_page(browser, written(summary, f"cut-{language}"), size=size) as opened:
        assert opened.page.evaluate(f"{cut}.map(one => one.ariaLabel)") == []
        cell = opened.page.locator("#blame .found tbody tr").last.locator("td").nth(3)
        assert cell.inner_text() == "−0.0033"
        assert (cell.get_attribute("data-head") == "elsewhere") == (language == "en")


def test_scores_have_two_decimals_by_python_and_by_script(browser, small_summary, written):
    entry = small_summary.images[0]
    scores = ((0, 0.9), (1, -1.0), (2, 0.012))
    entry = dataclasses.replace(entry, predicted=0, scores=scores, score=0.9, hidden=0.5)
    summary = dataclasses.replace(small_summary, images=(entry,), featured=(0,), groups=())
    with open_page(browser, written(summary, "scores")) as opened:
        for place in ("#featured", "#one"):
            if place == "#one":
                opened.page.locator(".tile").first.click()
                assert opened.page.locator(".tile").first.inner_text().endswith(" 0.90")
            said = opened.page.locator(f"{place} .scores, {place} #one-scores").first.text_content()
            assert re.findall(r" (−?[\d.]+)", said) == ["0.90", "−1.00", "0.012"]


def test_names_of_regions_that_lie_in_each_other_are_not_written_over_each_other(small_summary):
    third, fourth = (f"M0 {top} 300 {top} 300 1000 0 1000Z" for top in (667, 750))
    outlines = tuple(
        RegionOutline(f"bottom left of {side}x{side}", path, "drives errors")
        for side, path in ((3, third), (4, fourth))
    )
    placed = placed_outlines(dataclasses.replace(small_summary, region_outlines=outlines))
    assert [one.named for one in placed.outlines] == [True, False]


def test_the_name_of_a_region_at_an_edge_is_whole(browser, small_summary, written):
    def corner(name, left):
        path = f"M{left} 0 {left + 200} 0 {left + 200} 200 {left} 200Z"
        return RegionOutline(name, path, "drives errors")

    outlines = (corner("corner top-left", 0), corner("corner top-right", 800))
    summary = dataclasses.replace(small_summary, region_outlines=outlines)
    assert [one.anchor for one in placed_outlines(summary).outlines] == ["start", "end"]
    box = "one => { const at = one.getBoundingClientRect(); return [at.left, at.right]; }"
    with open_page(browser, written(summary, "corners")) as opened:
        drawn = opened.page.locator("#blame .regions svg")
        left, right = drawn.evaluate(box)
        for name in drawn.locator("text").all():
            begins, ends = name.evaluate(box)
            assert left <= begins < ends <= right, name.text_content()
        assert drawn.locator("text").all_text_contents() == [one.name for one in outlines]


@pytest.mark.parametrize(
    ("status", "low", "high", "asks"),
    [
        ("nothing", -0.3, -0.1, True),
        ("nothing", 0.1, 0.3, True),
        ("nothing", -0.1, 0.1, False),
        ("nothing", float("nan"), float("nan"), False),
        ("drives errors", 0.1, 0.3, False),
    ],
)
def test_why_nothing_is_found_is_said_where_a_reader_may_wonder(small_summary, status, low, high, asks):
    gain = Interval((low + high) / 2, low, high)
    row = dataclasses.replace(small_summary.blame.rows[0], status=status, gain=gain)
    blame = dataclasses.replace(small_summary.blame, rows=(row,))
    assert blame.nothing_beside_clear == asks
    if asks:
        page = page_html(dataclasses.replace(small_summary, blame=blame))
        assert "beside an interval clear of 0" in page[page.index('id="blame"') :]


def not_asked(title):
    return Section(title, False, "This was not asked.", "sightline ask")


def test_of_a_study_without_anything_the_rest_still_reads(browser, small_summary, written):
    bare = dataclasses.replace(
        small_summary, confusion=None, measures=(), atlas=(), atlas_notes=(), regions_image=None,
        region_outlines=(), blame=not_asked("Regions"), concepts=not_asked("Concepts"),
        causes=not_asked("Causes"), slices=not_asked("Slices"), groups=(), groups_note="", images=(),
        label_maps=(), featured=(), sampling="",
    )  # fmt: skip
    with open_page(browser, written(bare, "bare")) as opened:
        assert opened.errors == []
        assert opened.violations() == []
        assert texts(opened.page, "#limits .ask") == ["To ask: sightline ask"] * 3


def test_images_that_cannot_be_read_are_said_to_be(browser, small_summary, written):
    images = tuple(dataclasses.replace(one, image=None, overlay=None) for one in small_summary.images)
    lost = dataclasses.replace(small_summary, images=images)
    with open_page(browser, written(lost, "lost"), fragment="#open=0") as opened:
        opened.page.wait_for_selector("#one[open]")
        assert "could not be read" in opened.page.locator("#one-notes").inner_text()
        assert opened.errors == []


def test_the_page_has_no_style_attribute_and_its_script_is_small(small_summary):
    page = page_html(with_repair(small_summary))
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    assert not re.search(r"\s(style|on\w+)=", body)
    script = page[page.index('<script type="module">') :]
    assert len(script.encode()) < 25_000
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg", "", script)
    assert f'<html lang="{small_summary.language}">' in page


def test_json_in_the_page_cannot_end_its_element():
    written = script_json({"a": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(written)
    assert "\\u003c/script\\u003e" in written


def test_marks_lie_on_their_segments_and_the_cover_hides_the_others(small_summary):
    one = next(one for one in small_summary.images if one.leading and one.segments >= 0)
    made = leading_segments(small_summary, one)
    labels = decode_labels(small_summary.label_maps[one.segments])
    assert [mark.segment for mark in made.marks] == [segment for segment, _, _ in one.leading]
    assert all(labels[int(mark.down), int(mark.across)] == mark.segment for mark in made.marks)
    cover = np.asarray(Image.open(io.BytesIO(base64.b64decode(made.cover.pixels))).convert("RGBA"))
    kept = np.isin(labels, [segment for segment, _, _ in one.leading if one.values[segment] != 0])
    assert ((cover[..., 3] == 0) == kept).all()


class Prose(HTMLParser):
    """What a page says in words: neither names, ids, commands nor scripts."""

    def __init__(self):
        super().__init__()
        self.open, self.said = [], []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.said += [told[name] for name in ("alt", "aria-label") if told.get(name)]
        if tag not in VOID:
            self.open.append(tag in WORDLESS or "name" in (told.get("class") or "").split())

    def handle_endtag(self, tag):
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data):
        if not any(self.open):
            self.said.append(data)


@pytest.mark.slow
def test_in_korean_no_english_is_left_but_names_and_commands(small_study):
    repair = Guard(region=face()["jaw"])(small_study.model, small_study.studied)
    proof = sl.prove(
        small_study.model, repair, small_study.held_out, study=small_study, explained=4, progress=False
    )
    with use_language("ko"):
        told = summarise(small_study, repaired=repair, proof=proof, dated=False, progress=False)
    page = Prose()
    page.feed(page_html(told))
    said = " ".join(page.said)
    for name in (*small_study.class_names, *told.commands, *(one.id for one in told.images), told.title):
        said = said.replace(name, " ")
    command = re.compile(r"sightline [^)]*|--[a-z-]+|\w+=[\w.'-]*|[A-Z]\w+\([^()]*\)")
    left = set(re.findall(r"[A-Za-z]{3,}", command.sub(" ", said)))
    assert left <= {"sightline", "numpy"}, left
