"""What a studio does when something breaks that nobody foresaw, or when its own files change under it."""

import contextlib
import re
import time

import pytest

from sightline._language import use_language
from sightline.reports.page import page_environment
from sightline.studio import replies
from support.studios import running_studio


@pytest.fixture
def broken(studio_place, monkeypatch):
    """A studio whose summary fails in a way that is nobody's message."""
    with running_studio(studio_place / "run") as studio:
        client = studio.client()

        def fail(within=None):
            raise KeyError("tables <b>")

        monkeypatch.setattr(studio.opened, "summary", fail)
        yield client


def test_what_was_not_foreseen_is_a_page_with_words_and_stands_in_the_terminal(broken, caplog):
    answer = broken.get("/")
    assert answer.status_code == 500
    assert "The studio failed in a way that was not foreseen" in answer.text
    assert "KeyError" in answer.text
    assert "start it again" in answer.text
    assert "tables &lt;b&gt;" in answer.text
    assert "<b>" not in answer.text
    assert 'href="/images"' in answer.text  # the way on
    ends = time.monotonic() + 10  # it is logged once the browser has its page
    while "Traceback" not in caplog.text and time.monotonic() < ends:
        time.sleep(0.02)
    assert "tables <b>" in caplog.text


def test_what_was_not_foreseen_is_told_to_scripts_as_json(broken):
    answer = broken.get("/overview.json")
    assert answer.status_code == 500
    assert "not foreseen (KeyError" in answer.json()["error"]


def test_every_page_is_read_before_the_studio_answers():
    replies.read_pages()
    pages = page_environment(replies.PACKAGE)
    assert {name for _, name in pages.cache} >= set(pages.list_templates())
    assert not pages.auto_reload


def test_a_link_to_work_stands_beside_commands_in_the_studio_and_nowhere_else():
    asks = '{% from "macros.html.jinja" import how_to_ask %}{{ how_to_ask("sightline blame run") }}'
    with use_language("en"):
        assert 'href="/work"' in page_environment(replies.PACKAGE).from_string(asks).render()
        assert "href" not in page_environment().from_string(asks).render()


@pytest.mark.parametrize(("language", "told"), [("en", "There is no such page"), ("ko", "그런 페이지는")])
def test_that_there_is_no_such_page_is_said_in_the_reader_s_language(studio_place, language, told):
    with (
        running_studio(studio_place / "run", language=language) as studio,
        contextlib.closing(studio.client()) as client,
    ):
        for path in ("/nowhere", "/tables/nothing.csv", "/api/nothing"):
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert told in (answer.text if path == "/nowhere" else answer.json()["error"])


@pytest.mark.slow
def test_commands_know_what_was_found_by_one_name_in_every_language(studio_run):
    with running_studio(studio_run, language="ko") as studio, contextlib.closing(studio.client()) as client:
        studio.opened.summary()  # until it is there, pages wait
        groups, work = client.get("/groups").text, client.get("/work").text
        for name, called in (("noise", "잡음"), ("jaw", "턱")):
            assert f'data-name="{name}" data-called="{called}"' in groups
            assert re.search(f'<option value="{name}"[^>]*>{called} \\(', work)
        place = client.get("/images.json").json()[0]["place"]
        assert ["jaw", "턱"] in client.get(f"/api/images/{place}/ask").json()["regions"]
        assert '<bdi class="name" title="jaw">턱</bdi>' in client.get("/regions").text
        client.post("/api/verdicts", json={"of": "property", "name": "noise", "said": "shortcut"})
        assert studio.opened.study.verdicts.names("shortcut") == ["noise"]
        summary = studio.opened.summary()
        assert "noise" in [row.name for row in summary.causes.rows]
        (said,) = summary.said
        with use_language("ko"):
            assert said.shown_name == "잡음"
