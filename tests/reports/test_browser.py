"""The browser that the tests of pages look with: it has to see what is wrong with a page."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.browser import NARROW, open_page

SOUND = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title></head>
<body><main><h1>Sound</h1></main></body></html>"""
FAULTY = """<!doctype html><html><head><meta charset="utf-8"><title>t</title></head>
<body><img src="http://example.org/a.png"><p id="wide">x</p>
<script>document.querySelector("#wide").style.width = "2000px"; console.error("said"); boom()</script>
</body></html>"""


def test_a_sound_page_has_nothing_to_be_said_of(browser, tmp_path):
    (tmp_path / "page.html").write_text(SOUND)
    with open_page(browser, tmp_path / "page.html") as opened:
        assert (opened.errors, opened.beyond_the_file, opened.violations()) == ([], [], [])
        assert not opened.is_wider_than_its_window()


def test_errors_requests_and_faults_are_seen(browser, tmp_path):
    (tmp_path / "page.html").write_text(FAULTY)
    with open_page(browser, tmp_path / "page.html", size=NARROW) as opened:
        assert any("said" in one for one in opened.errors)
        assert any("boom is not defined" in one for one in opened.errors)
        assert opened.beyond_the_file == ["http://example.org/a.png"]
        assert {one.split(":")[0] for one in opened.violations()} >= {"html-has-lang", "image-alt"}
        assert opened.is_wider_than_its_window()


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "errors")])
def test_without_a_browser_tests_of_pages_are_skipped_and_fail_on_ci(ci, outcome, tmp_path):
    test = tmp_path / "test_page.py"
    test.write_text(
        "from support.browser import running_browser\n"
        "import pytest\n"
        "@pytest.fixture\n"
        "def browser():\n"
        "    with running_browser() as found:\n"
        "        yield found\n"
        "def test_page(browser): ...\n"
    )
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "pytest", "-q", "-rsE", "-p", "no:cacheprovider", str(test)]
    env = {"PATH": str(tmp_path), "PYTHONPATH": tests, "CI": ci, "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert "1 skipped" in done.stdout if outcome == "skipped" else "1 error" in done.stdout, done.stdout
    assert "no browser is installed" in done.stdout
