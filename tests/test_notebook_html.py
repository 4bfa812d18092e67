"""Results as a notebook's cell shows them: without scripts, names escaped, in the reader's language."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import sightline as sl
from sightline._language import use_language
from sightline._notebook_html import LARGE, result_html
from sightline.evaluation.comparison import Comparison
from sightline.evaluation.multi_label import MultiLabelEvaluation
from sightline.figures.cell_figure import CellFigure
from sightline.figures.layout import figure_to_png
from sightline.findings.atlas_result import Atlas
from sightline.findings.blame_result import Blame
from sightline.findings.cause_result import ImageCauses
from sightline.findings.slice_result import Slices
from sightline.proof.result import Proof
from sightline.repair.selection import Choice, Trial

KEPT_BY_JUPYTER = {"div", "p", "b", "img", "table", "thead", "tbody", "tr", "th", "td"}
"""Of the tags that JupyterLab leaves in a notebook that is not trusted, those that are used."""
KEPT_ATTRIBUTES = {"lang", "alt", "src", "style"}


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.open, self.texts = set(), {}, [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= dict(attrs)
        self.open += [] if tag == "img" else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read_html(page):
    made = Tags()
    made.feed(page)
    assert made.open == []
    assert made.tags <= KEPT_BY_JUPYTER
    assert set(made.attributes) <= KEPT_ATTRIBUTES
    return made


def noisy_figure():
    figure = CellFigure(figure_to_png, figsize=(4, 4), dpi=144)
    figure.add_axes((0, 0, 1, 1)).imshow(np.random.default_rng(0).random((400, 400, 3)))
    return figure


def test_names_are_never_markup_and_nothing_needs_a_script():
    name = "<img src=x onerror=alert(1)>\"'&"
    page = read_html(result_html(name, sentences=[name], tables=[[(name, "a"), (name, name)]]))
    assert page.texts.count(name) == 5
    assert "img" not in page.tags


@pytest.mark.slow
def test_a_large_figure_is_kept_small_and_says_in_words_what_it_shows():
    page = result_html("Noise", figure=noisy_figure, sentences=["It is everywhere."])
    kind, data = re.search(r'src="data:image/(\w+);base64,([^"]+)"', page).groups()
    assert kind == "webp"
    assert len(figure_to_png(noisy_figure())) > LARGE
    assert len(data) < len(figure_to_png(noisy_figure()))  # noise is the worst there is
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (576, 576)
    assert read_html(page).attributes["alt"] == "Noise. It is everywhere."


def test_what_cannot_be_drawn_is_left_out():
    def fails() -> Figure:
        raise sl.SightlineError("no.", slug="option-value")

    assert read_html(result_html("Words alone", figure=fails)).tags == {"div", "p", "b"}


def test_every_result_shows_itself():
    kinds = (sl.Explanation, sl.Study, sl.evaluate, Atlas, Blame, ImageCauses, Slices, Proof, Comparison)
    for kind in (*kinds, Choice, MultiLabelEvaluation):
        assert kind is sl.evaluate or callable(kind._repr_html_)


@pytest.fixture(scope="module")
def answers():
    images = np.repeat(np.linspace(0, 1, 40), 16).reshape(40, 4, 4)
    return sl.evaluate(
        lambda x: x.mean((1, 2)),
        (images, [0] * 15 + [1] * 25),
        class_names=["<b>well", "ill"],
        progress=False,
    )


def test_an_evaluation_has_its_measures_its_matrix_and_its_curves(answers):
    page = read_html(answers._repr_html_())
    assert {"img", "table"} <= page.tags
    assert page.texts.count("<b>well") == 2
    assert answers.heading in page.texts
    assert page.attributes["lang"] == "en"


def test_a_cell_is_told_in_the_readers_language_and_the_text_twin_too(answers):
    with use_language("ko"):
        page = read_html(answers._repr_html_())
        assert repr(answers).startswith("이미지 40장의 평가")
    assert page.attributes["lang"] == "ko"
    assert {"정확도", "재현율", "정밀도", "실제 \\ 답"} <= set(page.texts)


def test_a_choice_is_a_table_and_its_verdict():
    trials = (Trial("as it is", 0.9, 0.2, 0.9, 0.0), Trial("Guard()", 0.9, 0.8, 0.9, 1.0))
    choice = Choice(trials, 40, (None, None))
    page = read_html(choice._repr_html_())
    assert choice.verdict in page.texts
    assert page.texts.count("Guard()") == 0
    assert "* Guard()" in page.texts
    with use_language("ko"):
        assert choice.verdict == (
            "선택: Guard(). 두 바꿈 중 더 어려운 쪽에서 0.80으로, 원래 모델은 0.20입니다."
        )
