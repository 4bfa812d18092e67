"""Layout: nothing overlaps or is cut, every text fits, and the same figure whatever the user's style is."""

import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from sightline import figures
from sightline.errors import SightlineWarning
from sightline.figures import font_families
from sightline.figures.layout import legible_text, shorten_text, text_width, wrap_parts
from sightline.regions import polygons as regions_of
from sightline.types import Contrast
from support.drawn_figures import KINDS, MIXED, MIXED_ERROR, example, pixels, texts

LONG = tuple(f"a class with quite a long name, number {index}, of a family of birds" for index in range(3))


LAYOUTS = [((28, 28), None), ((300, 60), None), ((3, 200), None), ((900, 700), None)]
LAYOUTS += [((28, 28), LONG), ((3, 200), LONG)]


def laid_out(name, shape, names):
    height, width = shape
    labels = (np.arange(height)[:, np.newaxis] * 2 // height) * 2 + np.arange(width) * 2 // width
    values = [[0.1234, -0.05, 0.02, 8.4e-4], [-0.2, 0.1, 0.0, 0.3]]
    one = example(
        values,
        [0.01, 0.01, 0.05, 1.8e-6],
        labels=labels,
        targets=(0, Contrast(1, 2)),
        names=names,
        settled=False,
    )
    if name == "right_and_wrong":
        return figures.plot_right_and_wrong([one, one, one], [0, 1, 2])
    return figures.plot(one, name)


def gap(one, other):
    """Free pixels between two boxes, one above the other; negative where they overlap."""
    return max(one.y0, other.y0) - min(one.y1, other.y1)


@pytest.mark.slow
def test_the_images_pixels_are_the_figures_pixels(rng):
    labels = np.repeat(np.arange(2), 32)[np.newaxis].repeat(64, axis=0)
    image = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    figure = figures.plot_panel(example([0.4, -0.3], image=image, labels=labels))
    page = pixels(figure)
    large = np.kron(image, np.ones((7, 7, 1), np.uint8)).astype(int)
    top, left = next(
        (y, 40) for y in range(500, page.shape[0] - 448) if np.array_equal(page[y, 40:488], large[0])
    )
    assert np.array_equal(page[top : top + 448, left : left + 448], large)


def test_dollar_signs_and_underscores_in_names_are_letters_and_not_formulas():
    one = example([0.4, -0.3], names=("$x_2^$ \\frac{", "dog", "owl"))
    figure = figures.plot_panel(one)
    assert texts(figure)[0] == "$x_2^$ \\frac{"
    figures.figure_to_png(figure)


def test_letters_without_a_font_become_boxes_and_a_warning_says_what_to_do():
    with pytest.warns(SightlineWarning, match=re.escape("'\\U0010fffd'")) as caught:
        assert legible_text("a\U0010fffd  b\n") == "a□ b"
    assert caught[0].message.slug == "font-letters"
    assert "such as Noto Sans CJK" in str(caught[0].message)


def alone(monkeypatch):
    """As on a machine without a font for Hangul."""
    monkeypatch.setattr(font_families, "FAMILIES", ("DejaVu Sans", font_families.OURS))
    font_families.known_families.cache_clear()
    font_families.known_letters.cache_clear()
    assert font_families.known_families() == ("DejaVu Sans", font_families.OURS)


@pytest.fixture
def bare_machine(monkeypatch):
    with monkeypatch.context() as changed:
        alone(changed)
        yield
    font_families.known_families.cache_clear()
    font_families.known_letters.cache_clear()


def test_every_syllable_of_hangul_is_drawn_in_both_weights(bare_machine):
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    assert legible_text(syllables) == syllables
    assert legible_text("ㄱㅎㅏㅣ「」、。") == "ㄱㅎㅏㅣ「」、。"
    for bold in (False, True):
        assert text_width("가나다", 9, bold=bold) > 2 * text_width("abc", 9) - 20


def test_a_korean_title_in_the_users_own_axes_is_no_row_of_boxes(bare_machine):
    ax = Figure().add_subplot()
    one = example([0.4, -0.3], names=("가", "뷁", "다"))
    one.plot(ax=ax)
    one.plot("bars", ax=Figure().add_subplot())
    ax.figure.canvas.draw()  # matplotlib warns of letters that it cannot draw
    assert ax.get_title() == "가"


@pytest.mark.slow
def test_titles_in_hangul_give_no_warning_whatever_fonts_there_are(bare_machine):
    regions = regions_of({"턱": [(0, 0), (0, 1), (1, 1)], "눈": [(0, 0), (1, 1), (1, 0)]})
    drawn = [
        figures.plot_images(np.zeros((2, 8, 8)), ["가", "나"], heading="학습용 사진"),
        figures.plot_regions(regions, np.zeros((64, 64))),
        figures.plot_panel(example([0.4, -0.3], names=("가", "나", "다"))),
    ]
    for figure in drawn:
        figures.figure_to_png(figure)
    figures.stack_figures("한 장에 모은 이야기", [("제목", "설명", drawn[0])])


@pytest.mark.parametrize(
    ("shape", "names"), LAYOUTS, ids=["small", "tall", "flat", "large", "names", "names-flat"]
)
@pytest.mark.parametrize("name", [*KINDS, "right_and_wrong"])
def test_no_words_overlap_each_other_or_an_image_or_are_cut(name, shape, names):
    figure = laid_out(name, shape, names)
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    axes = figure.axes[0]
    numbers = [label for chart in figure.axes[1:] for label in chart.get_xticklabels()]
    words = [*(text for text in axes.texts if not text.get_path_effects()), *numbers]
    places = [text.get_window_extent(renderer) for text in words]
    images = [image.get_window_extent(renderer) for image in axes.images]
    for index, (word, place) in enumerate(zip(words, places, strict=True)):
        assert page.x0 + 20 <= place.x0 < place.x1 <= page.x1 - 30, word.get_text()
        assert page.y0 + 10 <= place.y0 < place.y1 <= page.y1 - 10, word.get_text()
        others = [*places[:index], *images]
        apart = [(min(place.x1, o.x1) <= max(place.x0, o.x0)) or gap(place, o) >= -1 for o in others]
        assert all(apart), word.get_text()
    for place in images:
        assert page.x0 <= place.x0
        assert place.x1 <= page.x1
        assert page.y0 + 20 <= place.y0


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 2)], ids=str)
def test_extreme_shapes_are_drawn(shape):
    one = example([[0.4]], labels=np.zeros(shape, int))
    for name in KINDS:
        assert isinstance(figures.plot(one, name), Figure)


@pytest.mark.slow
def test_a_text_is_shortened_to_its_width_and_a_short_one_stays():
    assert shorten_text("cat", 200, 9) == "cat"
    short = shorten_text("a class with quite a long name", 200, 9)
    assert short.endswith("…")
    assert 150 < text_width(short, 9) <= 200
    assert text_width(shorten_text("W" * 10_000, 200, 9), 9) <= 200


@pytest.mark.slow
def test_wrapped_words_fit_their_width_and_lose_nothing_but_what_is_beyond_the_last_line():
    words = ["what", "stands", "here", "is", "broken", "into", "lines", "of", "its", "own"]
    lines = wrap_parts(words, 240, 9, between=" ")
    assert " ".join(lines) == " ".join(words)
    assert all(text_width(line, 9) <= 240 for line in lines)
    assert len(wrap_parts(words * 9, 240, 9, between=" ")) == 3


@pytest.mark.slow
def test_the_same_explanation_gives_the_same_bytes():
    one = example(MIXED, MIXED_ERROR)
    for name in KINDS:
        assert figures.figure_to_png(figures.plot(one, name)) == figures.figure_to_png(
            figures.plot(one, name)
        )


@pytest.mark.slow
def test_the_users_style_changes_nothing():
    one = example(MIXED, MIXED_ERROR)
    plain = {name: figures.figure_to_png(figures.plot(one, name)) for name in KINDS}
    style = {
        "font.size": 30,
        "font.family": "serif",
        "text.color": "white",
        "axes.facecolor": "black",
        "figure.facecolor": "black",
        "figure.dpi": 50,
        "figure.constrained_layout.use": True,
        "savefig.bbox": "tight",
        "savefig.dpi": 30,
        "savefig.transparent": True,
        "axes.grid": True,
        "image.cmap": "gray",
        "image.interpolation": "bilinear",
        "image.origin": "lower",
        "lines.linewidth": 9,
        "patch.force_edgecolor": True,
    }
    with matplotlib.rc_context(style):
        assert {name: figures.figure_to_png(figures.plot(one, name)) for name in KINDS} == plain


@pytest.mark.slow
def test_pyplot_knows_nothing_of_the_figures():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    for name in KINDS:
        figures.figure_to_png(figures.plot(example(MIXED, MIXED_ERROR), name))
    assert plt.get_fignums() == before


@pytest.mark.slow
def test_drawing_does_not_load_pyplot_and_loading_figures_does_not_load_matplotlib():
    code = (
        "import sys, numpy as np, sightline.figures as figures\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figures.figure_to_png(figures.plot_images([np.zeros((8, 8))], ['a']))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.slow
def test_threads_may_draw_at_once():
    ones = [example(np.array(MIXED) * scale, MIXED_ERROR) for scale in (1, 2, 3, 4)]
    alone = [figures.figure_to_png(figures.plot_panel(one)) for one in ones]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: figures.figure_to_png(figures.plot_panel(one)), ones)) == alone


@pytest.mark.slow
def test_a_figure_shows_itself_in_a_notebook_and_can_be_pickled_and_saved(tmp_path):
    figure = figures.plot_overlay(example(MIXED, MIXED_ERROR))
    assert figure._repr_png_() == figures.figure_to_png(figure)
    assert pickle.loads(pickle.dumps(figure))._repr_png_() == figures.figure_to_png(figure)
    for ending in ("png", "pdf", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 1000


def test_a_part_that_is_too_wide_is_broken_after_its_commas_and_nothing_is_lost():
    scores = "log-odds 7.16 (probability 0.9992), with everything hidden −3.25"
    lines = wrap_parts([scores, "Lime", "1,000 model calls"], 400, 9)
    assert lines[0] == "log-odds 7.16 (probability 0.9992),"
    assert lines[1].startswith("with everything hidden −3.25 · Lime")
    assert "…" not in "".join(lines)
    assert wrap_parts([scores], 900, 9) == [scores]
